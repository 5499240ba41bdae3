"""Delivers what must leave the house: rows written with the business they belong to, retried until accepted or rejected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.crm.port import Crm, Delivered, Delivery, Rejected, RetryLater
from ivr.store import complaints
from ivr.store.database import Database, StoreError
from ivr.store.schema import ComplaintRow, OutboxRow
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

BATCH = 50
IDLE_S = 30.0  # a row written by another process is found at the latest after this
DELIVERY_TIMEOUT_S = 20.0
FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 900.0


def retry_delay_s(attempts: int) -> float:
    """Seconds until the next attempt after ``attempts`` failed ones: doubling from 5 s, at most 15 min."""
    return float(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (attempts - 1)))


class Outbox:
    """One worker, oldest row first. ``wake`` it after a commit; it looks by itself too."""

    def __init__(self, database: Database, sealer: Sealer, crm: Crm, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._sealer = sealer
        self._crm = crm
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. A database that refuses is waited for."""
        while True:
            self._wake.clear()
            try:
                delivered = await self.deliver_due()
            except StoreError as error:
                log.error("outbox waits for the database", reason=str(error))
                delivered = 0
            if delivered < BATCH:
                try:
                    await asyncio.wait_for(self._wake.wait(), IDLE_S)
                except TimeoutError:
                    continue

    async def deliver_due(self) -> int:
        """Deliver what is due now; tells how many rows were tried. Raises StoreError."""
        due = await self._database.read(self._due)
        for row_id, subject in due:
            complaint = await self._database.read(partial(complaints.by_number, sealer=self._sealer, number=subject))
            if complaint is None:
                delivery: Delivery = Rejected(f"there is no complaint {subject}")
            else:
                try:
                    delivery = await asyncio.wait_for(self._crm.open_case(complaint), DELIVERY_TIMEOUT_S)
                except TimeoutError:
                    delivery = RetryLater(f"{self._crm.name} did not answer within {DELIVERY_TIMEOUT_S:g} s")
            await self._database.write(partial(self._settle, row_id=row_id, delivery=delivery))
        return len(due)

    def _due(self, session: Session) -> list[tuple[int, str]]:
        query = (
            select(OutboxRow.id, OutboxRow.subject)
            .where(OutboxRow.state == "pending", OutboxRow.next_attempt_at <= self._clock())
            .order_by(OutboxRow.id)
            .limit(BATCH)
        )
        return [(row_id, subject) for row_id, subject in session.execute(query)]

    def _settle(self, session: Session, row_id: int, delivery: Delivery) -> None:
        row = session.get_one(OutboxRow, row_id)
        row.attempts += 1
        now = self._clock()
        if isinstance(delivery, Delivered):
            row.state, row.done_at, row.last_error = "done", now, None
            session.get_one(ComplaintRow, row.subject).crm_reference = delivery.reference
            log.info("complaint delivered", complaint=row.subject, to=self._crm.name)
        elif isinstance(delivery, Rejected):
            row.state, row.last_error = "rejected", delivery.reason
            log.error("complaint rejected", complaint=row.subject, by=self._crm.name, reason=delivery.reason)
        else:
            delay = retry_delay_s(row.attempts)
            row.next_attempt_at, row.last_error = now + timedelta(seconds=delay), delivery.reason
            log.warning("complaint not delivered", complaint=row.subject, to=self._crm.name, reason=delivery.reason, retry_in_s=delay)

"""Delivers what must leave the house: rows written with the business they belong to, one worker for each channel, in order.

Delivery is at least once: a row is closed after the other side accepted it, and a kill between the two sends it again under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ivr.delivery import Carried, Carrier, Delivered, Delivery, Disabled, NotYet, Parcel, Rejected, RetryLater, Unknown
from ivr.store.database import Database, StoreError
from ivr.store.schema import OutboxRow

log = structlog.get_logger(__name__)

PENDING, UNSURE, DONE, REJECTED, EXPIRED = "pending", "unknown", "done", "rejected", "expired"
OPEN_STATES = (PENDING, UNSURE)
BATCH = 200
IDLE_S = 10.0  # a row written by another process (the command line) is found at the latest after this
DELIVERY_TIMEOUT_S = 30.0  # the carriers have shorter deadlines of their own
DATABASE_PAUSE_S = 2.0
FIRST_RETRY_S = 5.0
# A receiver that is down is waited for, and nothing overtakes. After so many failures (over an hour) of one row, later ones are tried
# behind it: it may be this row alone that the receiver chokes on.
STUBBORN_AFTER = 12
# What was delivered is remembered for a while, for whoever asks whether it was; then it is deleted, some at a time. No row is needed to
# keep a thing from being told twice: whoever writes one knows that from a row of his own, and what ended an hour ago is no alert.
KEPT = timedelta(days=30)
FORGET_EVERY_S = 3600.0
FORGET_AT_ONCE = 500  # below SQLite's limit of variables, and no write that others wait for
BETWEEN_BITES_S = 0.2


def retry_delay_s(attempts: int, longest_s: float) -> float:
    """Seconds until the next attempt after ``attempts`` failed ones: doubling from 5 s, at most ``longest_s``."""
    return float(min(longest_s, FIRST_RETRY_S * 2 ** (min(attempts, 30) - 1)))


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    next_attempt_at: datetime
    parcel: Parcel


class Outbox:
    """One task for each carrier. ``wake`` it after a commit; it looks by itself too. ``kept``: how long deliveries are remembered."""

    def __init__(
        self,
        database: Database,
        carriers: Sequence[Carrier],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        kept: timedelta = KEPT,
    ) -> None:
        self._database = database
        self._kept = kept
        self._carriers = {carrier.channel: carrier for carrier in carriers}
        if len(self._carriers) != len(carriers):
            raise ValueError("two carriers of one channel")
        self._clock = clock
        self._wakes = {channel: asyncio.Event() for channel in self._carriers}
        # What was carried and couldn't be noted: noted before anything else is carried, or a full disk would flood the receivers.
        self._unsettled: dict[str, tuple[Sequence[_Row], Delivery]] = {}
        self._disabled: dict[str, str] = {}
        self._failing: dict[str, str] = {}
        self._rejected: dict[str, int] = {}  # of the channels whose rows matter for ever

    def wake(self) -> None:
        """Something was committed. Called on the event loop."""
        for event in self._wakes.values():
            event.set()

    @property
    def troubles(self) -> list[str]:
        """What doesn't get out, a sentence for each channel; empty when all is well. It stands until something is delivered there."""
        found = [f"{channel}: {reason}" for channel, reason in sorted((self._failing | self._disabled).items())]
        return found + [
            f"{channel}: {count} rejected, to be looked at and sent again" for channel, count in self._rejected.items() if count
        ]

    async def run(self) -> None:
        """Until cancelled. A database that refuses is waited for; a worker's death ends the whole."""
        async with asyncio.TaskGroup() as group:
            for channel in self._carriers:
                group.create_task(self._work(channel), name=f"outbox-{channel}")
            group.create_task(self._forget(), name="outbox-forget")

    async def _forget(self) -> None:
        while True:
            try:
                await self.forget_old()
            except StoreError as error:
                log.warning("old deliveries are not forgotten yet", reason=str(error))
            await asyncio.sleep(FORGET_EVERY_S)

    async def forget_old(self) -> int:
        """Delete what was delivered or given up long ago; tells how many. What was rejected stays for somebody to look at. StoreError."""
        before, forgotten = self._clock() - self._kept, 0
        while deleted := await self._database.write(partial(_delete_old, before=before)):
            forgotten += deleted
            await asyncio.sleep(BETWEEN_BITES_S)
        if forgotten:
            log.info("old deliveries are forgotten", rows=forgotten)
        return forgotten

    async def _work(self, channel: str) -> None:
        wake = self._wakes[channel]
        waiting = False
        while channel not in self._disabled:
            wake.clear()
            try:
                pause_s = await self.deliver_due(channel)
                waiting = False
            except StoreError as error:
                if not waiting:  # said once, not every two seconds
                    log.error("outbox waits for the database", channel=channel, reason=str(error))
                waiting, pause_s = True, DATABASE_PAUSE_S
            if pause_s > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), pause_s)
        await asyncio.Event().wait()

    async def deliver_due(self, channel: str) -> float:
        """Deliver what is due on this channel now; tells in how many seconds to look again, at the latest. Raises StoreError."""
        carrier = self._carriers[channel]
        await self._settle(carrier)
        rows = await self._database.read(partial(self._open_rows, channel=channel))
        rows = await self._without_expired(carrier, rows)
        if carrier.keeps is None:
            self._rejected[channel] = await self._database.read(partial(_count_rejected, channel=channel))
        if not rows:
            return IDLE_S
        blocked: set[str] = set()  # subjects whose earlier row is still open: their later ones wait for it
        while rows:
            head = rows[0]
            if head.parcel.subject in blocked:
                rows = rows[1:]
                continue
            if (wait_s := self._wait_s(head, carrier)) > 0:
                return min(wait_s, IDLE_S)
            free = [row for row in rows if row.parcel.subject not in blocked]
            result = await self._carry(carrier, [row.parcel for row in free])
            if isinstance(result, NotYet):
                return min(result.after_s, IDLE_S)
            taken = free[: result.taken]
            self._unsettled[channel] = taken, result.delivery
            await self._settle(carrier)
            if isinstance(result.delivery, Disabled):
                self._disabled[channel] = result.delivery.reason
                return IDLE_S
            if isinstance(result.delivery, RetryLater | Unknown):
                self._failing[channel] = result.delivery.reason
                if head.parcel.attempts + 1 < STUBBORN_AFTER:
                    return 0.0  # look anew: the head's next attempt says how long to wait
                log.error("one delivery fails for over an hour: the ones behind it are tried", channel=channel, key=head.parcel.key)
                blocked |= {row.parcel.subject for row in taken}
            elif isinstance(result.delivery, Rejected):
                self._failing[channel] = result.delivery.reason
            else:
                self._failing.pop(channel, None)
            gone = {row.id for row in taken}
            rows = [row for row in rows if row.id not in gone]
        return IDLE_S if blocked else 0.0

    async def _carry(self, carrier: Carrier, parcels: Sequence[Parcel]) -> Carried | NotYet:
        try:
            async with asyncio.timeout(DELIVERY_TIMEOUT_S):
                return await carrier.carry(parcels)
        except TimeoutError:
            return Carried(1, Unknown(f"no answer within {DELIVERY_TIMEOUT_S:g} s"))
        except StoreError:
            raise
        except Exception as error:
            # A bug in an adapter must not take the telephones down with it, nor lose the parcel.
            log.exception("a fault of ours in a delivery", channel=carrier.channel, key=parcels[0].key)
            return Carried(1, RetryLater(f"a fault of ours: {type(error).__name__}"))

    def _open_rows(self, session: Session, channel: str) -> list[_Row]:
        query = select(OutboxRow).where(OutboxRow.channel == channel, OutboxRow.state.in_(OPEN_STATES)).order_by(OutboxRow.id)
        return [
            _Row(
                row.id,
                row.next_attempt_at,
                Parcel(row.key, row.topic, row.subject, row.payload, row.created_at, row.attempts, row.state == UNSURE),
            )
            for row in session.scalars(query.limit(BATCH))
        ]

    def _wait_s(self, row: _Row, carrier: Carrier) -> float:
        wait_s = (row.next_attempt_at - self._clock()).total_seconds()
        # No wait is longer than the longest retry: a longer one means that the clock was set back since.
        return wait_s if wait_s <= carrier.longest_retry_s else 0.0

    async def _without_expired(self, carrier: Carrier, rows: list[_Row]) -> list[_Row]:
        if carrier.keeps is None:
            return rows
        now, usual = self._clock(), carrier.keeps
        expired = [row for row in rows if row.parcel.created_at < now - carrier.lasting.get(row.parcel.topic, usual)]
        if expired:
            await self._database.write(partial(self._expire, ids=[row.id for row in expired]))
            log.error("too late to deliver, given up", channel=carrier.channel, rows=len(expired), first=expired[0].parcel.key)
        gone = {row.id for row in expired}
        return [row for row in rows if row.id not in gone]

    @staticmethod
    def _expire(session: Session, ids: Sequence[int]) -> None:
        for row_id in ids:
            session.get_one(OutboxRow, row_id).state = EXPIRED

    async def _settle(self, carrier: Carrier) -> None:
        if found := self._unsettled.get(carrier.channel):
            await self._database.write(partial(self._note, carrier=carrier, rows=found[0], delivery=found[1]))
            del self._unsettled[carrier.channel]

    def _note(self, session: Session, carrier: Carrier, rows: Sequence[_Row], delivery: Delivery) -> None:
        now = self._clock()
        for found in rows:
            row = session.get_one(OutboxRow, found.id)
            row.attempts += 1
            told = {"channel": carrier.channel, "topic": row.topic, "subject": row.subject}
            match delivery:
                case Delivered():
                    row.state, row.done_at, row.last_error = DONE, now, None
                    carrier.settled(session, found.parcel, delivery)
                    log.info("delivered", **told, together=len(rows))
                case Rejected(reason):
                    row.state, row.last_error = REJECTED, reason
                    log.error("rejected: a person has to look at it", **told, reason=reason)
                case Disabled(reason):
                    row.last_error = reason
                    log.critical("the receiver wants nothing more: this channel rests until ivrd is restarted", **told, reason=reason)
                case RetryLater(reason, after_s):
                    self._again(row, PENDING, reason, max(retry_delay_s(row.attempts, carrier.longest_retry_s), after_s or 0.0), carrier)
                case Unknown(reason):
                    self._again(row, UNSURE, reason, retry_delay_s(row.attempts, carrier.longest_retry_s), carrier)

    def _again(self, row: OutboxRow, state: str, reason: str, delay_s: float, carrier: Carrier) -> None:
        delay_s = min(delay_s, carrier.longest_retry_s)
        row.state, row.last_error = state, reason
        row.next_attempt_at = self._clock() + timedelta(seconds=delay_s)
        log.warning("not delivered", channel=row.channel, topic=row.topic, subject=row.subject, reason=reason, retry_in_s=delay_s)


def _delete_old(session: Session, before: datetime) -> int:
    old = select(OutboxRow.id).where(OutboxRow.state.in_((DONE, EXPIRED)), OutboxRow.created_at < before).limit(FORGET_AT_ONCE)
    ids = list(session.scalars(old))
    session.execute(delete(OutboxRow).where(OutboxRow.id.in_(ids)))
    return len(ids)


def _count_rejected(session: Session, channel: str) -> int:
    query = select(func.count()).select_from(OutboxRow).where(OutboxRow.channel == channel, OutboxRow.state == REJECTED)
    return session.scalar(query) or 0

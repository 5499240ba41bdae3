"""What tests of the outbox share: a clock they turn, a carrier that answers what it is told, and complaints to send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from support.house import ZONE

from ivr.delivery import Carried, Delivered, Delivery, NotYet, Parcel
from ivr.outbox import Outbox
from ivr.store import complaints
from ivr.store.complaints import NewComplaint
from ivr.store.database import Database
from ivr.store.schema import OutboxRow
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")


class Clock:
    """Aware UTC that stands still until a test moves it; ``monotonic`` moves with it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self._start = now

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - self._start).total_seconds() + 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class ScriptedCarrier:
    """Answers what it is told to, one parcel at a time, then delivers; remembers what it was handed."""

    longest_retry_s = 900.0
    lasting: Mapping[str, timedelta] = {}

    def __init__(self, *answers: Delivery | NotYet | Exception, channel: str = "crm", keeps: timedelta | None = None) -> None:
        self.channel = channel
        self.keeps = keeps
        self.answers = list(answers)
        self.seen: list[Parcel] = []
        self.settled_keys: list[str] = []

    async def carry(self, parcels: Sequence[Parcel]) -> Carried | NotYet:
        answer = self.answers.pop(0) if self.answers else Delivered()
        if isinstance(answer, NotYet):
            return answer
        self.seen.append(parcels[0])
        if isinstance(answer, Exception):
            raise answer
        return Carried(1, answer)

    def settled(self, session: Session, parcel: Parcel, delivered: Delivered) -> None:
        self.settled_keys.append(parcel.key)


def put(database: Database, key: str, *, channel: str = "crm", subject: str = "", now: datetime = NOW, **payload: Any) -> None:
    """A row of the outbox."""
    row = OutboxRow(
        key=key, channel=channel, topic="test", subject=subject or key, payload=payload, state="pending", attempts=0,
        created_at=now, next_attempt_at=now,
    )  # fmt: skip
    database.write_now(lambda session: session.add(row))


def file_complaint(database: Database, key: str, *, now: datetime = NOW, incomplete: bool = False, recording: str | None = "2026/x") -> str:
    """A complaint with its outbox row; its number."""
    new = NewComplaint(f"{key}-complaint", key, "complaint", "1234", "+8613800138000", "王明", "+8613900139000", recording, 6.0, incomplete)
    return database.write_now(partial(complaints.file, sealer=SEALER, new=new, prefix="C", zone=ZONE, now=now))


def rows(database: Database) -> list[tuple[str, str, int]]:
    """(key, state, attempts) of every row, oldest first."""
    query = select(OutboxRow.key, OutboxRow.state, OutboxRow.attempts).order_by(OutboxRow.id)
    return database.read_now(lambda session: [(key, state, attempts) for key, state, attempts in session.execute(query)])


async def run_for(outbox: Outbox, clock: Clock, seconds: float, channels: Sequence[str] = ("crm",)) -> None:
    """Let the workers do in ``seconds`` of the set clock what they would do in so much time."""
    end = clock.now + timedelta(seconds=seconds)
    while clock.now < end:
        pauses = []
        for channel in channels:
            while (pause_s := await outbox.deliver_due(channel)) == 0.0:
                pass
            pauses.append(pause_s)
        clock.pass_by(min(*pauses, 10.0, (end - clock.now).total_seconds()))


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for what other tasks do. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event, it is what the outside sees
            await asyncio.sleep(0.005)

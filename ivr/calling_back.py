"""Joins promised calls to Asterisk and to the database: dials by AMI, hears the facts, and lets the keeper settle them.

For ``ivr.app``: hand every fact to ``CallingBack.on_fact`` and run it in a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from ami_bridge import facts as asterisk
from callbacks.keeper import Keeper
from callbacks.model import Callback, Result
from callbacks.policy import Policy
from callbacks.timer import CallbackTimer
from callflows.calendar import StaffedHours
from ivr.callback_dialler import AmiDialler, Link, reported_result
from ivr.domain.contact_book import OURS
from ivr.promises import allow_list
from ivr.settings import Settings
from ivr.store import callbacks as store
from ivr.store.callback_claims import claim
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

TICK_S = 5.0
# Asterisk's own limit stands behind the dialplan's Dial(), which says busy or no answer; it must not cut that short.
RING_MARGIN_S = 5
RETRY_SETTLING_S = 2.0
MOST_WAITING_RESULTS = 10_000


def policy_of(settings: Settings) -> Policy:
    """Raises callbacks.policy.UnfitPolicyError where the settings let through what the rules don't."""
    callbacks = settings.callbacks
    return Policy(
        retry_gaps=tuple(timedelta(minutes=minutes) for minutes in callbacks.retry_minutes),
        ring=timedelta(seconds=callbacks.ring_s + RING_MARGIN_S),
        concurrent=callbacks.concurrent,
        a_number_a_day=callbacks.a_number_a_day,
    )


class SqlStore:
    """``callbacks.ports.Store`` on our database."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    async def tidy(self, now: datetime, policy: Policy) -> None:
        await self._database.write(partial(store.tidy, now=now, policy=policy))

    async def claim(self, owner: str, now: datetime, policy: Policy) -> Callback | None:
        return await self._database.write(partial(claim, sealer=self._sealer, owner=owner, now=now, policy=policy))

    async def release(self, callback_id: str, owner: str, due_at: datetime, expires_at: datetime) -> None:
        given_back = partial(store.release, callback_id=callback_id, owner=owner, due_at=due_at, expires_at=expires_at)
        await self._database.write(given_back)

    async def refuse(self, callback_id: str, owner: str, now: datetime) -> None:
        await self._database.write(partial(store.refuse, callback_id=callback_id, owner=owner, now=now))

    async def begin_attempt(self, callback_id: str, owner: str, now: datetime) -> str | None:
        return await self._database.write(partial(store.begin_attempt, callback_id=callback_id, owner=owner, now=now))

    async def settle(self, channel_id: str, result: Result, now: datetime, policy: Policy) -> bool:
        return await self._database.write(partial(store.settle, name=channel_id, result=result, now=now, policy=policy))

    async def dialling(self) -> Sequence[str]:
        return await self._database.read(store.dialling)


class LineHours:
    """``callbacks.ports.Hours`` by the calendars, found by line; a line that is gone from the settings keeps the first one's hours."""

    def __init__(self, calendars: Mapping[str, StaffedHours], zone: ZoneInfo) -> None:
        self._calendars = calendars
        self._zone = zone

    def is_open(self, line: str | None, at: datetime) -> bool:
        return self._of(line).is_open(at, self._zone)

    def opens_at(self, line: str | None, at: datetime) -> datetime | None:
        opening = self._of(line).opens_at(at, self._zone)
        return opening.astimezone(UTC) if opening else None

    def _of(self, line: str | None) -> StaffedHours:
        return self._calendars.get(line or "") or next(iter(self._calendars.values()))


class CallingBack:
    """The whole of it in the daemon. ``on_fact`` takes facts and holds nobody up; ``run`` works until cancelled."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        link: Link,
        calendars: Mapping[str, StaffedHours],
        *,
        queue_log: Path,
        tick_s: float = TICK_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        policy = policy_of(settings)
        self._dialler = AmiDialler(
            link,
            queue_log,
            caller_id=settings.outbound.caller_id,
            country=settings.hotline.country,
            ring=policy.ring,
            queue_waits={name: queue.max_wait_s for name, queue in settings.queues.items()},
        )
        hours = LineHours(calendars, settings.zone)
        self.keeper = Keeper(SqlStore(database, sealer), self._dialler, hours, allow_list(settings), policy, clock=clock)
        self.timer = CallbackTimer(self.keeper.tick, interval_s=tick_s)
        self._results: asyncio.Queue[tuple[str, Result]] = asyncio.Queue(MOST_WAITING_RESULTS)

    def nudge(self) -> None:
        """A promise was given: look at once whether it is due."""
        self.timer.nudge()

    def on_fact(self, fact: asterisk.Fact) -> None:
        match fact:
            case asterisk.CallbackReported(call=call, result=told, cause=cause) if call.startswith(OURS):
                result = reported_result(told, cause)
            case asterisk.AgentAnswered(call=call) if call.startswith(OURS):
                result = Result.BRIDGED
            case asterisk.AgentStateReported():
                self._dialler.note_agent(fact)
                return
            case asterisk.SnapshotComplete():
                self.timer.nudge()
                return
            case _:
                return
        if result is None:
            return
        try:
            self._results.put_nowait((call, result))
        except asyncio.QueueFull:  # the database refuses; the keeper will ask Asterisk and queue_log
            log.error("the end of an attempt to call back was dropped", channel=call)

    async def run(self) -> None:
        """Dial what is due and settle what ended, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.timer.run(), name="callback-timer")
            tasks.create_task(self._settle(), name="callback-results")

    async def _settle(self) -> None:
        while True:
            channel_id, result = await self._results.get()
            while True:
                try:
                    await self.keeper.ended(channel_id, result)
                    break
                except StoreError as error:
                    log.error("the end of an attempt to call back waits for the database", channel=channel_id, reason=str(error))
                    await asyncio.sleep(RETRY_SETTLING_S)
            self.timer.nudge()  # a live one less: the next may go

"""What every agent is doing now, from Asterisk's facts and queue_log's: the live end of the agents' fold, and its writer.

On the event loop. Writing holds up nobody: changes are collected and written together, and kept while the database refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from ami_bridge.facts import AnyFact
from ivr.agent_reporting import AgentRow, agent_rows
from ivr.domain.agent_book import REPLAYED, AgentBook
from ivr.domain.agent_figures import Tally, tally
from ivr.domain.agent_states import AgentEvent, AgentKey, AgentState, Interval, Quality
from ivr.domain.intervals import Grain, floor
from ivr.domain.ledger import Entry, Source
from ivr.settings import Settings
from ivr.shift_plan import ShiftPlan
from ivr.store import agents as store
from ivr.store import ledger
from ivr.store.agents import AgentChange, Kept
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

FLUSH_INTERVAL_S = 0.2
RETRY_INTERVAL_S = 2.0
TICK_S = 5.0
SETTLE_EVERY = timedelta(minutes=1)
OFFLINE_SHOWN = timedelta(days=7)
FIGURES_KEPT = timedelta(seconds=10)  # of an agent whom nothing happens to
# What the ledger has of the last moments before a kill, of agents alone: the link and its snapshots are another's by now.
_REPLAYED_KINDS = (
    "AgentRang",
    "AgentPickedUp",
    "AgentRingEnded",
    "AgentAnswered",
    "TalkEnded",
    "CallEnded",
    "CallTransferred",
    "CallHeld",
    "CallResumed",
    "AgentStateReported",
    "AgentAdded",
    "AgentRemoved",
    "AgentPaused",
    "AgentUnpaused",
)


@dataclass(frozen=True, slots=True)
class AgentNow:
    """One agent. ``since`` is from when he is in this state; ``today`` counts since local midnight; ``long_break``: longer than allowed."""

    key: AgentKey
    state: AgentState
    since: datetime
    reason: str
    queue: str
    call: str
    quality: Quality
    long_break: bool
    today: Tally

    @property
    def agent(self) -> str:
        return self.key.agent


@dataclass(frozen=True, slots=True)
class AgentsNow:
    """Everybody, by name. ``link_lost_at``: the link to Asterisk is down since then, and this is what it was."""

    at: datetime
    since: datetime
    link_lost_at: datetime | None
    agents: tuple[AgentNow, ...]

    @property
    def team(self) -> Tally:
        return sum((agent.today for agent in self.agents), Tally())


@dataclass(slots=True)
class _Written:
    """What the store has of one agent since the fold's last settled moment."""

    intervals: dict[datetime, Interval]
    events: dict[str, AgentEvent]


class AgentDesk:
    """``open`` it before the first fact, hand it every fact, ``run`` it as a task, ``flush`` at the end."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        zone: ZoneInfo,
        *,
        pbx: str = "main",
        book: AgentBook | None = None,
        plan: ShiftPlan | None = None,
        longest_break: timedelta = timedelta(minutes=20),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._zone = zone
        self._pbx = pbx
        self._book = book or AgentBook()
        self._plan = plan or ShiftPlan(None, zone)
        self._longest_break = longest_break
        self._clock = clock
        self._changed: dict[AgentKey, None] = {}
        self._written: dict[AgentKey, _Written] = {}
        self._due: dict[AgentKey, datetime] = {}
        self._today: dict[AgentKey, tuple[datetime, Tally]] = {}
        self._midnight = floor(clock(), Grain.DAY, zone)
        self._settled_at = clock()
        self._dirty = asyncio.Event()
        self._watchers: set[asyncio.Event] = set()
        self.store_failing: str | None = None

    @classmethod
    def of(cls, settings: Settings, database: Database, sealer: Sealer) -> Self:
        """As the settings have it."""
        return cls(
            database,
            sealer,
            settings.zone,
            pbx=settings.asterisk.name,
            book=AgentBook(settings.shifts.rules),
            plan=ShiftPlan(settings.shifts.file, settings.zone, [agent.name for agent in settings.agents.values()]),
            longest_break=settings.shifts.longest_break,
        )

    async def open(self) -> None:
        """Take everybody up as store and ledger have him; what happened since, queue_log and the snapshot tell. Raises StoreError."""
        now = self._clock()
        await asyncio.to_thread(self._plan.refresh)
        last, heard, told, today = await self._database.read(partial(self._stored, now=now))
        for key, interval in last.items():
            heard_until = heard.get(key.pbx) or interval.began_at
            before = self._book.restore(key, interval, heard_until)
            self._written[key] = _Written({interval.began_at: interval}, {})
            if kept := today.get(key):
                begins = before.ended_at if before and before.ended_at else interval.began_at
                self._book.remember(key, [each for each in kept.intervals if each.began_at < interval.began_at], kept.events, begins)
            self._changed[key] = None
        for entry in told:
            self._changed |= dict.fromkeys(self._book.replay(entry))
        if last:
            self._dirty.set()

    def _stored(
        self, session: Session, now: datetime
    ) -> tuple[dict[AgentKey, Interval], dict[str, datetime], list[Entry], dict[AgentKey, Kept]]:
        last = store.last(session)
        heard = {pbx: at for pbx in {key.pbx for key in last} if (at := ledger.last_at(session, pbx))}
        told: list[Entry] = []
        for pbx, at in heard.items():
            found = ledger.of_period(session, self._sealer, at - REPLAYED, at + timedelta(milliseconds=1), kinds=_REPLAYED_KINDS, pbx=pbx)
            told += [each.entry for each in found if each.entry.source is Source.AMI]
        return last, heard, told, store.between(session, self._midnight, now)

    def on_fact(self, fact: AnyFact) -> None:
        """What AMI told."""
        self._apply(Entry(self._pbx, Source.AMI, fact))

    def on_entry(self, entry: Entry) -> None:
        """What queue_log told; of other sources nothing is taken here, so that no fact is folded twice."""
        if entry.source is Source.QUEUE_LOG:
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        if changed := self._book.apply(entry):
            self._touch(changed)

    def _touch(self, changed: Sequence[AgentKey] | set[AgentKey]) -> None:
        for key in changed:
            self._changed[key] = None
            self._today.pop(key, None)
        self._dirty.set()
        for watcher in self._watchers:
            watcher.set()

    @contextlib.contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """An event that is set at every change, for as long as somebody looks."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def agents_now(self) -> AgentsNow:
        """Everybody as he is now; who has been offline for a week is left out."""
        now = self._clock()
        self._roll(now)
        found = sorted((self._now(key, now) for key in self._book.agents), key=lambda agent: (agent.agent, agent.key.pbx))
        shown = tuple(
            agent for agent in found if agent.state is not AgentState.OFFLINE or agent.since >= self._midnight - timedelta(days=7)
        )
        return AgentsNow(now, self._midnight, self._book.down_since(), shown)

    def _now(self, key: AgentKey, now: datetime) -> AgentNow:
        reading = self._book.read(key, now)
        if reading.due:
            self._due[key] = reading.due
        past, past_events = self._book.past(key)
        last = since = reading.intervals[-1]
        for interval in (*reversed(reading.intervals[:-1]), *reversed(past)):
            if not interval.same_as(last):
                break
            since = interval
        good_until, today = self._today.get(key, (None, Tally()))
        if good_until is None or now > good_until:
            today = tally(
                (*past, *reading.intervals),
                (*past_events, *reading.events.values()),
                self._midnight,
                now,
                now=now,
                shifts=self._plan.planned(key.agent, self._midnight, now),
                longest_break=self._longest_break,
            )
            # Not all of them at the same moment: a hundred agents' days are some 70 ms of the calls' loop.
            self._today[key] = (now + FIGURES_KEPT * (0.5 + hash(key) % 100 / 100), today)
        too_long = last.state is AgentState.ON_BREAK and now - since.began_at > self._longest_break
        return AgentNow(key, last.state, since.began_at, last.reason, last.queue, last.call, last.quality, too_long, today)

    async def report(self, start: datetime, end: datetime) -> list[AgentRow]:
        """Everybody's figures of [start, end), aware UTC. Raises StoreError."""
        asked = partial(agent_rows, start=start, end=end, now=self._clock(), plan=self._plan, longest_break=self._longest_break)
        return await self._database.read(asked)

    async def run(self) -> None:
        """Write changes until cancelled, and see to what changes by itself."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_due()):
                    await self._dirty.wait()
                    await asyncio.sleep(FLUSH_INTERVAL_S)
            now = self._clock()
            if due := {key for key, at in self._due.items() if at <= now}:
                for key in due:
                    del self._due[key]
                self._touch(due)
            try:
                await self.flush()
                await asyncio.to_thread(self._plan.refresh)
            except StoreError as error:
                if self.store_failing is None:
                    log.error("agents' intervals can't be written and are kept in memory", reason=str(error))
                self.store_failing = str(error)
                self._dirty.set()
                await asyncio.sleep(RETRY_INTERVAL_S)

    def _until_due(self) -> float:
        now = self._clock()
        return min([TICK_S, *(max(0.0, (at - now).total_seconds()) + 0.01 for at in self._due.values())])

    async def flush(self) -> None:
        """Write all changes now. Raises StoreError; the changes are then still there."""
        self._dirty.clear()
        now = self._clock()
        self._roll(now)
        taken, self._changed = list(self._changed), {}
        changes: dict[AgentKey, AgentChange] = {}
        becomes: dict[AgentKey, _Written] = {}
        for key in taken:
            becomes[key], change = self._difference(key, now)
            if change:
                changes[key] = change
        if changes:
            try:
                await self._database.write(partial(store.save, changes=changes))
            except StoreError:
                self._changed = dict.fromkeys(taken) | self._changed
                raise
        self._written |= becomes
        if self.store_failing:
            log.info("agents' intervals are written again")
            self.store_failing = None
        self._settle(now)

    def _difference(self, key: AgentKey, now: datetime) -> tuple[_Written, AgentChange | None]:
        reading = self._book.read(key, now)
        if reading.due:
            self._due[key] = reading.due
        written = self._written.get(key, _Written({}, {}))
        intervals = {interval.began_at: interval for interval in reading.intervals}
        past, _ = self._book.past(key)
        if past and past[-1].began_at in written.intervals:  # restored, and its end known since
            intervals = {past[-1].began_at: past[-1]} | intervals
        events = dict(reading.events)
        change = AgentChange(
            put=[interval for begin, interval in intervals.items() if written.intervals.get(begin) != interval],
            gone=[begin for begin in written.intervals if begin not in intervals],
            events=[event for each, event in events.items() if written.events.get(each) != event],
            events_gone=[each for each in written.events if each not in events],
        )
        empty = not (change.put or change.gone or change.events or change.events_gone)
        return _Written(intervals, events), None if empty else change

    def _settle(self, now: datetime) -> None:
        """Let go of what can't change any more and is written."""
        if now - self._settled_at < SETTLE_EVERY:
            return
        self._settled_at = now
        for key, written in self._written.items():
            if key in self._changed:
                continue
            self._book.settle(key, now)
            reading = self._book.read(key, now)
            written.intervals = {begin: interval for begin, interval in written.intervals.items() if begin >= reading.base_at}
            written.events = {each: event for each, event in written.events.items() if each in reading.events}

    def _roll(self, now: datetime) -> None:
        midnight = floor(now, Grain.DAY, self._zone)
        if midnight > self._midnight:
            self._midnight = midnight
            self._book.forget(midnight - store.BEFORE)
            self._today.clear()

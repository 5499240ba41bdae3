"""A random day lived by the real tracker on a real database, with the manager link lost and the daemon killed at given moments.

For tests. The clock is the day's own; queue_log is a file that grows, and is followed as the daemon follows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from support.house import new_database

from ami_bridge.facts import LinkEstablished, LinkLost, SnapshotComplete
from ami_bridge.translate import Translator
from ivr.domain import call_facts
from ivr.domain.contact_book import ContactBook
from ivr.domain.ledger import Entry, Source
from ivr.log_following import LogFollowing
from ivr.queue_log_source import FileSource, Home
from ivr.rollup import catch_up
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.random_calls import Day, Logged, Said, Told, snapshot_at
from ivr.testbed.random_calls.truth import SECOND, moment
from ivr.tracking import Tracker

PBX = "main"
CONTACTS_AT_ONCE = 1000
FLUSH_EVERY = 400  # facts: the daemon flushes five times a second, this day has thousands of seconds in one
UNWRITTEN_US = SECOND // 5  # what a killed daemon has folded and not written: at most what came in this long
_AWAY = (call_facts.QueueRequested, call_facts.FlowFinished, call_facts.CallerHungUpInFlow)


@dataclass(frozen=True, slots=True, order=True)
class Interruption:
    """The link is down from here to there, µs since 1970; ``killed``: so is the daemon."""

    from_us: int
    to_us: int
    killed: bool = False


def interruptions(day: Day, random: Random, *, drops: int, kills: int, mean_s: float) -> list[Interruption]:
    """So many at random, none of them within another."""
    first, last = day.said[0].at_us, day.said[-1].at_us
    found: list[Interruption] = []
    while len(found) < drops + kills:
        start = random.randrange(first, last)
        end = start + int(random.expovariate(1 / mean_s) * SECOND) + SECOND
        if all(end + SECOND < other.from_us or start > other.to_us + SECOND for other in found):
            found.append(Interruption(start, end, killed=len(found) < kills))
    return sorted(found)


class _Turn(Enum):
    ROTATE = auto()
    WRITE = auto()


class _Happening(NamedTuple):
    """``what`` is an event, a row, a session's fact, or an interruption, which counts at its beginning and its end."""

    at_us: int
    what: Said | Logged | Told | Interruption | _Turn


def undisturbed(day: Day, folder: Path) -> Database:
    """The same day as a batch: everything Asterisk and the sessions told, read once, and its records stored."""
    translator, book = Translator(), ContactBook()
    every: list[tuple[int, Said | Told]] = [(each.at_us, each) for each in (*day.said, *day.told)]
    for at_us, what in sorted(every, key=lambda each: each[0]):
        facts = translator.translate(what.message, moment(at_us)).facts if isinstance(what, Said) else (what.fact,)
        source = Source.AMI if isinstance(what, Said) else Source.SESSION
        for fact in facts:
            book.apply(Entry(PBX, source, fact))
    database = new_database(folder)
    read = list(book.contacts.values())
    for start in range(0, len(read), CONTACTS_AT_ONCE):
        some = read[start : start + CONTACTS_AT_ONCE]
        database.write_now(partial(contacts.save, sealer=Sealer("a secret for tests"), contacts=some))
    catch_up(database)
    return database


class LivedDay:
    """``live`` once; ``database`` holds what came of it."""

    def __init__(self, day: Day, folder: Path, breaks: Sequence[Interruption] = (), *, rotates_at_us: int | None = None) -> None:
        self._day = day
        self._breaks = breaks
        self._rotates_at_us = rotates_at_us
        self._log = folder / "queue_log"
        self._log.touch()
        self._writing = self._log.open("a", encoding="utf-8")
        self._now_us = day.said[0].at_us
        self.database: Database = new_database(folder)
        self.sealer = Sealer("a secret for tests")
        self.kills = self.drops = 0
        self._down = False
        self._dead = False
        self._waiting: list[Told] = []  # told while nobody was there: the fallback script kept it
        self._unwritten: list[Told] = []
        self._facts = 0

    async def live(self) -> None:
        await self._start(None)
        for at_us, what in self._happenings():
            self._now_us = at_us
            match what:
                case Said():
                    if not self._down:
                        for fact in self._translator.translate(what.message, self._now()).facts:
                            self._tracker.apply(fact)
                            self._facts += 1
                case Logged():
                    self._writing.write(f"{what.line}\n")
                case Told():
                    self._told(what)
                case Interruption():
                    await (self._begins(what) if not self._down else self._ends(what))
                case _Turn.ROTATE:
                    self._rotate()
                case _Turn.WRITE:
                    await self._write()
            if self._facts >= FLUSH_EVERY and not self._dead:
                await self._write()
        self._now_us += 600 * SECOND
        for _ in range(3):
            await self._write()
        self._writing.close()
        catch_up(self.database)

    def _happenings(self) -> Iterator[_Happening]:
        day = self._day
        every: list[_Happening] = [_Happening(each.at_us, each) for each in (*day.said, *day.logged, *day.told)]
        every += [_Happening(at, each) for each in self._breaks for at in (each.from_us, each.to_us)]
        every += [_Happening(each.from_us - UNWRITTEN_US, _Turn.WRITE) for each in self._breaks if each.killed]
        if self._rotates_at_us is not None:
            every.append(_Happening(self._rotates_at_us, _Turn.ROTATE))
        yield from sorted(every, key=lambda each: each.at_us)

    def _now(self) -> datetime:
        return moment(self._now_us)

    async def _start(self, gap_from_us: int | None) -> None:
        """A daemon comes up: it takes up what its database holds, then the log, then the link."""
        self._tracker = Tracker(self.database, self.sealer, pbx=PBX, clock=self._now)
        self._following = LogFollowing(FileSource(self._log, Home("CN", None)), self._tracker, self.database, pbx=PBX, clock=self._now)
        self._translator = Translator()
        await self._tracker.restore()
        await self._following.open()
        self._linked(gap_from_us)

    def _linked(self, gap_from_us: int | None) -> None:
        now = self._now()
        snapshot = snapshot_at(self._day, self._now_us)
        facts, suspicions = self._translator.snapshot(snapshot.channels, snapshot.queues, now)
        assert not suspicions
        gap_from = None if gap_from_us is None else moment(gap_from_us)
        for fact in (LinkEstablished(now, "22.10.1", gap_from), *facts, SnapshotComplete(now)):
            self._tracker.apply(fact)

    def _told(self, told: Told) -> None:
        if self._dead:
            self._waiting.append(told)
            return
        self._unwritten = [each for each in self._unwritten if told.at_us - each.at_us <= UNWRITTEN_US] + [told]
        contact = getattr(told.fact, "contact", "")
        if isinstance(told.fact, call_facts.CallTaken):
            self._tracker.driving(contact)
        if isinstance(told.fact, _AWAY):
            self._tracker.left(contact)
        self._tracker.apply(told.fact)
        self._facts += 1

    async def _begins(self, gap: Interruption) -> None:
        self._down = True
        self._translator.link_lost()
        if gap.killed:
            self.kills += 1
            self._dead = True
            self._waiting = [each for each in self._unwritten if gap.from_us - each.at_us <= UNWRITTEN_US]
        else:
            self.drops += 1
            self._tracker.apply(LinkLost(self._now(), "cut"))

    async def _ends(self, gap: Interruption) -> None:
        self._down = False
        if not gap.killed:
            self._linked(gap.from_us)
            return
        self._dead = False
        await self._start(None)
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            self._told(told)

    async def _write(self) -> None:
        """As the daemon's tasks do: follow the log to its end, store what was learned."""
        self._facts = 0
        self._writing.flush()
        await self._following.look()
        await self._tracker.flush()

    def _rotate(self) -> None:
        """Asterisk's `logger rotate`: the file gets a number, and a new one is begun."""
        self._writing.close()
        self._log.rename(self._log.with_name("queue_log.0"))
        self._writing = self._log.open("a", encoding="utf-8")

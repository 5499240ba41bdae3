"""What the records cost: facts folded and stored, queue_log imported, a month reported; each beside the plainest way there is.

No Asterisk. For ``bench``; ``python -m ivr.testbed.bench --records`` does this alone.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy import insert, text

from ami_bridge.translate import EVENT_NAMES, Translator
from ivr.domain.contact_book import ContactBook
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.intervals import Grain
from ivr.domain.ledger import Entry, Source, encoded
from ivr.domain.measures import Limits, Thresholds
from ivr.log_import import LogImport
from ivr.queue_log_source import Home
from ivr.reporting import Ask, By, report
from ivr.rollup import catch_up
from ivr.store.database import Database
from ivr.store.schema import StaleMinuteRow, VisitRow
from ivr.store.sealing import Sealer
from ivr.testbed.bench.figures import Spread
from ivr.testbed.bench.report import Machine, spread_of
from ivr.testbed.errors import TestbedError
from ivr.testbed.random_calls import DayPlan, random_day
from ivr.tracking import Tracker

PBX = "main"
FLUSH_EVERY = 2000  # facts in one transaction, ours and the plain one's
ROWS_AT_ONCE = 20_000
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 11, 1, tzinfo=UTC)
QUEUES = ("hr", "course", "product", "complaint")
AGENTS = 60
ZONE = ZoneInfo("UTC")  # the plain group-by knows no other
LIMITS = Limits(Thresholds(20.0, 5.0))
AWK = '{ n[$3 "|" $5]++ } END { for (kind in n) print kind, n[kind] }'
GROUP_BY = """
SELECT queue, date(joined_at), count(*), sum(outcome = 'answered'), sum(outcome = 'answered' AND wait_ms <= 20000),
       sum(outcome LIKE 'abandoned%' AND wait_ms > 5000), avg(CASE WHEN outcome = 'answered' THEN wait_ms END), avg(talk_ms)
FROM visits WHERE joined_at >= :start AND joined_at < :end GROUP BY 1, 2
"""
_PLAIN_TABLE = "CREATE TABLE facts (id INTEGER PRIMARY KEY, at TEXT, kind TEXT, call TEXT, body TEXT)"
_TITLES = {
    "folded": ("facts read into contacts, in memory", "facts"),
    "stored": ("facts read, ledger and records stored", "facts"),
    "inserted": ("the same facts as plain rows, sqlite3", "facts"),
    "imported": ("queue_log imported", "lines"),
    "awk": ("the same file counted by awk", "lines"),
}
_BESIDE = {"stored": "inserted", "imported": "awk"}


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work in one round: so many facts or lines in so many CPU seconds."""

    kind: str
    round: int
    count: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class MonthReport:
    """CPU seconds: to roll ``visits`` up once, for each report over them by queue and day, and for each plain group-by."""

    visits: int
    roll_up_s: float
    report_s: Sequence[float]
    group_by_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class RecordsReport:
    machine: Machine
    works: Sequence[Work]
    month: MonthReport

    def rate(self, kind: str) -> Spread:
        """Facts or lines in a second of CPU."""
        return Spread.of(work.count / work.cpu_s for work in self.works if work.kind == kind)

    def ratio(self, kind: str) -> Spread:
        """CPU beside that of the plain way in the same round."""
        plain = {work.round: work.cpu_s / work.count for work in self.works if work.kind == _BESIDE[kind]}
        return Spread.of(work.cpu_s / work.count / plain[work.round] for work in self.works if work.kind == kind)

    def as_json(self) -> dict[str, Any]:
        """Rates are per CPU second, times CPU seconds."""
        return {
            "machine": asdict(self.machine),
            "works": {kind: asdict(self.rate(kind)) for kind in _TITLES},
            "ratios": {kind: asdict(self.ratio(kind)) for kind in _BESIDE},
            "month": asdict(self.month),
        }

    def as_tables(self) -> RenderableType:
        table = Table(title="Records, per second of one core")
        table.add_column("what", no_wrap=True)
        for heading in ("a second", "x the plain way"):
            table.add_column(heading, justify="right")
        for kind, (title, unit) in _TITLES.items():
            ratio = spread_of(self.ratio(kind), 1) if kind in _BESIDE else "-"
            table.add_row(title, f"{self.rate(kind).middle:,.0f} {unit}", ratio)
        month = self.month
        told = (
            f"A month of {month.visits:,} visits: every figure of 4 queues by day in {spread_of(Spread.of(month.report_s), 3)} s, "
            f"a SQL group-by of six of them over the visits in {spread_of(Spread.of(month.group_by_s), 3)} s. "
            f"Rolled up once in {month.roll_up_s:.1f} s ({month.visits / month.roll_up_s:,.0f} visits a second)."
        )
        machine = self.machine
        where = f"{machine.cores} cores of {machine.model}, Python {machine.python}, load {machine.load_average:.1f} before"
        return Group(Text(where), Text(), table, Text(), Text(told))


def measure(machine: Machine, *, rounds: int, calls: int, visits: int) -> RecordsReport:
    """``calls`` random calls in each round, and once a month of ``visits`` visits. Raises TestbedError where awk is missing."""
    if shutil.which("awk") is None:
        raise TestbedError("awk is not installed; it is what an import of queue_log is compared with")
    works: list[Work] = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="ivrd-bench-") as folder:
            works += _round(number, calls, Path(folder))
    with tempfile.TemporaryDirectory(prefix="ivrd-bench-") as folder:
        month = measure_month(Path(folder), visits, rounds)
    return RecordsReport(machine, works, month)


def _round(number: int, calls: int, folder: Path) -> Iterator[Work]:
    day = random_day(DayPlan(calls=calls, events=EVENT_NAMES, system=PBX), number)
    translator = Translator()
    ami = [(said.at_us, fact) for said in day.said for fact in translator.translate(said.message, MONTH).facts]
    facts = [fact for _, fact in sorted([*ami, *((told.at_us, told.fact) for told in day.told)], key=lambda each: each[0])]
    log = folder / "queue_log"
    log.write_text(day.log_text, encoding="utf-8")

    def fold() -> None:
        book = ContactBook()
        for fact in facts:
            book.apply(Entry(PBX, Source.AMI, fact))

    async def store() -> None:
        database = _new_database(folder / "stored.db")
        tracker = Tracker(database, Sealer("a secret for the benchmark"), pbx=PBX)
        for start in range(0, len(facts), FLUSH_EVERY):
            for fact in facts[start : start + FLUSH_EVERY]:
                tracker.apply(fact)
            await tracker.flush()
        database.close()

    def insert_plainly() -> None:
        with sqlite3.connect(folder / "plain.db") as plain:
            plain.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + _PLAIN_TABLE)
            for start in range(0, len(facts), FLUSH_EVERY):
                rows = [
                    (fact.at.isoformat(), type(fact).__name__, getattr(fact, "call", ""), json.dumps(encoded(fact)))
                    for fact in facts[start : start + FLUSH_EVERY]
                ]
                plain.executemany("INSERT INTO facts (at, kind, call, body) VALUES (?, ?, ?, ?)", rows)
                plain.commit()

    async def import_log() -> None:
        database = _new_database(folder / "imported.db")
        found = await LogImport(database, Sealer("a secret for the benchmark"), Home("CN", None), pbx=PBX).run([log])
        database.close()
        if found.rows != len(day.logged):
            raise TestbedError(f"{found.rows} of {len(day.logged)} rows were imported")

    yield Work("folded", number, len(facts), _cpu_s(fold))
    yield Work("stored", number, len(facts), _cpu_s(lambda: asyncio.run(store())))
    yield Work("inserted", number, len(facts), _cpu_s(insert_plainly))
    yield Work("imported", number, len(day.logged), _cpu_s(lambda: asyncio.run(import_log())))
    yield Work("awk", number, len(day.logged), _awk_s(log))


def _new_database(file: Path) -> Database:
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    return database


def _cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of all our threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _awk_s(log: Path) -> float:
    """CPU seconds of awk, starting it included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["awk", "-F|", AWK, str(log)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return max(0.001, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure_month(folder: Path, visits: int, rounds: int) -> MonthReport:
    """A month in SQLite: rolled up once, then reported ``rounds`` times by each way."""
    database = _new_database(folder / "month.db")
    try:
        _fill(database, visits)
        rolled = _cpu_s(lambda: catch_up(database))
        ask = Ask(MONTH, NEXT_MONTH, ZONE, By.QUEUE, Grain.DAY)
        own: list[float] = []
        plain: list[float] = []
        period = {"start": str(MONTH.replace(tzinfo=None)), "end": str(NEXT_MONTH.replace(tzinfo=None))}
        for _ in range(rounds):
            own.append(_cpu_s(lambda: database.read_now(lambda session: _all_figures(report(session, ask, LIMITS, NEXT_MONTH), visits))))
            plain.append(_cpu_s(lambda: database.read_now(lambda session: session.execute(text(GROUP_BY), period).all())))
    finally:
        database.close()
    return MonthReport(visits, rolled, own, plain)


def _all_figures(rows: Sequence[Any], visits: int) -> None:
    counted = sum(row.entered for row in rows)
    if counted != visits:
        raise TestbedError(f"the report counts {counted} visits of {visits}")
    for row in rows:
        for name in DEFINITIONS:
            row.figures.value(name)


def _fill(database: Database, visits: int) -> None:
    random = Random(visits)
    for start in range(0, visits, ROWS_AT_ONCE):
        rows = [_visit(random, number) for number in range(start, min(visits, start + ROWS_AT_ONCE))]
        database.write_now(lambda session, rows=rows: session.execute(insert(VisitRow), rows))  # type: ignore[misc]
    minutes = [{"minute": MONTH + timedelta(minutes=minute)} for minute in range((NEXT_MONTH - MONTH) // timedelta(minutes=1) + 60)]
    database.write_now(lambda session: session.execute(insert(StaleMinuteRow), minutes))


def _visit(random: Random, number: int) -> dict[str, Any]:
    joined = MONTH + (NEXT_MONTH - MONTH) * random.random()
    wait_ms = int(random.expovariate(1 / 15_000))
    left = joined + timedelta(milliseconds=wait_ms)
    answered = random.random() < 0.8
    talk_ms = int(random.expovariate(1 / 120_000)) if answered else None
    queue = random.choice(QUEUES)
    return {
        "contact": f"main-{number}",
        "number": 1,
        "pbx": PBX,
        "queue": queue,
        "line": queue,
        "agent": f"Agent {random.randrange(AGENTS)}" if answered else None,
        "joined_at": joined,
        "left_at": left,
        "talk_ended_at": left + timedelta(milliseconds=talk_ms) if talk_ms is not None else None,
        "outcome": "answered" if answered else random.choice(("abandoned_wait", "abandoned_ring", "flow_timeout", "flow_key")),
        "wait_ms": wait_ms,
        "ring_ms": min(wait_ms, 4000),
        "talk_ms": talk_ms,
        "held_ms": 0 if answered else None,
        "ended_by": "caller" if answered else None,
        "quality": "exact",
    }

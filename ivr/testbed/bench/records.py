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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ami_bridge.translate import EVENT_NAMES, Translator
from ivr.domain.contact_book import ContactBook
from ivr.domain.ledger import Entry, Source, encoded
from ivr.log_import import LogImport
from ivr.queue_log_source import Home
from ivr.store.sealing import Sealer
from ivr.testbed.bench.figures import Spread
from ivr.testbed.bench.month import MonthReport, cpu_s, measure_month, new_database
from ivr.testbed.bench.report import Machine, spread_of
from ivr.testbed.errors import TestbedError
from ivr.testbed.random_calls import DayPlan, random_day
from ivr.tracking import Tracker

PBX = "main"
FLUSH_EVERY = 2000  # facts in one transaction, ours and the plain one's
BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
AWK = '{ n[$3 "|" $5]++ } END { for (kind in n) print kind, n[kind] }'
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
    ami = [(said.at_us, fact) for said in day.said for fact in translator.translate(said.message, BEGAN).facts]
    facts = [fact for _, fact in sorted([*ami, *((told.at_us, told.fact) for told in day.told)], key=lambda each: each[0])]
    log = folder / "queue_log"
    log.write_text(day.log_text, encoding="utf-8")

    def fold() -> None:
        book = ContactBook()
        for fact in facts:
            book.apply(Entry(PBX, Source.AMI, fact))

    async def store() -> None:
        database = new_database(folder / "stored.db")
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
        database = new_database(folder / "imported.db")
        found = await LogImport(database, Sealer("a secret for the benchmark"), Home("CN", None), pbx=PBX).run([log])
        database.close()
        if found.rows != len(day.logged):
            raise TestbedError(f"{found.rows} of {len(day.logged)} rows were imported")

    yield Work("folded", number, len(facts), cpu_s(fold))
    yield Work("stored", number, len(facts), cpu_s(lambda: asyncio.run(store())))
    yield Work("inserted", number, len(facts), cpu_s(insert_plainly))
    yield Work("imported", number, len(day.logged), cpu_s(lambda: asyncio.run(import_log())))
    yield Work("awk", number, len(day.logged), _awk_s(log))


def _awk_s(log: Path) -> float:
    """CPU seconds of awk, starting it included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["awk", "-F|", AWK, str(log)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return max(0.001, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

"""What a month costs: rolled up once, then reported, beside a SQL group-by over its visits. For ``bench``, part of the records."""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.intervals import Grain
from ivr.domain.measures import Limits, Thresholds
from ivr.reporting import Ask, By, report
from ivr.rollup import catch_up
from ivr.store.database import Database
from ivr.testbed.errors import TestbedError

PBX = "main"
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 11, 1, tzinfo=UTC)
QUEUES = ("hr", "course", "product", "complaint")
AGENTS = 60
ANSWERED = 0.8
_LOST = ("abandoned_wait", "abandoned_ring", "flow_timeout", "flow_key")
ZONE = ZoneInfo("UTC")  # the plain group-by knows no other
LIMITS = Limits(Thresholds(20.0, 5.0))
GROUP_BY = """
SELECT queue, date(joined_at), count(*), sum(outcome = 'answered'), sum(outcome = 'answered' AND wait_ms <= 20000),
       sum(outcome LIKE 'abandoned%' AND wait_ms > 5000), avg(CASE WHEN outcome = 'answered' THEN wait_ms END), avg(talk_ms)
FROM visits WHERE joined_at >= :start AND joined_at < :end GROUP BY 1, 2
"""
_COLUMNS = (
    "contact", "number", "pbx", "queue", "line", "joined_at", "left_at", "wait_ms", "ring_ms", "quality",
    "agent", "talk_ended_at", "outcome", "talk_ms", "held_ms", "ended_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonthReport:
    """CPU seconds: to roll ``visits`` up once, for each report over them by queue and day, and for each plain group-by."""

    visits: int
    roll_up_s: float
    report_s: Sequence[float]
    group_by_s: Sequence[float]


def measure_month(folder: Path, visits: int, rounds: int) -> MonthReport:
    """A month in SQLite: rolled up once, then reported ``rounds`` times by each way."""
    database = new_database(folder / "month.db")
    try:
        _fill(folder / "month.db", visits)
        gc.collect()
        gc.freeze()  # as the daemon does at its start
        rolled = cpu_s(lambda: catch_up(database))
        ask = Ask(MONTH, NEXT_MONTH, ZONE, By.QUEUE, Grain.DAY)
        own: list[float] = []
        plain: list[float] = []
        period = {"start": str(MONTH.replace(tzinfo=None)), "end": str(NEXT_MONTH.replace(tzinfo=None))}
        for _ in range(rounds):
            own.append(cpu_s(lambda: database.read_now(lambda session: _all_figures(report(session, ask, LIMITS, NEXT_MONTH), visits))))
            plain.append(cpu_s(lambda: database.read_now(lambda session: session.execute(text(GROUP_BY), period).all())))
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


def _fill(file: Path, visits: int) -> None:
    """In the order of their time, as they come; past SQLAlchemy, for ten million are to be made in minutes."""
    random = Random(visits)
    insert = f"INSERT INTO visits ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names
    minutes = [_text(MONTH + timedelta(minutes=number)) for number in range((NEXT_MONTH - MONTH) // timedelta(minutes=1) + 60)]
    with closing(sqlite3.connect(file)) as plain, plain:
        plain.executemany(insert, (_visit(random, number, (NEXT_MONTH - MONTH) / visits) for number in range(visits)))
        plain.executemany("INSERT INTO stale_minutes VALUES (?)", ((minute,) for minute in minutes))


def _visit(random: Random, number: int, apart: timedelta) -> tuple[str | int | None, ...]:
    joined = MONTH + apart * (number + random.random())
    wait_ms = int(random.expovariate(1 / 15_000))
    left = joined + timedelta(milliseconds=wait_ms)
    queue = QUEUES[int(random.random() * len(QUEUES))]
    head = (f"main-{number}", 1, PBX, queue, queue, _text(joined), _text(left), wait_ms, min(wait_ms, 4000), "exact")
    if random.random() >= ANSWERED:
        return (*head, None, None, _LOST[int(random.random() * len(_LOST))], None, None, None)
    talk_ms = int(random.expovariate(1 / 120_000))
    agent = f"Agent {int(random.random() * AGENTS)}"
    return (*head, agent, _text(left + timedelta(milliseconds=talk_ms)), "answered", talk_ms, 0, "caller")


def _text(moment: datetime) -> str:
    """As SQLAlchemy writes times into SQLite."""
    return moment.isoformat(" ", timespec="microseconds").removesuffix("+00:00")


def new_database(file: Path) -> Database:
    """SQLite, empty, with the schema of this version."""
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    return database


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of all our threads."""
    began = time.process_time()
    work()
    return time.process_time() - began

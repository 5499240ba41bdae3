"""A day of calls with the manager link lost 50 times and the daemon killed 10 times: its figures are those of the day without.

SIMULATED_CALLS=10000 lives the whole day, some 5 ms of CPU a call; a test run has a smaller one, as torn.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from support.simulated_day import LivedDay, interruptions, undisturbed

from ami_bridge.translate import EVENT_NAMES
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.intervals import Grain
from ivr.domain.measures import Limits, Thresholds
from ivr.reporting import Ask, By, report
from ivr.store.database import Database
from ivr.store.schema import ContactRow, VisitRow
from ivr.testbed.random_calls import Chances, Day, DayPlan, random_day
from ivr.testbed.random_calls.plan import QUEUES
from ivr.testbed.random_calls.truth import moment

CALLS = int(os.environ.get("SIMULATED_CALLS", "3000"))
SEED = int(os.environ.get("RANDOM_CALLS_SEED", "20261122"))
# The one figure that gaps leave a trace in: a ring that began before one and ended in it isn't counted.
RING = "ring.mean"
MOST_RING_APART_S = 0.05  # of some four seconds
DROPS, KILLS, MEAN_GAP_S = 50, 10, 75.0
ZONE = ZoneInfo("Asia/Shanghai")
LIMITS = Limits(Thresholds(20.0, 5.0))
# What queue_log can't tell at all, and a day with gaps can't know: a pick-up before a member delay, what was held, a Redirect's end.
# Everything happens on the second, so that whole seconds lose nothing: every figure must then be equal, not nearly.
TOLD_BY_BOTH = replace(Chances(), held=0.0, redirect=0.0)
PLAN = DayPlan(
    calls=CALLS,
    events=EVENT_NAMES,
    whole_seconds=True,
    queues=tuple(replace(queue, member_delay_s=0.0) for queue in QUEUES),
    chances=TOLD_BY_BOTH,
    system="main",
)


async def test_a_day_with_drops_and_kills_counts_what_the_day_without_counts(tmp_path: Path) -> None:
    day = random_day(PLAN, SEED)
    random = Random(SEED)
    breaks = interruptions(day, random, drops=DROPS, kills=KILLS, mean_s=MEAN_GAP_S)
    rotates_at_us = random.randrange(day.said[0].at_us, day.said[-1].at_us)
    clean, torn = tmp_path / "clean", tmp_path / "torn"
    clean.mkdir()
    torn.mkdir()
    without = undisturbed(day, clean)
    with_them = LivedDay(day, torn, breaks, rotates_at_us=rotates_at_us)
    await with_them.live()
    assert (with_them.drops, with_them.kills) == (DROPS, KILLS)
    for told, question in (("outcomes", _outcomes), ("visits", _visits), ("figures", lambda database: _figures(database, day))):
        expected, found = question(without), question(with_them.database)
        different = {
            key: (found.get(key), expected.get(key)) for key in expected.keys() | found.keys() if found.get(key) != expected.get(key)
        }
        shown = "\n".join(f"{key}: {is_now}, without {was}" for key, (is_now, was) in sorted(different.items(), key=str)[:10])
        assert not different, f"seed {SEED}: {len(different)} {told} differ\n{shown}"
    assert abs(_mean_ring_s(with_them.database) - _mean_ring_s(without)) < MOST_RING_APART_S
    assert sum(outcome is not None for outcome in _outcomes(with_them.database).values()) == CALLS


def _mean_ring_s(database: Database) -> float:
    return float(database.read_now(lambda session: session.scalar(select(func.avg(VisitRow.ring_ms)))) or 0) / 1000


def _outcomes(database: Database) -> dict[Any, Any]:
    """By call."""
    return database.read_now(lambda session: dict(tuple(row) for row in session.execute(select(ContactRow.id, ContactRow.outcome))))


def _visits(database: Database) -> dict[Any, Any]:
    """By call and number: everything a figure is made of."""
    v = VisitRow
    columns = (v.contact, v.number, v.queue, v.line, v.agent, v.joined_at, v.left_at, v.talk_ended_at, v.outcome, v.wait_ms, v.talk_ms)
    return database.read_now(lambda session: {(row[0], row[1]): tuple(row)[2:] for row in session.execute(select(*columns))})


def _figures(database: Database, day: Day) -> dict[Any, Any]:
    """By whose, hour and definition; and of the day."""
    start = moment(day.said[0].at_us)
    end = moment(day.said[-1].at_us) + timedelta(hours=1)
    found: dict[Any, Any] = {}
    for by in (By.QUEUE, By.LINE, By.AGENT, By.HOTLINE):
        for grain in (Grain.HOUR, None):
            ask = Ask(start, end, ZONE, by, grain, definitions=tuple(DEFINITIONS))
            for row in database.read_now(lambda session, ask=ask: report(session, ask, LIMITS, end)):  # type: ignore[misc]
                for name in DEFINITIONS.keys() - {RING}:
                    found[by.value, row.name, str(row.start), str(row.end), name] = row.figures.value(name)
    return found

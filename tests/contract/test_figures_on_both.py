"""Roll-up and reports on PostgreSQL come to the same figures as on SQLite, before, in the middle of and after the roll-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from support import reported
from support.house import ZONE

from ivr.domain.contacts import Contact, VisitOutcome
from ivr.domain.intervals import Grain
from ivr.domain.measures import Limits, Thresholds
from ivr.reporting import Ask, By, report
from ivr.rollup import bite, catch_up
from ivr.store.database import Database
from ivr.store.figure_cells import stale_count
from ivr.store.visit_rows import View

LIMITS = Limits(Thresholds(20.0, 5.0), {"course": Thresholds(30.0, 0.0)})
DAYS = 2
FROM, TO = reported.local(reported.DAY, 0), reported.local(reported.DAY + timedelta(days=DAYS), 0)
LATER = datetime(2026, 11, 25, tzinfo=UTC)
ASKS = [
    *(Ask(FROM, TO, ZONE, by, grain, view) for by in (By.QUEUE, By.AGENT) for grain in (None, Grain.HOUR) for view in View),
    Ask(FROM + timedelta(hours=9, minutes=55), FROM + timedelta(hours=10, minutes=20), ZONE, By.QUEUE, Grain.MINUTE, View.ACTIVITY),
    Ask(FROM, TO, ZONE, By.LINE, Grain.HOUR_OF_WEEK),
]


def some_days() -> list[Contact]:
    """The fixture of the figures, and calls at any time beside it, across the marks of hours and days."""
    random = Random(1)
    outcomes = [VisitOutcome.ANSWERED, *VisitOutcome]
    found = reported.fixture()
    for number in range(60):
        at = FROM + (TO - FROM) * random.random()
        queue, agent = random.choice(["hr", "course"]), random.choice(["Li Na", "李娜", "100%_"])
        wait_s, talk_s = round(random.expovariate(1 / 30), 3), round(random.random() * 900, 3)
        visit = reported.visit(queue, at, wait_s, random.choice(outcomes), agent=agent, talk_s=talk_s)
        found.append(reported.call(f"any.{number}", at - timedelta(seconds=9), visit, line=random.choice([None, queue])))
    return found


def test_the_figures_are_the_same(on_sqlite: Database, on_postgresql: Database) -> None:
    both = (on_sqlite, on_postgresql)
    for database in both:
        reported.keep(database, some_days())
    told = [[figures(database) for database in both]]
    for database in both:
        database.write_now(partial(bite, now=LATER, visits=5))
    told.append([figures(database) for database in both])
    for database in both:
        catch_up(database)
        assert database.read_now(stale_count) == 0
    told.append([figures(database) for database in both])
    [whole, *_] = told[0][0]
    assert sum(tally.entered for *_, tally in whole) == len(some_days())
    assert all(found == told[0][0] for each in told for found in each)


def figures(database: Database) -> list[list[tuple[object, ...]]]:
    """Of each report its rows."""
    found = [database.read_now(lambda session, ask=ask: report(session, ask, LIMITS, LATER)) for ask in ASKS]  # type: ignore[misc]
    return [[(row.name, row.start, row.quality, row.carry_in, row.carry_out, row.figures.tally) for row in rows] for rows in found]

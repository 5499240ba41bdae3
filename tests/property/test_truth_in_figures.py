"""Random days of calls in reports: who came, left and still waits adds up in every interval, on days of 23, 24½ and 25 hours too."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.house import new_database
from support.random_days import from_ami, read

from ami_bridge.translate import EVENT_NAMES
from ivr.board import Board
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.figures import Figures, queue_figures
from ivr.domain.intervals import Grain
from ivr.domain.measures import Limits, Thresholds
from ivr.reporting import Ask, By, report
from ivr.rollup import catch_up
from ivr.store import contacts
from ivr.store.sealing import Sealer
from ivr.store.visit_rows import View
from ivr.testbed.random_calls import Day, DayPlan, VisitTruth, random_day
from ivr.testbed.random_calls.truth import moment

SEED = int(os.environ.get("RANDOM_CALLS_SEED", "20261122"))
LIMITS = Limits(Thresholds(20.0, 5.0))
GRAINS = (Grain.MINUTE, Grain.QUARTER, Grain.HALF, Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH)
HOURS = 27  # from an hour before local midnight until after the next one
CALLS_LIVE = 120

# A zone, a day in it, and how many hours that day has.
DAYS = [
    ("Europe/Berlin", (2026, 3, 29), 23.0),
    ("Europe/Berlin", (2026, 10, 25), 25.0),
    ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
    ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
    ("America/St_Johns", (2026, 3, 8), 23.0),
    ("America/St_Johns", (2026, 11, 1), 25.0),
    ("Asia/Kathmandu", (2026, 11, 20), 24.0),
    ("Asia/Shanghai", (2026, 11, 20), 24.0),
]
CALLS_A_DAY = 10_000 // len(DAYS)


@pytest.mark.parametrize(("zone_name", "date", "hours"), DAYS)
def test_who_came_left_and_waits_adds_up_in_every_interval(
    zone_name: str, date: tuple[int, int, int], hours: float, tmp_path: Path
) -> None:
    zone = ZoneInfo(zone_name)
    midnight = datetime(*date, tzinfo=zone).astimezone(UTC)
    begins = midnight - timedelta(hours=1)
    plan = DayPlan(calls=CALLS_A_DAY, begins=begins, hours=(1.0,) * HOURS, events=EVENT_NAMES, session=False, whole_seconds=True)
    day = random_day(plan, SEED)
    database = new_database(tmp_path)
    database.write_now(partial(contacts.save, sealer=Sealer("a secret for tests"), contacts=list(read(from_ami(day)).values())))
    catch_up(database)
    start, end = begins - timedelta(hours=2), begins + timedelta(hours=HOURS + 6)
    truth = _by_queue(day)
    for grain in GRAINS:
        ask = Ask(start, end, zone, By.QUEUE, grain, View.ACTIVITY, names=tuple(truth))
        rows = database.read_now(lambda session, ask=ask: report(session, ask, LIMITS, end))  # type: ignore[misc]
        whole: Counter[str] = Counter()
        for row in rows:
            queue = truth[row.name]
            place = f"seed {SEED}, {zone_name}, {grain}, {row.name} from {row.start}"
            assert row.entered == queue.came(row.start, row.end), place
            assert row.figures.tally.outcomes == queue.left(row.start, row.end), place
            assert (row.carry_in, row.carry_out) == (queue.waiting(row.start), queue.waiting(row.end)), place
            assert row.carry_in + row.entered == sum(row.figures.tally.outcomes.values()) + row.carry_out, place
            whole[row.name] += row.entered
        assert whole == Counter({queue: len(moments) for queue, moments in truth.items()}), f"seed {SEED}, {zone_name}, {grain}"
        if grain is Grain.DAY:
            assert {row.end - row.start for row in rows if row.start == midnight} == {timedelta(hours=hours)}


def test_the_live_board_counts_what_a_batch_counts_after_every_event() -> None:
    day = random_day(DayPlan(calls=CALLS_LIVE, events=EVENT_NAMES, hours=(1.0,)), SEED)
    now = moment(day.said[0].at_us)
    queues = [queue.name for queue in day.plan.queues]
    board = Board(queues, LIMITS, ZoneInfo("Asia/Shanghai"), clock=lambda: now)
    book = ContactBook()
    for each in from_ami(day):
        now = moment(each.at_us)
        for contact in book.apply(each.entry).changed:
            board.contact_changed(contact)
        live = {queue.name: queue for queue in board.snapshot().queues}
        batch = _figures(book.contacts, queues, now)
        for name, figures in batch.items():
            assert live[name].figures.tally == figures.tally, f"seed {SEED}: {name} after {each.entry.fact}"
            assert live[name].waiting == figures.waiting, f"seed {SEED}: {name} after {each.entry.fact}"


def _figures(found: Mapping[str, Contact], queues: Iterable[str], now: datetime) -> dict[str, Figures]:
    visits = [visit for contact in found.values() for visit in contact.visits]
    return {queue: queue_figures([visit for visit in visits if visit.queue == queue], now, LIMITS.default) for queue in queues}


class _Moments:
    """When the visits of one queue truly began and ended, sorted."""

    def __init__(self, visits: Iterable[VisitTruth]) -> None:
        self._joined: list[datetime] = []
        self._left: dict[str, list[datetime]] = {}
        for visit in visits:
            self._joined.append(moment(visit.joined_us))
            self._left.setdefault(visit.outcome, []).append(moment(visit.left_us))
        for times in (self._joined, *self._left.values()):
            times.sort()

    def __len__(self) -> int:
        return len(self._joined)

    def came(self, start: datetime, end: datetime) -> int:
        return bisect_left(self._joined, end) - bisect_left(self._joined, start)

    def left(self, start: datetime, end: datetime) -> dict[str, int]:
        """By outcome, those that there are."""
        counts = {outcome: bisect_left(times, end) - bisect_left(times, start) for outcome, times in self._left.items()}
        return {outcome: count for outcome, count in counts.items() if count}

    def waiting(self, at: datetime) -> int:
        """Who had entered before this moment, and left at it or later. The refused are in and out at once."""
        return bisect_left(self._joined, at) - sum(bisect_left(times, at) for times in self._left.values())


def _by_queue(day: Day) -> dict[str, _Moments]:
    visits = [visit for call in day.calls for visit in call.visits]
    return {queue.name: _Moments(visit for visit in visits if visit.queue == queue.name) for queue in day.plan.queues}

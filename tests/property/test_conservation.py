"""Nobody is lost from the books: in every interval of every grain and zone, carry-in and who entered are who left and carry-out."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from ivr.domain.conservation import Flow, waits_at
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.intervals import Grain, intervals
from ivr.domain.measures import Limits, Thresholds
from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord, record_of
from ivr.reporting import Ask, By, report
from ivr.rollup import bite
from ivr.store import visits
from ivr.store.schema import Base
from ivr.store.visit_rows import View

# Around the hour that Berlin has twice and the one that New York leaves out.
AUTUMN, SPRING = datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
GRAINS = [grain for grain in Grain if grain is not Grain.HOUR_OF_WEEK]


@st.composite
def callers(draw: st.DrawFn, around: datetime) -> list[Visit]:
    found = []
    for _ in range(draw(st.integers(0, 25))):
        joined = around + timedelta(seconds=draw(st.integers(-4 * 3600, 4 * 3600)), milliseconds=draw(st.integers(0, 999)))
        outcome = draw(st.sampled_from([None, *VisitOutcome]))
        # A clock that was set back makes an exit before the entry.
        left = joined + timedelta(seconds=draw(st.integers(-3, 5400))) if outcome else None
        answered = left if outcome is VisitOutcome.ANSWERED else None
        found.append(Visit(draw(st.sampled_from(["hr", "course"])), joined, answered_at=answered, left_at=left, outcome=outcome))
    return found


def records(found: list[Visit]) -> list[VisitRecord]:
    return [record_of(visit, f"{number}.0", 1, pbx="main", line=None) for number, visit in enumerate(found)]


def happened(record: VisitRecord, start: datetime, end: datetime) -> Tally:
    tally = Tally()
    if start <= record.joined_at < end:
        tally.add_entries(1)
    if record.exited_at is not None and start <= record.exited_at < end:
        tally.add_exits([record])
    return tally


@pytest.mark.parametrize("around", [AUTUMN, SPRING])
@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_interval_adds_up(around: datetime, zone: str, data: st.DataObject) -> None:
    day = records(data.draw(callers(around)))
    for grain in GRAINS[1:]:
        for start, end in intervals(around - timedelta(hours=5), around + timedelta(hours=5), grain, ZoneInfo(zone)):
            activity = Tally()
            for record in day:
                activity += happened(record, start, end)
            carries = [sum(waits_at(record, moment) for record in day) for moment in (start, end)]
            assert Flow.of(carries[0], activity, carries[1]).missing == 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu"])
@given(found=callers(AUTUMN), bites=st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_a_report_carries_on_from_interval_to_interval(zone: str, found: list[Visit], bites: int) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        contacts = [Contact(f"{number}.0", visit.joined_at, visits=[visit]) for number, visit in enumerate(found)]
        visits.mark_stale(session, visits.save(session, contacts))
        for _ in range(bites + 1):
            bite(session, AUTUMN + timedelta(days=2))
        start, end = AUTUMN - timedelta(hours=2), AUTUMN + timedelta(hours=6)
        for grain, by in itertools.product((Grain.QUARTER, Grain.HOUR, Grain.DAY), (By.QUEUE, By.HOTLINE)):
            ask = Ask(start, end, ZoneInfo(zone), by, grain, View.ACTIVITY)
            rows = report(session, ask, Limits(Thresholds()), end)
            for name in {row.name for row in rows}:
                own = [row for row in rows if row.name == name]
                assert all(before.carry_out == after.carry_in for before, after in itertools.pairwise(own))
                assert all(Flow.of(row.carry_in, row.figures.tally, row.carry_out).missing == 0 for row in own)
                still = [record for record in records(found) if waits_at(record, end) and name in (record.queue, "hotline")]
                assert own[-1].carry_out == len(still)
    engine.dispose()

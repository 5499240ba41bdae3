"""Which reports are due when: days, weeks and months of any zone, what is made up, and what isn't."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.reports.periods import MADE_UP, Kind, Period, due, due_at

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
EIGHT = time(8)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def names(found: list[Period]) -> list[str]:
    return [f"{period.kind} {period.name}" for period in found]


@pytest.mark.parametrize(
    ("kind", "day", "first", "last", "compared"),
    [
        (Kind.DAY, "2026-11-18", "2026-11-18", "2026-11-18", "2026-11-11"),
        (Kind.WEEK, "2026-11-18", "2026-11-16", "2026-11-22", "2026-11-09"),
        (Kind.WEEK, "2026-11-16", "2026-11-16", "2026-11-22", "2026-11-09"),
        (Kind.WEEK, "2027-01-02", "2026-12-28", "2027-01-03", "2026-12-21"),
        (Kind.MONTH, "2026-02-28", "2026-02-01", "2026-02-28", "2026-01-01"),
        (Kind.MONTH, "2026-12-31", "2026-12-01", "2026-12-31", "2026-11-01"),
    ],
)
def test_a_period_begins_and_ends_on_local_days(kind: Kind, day: str, first: str, last: str, compared: str) -> None:
    period = Period.around(kind, date.fromisoformat(day))
    assert (period.name, period.last.isoformat(), period.compared.name) == (first, last, compared)
    assert period.start(SHANGHAI) == at(f"{first}T00:00")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_has_as_many_hours_as_its_clock(day: str, hours: int) -> None:
    period = Period(Kind.DAY, date.fromisoformat(day))
    assert period.end(BERLIN) - period.start(BERLIN) == timedelta(hours=hours)


def test_the_day_before_is_due_at_its_time_and_not_a_second_earlier() -> None:
    made: dict[Kind, set[date]] = {Kind.DAY: {date(2026, 11, 14), date(2026, 11, 16)}}
    before, after = at("2026-11-18T07:59:59"), at("2026-11-18T08:00")
    bounds = {Kind.DAY: 2}
    assert names(due(before, made, EIGHT, SHANGHAI, since=LONG_AGO, bounds=bounds)) == ["day 2026-11-15"]
    assert names(due(after, made, EIGHT, SHANGHAI, since=LONG_AGO, bounds=bounds)) == ["day 2026-11-17"]


def test_weeks_are_due_on_monday_and_months_on_the_first() -> None:
    known = {Kind.WEEK: {date(2026, 11, 9)}, Kind.MONTH: {date(2026, 10, 1), date(2026, 9, 1)}}
    sunday, monday = at("2026-11-22T20:00"), at("2026-11-23T08:00")
    assert names(due(sunday, known, EIGHT, SHANGHAI, since=LONG_AGO, bounds={Kind.WEEK: 1, Kind.MONTH: 2})) == []
    assert names(due(monday, known, EIGHT, SHANGHAI, since=LONG_AGO)) == ["week 2026-11-16"]
    assert names(due(at("2026-12-01T08:00"), known, EIGHT, SHANGHAI, since=LONG_AGO, bounds={Kind.WEEK: 0, Kind.MONTH: 2})) == [
        "month 2026-11-01"
    ]


def test_what_was_missed_is_made_up_within_bounds_the_oldest_first() -> None:
    known = {Kind.DAY: {date(2026, 10, 1)}, Kind.WEEK: {date(2026, 9, 28)}, Kind.MONTH: {date(2026, 6, 1)}}
    found = due(at("2026-11-18T09:00"), known, EIGHT, SHANGHAI, since=LONG_AGO)
    days = [period for period in found if period.kind is Kind.DAY]
    assert [period.first.day for period in days] == [11, 12, 13, 14, 15, 16, 17]
    assert [period.name for period in found if period.kind is Kind.WEEK] == ["2026-11-02", "2026-11-09"]
    assert [period.name for period in found if period.kind is Kind.MONTH] == ["2026-09-01", "2026-10-01"]
    assert found == sorted(found, key=lambda period: (period.after, period.kind))


def test_where_none_was_ever_made_it_begins_with_the_latest_and_never_before_the_first_call() -> None:
    nothing: dict[Kind, set[date]] = {kind: set() for kind in Kind}
    now = at("2026-11-18T09:00")
    assert names(due(now, nothing, EIGHT, SHANGHAI, since=LONG_AGO)) == ["month 2026-10-01", "week 2026-11-09", "day 2026-11-17"]
    assert names(due(now, nothing, EIGHT, SHANGHAI, since=at("2026-11-17T23:59"))) == ["day 2026-11-17"]
    assert due(now, nothing, EIGHT, SHANGHAI, since=at("2026-11-18T00:00")) == []


@pytest.mark.parametrize(("daily_at", "utc"), [(time(2, 30), "2026-03-29T01:30"), (time(3), "2026-03-29T01:00")])
def test_an_hour_that_the_clocks_leave_out_is_the_one_after(daily_at: time, utc: str) -> None:
    assert due_at(Period(Kind.DAY, date(2026, 3, 28)), daily_at, BERLIN) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@given(
    start=st.datetimes(LONG_AGO.replace(tzinfo=None), LONG_AGO.replace(year=2027, tzinfo=None)),
    steps=st.lists(st.floats(0.01, 60), min_size=1, max_size=40),
    zone=st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Asia/Kathmandu")]),
    daily_at=st.times(),
)
def test_however_often_the_clock_strikes_each_period_is_due_once(
    start: datetime, steps: list[float], zone: ZoneInfo, daily_at: time
) -> None:
    """Whatever the hours between two looks: nothing twice, nothing early, nothing left out while looks come within the bounds."""
    now = start.replace(tzinfo=UTC)
    made: dict[Kind, set[date]] = {kind: set() for kind in Kind}
    order: list[Period] = []
    for hours in steps:
        for period in due(now, made, daily_at, zone, since=LONG_AGO):
            assert due_at(period, daily_at, zone) <= now
            assert period.first not in made[period.kind]
            made[period.kind].add(period.first)
            order.append(period)
        assert due(now, made, daily_at, zone, since=LONG_AGO) == []
        now += timedelta(hours=hours)
    for kind in Kind:
        firsts = sorted(period for period in order if period.kind is kind)
        assert all(later.previous == earlier for earlier, later in pairwise(firsts))
    assert set(MADE_UP) == set(Kind)

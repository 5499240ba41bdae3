"""What people set on top of the calendar, and what routing changes by it: precedence, edges, the 30 days ahead, another calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows.calendar import AlwaysOpen, Calendar, Why
from callflows.line_hours import LineSchedule, Override, Setting
from callflows.outcomes import HoursState
from callflows.routing_changes import changes, compare, day_hours, stretches

ZONE = ZoneInfo("Asia/Shanghai")
OFFICE = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "20:00"}]})
LONGER = OFFICE.model_copy(update={"saturday": Calendar.model_validate({"weekdays": [{"from": "09:00", "to": "12:00"}]}).weekdays})
MONDAY = datetime(2026, 11, 23, tzinfo=ZONE)  # a common working day; 2026-10-01 to 07 is a holiday
OP, CL, EM = Setting.OPEN, Setting.CLOSED, Setting.EMERGENCY


def at(hour: float, day: datetime = MONDAY) -> datetime:
    return day + timedelta(hours=hour)


def override(setting: Setting, begin: float, end: float, number: int = 1, **more: Any) -> Override:
    given = {"line": "hr", "reason": "drill", "set_by": "li", "set_from": "console", "set_at": at(0) + timedelta(seconds=number)}
    return Override(id=number, setting=setting, begins_at=at(begin), ends_at=at(end), **{**given, **more})


def schedule(*overrides: Override, calendar: Any = OFFICE, line: str = "hr") -> LineSchedule:
    return LineSchedule.of(line, calendar, ZONE, overrides)


@pytest.mark.parametrize(
    ("overrides", "hour", "state"),
    [
        ([], 10, "open"),
        ([override(CL, 9, 11)], 10, "closed"),
        ([override(CL, 9, 11)], 9, "closed"),
        ([override(CL, 9, 11)], 8.99, "open"),
        ([override(CL, 9, 11)], 11, "open"),  # it has ended by itself
        ([override(OP, 20, 22)], 21, "open"),
        ([override(OP, 20, 22)], 22, "closed"),
        ([override(EM, 20, 22)], 21, "emergency"),
        ([override(CL, 9, 11, withdrawn_at=at(10))], 9.5, "closed"),
        ([override(CL, 9, 11, withdrawn_at=at(10))], 10, "open"),
        # The newest counts, whichever line it was set for; an emergency goes before all.
        ([override(CL, 9, 11, 1), override(OP, 9, 11, 2)], 10, "open"),
        ([override(OP, 9, 11, 1), override(CL, 9, 11, 2)], 10, "closed"),
        ([override(OP, 9, 11, 1), override(CL, 9, 11, 2, line=None)], 10, "closed"),
        ([override(CL, 9, 11, 1, line=None), override(OP, 9, 11, 2)], 10, "open"),
        ([override(EM, 9, 11, 1, line=None), override(OP, 9, 11, 2)], 10, "emergency"),
        ([override(EM, 9, 10, 1), override(CL, 9, 11, 2)], 10, "closed"),
        ([override(CL, 9, 11, line="course")], 10, "open"),
        ([override(CL, 9, 11, 7), override(OP, 9, 11, 8, set_at=at(0) + timedelta(seconds=7))], 10, "open"),
    ],
)
def test_what_counts(overrides: list[Override], hour: float, state: str) -> None:
    found = schedule(*overrides).standing(at(hour))
    assert found.state == state
    assert schedule(*reversed(overrides)).standing(at(hour).astimezone(UTC)) == found


def test_the_order_is_emergency_holiday_closed_open() -> None:
    national_day = datetime(2026, 10, 1, tzinfo=ZONE)
    hand = {"begins_at": national_day, "ends_at": national_day + timedelta(days=1)}
    emergency = Override(1, None, EM, reason="flood", set_by="li", set_from="phone", set_at=national_day, **hand)
    assert schedule(emergency).standing(at(10, national_day)).state is HoursState.EMERGENCY
    assert schedule().standing(at(10, national_day)).state is HoursState.HOLIDAY
    assert schedule().standing(at(21)).state is HoursState.CLOSED
    assert schedule().standing(at(10)).state is HoursState.OPEN
    assert schedule(emergency, calendar=AlwaysOpen()).standing(at(10, national_day)).state is HoursState.EMERGENCY


def test_who_set_it_and_why_is_said() -> None:
    found = schedule(override(CL, 9, 11)).standing(at(10))
    assert (found.why, found.note) == (Why.OVERRIDE, "drill (li)")


@pytest.mark.parametrize(
    ("overrides", "hour", "opening"),
    [
        ([], 7, at(8)),
        ([override(CL, 7, 9.5)], 7.5, at(9.5)),  # when it ends the line is open
        ([override(CL, 7, 21)], 10, at(32)),  # when it ends the line is closed anyway
        ([override(OP, 5, 6)], 4, at(5)),
        ([override(EM, 7, 9, 1), override(CL, 8, 10, 2)], 7, at(10)),
        ([override(CL, 7, 24 * 60)], 10, None),
    ],
)
def test_callers_are_told_when_it_opens_again(overrides: list[Override], hour: float, opening: datetime | None) -> None:
    found = schedule(*overrides).hours_at(at(hour))
    assert found.opens_at == opening
    assert opening is None or (found.opens_at is not None and found.opens_at.tzinfo is ZONE)
    assert schedule(*overrides).hours_at(at(200 * 24)).state in HoursState


def test_every_change_of_routing_is_found_with_its_reason() -> None:
    begin = datetime(2026, 9, 30, 12, tzinfo=ZONE)
    found = [
        (f"{change.at:%m-%d %H:%M}", change.after.state.value, change.after.why.value)
        for change in changes(schedule(), begin, begin + timedelta(days=11))
    ]
    assert found == [
        ("09-30 20:00", "closed", "weekly"),
        ("10-01 00:00", "holiday", "public_holiday"),
        ("10-08 00:00", "closed", "weekly"),
        ("10-08 08:00", "open", "weekly"),
        ("10-08 20:00", "closed", "weekly"),
        ("10-09 08:00", "open", "weekly"),
        ("10-09 20:00", "closed", "weekly"),
        ("10-10 08:00", "open", "make_up_day"),
        ("10-10 20:00", "closed", "make_up_day"),
    ]


def test_an_override_is_a_change_at_its_begin_and_its_end() -> None:
    found = changes(schedule(override(CL, 10, 12), override(CL, 12, 13, 2), override(OP, 14, 15, 3)), at(9), at(16))
    assert [(change.at, change.after.state) for change in found] == [(at(10), HoursState.CLOSED), (at(13), HoursState.OPEN)]


overrides_drawn = st.lists(
    st.builds(
        lambda number, setting, begin, length, line, withdrawn: override(
            setting, begin, begin + length, number, line=line, withdrawn_at=at(withdrawn) if withdrawn else None
        ),
        st.integers(1, 9),
        st.sampled_from(Setting),
        st.floats(-30, 200),
        st.floats(0.01, 100),
        st.sampled_from([None, "hr", "course"]),
        st.one_of(st.none(), st.floats(0, 200)),
    ),
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(overrides_drawn, st.lists(st.floats(0, 168), max_size=20))
def test_stretches_have_no_gaps_and_tell_the_truth_in_between(overrides: list[Override], hours: list[float]) -> None:
    line = schedule(*overrides)
    found = stretches(line, at(0), at(168))
    assert (found[0].begin, found[-1].end) == (at(0), at(168))
    assert all(one.end == other.begin and one.standing != other.standing for one, other in pairwise(found))
    for hour in hours:
        moment = at(hour)
        inside = next(part for part in found if part.begin <= moment < part.end or part.end == at(168))
        assert line.standing(moment) == inside.standing


@settings(max_examples=40, deadline=None)
@given(overrides_drawn, st.floats(0, 168))
def test_the_next_opening_is_the_first_one(overrides: list[Override], hour: float) -> None:
    line, moment = schedule(*overrides), at(hour)
    opening = line.opens_at(moment)
    found = [part.begin for part in stretches(line, moment, moment + timedelta(days=31)) if part.standing.state is HoursState.OPEN]
    expected = found[1:] if line.standing(moment).state is HoursState.OPEN else found
    firsts = [begin for begin in expected if line.standing(begin - timedelta(microseconds=1)).state is not HoursState.OPEN]
    assert opening == (firsts[0] if firsts else None)


def test_another_calendar_is_compared_with_this_one() -> None:
    begin, end = datetime(2026, 11, 20, tzinfo=ZONE), datetime(2026, 11, 30, tzinfo=ZONE)
    found = compare({"hr": schedule()}, {"hr": schedule(calendar=LONGER)}, begin, end)
    assert [(f"{one.begin:%m-%d %H:%M}", f"{one.end:%H:%M}", one.now and one.now.state, one.then and one.then.state) for one in found] == [
        ("11-21 09:00", "12:00", HoursState.CLOSED, HoursState.OPEN),
        ("11-28 09:00", "12:00", HoursState.CLOSED, HoursState.OPEN),
    ]
    assert compare({"hr": schedule()}, {"hr": schedule()}, begin, end) == []


def test_a_line_that_comes_or_goes_is_a_difference() -> None:
    begin, end = at(9), at(10)
    [gone] = compare({"hr": schedule()}, {}, begin, end)
    assert (gone.begin, gone.end, gone.then) == (begin, end, None)
    [new] = compare({}, {"hr": schedule()}, begin, end)
    assert new.now is None


def test_a_day_as_a_person_reads_it() -> None:
    plain = day_hours(schedule(), MONDAY.date())
    assert (plain.open, plain.unusual, plain.provisional) == (((time(8), time(20)),), (), False)
    holed = day_hours(schedule(override(EM, 10, 11)), MONDAY.date())
    assert holed.open == ((time(8), time(10)), (time(11), time(20)))
    assert [standing.state for standing in holed.unusual] == [HoursState.EMERGENCY]
    assert day_hours(schedule(), date(2026, 10, 1)).open == ()
    assert [standing.holiday for standing in day_hours(schedule(), date(2026, 10, 1)).unusual] == ["national_day"]
    assert day_hours(schedule(calendar=AlwaysOpen()), MONDAY.date()).open == ((time(0), time(0)),)
    assert day_hours(schedule(), date(2027, 3, 3)).provisional

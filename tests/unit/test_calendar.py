"""Working hours at the edges of a day, in zones with and without changed clocks, and half-days, dates and notices of the file (R3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callflows.calendar import AlwaysOpen, Calendar, Doubt, Why, doubts, moments
from callflows.calendar_file import load_calendars
from callflows.outcomes import HoursState

SHIPPED_CALENDAR = Path(__file__).parents[2] / "config" / "calendar.yaml"
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # clocks go from 02:00 to 03:00 on 2026-03-29 and from 03:00 to 02:00 on 2026-10-25
OFFICE = Calendar.model_validate(
    {
        "weekdays": [{"from": "13:00", "to": "20:00"}, {"from": "08:00", "to": "12:00"}],
        "half_day": [{"from": "08:00", "to": "12:00"}],
        "dates": {
            "2026-11-20": "half_day",
            "2026-11-21": [{"from": "10:00", "to": "24:00"}],
            "2026-10-02": [{"from": "10:00", "to": "11:00"}],
            "2026-10-03": "weekdays",
            "2026-11-24": "closed",
            "2026-11-25": [],
            "2026-11-26": "weekends",
        },
    }
)
STATES = {"E": HoursState.EMERGENCY, "H": HoursState.HOLIDAY, "C": HoursState.CLOSED, "O": HoursState.OPEN}


def span(start: str, end: str) -> dict[str, str]:
    return {"from": start, "to": end}


@pytest.mark.parametrize(
    ("moment", "state", "why"),
    [
        ("2026-11-23T00:00:00", "C", Why.WEEKLY),
        ("2026-11-23T07:59:59.999999", "C", Why.WEEKLY),
        ("2026-11-23T08:00:00", "O", Why.WEEKLY),
        ("2026-11-23T11:59:59.999999", "O", Why.WEEKLY),
        ("2026-11-23T12:00:00", "C", Why.WEEKLY),
        ("2026-11-23T13:00:00", "O", Why.WEEKLY),
        ("2026-11-23T19:59:59.999999", "O", Why.WEEKLY),
        ("2026-11-23T20:00:00", "C", Why.WEEKLY),
        ("2026-11-20T11:59:59", "O", Why.DATE),  # half a day, written in the file
        ("2026-11-20T13:30:00", "C", Why.DATE),
        ("2026-11-21T09:59:59", "C", Why.DATE),  # a Saturday the file opens, to the end of the day
        ("2026-11-21T23:59:59.999999", "O", Why.DATE),
        ("2026-11-22T00:00:00", "C", Why.WEEKLY),
        ("2026-02-14T10:00:00", "O", Why.MAKE_UP_DAY),
        ("2026-02-14T12:30:00", "C", Why.MAKE_UP_DAY),
        ("2026-10-01T10:00:00", "H", Why.PUBLIC_HOLIDAY),
        ("2026-10-02T10:00:00", "O", Why.DATE),  # a holiday with an hour's service
        ("2026-10-02T11:00:00", "H", Why.DATE),
        ("2026-10-03T13:00:00", "O", Why.DATE),  # a holiday that is worked like any weekday
        ("2026-10-03T12:00:00", "C", Why.DATE),
        ("2026-11-24T10:00:00", "H", Why.DATE),  # a date the file closes is a holiday of the house
        ("2026-11-25T10:00:00", "H", Why.DATE),
        ("2026-11-26T10:00:00", "C", Why.DATE),
    ],
)
def test_the_edges_of_each_kind_of_day(moment: str, state: str, why: Why) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI)
    found = OFFICE.standing(at, SHANGHAI)
    assert (found.state, found.why) == (STATES[state], why)
    assert OFFICE.standing(at.astimezone(UTC), SHANGHAI) == found, "the same moment, told in another zone"
    assert OFFICE.is_open(at, SHANGHAI) is (state == "O")


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-09-30T21:00:00+08:00", "2026-10-02T10:00:00+08:00"),
        ("2026-10-05T10:00:00+08:00", "2026-10-08T08:00:00+08:00"),
        ("2026-11-23T12:30:00+08:00", "2026-11-23T13:00:00+08:00"),
        ("2026-11-23T12:00:00+08:00", "2026-11-23T13:00:00+08:00"),
        ("2026-11-23T08:00:00+08:00", "2026-11-23T13:00:00+08:00"),  # open now: the next time it comes to be open
        ("2026-11-23T12:59:59.999999+08:00", "2026-11-23T13:00:00+08:00"),
        ("2026-11-23T20:00:00+08:00", "2026-11-27T08:00:00+08:00"),
        ("2026-11-23T12:00:00+00:00", "2026-11-27T08:00:00+08:00"),
    ],
)
def test_the_next_opening(moment: str, opening: str) -> None:
    found = OFFICE.opens_at(datetime.fromisoformat(moment), SHANGHAI)
    assert found is not None
    assert found.isoformat() == opening
    assert found.tzinfo is SHANGHAI


def test_what_never_opens_has_no_opening() -> None:
    now = datetime(2026, 9, 30, 21, tzinfo=SHANGHAI)
    assert Calendar().opens_at(now, SHANGHAI) is None
    assert Calendar().hours_at(now, SHANGHAI).state is HoursState.CLOSED, "default closed"
    assert AlwaysOpen().opens_at(now, SHANGHAI) is None


def test_a_callers_hours_have_state_and_opening() -> None:
    holiday = OFFICE.hours_at(datetime(2026, 10, 1, 10, tzinfo=SHANGHAI), SHANGHAI)
    assert (holiday.state, holiday.opens_at) == (HoursState.HOLIDAY, datetime(2026, 10, 2, 10, tzinfo=SHANGHAI))
    assert OFFICE.hours_at(datetime(2026, 11, 23, 10, tzinfo=SHANGHAI), SHANGHAI).opens_at is None


def test_a_day_of_the_week_has_hours_of_its_own() -> None:
    saturday = {"saturday": [span("09:00", "12:00")], "weekends": [], "weekdays": [span("08:00", "20:00")]}
    calendar = Calendar.model_validate(saturday)
    assert calendar.is_open(datetime(2026, 11, 21, 9, tzinfo=SHANGHAI), SHANGHAI)
    assert not calendar.is_open(datetime(2026, 11, 22, 9, tzinfo=SHANGHAI), SHANGHAI)
    assert calendar.is_open(datetime(2026, 2, 14, 19, tzinfo=SHANGHAI), SHANGHAI), "a make-up Saturday goes by the weekdays"
    short = Calendar.model_validate({**saturday, "make_up_days": [span("10:00", "11:00")]})
    assert not short.is_open(datetime(2026, 2, 14, 19, tzinfo=SHANGHAI), SHANGHAI)


def openings(calendar: Calendar, day: date, zone: ZoneInfo) -> list[str]:
    """When it changes on this day, as local times with offset."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone) - timedelta(microseconds=1)
    end = begin + timedelta(hours=26)
    was, found = calendar.standing(begin, zone).state, []
    for moment in moments(calendar, begin, end, zone):
        state = calendar.standing(moment, zone).state
        if state is not was and moment.astimezone(zone).date() == day:
            found.append(f"{moment.astimezone(zone):%H:%M%z} {state}")
        was = state
    return found


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        (date(2026, 3, 28), [span("01:00", "02:30")], ["01:00+0100 open", "02:30+0100 closed"]),
        # 02:00 to 03:00 isn't there: what would begin in it begins when the clocks have been put on, what would end in it ends there.
        (date(2026, 3, 29), [span("01:00", "02:30")], ["01:00+0100 open", "03:00+0200 closed"]),
        (date(2026, 3, 29), [span("02:30", "05:00")], ["03:00+0200 open", "05:00+0200 closed"]),
        (date(2026, 3, 29), [span("02:10", "02:50")], []),
        (date(2026, 3, 29), [span("08:00", "20:00")], ["08:00+0200 open", "20:00+0200 closed"]),
        # 02:00 to 03:00 is there twice: open by the clock on the wall both times.
        (
            date(2026, 10, 25),
            [span("02:10", "02:50")],
            ["02:10+0200 open", "02:50+0200 closed", "02:10+0100 open", "02:50+0100 closed"],
        ),
        (
            date(2026, 10, 25),
            [span("00:00", "02:30")],
            ["00:00+0200 open", "02:30+0200 closed", "02:00+0100 open", "02:30+0100 closed"],
        ),
        (date(2026, 10, 25), [span("02:30", "04:00")], ["02:30+0200 open", "02:00+0100 closed", "02:30+0100 open", "04:00+0100 closed"]),
        (date(2026, 10, 25), [span("00:00", "24:00")], ["00:00+0200 open"]),
    ],
)
def test_days_on_which_clocks_are_changed(day: date, hours: list[Any], expected: list[str]) -> None:
    calendar = Calendar.model_validate({"dates": {day.isoformat(): hours}, "chinese_holidays": False})
    assert openings(calendar, day, BERLIN) == expected


def test_moments_are_all_the_moments_there_are() -> None:
    """Minute by minute over the two days on which clocks are changed, and a common one: no change between two of the moments."""
    week = [span("00:00", "00:30"), span("01:15", "02:45"), span("02:50", "03:10"), span("22:00", "24:00")]
    calendar = Calendar.model_validate({"weekdays": week, "weekends": week, "chinese_holidays": False})
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 20)):
        begin = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC) - timedelta(hours=1)
        known = set(moments(calendar, begin, begin + timedelta(hours=28), BERLIN))
        for minute in range(1, 27 * 60):
            at = begin + timedelta(minutes=minute)
            if calendar.is_open(at, BERLIN) is not calendar.is_open(at - timedelta(minutes=1), BERLIN):
                assert at in known, f"{at}: nobody was told"


def test_midnight_that_is_skipped_still_begins_the_day() -> None:
    """Beirut's clocks go from 00:00 to 01:00 on 2026-03-29."""
    zone = ZoneInfo("Asia/Beirut")
    calendar = Calendar.model_validate({"dates": {"2026-03-29": [span("00:00", "24:00")]}, "chinese_holidays": False})
    assert openings(calendar, date(2026, 3, 29), zone) == ["01:00+0300 open"]


def test_the_shipped_calendar_is_the_rules() -> None:
    shipped = load_calendars(SHIPPED_CALENDAR)["hotline"]
    assert shipped.is_open(datetime(2026, 11, 21, 19, 59, 59, tzinfo=SHANGHAI), SHANGHAI)
    assert not shipped.is_open(datetime(2026, 11, 21, 20, 0, tzinfo=SHANGHAI), SHANGHAI)
    assert shipped.standing(datetime(2026, 10, 1, 12, tzinfo=SHANGHAI), SHANGHAI).state is HoursState.HOLIDAY


@pytest.mark.parametrize(
    ("today", "told"),
    [(date(2026, 10, 31), []), (date(2026, 11, 1), [2027]), (date(2027, 1, 1), [2027]), (date(2027, 11, 1), [2027, 2028])],
)
def test_a_year_without_a_notice_is_told_of_from_november_on(today: date, told: list[int]) -> None:
    found = doubts([OFFICE, AlwaysOpen()], today)
    assert found == [Doubt(year) for year in told]
    assert all(f"holidays of {doubt.year} isn't known" in str(doubt) for doubt in found)
    assert doubts([AlwaysOpen(), Calendar(chinese_holidays=False)], today) == [], "nothing hangs on it"

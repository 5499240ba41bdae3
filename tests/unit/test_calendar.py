"""Working hours over every day of the years whose holidays are published, and at the edges of a day (R3)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callflows.calendar import Calendar, CalendarError, day_kind, load_calendars
from ivr.assembly import SHIPPED_CALENDAR

ZONE = ZoneInfo("Asia/Shanghai")
OFFICE = Calendar.model_validate(
    {
        "weekdays": [{"from": "08:00", "to": "12:00"}, {"from": "13:00", "to": "20:00"}],
        "weekends": [],
        "public_holidays": [],
        "dates": {"2026-11-20": [{"from": "08:00", "to": "12:00"}], "2026-11-21": [{"from": "10:00", "to": "24:00"}]},
    }
)
# The State Council's make-up working days of 2026 (国办发明电): Saturdays and Sundays on which offices work.
MAKE_UP_2026 = {date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10)}


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T07:59:59", False),
        ("2026-11-23T08:00:00", True),
        ("2026-11-23T11:59:59", True),
        ("2026-11-23T12:00:00", False),
        ("2026-11-23T13:00:00", True),
        ("2026-11-23T19:59:59", True),
        ("2026-11-23T20:00:00", False),
        ("2026-11-20T13:30:00", False),  # half a day, written in the file
        ("2026-11-21T23:59:59", True),  # a Saturday the file opens, to the end of the day
        ("2026-11-22T10:00:00", False),
        ("2026-02-14T10:00:00", True),  # a make-up Saturday
        ("2026-10-01T10:00:00", False),  # National Day
    ],
)
def test_open_or_closed(moment: str, is_open: bool) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=ZONE)
    assert OFFICE.is_open(at, ZONE) is is_open
    assert OFFICE.is_open(at.astimezone(ZoneInfo("UTC")), ZONE) is is_open


def test_every_day_of_2026() -> None:
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(365)]
    assert {day for day in days if day.weekday() >= 5 and day_kind(day) == "workday"} == MAKE_UP_2026
    assert all(day_kind(day) == "holiday" for day in days if day.month == 10 and day.day <= 7)
    assert sum(day_kind(day) == "workday" for day in days) == 248


def test_a_year_without_a_notice_goes_by_the_weekday() -> None:
    assert day_kind(date(2099, 1, 1)) == "workday"
    assert OFFICE.is_open(datetime(2099, 1, 1, 10, tzinfo=ZONE), ZONE)


def test_the_next_opening() -> None:
    friday_night = datetime(2026, 9, 30, 21, 0, tzinfo=ZONE)
    assert OFFICE.opens_at(friday_night, ZONE) == datetime(2026, 10, 8, 8, 0, tzinfo=ZONE)
    assert OFFICE.opens_at(datetime(2026, 11, 23, 12, 30, tzinfo=ZONE), ZONE) == datetime(2026, 11, 23, 13, 0, tzinfo=ZONE)
    assert Calendar().opens_at(friday_night, ZONE) is None


def test_the_shipped_calendar_is_the_rules() -> None:
    shipped = load_calendars(SHIPPED_CALENDAR)["hotline"]
    assert shipped.is_open(datetime(2026, 11, 21, 19, 59, tzinfo=ZONE), ZONE)
    assert not shipped.is_open(datetime(2026, 11, 21, 20, 0, tzinfo=ZONE), ZONE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hotline: {weekdays: [{from: '20:00', to: '08:00'}]}", "must be before"),
        ("hotline: {weekday: []}", "hotline.weekday: Extra inputs"),
        ("hotline: {weekdays: [{from: 8am, to: '20:00'}]}", "hotline.weekdays.0.from"),
        ("hotline: [", ":1: this is not YAML"),
        ("", "a table of names and hours"),
    ],
)
def test_a_wrong_calendar_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "calendar.yaml"
    file.write_text(text)
    with pytest.raises(CalendarError) as raised:
        load_calendars(file)
    assert sentence in str(raised.value)

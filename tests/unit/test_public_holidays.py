"""Every day of 2024 to 2026 by the State Council's own notices, copied here by hand; and the years no notice is known for."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from callflows.calendar import Calendar, Why
from callflows.public_holidays import Day, DayKind, Notice, day_of, disagreements, forecast, published


def days(first: str, last: str | None = None) -> list[date]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    return [begin + timedelta(days=ahead) for ahead in range((end - begin).days + 1)]


# 国务院办公厅关于2024年部分节假日安排的通知, 国办发明电〔2023〕7号, 25 October 2023. The Spring Festival's Eve, 9 February, is a
# working day of which employers are only asked to let people go.
OFF_2024 = [
    *days("2024-01-01"),
    *days("2024-02-10", "2024-02-17"),
    *days("2024-04-04", "2024-04-06"),
    *days("2024-05-01", "2024-05-05"),
    *days("2024-06-10"),
    *days("2024-09-15", "2024-09-17"),
    *days("2024-10-01", "2024-10-07"),
]
WORKED_2024 = "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12"
# 国务院办公厅关于2025年部分节假日安排的通知, 国办发明电〔2024〕12号, 12 November 2024.
OFF_2025 = [
    *days("2025-01-01"),
    *days("2025-01-28", "2025-02-04"),
    *days("2025-04-04", "2025-04-06"),
    *days("2025-05-01", "2025-05-05"),
    *days("2025-05-31", "2025-06-02"),
    *days("2025-10-01", "2025-10-08"),
]
WORKED_2025 = "01-26 02-08 04-27 09-28 10-11"
# 国务院办公厅关于2026年部分节假日安排的通知, 4 November 2025.
OFF_2026 = [
    *days("2026-01-01", "2026-01-03"),
    *days("2026-02-15", "2026-02-23"),
    *days("2026-04-04", "2026-04-06"),
    *days("2026-05-01", "2026-05-05"),
    *days("2026-06-19", "2026-06-21"),
    *days("2026-09-25", "2026-09-27"),
    *days("2026-10-01", "2026-10-07"),
]
WORKED_2026 = "01-04 02-14 02-28 05-09 09-20 10-10"
OFF = {*OFF_2024, *OFF_2025, *OFF_2026}
WORKED = {
    date.fromisoformat(f"{year}-{day}")
    for year, listed in ((2024, WORKED_2024), (2025, WORKED_2025), (2026, WORKED_2026))
    for day in listed.split()
}
EVERY_DAY = days("2024-01-01", "2026-12-31")


def by_the_notice(day: date) -> DayKind:
    if day in OFF:
        return DayKind.HOLIDAY
    if day in WORKED:
        return DayKind.MAKE_UP_DAY
    return DayKind.WEEKEND if day.weekday() >= 5 else DayKind.WORKDAY


def test_the_table_is_whole() -> None:
    """As many working days as the three notices leave: 2024 has 366 days."""
    kinds = [by_the_notice(day) for day in EVERY_DAY]
    assert len(kinds) == 1096
    worked = [day.year for day, kind in zip(EVERY_DAY, kinds, strict=True) if kind in (DayKind.WORKDAY, DayKind.MAKE_UP_DAY)]
    assert [worked.count(year) for year in (2024, 2025, 2026)] == [251, 248, 248]


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_day_is_what_the_notice_says(year: int) -> None:
    wrong = [f"{day}: {day_of(day, {}).kind}" for day in EVERY_DAY if day.year == year and day_of(day, {}).kind is not by_the_notice(day)]
    assert wrong == []


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_the_two_libraries_agree(year: int) -> None:
    assert disagreements(year) == ()
    assert published(date(year, 6, 1)) is not None


def test_every_holiday_and_make_up_day_has_its_name() -> None:
    assert [day for day in sorted(OFF | WORKED) if not day_of(day, {}).holiday] == []
    assert day_of(date(2026, 2, 14), {}).holiday == "spring_festival"
    assert day_of(date(2026, 1, 4), {}).holiday == "new_year"


def test_a_year_without_a_notice_is_forecast_from_the_law() -> None:
    assert day_of(date(2027, 2, 6), {}) == Day(DayKind.HOLIDAY, "spring_festival", provisional=True)
    assert day_of(date(2027, 10, 1), {}) == Day(DayKind.HOLIDAY, "national_day", provisional=True)
    assert day_of(date(2027, 3, 3), {}) == Day(DayKind.WORKDAY, provisional=True)
    assert disagreements(2027) == ()


@pytest.mark.parametrize("year", [1, 1999, 2027, 2028, 2050, 2101, 2150, 9998])
def test_no_year_is_a_crash(year: int) -> None:
    assert {forecast(day).provisional for day in days(f"{year:04}-01-01", f"{year:04}-12-31")} == {True}
    assert day_of(date(year, 1, 1), {}).kind in DayKind


def test_the_last_days_of_a_known_year_wait_for_the_next_notice() -> None:
    assert not day_of(date(2026, 12, 28), {}).provisional
    assert day_of(date(2026, 12, 31), {}).provisional
    assert not day_of(date(2025, 12, 31), {}).provisional
    notice = Notice.model_validate({"holidays": ["2027-01-01 to 2027-01-03"]})
    assert not day_of(date(2026, 12, 31), {2027: notice}).provisional


def test_a_notice_in_the_file_goes_before_the_libraries() -> None:
    notices = {
        2026: Notice.model_validate({"holidays": ["2026-10-01 to 2026-10-03"], "make_up_days": ["2026-10-04"]}),
        2027: Notice.model_validate({"holidays": ["2026-12-31", "2027-01-01"]}),
    }
    calendar = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "20:00"}], "notices": notices})
    assert [day_of(date(2026, 10, day), notices).kind.value for day in range(1, 7)] == [
        *["holiday"] * 3,
        "make_up_day",
        "workday",
        "workday",
    ]
    assert day_of(date(2026, 12, 31), notices).kind is DayKind.HOLIDAY, "a notice may rule the year's end before it"
    assert day_of(date(2027, 10, 1), notices) == Day(DayKind.WORKDAY), "what the notice doesn't name is no holiday"
    assert calendar.plan(date(2026, 10, 4)).why is Why.MAKE_UP_DAY

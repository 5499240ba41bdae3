"""Chinese public holidays and make-up working days 调休: which days are worked, by whose word, and how sure that is. Pure.

The word of the State Council's yearly notice comes from the calendar file, else from ``chinesecalendar``. A year without a notice is
forecast by ``holidays`` from the law (its days off are known, the days swapped for them are not) and marked provisional.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Annotated, Any

import chinese_calendar
from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

SATURDAY = 5
# The notice comes in October or November: 25.10.2023, 12.11.2024, 4.11.2025. From here on its absence is told.
NOTICE_DUE = (11, 1)
# A notice may move the last days of the year before its own: 29 December 2018 was worked, the 31st of 2022 was off.
YEAR_END = (12, 29)

HOLIDAYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "new_year": {"zh": "元旦", "en": "New Year's Day"},
        "spring_festival": {"zh": "春节", "en": "Spring Festival"},
        "qingming": {"zh": "清明节", "en": "Tomb-Sweeping Day"},
        "labour_day": {"zh": "劳动节", "en": "Labour Day"},
        "dragon_boat": {"zh": "端午节", "en": "Dragon Boat Festival"},
        "mid_autumn": {"zh": "中秋节", "en": "Mid-Autumn Festival"},
        "national_day": {"zh": "国庆节", "en": "National Day"},
    }
)
# Both libraries' English names, by what only that one holds.
_NAMED = {
    "chinese new year": "spring_festival",
    "spring": "spring_festival",
    "new year": "new_year",
    "tomb": "qingming",
    "labo": "labour_day",
    "dragon": "dragon_boat",
    "national": "national_day",
    "mid-autumn": "mid_autumn",
}


class DayKind(StrEnum):
    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKE_UP_DAY = "make_up_day"  # a Saturday or Sunday on which offices work


@dataclass(frozen=True, slots=True)
class Day:
    """``holiday`` is a key of ``HOLIDAYS``, for a make-up day the one it is worked for; "" where there is none or nobody named it."""

    kind: DayKind
    holiday: str = ""
    provisional: bool = False


def _days(value: object) -> object:
    """Dates, and texts like ``2027-02-05 to 2027-02-11``."""
    if not isinstance(value, list | tuple | set | frozenset):
        return value  # pydantic says what it should be
    return frozenset(day for item in value for day in _span(item))


def _span(item: Any) -> Iterator[date]:
    if isinstance(item, date):
        yield item
        return
    first, to, last = str(item).partition(" to ")
    try:
        begin, end = date.fromisoformat(first.strip()), date.fromisoformat((last if to else first).strip())
    except ValueError:
        raise ValueError(f"{str(item)[:40]!r} is no date: write 2027-02-05, or 2027-02-05 to 2027-02-11") from None
    if not timedelta(0) <= end - begin <= timedelta(days=31):
        raise ValueError(f"{item}: the second date must follow the first, within a month")
    for ahead in range((end - begin).days + 1):
        yield begin + timedelta(days=ahead)


Days = Annotated[frozenset[date], BeforeValidator(_days)]


class Notice(BaseModel):
    """A State Council notice, copied into the calendar file: the days off, weekends among them or not, and the weekend days worked."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    holidays: Days
    make_up_days: Days = frozenset()

    @model_validator(mode="after")
    def _plausible(self) -> Notice:
        if both := sorted(self.holidays & self.make_up_days):
            raise ValueError(f"{both[0]} is both a holiday and a make-up day")
        if weekdays := sorted(day for day in self.make_up_days if day.weekday() < SATURDAY):
            raise ValueError(f"{weekdays[0]} is a {weekdays[0]:%A}: a make-up day is a Saturday or a Sunday")
        return self


Notices = Mapping[int, Notice]


def day_of(day: date, notices: Notices) -> Day:
    """What kind of day this is, by the file's notices, the library, or the forecast."""
    for notice in (notices.get(day.year), notices.get(day.year + 1)):
        if notice and day in notice.holidays:
            return Day(DayKind.HOLIDAY)
        if notice and day in notice.make_up_days:
            return Day(DayKind.MAKE_UP_DAY)
    found = _by_weekday(day) if day.year in notices else published(day) or forecast(day)
    if (day.month, day.day) >= YEAR_END and not known(day.year + 1, notices):
        return Day(found.kind, found.holiday, provisional=True)
    return found


def known(year: int, notices: Notices) -> bool:
    """Is this year's notice in the file or in the library?"""
    return year in notices or _published_year(year)


@lru_cache(maxsize=2048)
def published(day: date) -> Day | None:
    """By ``chinesecalendar``; None for a year it doesn't know."""
    try:
        works = chinese_calendar.is_workday(day)
        _, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return None
    weekend = day.weekday() >= SATURDAY
    if works:
        return Day(DayKind.MAKE_UP_DAY, _key(name)) if weekend else Day(DayKind.WORKDAY)
    return Day(DayKind.HOLIDAY, _key(name)) if name else Day(DayKind.WEEKEND)


@lru_cache(maxsize=2048)
def forecast(day: date) -> Day:
    """What the law says of a day whose notice isn't known: the holidays themselves, and nothing swapped for them."""
    name = _second_table(day.year).get(day)
    if name:
        return Day(DayKind.HOLIDAY, _key(name), provisional=True)
    return Day(_by_weekday(day).kind, provisional=True)


@lru_cache(maxsize=16)
def disagreements(year: int) -> tuple[date, ...]:
    """Days that one library has worked and the other off; empty for a year without a notice, which only one of them can forecast."""
    if not _published_year(year):
        return ()
    worked = _second_worked_weekends(year)
    if not worked:
        return ()  # the other library hasn't the notice yet: it can't be asked
    off = _second_table(year)
    days = (date(year, 1, 1) + timedelta(days=ahead) for ahead in range(366))
    return tuple(
        day
        for day in days
        if day.year == year
        and bool(chinese_calendar.is_workday(day)) is not (day in worked or (day.weekday() < SATURDAY and day not in off))
    )


@cache
def _published_year(year: int) -> bool:
    return published(date(year, 1, 1)) is not None if 1 <= year <= 9999 else False


@lru_cache(maxsize=16)
def _second_table(year: int) -> Mapping[date, str]:
    """Day off → name, by ``holidays``. Imported here: it takes 0.1 s, and a year with a notice needs it only to be checked."""
    from holidays import country_holidays

    return {day: str(name) for day, name in country_holidays("CN", years=year, language="en_US").items() if day.year == year}


@lru_cache(maxsize=16)
def _second_worked_weekends(year: int) -> frozenset[date]:
    from holidays import country_holidays

    return frozenset(day for day in country_holidays("CN", years=year).weekend_workdays if day.year == year)


def _key(name: str | None) -> str:
    lowered = (name or "").lower()
    return next((key for words, key in _NAMED.items() if words in lowered), "")


def _by_weekday(day: date) -> Day:
    return Day(DayKind.WEEKEND if day.weekday() >= SATURDAY else DayKind.WORKDAY)

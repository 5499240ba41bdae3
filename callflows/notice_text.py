"""A State Council notice as it is published (国务院办公厅关于…部分节假日安排的通知) to the days it rules; for ``ivrd hours notice``. Pure.

Nobody copies thirty dates without a slip: what the text says twice (weekdays in brackets, 共…天) is checked against itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from callflows.public_holidays import Notice

_YEAR = re.compile(r"(20\d\d)年部分节假日安排|现将(20\d\d)年")
# One holiday: "二、春节：2月15日（…）至23日（…）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。"
_ITEM = re.compile(r"^\s*[一二三四五六七八九十]+、\s*([^：:]{2,12})[：:](.+)$", re.MULTILINE)
_DAY = r"(?:(20\d\d)年)?(?:(\d{1,2})月)?(\d{1,2})日(?:\s*[（(]([^）)]*)[）)])?"
_OFF = re.compile(rf"{_DAY}(?:\s*(?:至|到|-|—|–|~)\s*{_DAY})?\s*放假([^。;；]*)")
_COUNT = re.compile(r"共\s*(\d{1,2})\s*天")
_WORKED = re.compile(rf"((?:{_DAY}\s*[、，,和及]?\s*)+)\s*上班")
_ONE = re.compile(_DAY)
_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_WEEKDAY = re.compile(r"(?:周|星期)([一二三四五六日天])")


class NoticeError(Exception):
    """This isn't a notice, or it contradicts itself; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """One holiday of a notice: its name as written, the days off in order, the weekend days worked for it."""

    name: str
    off: tuple[date, ...]
    worked: tuple[date, ...]


def read_notice(text: str) -> tuple[int, list[Holiday]]:
    """The year it is for, and its holidays. Raises NoticeError."""
    found = _YEAR.search(text)
    if not found:
        raise NoticeError("this doesn't say for which year it is: give the whole notice, with its title 关于…年部分节假日安排的通知")
    year = int(found[1] or found[2])
    holidays = [_holiday(year, item[1].strip(), item[2]) for item in _ITEM.finditer(text)]
    if not holidays:
        raise NoticeError("there is no holiday in this: give the whole notice, one holiday a line, like 一、元旦：1月1日放假……")
    off = [day for holiday in holidays for day in holiday.off]
    if twice := sorted({day for day in off if off.count(day) > 1}):
        raise NoticeError(f"{twice[0]} is in two holidays")
    if both := sorted(set(off) & {day for holiday in holidays for day in holiday.worked}):
        raise NoticeError(f"{both[0]} is both off and worked")
    return year, holidays


def as_notice(holidays: list[Holiday]) -> Notice:
    return Notice(
        holidays=frozenset(day for holiday in holidays for day in holiday.off),
        make_up_days=frozenset(day for holiday in holidays for day in holiday.worked),
    )


def as_yaml(year: int, holidays: list[Holiday]) -> str:
    """What belongs into the calendar file."""
    spans = ", ".join(f"{one.off[0]} to {one.off[-1]}" if len(one.off) > 1 else str(one.off[0]) for one in holidays)
    worked = ", ".join(str(day) for day in sorted(day for holiday in holidays for day in holiday.worked))
    return f"notices:\n  {year}:\n    holidays: [{spans}]\n    make_up_days: [{worked}]\n"


def _holiday(year: int, name: str, words: str) -> Holiday:
    span = _OFF.search(words)
    if not span:
        raise NoticeError(f"{name}: it doesn't say which days are off")
    begin = _day(year, None, span.groups()[:4], name)
    end = _day(year, begin.month, span.groups()[4:8], name) if span[7] else begin
    if not timedelta(0) <= end - begin <= timedelta(days=15):
        raise NoticeError(f"{name}: from {begin} to {end} is no holiday")
    off = tuple(begin + timedelta(days=ahead) for ahead in range((end - begin).days + 1))
    count = _COUNT.search(span[9])
    if count and int(count[1]) != len(off):
        raise NoticeError(f"{name}: it says {count[1]} days, and from {begin} to {end} there are {len(off)}")
    worked: list[date] = []
    for listed in _WORKED.finditer(words):
        month = None
        for one in _ONE.finditer(listed[1]):
            day = _day(year, month, one.groups(), name)
            month = day.month
            if day.weekday() < 5:
                raise NoticeError(f"{name}: {day} is worked, and is a {day:%A}: a make-up day is a Saturday or a Sunday")
            worked.append(day)
    return Holiday(name, off, tuple(worked))


def _day(year: int, month: int | None, parts: tuple[str | None, ...], name: str) -> date:
    """``parts``: year, month, day and what stands in brackets."""
    written_month = int(parts[1]) if parts[1] else month
    if written_month is None:
        raise NoticeError(f"{name}: a day without a month")
    try:
        day = date(int(parts[0]) if parts[0] else year, written_month, int(parts[2] or 0))
    except ValueError:
        raise NoticeError(f"{name}: there is no {written_month}月{parts[2]}日 in {year}") from None
    weekday = _WEEKDAY.search(parts[3] or "")
    if weekday and _WEEKDAYS[weekday[1]] != day.weekday():
        raise NoticeError(f"{name}: {day} is a {day:%A}, and the notice calls it {weekday[0]}")
    return day

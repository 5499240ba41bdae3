"""When a line is staffed: weekly hours, Chinese public holidays and make-up working days 调休, overridden by the file (R3).

Pure, read from ``config/calendar.yaml``. Order: a date written in the file > public holiday > weekly hours; default closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import chinese_calendar
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

DAYS_LOOKED_AHEAD = 30  # for "we open again at": the longest Chinese holiday is 9 days


class CalendarError(Exception):
    """The calendar file can't be used; the message is one sentence a line, with file and what is wrong."""


def _clock(value: object) -> object:
    # YAML 1.2 leaves 08:00 a text, as wanted; 24:00 is how people write the end of a day.
    if isinstance(value, str):
        return time.max if value == "24:00" else time.fromisoformat(value)
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class Span(BaseModel):
    """Staffed from ``start`` until just before ``end``, local time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]

    @model_validator(mode="after")
    def _forward(self) -> Span:
        if self.start >= self.end:
            raise ValueError("'from' must be before 'to'; hours past midnight are two spans")
        return self

    def holds(self, moment: time) -> bool:
        return self.start <= moment < self.end or (self.end == time.max and self.start <= moment)


class Calendar(BaseModel):
    """One line's hours. ``dates`` win over everything: an empty list is a closed day."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    weekdays: tuple[Span, ...] = ()
    weekends: tuple[Span, ...] = ()
    public_holidays: tuple[Span, ...] = ()
    chinese_holidays: bool = True
    dates: Mapping[date, tuple[Span, ...]] = Field(default_factory=dict)

    def spans(self, day: date) -> tuple[Span, ...]:
        if day in self.dates:
            return self.dates[day]
        kind = day_kind(day) if self.chinese_holidays else _by_weekday(day)
        return {"workday": self.weekdays, "weekend": self.weekends, "holiday": self.public_holidays}[kind]

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        local = at.astimezone(zone)
        return any(span.holds(local.time()) for span in self.spans(local.date()))

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """The next opening after ``at``, in ``zone``; None when there is none within a month."""
        local = at.astimezone(zone)
        for ahead in range(DAYS_LOOKED_AHEAD + 1):
            day = local.date() + timedelta(days=ahead)
            for span in sorted(self.spans(day), key=lambda span: span.start):
                opening = datetime.combine(day, span.start, zone)
                if opening > local:
                    return opening
        return None


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """The demo's calendar: staffed round the clock, so that a newcomer is served whenever he calls."""

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        return True

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        return None


def _by_weekday(day: date) -> str:
    return "weekend" if day.weekday() >= 5 else "workday"


def day_kind(day: date) -> str:
    """``workday``, ``weekend`` or ``holiday`` by the State Council's notice; by the weekday where a year has none yet."""
    try:
        if chinese_calendar.is_workday(day):
            return "workday"
        _, holiday = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:  # the year's notice is not published, or not in the library yet
        return _by_weekday(day)
    return "holiday" if holiday else "weekend"


def load_calendars(path: Path) -> dict[str, Calendar]:
    """Name → calendar from a YAML file. Raises CalendarError."""
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarError(f"{path}: the calendar can't be read: {error}") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CalendarError(f"{path}:{line}: this is not YAML: {error.problem}") from error
    except (YAMLError, ValueError) as error:
        raise CalendarError(f"{path}: this is not YAML: {error}") from error
    if not isinstance(document, dict) or not document:
        raise CalendarError(f"{path}: a calendar file is a table of names and hours")
    calendars: dict[str, Calendar] = {}
    problems: list[str] = []
    for name, body in document.items():
        try:
            calendars[str(name)] = Calendar.model_validate(body)
        except ValidationError as error:
            problems += [
                f"{path}: {name}.{'.'.join(str(part) for part in problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors()
            ]
    if problems:
        raise CalendarError("\n".join(problems))
    return calendars

"""When a line is staffed: weekly hours, Chinese public holidays and make-up working days 调休, overridden by the file (R3). Pure.

Order: a date written in the file, then public holiday, then make-up day, then weekly hours; what nothing opens is closed. Overrides
set by people come on top, in ``line_hours``. ``calendar_file`` reads ``config/calendar.yaml``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from callflows.outcomes import Hours, HoursState
from callflows.public_holidays import NOTICE_DUE, SATURDAY, Day, DayKind, Notice, day_of, disagreements, known
from callflows.wall_clock import instants

DAYS_LOOKED_AHEAD = 30  # for "we open again at": the longest Chinese holiday is 9 days
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class CalendarError(Exception):
    """The calendar file can't be used; the message is one sentence a line, with file, line and what is wrong."""


class Why(StrEnum):
    """What decided a state."""

    WEEKLY = "weekly"
    MAKE_UP_DAY = "make_up_day"
    PUBLIC_HOLIDAY = "public_holiday"
    DATE = "date"  # written in the file
    OVERRIDE = "override"  # set by somebody, until a time
    ALWAYS = "always"  # the demo's calendar


@dataclass(frozen=True, slots=True)
class Standing:
    """A line's state at a moment and what decided it. ``holiday`` is a key of ``HOLIDAYS`` or "", ``note`` an override's reason and who
    set it; ``provisional`` where a State Council notice that isn't known might still change it."""

    state: HoursState
    why: Why
    holiday: str = ""
    note: str = ""
    provisional: bool = False


class StaffedHours(Protocol):
    """A calendar, as sessions and the simulator ask it. ``at`` is any aware time; answers are in ``zone``."""

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool: ...
    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None: ...
    def hours_at(self, at: datetime, zone: ZoneInfo) -> Hours: ...


class WallHours(Protocol):
    """A calendar, as schedules are made of it: ``edges`` are the times of a day's clock at which ``standing`` can change."""

    def standing(self, at: datetime, zone: ZoneInfo) -> Standing: ...
    def edges(self, day: date) -> Sequence[time]: ...


def _clock(value: object) -> object:
    # YAML 1.2 leaves 08:00 a text, as wanted; a number would be taken for seconds. 24:00 is how people write the end of a day.
    if isinstance(value, time):
        return value
    try:
        return time.max if value == "24:00" else time.fromisoformat(str(value) if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{str(value)[:20]!r} is no time of day: write it like 08:00, in quotes") from None


Clock = Annotated[time, BeforeValidator(_clock)]


class Span(BaseModel):
    """Staffed from ``start`` until just before ``end``, local time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start: Annotated[Clock, Field(alias="from")]
    end: Annotated[Clock, Field(alias="to")]

    @model_validator(mode="after")
    def _forward(self) -> Span:
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("the hours are in the hotline's time zone: write 08:00, without an offset")
        if self.start >= self.end:
            raise ValueError("'from' must be before 'to'; hours past midnight are two spans")
        return self

    def holds(self, moment: time) -> bool:
        return self.start <= moment < self.end or (self.end == time.max and self.start <= moment)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{'24:00' if self.end == time.max else f'{self.end:%H:%M}'}"


DATE_WORDS = ("closed", "half_day", "weekdays", "weekends")


def _date_plan(value: object) -> object:
    if isinstance(value, str) and value not in DATE_WORDS:
        raise ValueError(f"{value[:20]!r} is no plan for a date: write {', '.join(DATE_WORDS)}, or its hours; [] is closed")
    return value


DateWord = Literal["closed", "half_day", "weekdays", "weekends"]
DatePlan = Annotated[
    Annotated[tuple[Span, ...], Tag("hours")] | Annotated[DateWord, Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "hours"),
    BeforeValidator(_date_plan),
]


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A day's hours, in order, and what they come from. On a ``holiday`` the time outside of them is holiday, else closed."""

    spans: tuple[Span, ...]
    why: Why
    is_holiday: bool = False
    holiday: str = ""
    provisional: bool = False


class Calendar(BaseModel):
    """One set of hours, shared by the lines that name it.

    ``weekdays`` and ``weekends`` are the week, a day's own name (``saturday``) goes before them; make-up days go by ``make_up_days``,
    else like weekdays. ``dates`` win over everything: hours of that date, or closed, half_day, weekdays, weekends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    weekdays: tuple[Span, ...] = ()
    weekends: tuple[Span, ...] = ()
    monday: tuple[Span, ...] | None = None
    tuesday: tuple[Span, ...] | None = None
    wednesday: tuple[Span, ...] | None = None
    thursday: tuple[Span, ...] | None = None
    friday: tuple[Span, ...] | None = None
    saturday: tuple[Span, ...] | None = None
    sunday: tuple[Span, ...] | None = None
    public_holidays: tuple[Span, ...] = ()
    make_up_days: tuple[Span, ...] | None = None
    half_day: tuple[Span, ...] = ()
    chinese_holidays: bool = True
    dates: Mapping[date, DatePlan] = Field(default_factory=dict)
    notices: Mapping[int, Notice] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sensible(self) -> Calendar:
        for name, value in self:
            if name != "dates" and isinstance(value, tuple):
                _named_apart(name, value)
        for day, plan in self.dates.items():
            if isinstance(plan, tuple):
                _named_apart(f"dates.{day}", plan)
            if plan == "half_day" and not self.half_day:
                raise ValueError(f"dates.{day} is a half_day, and the calendar doesn't say what that is: give half_day its hours")
        return self

    def plan(self, day: date) -> DayPlan:
        """The whole day's hours."""
        found = day_of(day, self.notices) if self.chinese_holidays else Day(_kind_by_weekday(day))
        off = found.kind is DayKind.HOLIDAY
        match self.dates.get(day):
            case "weekdays":
                return DayPlan(_ordered(self.weekdays), Why.DATE)
            case "weekends":
                return DayPlan(_ordered(self.weekends), Why.DATE)
            case "half_day":
                return DayPlan(_ordered(self.half_day), Why.DATE, off, found.holiday)
            case "closed" | ():
                return DayPlan((), Why.DATE, True, found.holiday if off else "")
            case tuple() as spans:
                return DayPlan(_ordered(spans), Why.DATE, off, found.holiday)
        if off:
            return DayPlan(_ordered(self.public_holidays), Why.PUBLIC_HOLIDAY, True, found.holiday, found.provisional)
        if found.kind is DayKind.MAKE_UP_DAY:
            hours = self.weekdays if self.make_up_days is None else self.make_up_days
            return DayPlan(_ordered(hours), Why.MAKE_UP_DAY, False, found.holiday, found.provisional)
        own: tuple[Span, ...] | None = getattr(self, WEEK[day.weekday()])
        general = self.weekends if found.kind is DayKind.WEEKEND else self.weekdays
        return DayPlan(_ordered(general if own is None else own), Why.WEEKLY, provisional=found.provisional)

    def standing(self, at: datetime, zone: ZoneInfo) -> Standing:
        local = at.astimezone(zone)
        plan = self.plan(local.date())
        if any(span.holds(local.time()) for span in plan.spans):
            state = HoursState.OPEN
        else:
            state = HoursState.HOLIDAY if plan.is_holiday else HoursState.CLOSED
        return Standing(state, plan.why, plan.holiday, provisional=plan.provisional)

    def edges(self, day: date) -> Sequence[time]:
        return [edge for span in self.plan(day).spans for edge in (span.start, span.end)]

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        return self.standing(at, zone).state is HoursState.OPEN

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """The next opening after ``at``, in ``zone``; None when there is none within a month."""
        return next_opening(lambda moment: self.standing(moment, zone).state, self, at, zone)

    def hours_at(self, at: datetime, zone: ZoneInfo) -> Hours:
        state = self.standing(at, zone).state
        return Hours(state) if state is HoursState.OPEN else Hours(state, self.opens_at(at, zone))


@dataclass(frozen=True, slots=True)
class AlwaysOpen:
    """The demo's calendar: staffed round the clock, so that a newcomer is served whenever he calls."""

    def standing(self, at: datetime, zone: ZoneInfo) -> Standing:
        return Standing(HoursState.OPEN, Why.ALWAYS)

    def edges(self, day: date) -> Sequence[time]:
        return ()

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        return True

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        return None

    def hours_at(self, at: datetime, zone: ZoneInfo) -> Hours:
        return Hours(HoursState.OPEN)


def moments(calendar: WallHours, begin: datetime, end: datetime, zone: ZoneInfo, also: Iterable[datetime] = ()) -> Iterator[datetime]:
    """Aware UTC, in order, after ``begin`` and before ``end``: every moment at which the calendar's standing can change, and ``also``.

    Day by day, as they are asked for: whoever wants the next opening need not look at the whole month.
    """
    extra = sorted({moment.astimezone(UTC) for moment in also if begin < moment < end})
    day, last, reached = begin.astimezone(zone).date(), end.astimezone(zone).date(), begin
    while day <= last:
        ends = datetime.combine(day + timedelta(days=1), time.min, zone)
        for moment in sorted({*instants(day, calendar.edges(day), zone), *(moment for moment in extra if moment < ends)}):
            if reached < moment < end:
                reached = moment
                yield moment
        day += timedelta(days=1)


def next_opening(
    state: Callable[[datetime], HoursState], calendar: WallHours, at: datetime, zone: ZoneInfo, also: Iterable[datetime] = ()
) -> datetime | None:
    """The first moment after ``at``, in ``zone``, at which ``state`` comes to be open; ``also``: moments the calendar doesn't know of."""
    was = state(at)
    for moment in moments(calendar, at, at + timedelta(days=DAYS_LOOKED_AHEAD + 1), zone, also):
        becomes = state(moment)
        if becomes is HoursState.OPEN and was is not HoursState.OPEN:
            return moment.astimezone(zone)
        was = becomes
    return None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of a year: its notice isn't known, or, with ``days``, the two libraries differ on them. As text it is a sentence for operators."""

    year: int
    days: tuple[date, ...] = ()

    def __str__(self) -> str:
        if self.days:
            return (
                f"chinesecalendar and holidays differ on {', '.join(str(day) for day in self.days)}: chinesecalendar is followed; compare "
                f"the State Council's notice, and write it under notices: {self.year}: if that is wrong"
            )
        return (
            f"the State Council's notice on the holidays of {self.year} isn't known: the hours of {self.year} are provisional, its "
            f"holidays forecast and its make-up days 调休 missing; upgrade chinesecalendar, or write the notice under notices: {self.year}:"
        )


def doubts(calendars: Collection[object], today: date) -> list[Doubt]:
    """What is uncertain in these calendars, this year's and from November on the next one's."""
    asking = [calendar for calendar in calendars if isinstance(calendar, Calendar) and calendar.chinese_holidays]
    if not asking:
        return []
    found = []
    for year in [today.year] + ([today.year + 1] if (today.month, today.day) >= NOTICE_DUE else []):
        if any(not known(year, calendar.notices) for calendar in asking):
            found.append(Doubt(year))
        elif any(year not in calendar.notices for calendar in asking) and (days := disagreements(year)):
            found.append(Doubt(year, days))
    return found


def _ordered(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: span.start))


def _named_apart(name: str, spans: tuple[Span, ...]) -> None:
    for one, other in zip(ordered := _ordered(spans), ordered[1:], strict=False):
        if other.start < one.end:
            raise ValueError(f"{name}: {one} and {other} overlap: make one span of them")


def _kind_by_weekday(day: date) -> DayKind:
    return DayKind.WEEKEND if day.weekday() >= SATURDAY else DayKind.WORKDAY

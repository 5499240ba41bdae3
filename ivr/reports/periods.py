"""The periods reports are made of: local days, weeks from Monday, months; and which are due. Pure; used by this room and its clock."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# What the clock missed is made up for so many periods: after a longer time nobody waits for them, and `ivrd reports make` makes any.
MADE_UP = {Kind.DAY: 7, Kind.WEEK: 2, Kind.MONTH: 2}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """``first`` is its first local day: any day, a Monday, or the first of a month."""

    kind: Kind
    first: date

    @classmethod
    def around(cls, kind: Kind, day: date) -> Period:
        """The period of this kind that holds ``day``."""
        if kind is Kind.WEEK:
            return cls(kind, day - timedelta(days=day.weekday()))
        return cls(kind, day.replace(day=1) if kind is Kind.MONTH else day)

    @property
    def after(self) -> date:
        """The first day that is no longer in it."""
        if self.kind is Kind.MONTH:
            return (self.first + timedelta(days=32)).replace(day=1)
        return self.first + timedelta(days=7 if self.kind is Kind.WEEK else 1)

    @property
    def last(self) -> date:
        return self.after - timedelta(days=1)

    @property
    def previous(self) -> Period:
        """The one before; what a report compares with is ``compared``."""
        return Period.around(self.kind, self.first - timedelta(days=1))

    @property
    def compared(self) -> Period:
        """The same period before: a Monday is compared with the Monday before, for days of the week are alike and neighbours aren't."""
        return Period(self.kind, self.first - timedelta(days=7)) if self.kind is Kind.DAY else self.previous

    @property
    def name(self) -> str:
        """As the database and the files have it: 2026-11-16."""
        return self.first.isoformat()

    def start(self, zone: ZoneInfo) -> datetime:
        """Its first midnight in ``zone``, as aware UTC."""
        return midnight(self.first, zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """The midnight after it, as aware UTC: the period is [start, end), 23 or 25 hours for a day on which clocks change."""
        return midnight(self.after, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def due_at(period: Period, daily_at: time, zone: ZoneInfo) -> datetime:
    """When it is to be made: ``daily_at`` on the first day after it. An hour that clocks leave out counts as the one after."""
    return datetime.combine(period.after, daily_at, zone).astimezone(UTC)


def due(
    now: datetime,
    kinds: Mapping[Kind, Set[date]],
    daily_at: time,
    zone: ZoneInfo,
    *,
    since: datetime,
    bounds: Mapping[Kind, int] = MADE_UP,
) -> list[Period]:
    """Which reports are to be made now, the oldest first.

    ``kinds`` gives for each wanted kind the first days of those made already. A kind begins with the latest when none was ever made, and
    nothing from before its first is made up later.
    Nothing is made of a time that ended before ``since``, when the first call came: a new hotline has no past to report.
    """
    found: list[Period] = []
    for kind, made in kinds.items():
        period = Period.around(kind, now.astimezone(zone).date()).previous
        if due_at(period, daily_at, zone) > now:
            period = period.previous
        earliest = min(made, default=period.first)
        for _ in range(bounds[kind]):
            if period.end(zone) <= since or period.first < earliest:
                break
            if period.first not in made:
                found.append(period)
            period = period.previous
    return sorted(found, key=lambda period: (period.after, period.kind))

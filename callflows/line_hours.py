"""A line's hours with what people set on top of its calendar until a time: emergencies, closings, openings. Pure; for ``ivr.hours``.

An emergency goes before everything. Of the others that hold, the newest counts; without any, the calendar does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from callflows.calendar import Standing, WallHours, Why, moments, next_opening
from callflows.outcomes import Hours, HoursState


class Setting(StrEnum):
    """What a line can be set to."""

    OPEN = "open"
    CLOSED = "closed"
    EMERGENCY = "emergency"


_STATES = {Setting.OPEN: HoursState.OPEN, Setting.CLOSED: HoursState.CLOSED, Setting.EMERGENCY: HoursState.EMERGENCY}


@dataclass(frozen=True, slots=True)
class Override:
    """Times are aware UTC; ``line`` None is every line. It holds from ``begins_at`` until just before ``ends_at`` or its withdrawal."""

    id: int
    line: str | None
    setting: Setting
    begins_at: datetime
    ends_at: datetime
    reason: str
    set_by: str
    set_from: str  # phone, console, command
    set_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None

    def concerns(self, line: str) -> bool:
        return self.line is None or self.line == line

    def holds(self, at: datetime) -> bool:
        return self.begins_at <= at < self.ends_at and (self.withdrawn_at is None or at < self.withdrawn_at)


def deciding(overrides: Iterable[Override], at: datetime) -> Override | None:
    """The one that counts at this moment."""
    holding = [override for override in overrides if override.holds(at)]
    return max(holding, key=lambda found: (found.setting is Setting.EMERGENCY, found.set_at, found.id), default=None)


@dataclass(frozen=True, slots=True)
class LineSchedule:
    """``overrides`` are those that concern this line. Every ``at`` is any aware time."""

    line: str
    calendar: WallHours
    zone: ZoneInfo
    overrides: tuple[Override, ...] = ()

    @classmethod
    def of(cls, line: str, calendar: WallHours, zone: ZoneInfo, overrides: Iterable[Override]) -> LineSchedule:
        return cls(line, calendar, zone, tuple(override for override in overrides if override.concerns(line)))

    def standing(self, at: datetime) -> Standing:
        override = deciding(self.overrides, at)
        if override is None:
            return self.calendar.standing(at, self.zone)
        note = f"{override.reason} ({override.set_by})" if override.reason else override.set_by
        return Standing(_STATES[override.setting], Why.OVERRIDE, note=note)

    def hours_at(self, at: datetime) -> Hours:
        """As a flow is told: the state, and when the line opens again."""
        state = self.standing(at).state
        return Hours(state) if state is HoursState.OPEN else Hours(state, self.opens_at(at))

    def opens_at(self, at: datetime) -> datetime | None:
        """The next time after ``at`` that the line comes to be open, in its zone; None when that isn't within a month."""
        return next_opening(lambda moment: self.standing(moment).state, self.calendar, at, self.zone, also=self._turns())

    def moments(self, begin: datetime, end: datetime) -> list[datetime]:
        """Aware UTC, in order, between the two: every moment at which the standing can change."""
        return list(moments(self.calendar, begin, end, self.zone, also=self._turns()))

    def _turns(self) -> list[datetime]:
        return [
            moment
            for override in self.overrides
            for moment in (override.begins_at, override.ends_at, override.withdrawn_at)
            if moment is not None
        ]

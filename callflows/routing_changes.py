"""Every change of routing in a stretch of time, and what another calendar or another override would change. Pure; for CLI and console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from callflows.calendar import Standing, Why
from callflows.line_hours import LineSchedule
from callflows.outcomes import HoursState


@dataclass(frozen=True, slots=True)
class Change:
    """From ``at`` (in the line's zone) on, its callers are routed otherwise."""

    line: str
    at: datetime
    before: Standing
    after: Standing

    @property
    def provisional(self) -> bool:
        return self.before.provisional or self.after.provisional


@dataclass(frozen=True, slots=True)
class Difference:
    """Between ``begin`` and ``end`` (in the line's zone) callers would be routed otherwise; None: the line would be new, or gone."""

    line: str
    begin: datetime
    end: datetime
    now: Standing | None
    then: Standing | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A line's state from ``begin`` until just before ``end``."""

    begin: datetime
    end: datetime
    standing: Standing


@dataclass(frozen=True, slots=True)
class DayHours:
    """A line's local day as a person reads it: when it is open, and what is unusual about that."""

    line: str
    day: date
    open: tuple[tuple[time, time], ...]  # an end of 00:00 is the end of the day
    unusual: tuple[Standing, ...]  # what other than the week decided something of it, each once, in order
    provisional: bool


def changes(schedule: LineSchedule, begin: datetime, end: datetime) -> list[Change]:
    """In order: every moment between the two at which the line's state comes to be another."""
    return [
        Change(schedule.line, late.begin, early.standing, late.standing)
        for early, late in pairwise(stretches(schedule, begin, end))
        if late.standing.state is not early.standing.state
    ]


def stretches(schedule: LineSchedule, begin: datetime, end: datetime) -> list[Stretch]:
    """The time between the two without gaps, cut wherever the standing (state or reason) changes."""
    edges = [begin, *schedule.moments(begin, end)]
    standings = [schedule.standing(edge) for edge in edges]
    kept = [index for index in range(len(edges)) if index == 0 or standings[index] != standings[index - 1]]
    ends = [*(edges[index] for index in kept[1:]), end]
    zone = schedule.zone
    return [Stretch(edges[index].astimezone(zone), stop.astimezone(zone), standings[index]) for index, stop in zip(kept, ends, strict=True)]


def compare(now: Mapping[str, LineSchedule], then: Mapping[str, LineSchedule], begin: datetime, end: datetime) -> list[Difference]:
    """By time: every stretch in which a line's state would be another, with why it is and why it would be."""
    found: list[Difference] = []
    for line in sorted({*now, *then}):
        found += _compared(line, now.get(line), then.get(line), begin, end)
    return sorted(found, key=lambda difference: (difference.begin, difference.line))


def _compared(line: str, now: LineSchedule | None, then: LineSchedule | None, begin: datetime, end: datetime) -> list[Difference]:
    known = [schedule for schedule in (now, then) if schedule is not None]
    zone = known[0].zone
    edges = sorted({begin, end, *(moment for schedule in known for moment in schedule.moments(begin, end))})
    found: list[Difference] = []
    for edge, after in pairwise(edges):
        is_now, is_then = (schedule.standing(edge) if schedule else None for schedule in (now, then))
        if is_now is not None and is_then is not None and is_now.state is is_then.state:
            continue
        if found and found[-1].end == edge and (found[-1].now, found[-1].then) == (is_now, is_then):
            found[-1] = Difference(line, found[-1].begin, after.astimezone(zone), is_now, is_then)
        else:
            found.append(Difference(line, edge.astimezone(zone), after.astimezone(zone), is_now, is_then))
    return found


def day_hours(schedule: LineSchedule, day: date) -> DayHours:
    """The whole local day, whatever the time is now."""
    begin = datetime.combine(day, time.min, schedule.zone)
    end = datetime.combine(day + timedelta(days=1), time.min, schedule.zone)
    parts = stretches(schedule, begin, end)
    opened: list[tuple[time, time]] = []
    for part in parts:
        if part.standing.state is not HoursState.OPEN:
            continue
        first, last = part.begin.time(), part.end.time()
        if opened and opened[-1][1] == first:
            opened[-1] = (opened[-1][0], last)
        else:
            opened.append((first, last))
    unusual = [part.standing for part in parts if part.standing.why not in (Why.WEEKLY, Why.ALWAYS)]
    each: dict[tuple[Why, str, str, bool], Standing] = {}
    for standing in unusual:
        closing = standing.why is Why.OVERRIDE and standing.state is not HoursState.OPEN
        each.setdefault((standing.why, standing.holiday, standing.note, closing), standing)
    return DayHours(schedule.line, day, tuple(opened), tuple(each.values()), any(part.standing.provisional for part in parts))

"""The lines' hours as JSON and as short words, the same for ``ivrd hours``, the API and the console."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callflows.calendar import DAYS_LOOKED_AHEAD, Standing, Why
from callflows.line_hours import LineSchedule, Override
from callflows.outcomes import HoursState
from callflows.public_holidays import HOLIDAYS
from callflows.routing_changes import Change, Difference, changes, day_hours

_WHY = {
    Why.WEEKLY: "weekly hours",
    Why.MAKE_UP_DAY: "make-up day 调休",
    Why.PUBLIC_HOLIDAY: "public holiday",
    Why.DATE: "date in the file",
    Why.OVERRIDE: "set by hand",
    Why.ALWAYS: "always open",
}


def next_change(schedule: LineSchedule, at: datetime) -> Change | None:
    """The first within a month, or None."""
    return next(iter(changes(schedule, at, at + timedelta(days=DAYS_LOOKED_AHEAD + 1))), None)


def line_as_json(schedule: LineSchedule, at: datetime) -> dict[str, Any]:
    """A line at a moment, with the hours of that day."""
    hours, following = schedule.hours_at(at), next_change(schedule, at)
    today = day_hours(schedule, at.astimezone(schedule.zone).date())
    return {
        "line": schedule.line,
        **standing_as_json(schedule.standing(at)),
        "opens_at": _iso(hours.opens_at, schedule.zone),
        "next_change": {"at": _iso(following.at, schedule.zone), "state": following.after.state.value} if following else None,
        "today": [[clock(begin), clock(end, ends=True)] for begin, end in today.open],
    }


def standing_as_json(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.state.value,
        "why": standing.why.value,
        "holiday": standing.holiday or None,
        "note": standing.note or None,
        "provisional": standing.provisional,
    }


def override_as_json(override: Override, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": override.id,
        "line": override.line,
        "state": override.setting.value,
        "from": _iso(override.begins_at, zone),
        "until": _iso(override.ends_at, zone),
        "reason": override.reason,
        "set_by": override.set_by,
        "set_from": override.set_from,
        "set_at": _iso(override.set_at, zone),
        "withdrawn_at": _iso(override.withdrawn_at, zone),
        "withdrawn_by": override.withdrawn_by,
    }


def change_as_json(change: Change) -> dict[str, Any]:
    before, after = standing_as_json(change.before), standing_as_json(change.after)
    return {"line": change.line, "at": change.at.isoformat(timespec="seconds"), "before": before, "after": after}


def difference_as_json(difference: Difference) -> dict[str, Any]:
    return {
        "line": difference.line,
        "from": difference.begin.isoformat(timespec="seconds"),
        "until": difference.end.isoformat(timespec="seconds"),
        "now": standing_as_json(difference.now) if difference.now else None,
        "then": standing_as_json(difference.then) if difference.then else None,
    }


def why_in_words(standing: Standing) -> str:
    """What decided it, for the terminal: public holiday (National Day), set by hand: fire drill (cli:li)."""
    words = _WHY[standing.why]
    if standing.holiday:
        words += f" ({HOLIDAYS[standing.holiday]['en']})"
    if standing.note:
        words += f": {standing.note}"
    return words + (", provisional" if standing.provisional else "")


def change_in_words(change: Change) -> str:
    """Why a line's callers are routed otherwise from then on: what begins, or what ends where nothing but the week comes after it."""
    before, after = change.before, change.after
    special = before.why not in (Why.WEEKLY, Why.MAKE_UP_DAY)
    if special and after.why is not Why.OVERRIDE and after.state is HoursState.CLOSED and before.state is not HoursState.OPEN:
        return f"end of {why_in_words(before)}"
    if before.why is Why.OVERRIDE and after.why is not Why.OVERRIDE:
        return f"{why_in_words(after)}, at the end of what was set by hand: {before.note}"
    return why_in_words(after)


def clock(wall: time, *, ends: bool = False) -> str:
    """08:00; a span that ends at midnight ends at 24:00."""
    return "24:00" if ends and wall == time.min else wall.strftime("%H:%M")


def _iso(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).isoformat(timespec="seconds") if at else None

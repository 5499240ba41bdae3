"""Periods cut into intervals as clocks on the wall count them: a day has 23 or 25 hours where the clocks change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Grain(StrEnum):
    """HOUR_OF_WEEK lays all weeks of a period over each other: it has 168 places and no intervals."""

    MINUTE = "1m"
    QUARTER = "15m"
    HALF = "30m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"
    HOUR_OF_WEEK = "hour-of-week"


HOURS_A_WEEK = 168
_MINUTES = {Grain.MINUTE: 1, Grain.QUARTER: 15, Grain.HALF: 30, Grain.HOUR: 60}


def intervals(start: datetime, end: datetime, grain: Grain, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Aware UTC pairs [from, to) that cover [start, end); they begin on the grain's own marks in ``zone`` (weeks on Monday).

    Raises ValueError for HOUR_OF_WEEK.
    """
    if grain is Grain.HOUR_OF_WEEK:
        raise ValueError("hours of the week don't follow each other")
    at = floor(start, grain, zone)
    while at < end:
        following = _next(at, grain, zone)
        yield at, following
        at = following


def hour_of_week(moment: datetime, zone: ZoneInfo) -> int:
    """0 for Monday's first hour to 167 for Sunday's last, by the clock on the wall; an hour that clocks show twice is one."""
    local = moment.astimezone(zone)
    return local.weekday() * 24 + local.hour


def floor(moment: datetime, grain: Grain, zone: ZoneInfo) -> datetime:
    """The latest mark of the grain at or before ``moment``, in UTC."""
    local = moment.astimezone(zone)
    if minutes := _MINUTES.get(grain):
        # Offsets are whole quarters of an hour everywhere today, so marks on the wall are marks in UTC, and no hour is lost or doubled.
        past = timedelta(minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond)
        return moment.astimezone(UTC) - past
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if grain is Grain.WEEK:
        midnight -= timedelta(days=midnight.weekday())
    if grain is Grain.MONTH:
        midnight = midnight.replace(day=1)
    return midnight.astimezone(UTC)


def _next(at: datetime, grain: Grain, zone: ZoneInfo) -> datetime:
    if minutes := _MINUTES.get(grain):
        return at + timedelta(minutes=minutes)
    local = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if grain is Grain.MONTH:
        local = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        local += timedelta(days=7 if grain is Grain.WEEK else 1)
    return local.astimezone(UTC)

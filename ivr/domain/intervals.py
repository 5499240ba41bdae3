"""Periods cut into intervals as clocks on the wall count them: a day has 23 or 25 hours where the clocks change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Grain(StrEnum):
    QUARTER = "15m"
    HALF = "30m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"
    MONTH = "1mo"


_MINUTES = {Grain.QUARTER: 15, Grain.HALF: 30, Grain.HOUR: 60}


def intervals(start: datetime, end: datetime, grain: Grain, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Aware UTC pairs [from, to) that cover [start, end); they begin on the grain's own marks in ``zone`` (weeks on Monday)."""
    at = floor(start, grain, zone)
    while at < end:
        following = _next(at, grain, zone)
        yield at, following
        at = following


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

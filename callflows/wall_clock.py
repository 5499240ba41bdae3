"""Where a day's wall-clock times lie in real time, also on the days when clocks are changed. Pure; for calendars and routing changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SECOND = timedelta(seconds=1)


def instants(day: date, walls: Iterable[time], zone: ZoneInfo) -> list[datetime]:
    """Aware UTC, in order: the day's beginning, each moment its clocks can show one of ``walls``, and when its clocks are changed.

    A time shown twice (clocks set back, PEP 495) gives two moments. One that is skipped gives moments around the gap; the change of
    the clocks, where it then falls, is always among them.
    """
    found = set()
    for wall in (time.min, *walls):
        for fold in (0, 1):
            found.add(datetime.combine(day, wall, zone).replace(fold=fold).astimezone(UTC))
    if change := _clock_change(day, zone):
        found.add(change)
    return sorted(found)


def _clock_change(day: date, zone: ZoneInfo) -> datetime | None:
    """The first second of the day's new offset from UTC; None on nearly all days."""
    before = datetime.combine(day, time.min, zone).astimezone(UTC)
    after = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return None
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)

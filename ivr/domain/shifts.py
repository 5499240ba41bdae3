"""Planned shifts (R45): a CSV table of who works when, read with every fault by its line, and asked for any day. Pure.

One row a shift: ``agent,days,from,to``. Days are a date, a range of dates (``2026-11-23..2026-11-27``), weekdays (``mon-fri``,
``mon wed fri``) or ``daily``. A row with dates takes the place of the agent's weekday rows on those dates; ``off`` instead of times
makes a free day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HEADER = ("agent", "days", "from", "to")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OFF = "off"
_LONGEST_RANGE = 366  # days


class ShiftsError(Exception):
    """The table can't be used. ``problems`` are sentences, each with file and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class _Row:
    """``to`` at or before ``begin`` is of the next day; ``begin`` None: a free day."""

    weekdays: frozenset[int]
    dates: frozenset[date]
    begin: time | None
    to: time


@dataclass(frozen=True, slots=True)
class Shifts:
    """Who works when. Times of day are the zone's: a night in which clocks change is longer or shorter by the clock."""

    zone: ZoneInfo
    rows: dict[str, tuple[_Row, ...]]

    @property
    def agents(self) -> Iterable[str]:
        return self.rows.keys()

    def planned(self, agent: str, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...] | None:
        """His shifts that touch [start, end), aware UTC, in order, those that overlap made one; None for who isn't in the table."""
        rows = self.rows.get(agent)
        if rows is None:
            return None
        day, last = start.astimezone(self.zone).date() - timedelta(days=1), end.astimezone(self.zone).date()
        spans: list[tuple[datetime, datetime]] = []
        while day <= last:
            dated = [row for row in rows if day in row.dates]
            spans += [self._span(day, row) for row in dated or rows if row.begin is not None and (dated or day.weekday() in row.weekdays)]
            day += timedelta(days=1)
        merged: list[tuple[datetime, datetime]] = []
        for begin, finish in sorted(spans):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], finish))
            else:
                merged.append((begin, finish))
        return tuple((begin, finish) for begin, finish in merged if begin < end and finish > start)

    def _span(self, day: date, row: _Row) -> tuple[datetime, datetime]:
        begin = datetime.combine(day, row.begin or time.min, self.zone)
        following = day if row.to > (row.begin or time.min) else day + timedelta(days=1)
        return begin.astimezone(UTC), datetime.combine(following, row.to, self.zone).astimezone(UTC)


def read_shifts(text: str, name: str, zone: ZoneInfo, agents: Iterable[str] = ()) -> Shifts:
    """``name`` is the file's, for the sentences; with ``agents`` a name that isn't among them is a fault. Raises ShiftsError."""
    problems: list[str] = []
    rows: dict[str, list[_Row]] = {}
    known = frozenset(agents)
    reader = csv.reader(text.removeprefix("\ufeff").splitlines())
    header_seen = False
    try:
        for fields in reader:
            cells = tuple(cell.strip() for cell in fields)
            where = f"{name}:{reader.line_num}"
            if not any(cells) or cells[0].startswith("#"):
                continue
            if not header_seen:
                header_seen = True
                if tuple(cell.lower() for cell in cells) == HEADER:
                    continue
                problems.append(f"{where}: the first line must be {','.join(HEADER)}")
                break
            try:
                agent, row = _row(cells)
                if known and agent not in known:
                    raise ValueError(f"there is no agent {agent!r}; there is {', '.join(sorted(known))}")
            except ValueError as error:
                problems.append(f"{where}: {error}")
                continue
            rows.setdefault(agent, []).append(row)
    except csv.Error as error:
        problems.append(f"{name}:{reader.line_num}: {error}")
    if not header_seen:
        problems.append(f"{name}: it is empty; the first line must be {','.join(HEADER)}")
    if problems:
        raise ShiftsError(problems)
    return Shifts(zone, {agent: tuple(found) for agent, found in rows.items()})


def _row(cells: Sequence[str]) -> tuple[str, _Row]:
    if len(cells) == 3 and cells[2].lower() == _OFF:
        cells = (*cells, "")
    if len(cells) != len(HEADER):
        raise ValueError(f"{len(cells)} fields instead of {len(HEADER)}: {','.join(HEADER)}")
    agent, days, begin, to = cells
    if not agent:
        raise ValueError("it names no agent")
    weekdays, dates = _days(days)
    if begin.lower() == _OFF:
        return agent, _Row(weekdays, dates, None, time.min)
    begins = _clock(begin, "from")
    ends = time.min if to == "24:00" else _clock(to, "to")
    if begins == ends and to != "24:00":
        raise ValueError(f"the shift begins and ends at {begin}")
    return agent, _Row(weekdays, dates, begins, ends)


def _days(text: str) -> tuple[frozenset[int], frozenset[date]]:
    lowered = text.lower()
    if lowered == "daily":
        return frozenset(range(7)), frozenset()
    if lowered[:1].isdecimal():
        first, dots, last = lowered.partition("..")
        try:
            begin, end = date.fromisoformat(first), date.fromisoformat(last if dots else first)
        except ValueError:
            raise ValueError(f"days: {text!r} is no date: write 2026-11-23, or 2026-11-23..2026-11-27") from None
        if not 0 <= (end - begin).days < _LONGEST_RANGE:
            raise ValueError(f"days: {text!r} must go forward, a year at most")
        return frozenset(), frozenset(begin + timedelta(days=ahead) for ahead in range((end - begin).days + 1))
    found: set[int] = set()
    for word in lowered.split():
        first, dash, last = word.partition("-")
        if first not in _WEEKDAYS or (dash and last not in _WEEKDAYS):
            raise ValueError(f"days: {text!r} isn't known: write mon-fri, mon wed fri, daily, or a date like 2026-11-23")
        begin_day, end_day = _WEEKDAYS.index(first), _WEEKDAYS.index(last if dash else first)
        found |= {(begin_day + step) % 7 for step in range((end_day - begin_day) % 7 + 1)}
    if not found:
        raise ValueError("it names no days")
    return frozenset(found), frozenset()


def _clock(text: str, field: str) -> time:
    hours, colon, minutes = text.partition(":")
    fits = colon and all(part.isascii() and part.isdecimal() and len(part) <= 2 for part in (hours, minutes)) and len(minutes) == 2
    if not fits or int(hours) > 23 or int(minutes) > 59:
        raise ValueError(f"{field}: {text!r} is no time of day: write 08:00")
    return time(int(hours), int(minutes))

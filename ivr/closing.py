"""When a queue closes: how long who joins now may wait in it, and whether a closing ended his wait. For sessions.

It is the queue's hours that count, not those of the line the caller has chosen: an operator's queue serves callers of lines that have
closed already. A queue is open while any of its lines is; a queue of no line never closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from callflows.line_hours import LineSchedule
from callflows.outcomes import HoursState, QueueEnd
from ivr.domain.closing_time import GRACE_S, end_of_wait, longest_wait_until_closing


class Schedules(Protocol):
    """Whoever knows the lines' hours as set now (``ivr.hours.HoursDesk``)."""

    def schedule(self, line: str) -> LineSchedule: ...


class QueueClosing:
    """``queue_of_line``: line → queue. ``grace_s`` is how long callers are still served after closing."""

    def __init__(self, hours: Schedules, queue_of_line: Mapping[str, str], *, grace_s: float = GRACE_S) -> None:
        self._hours = hours
        self._grace_s = grace_s
        self._lines: dict[str, list[str]] = {}
        for line, queue in queue_of_line.items():
            self._lines.setdefault(queue, []).append(line)

    def __call__(self, line: str | None, queue: str, wait_s: int, now: datetime) -> int | None:
        """How long (whole s) who joins ``queue`` now may wait, at most ``wait_s``; None: it has closed, and he must not be queued."""
        if not (schedules := self._schedules(queue)):
            return wait_s
        limits = [self._limit(schedule, wait_s, now) for schedule in schedules]
        return max((limit for limit in limits if limit is not None), default=None)

    def end_of_wait(self, end: QueueEnd, queue: str, *, joined_at: datetime, now: datetime) -> QueueEnd:
        """How he left the queue: CLOSED when it gave him up and has closed meanwhile, or had shortly before he joined."""
        if not (schedules := self._schedules(queue)):
            return end
        was_open = any(self._open_until(schedule, joined_at, ahead_s=1.0) for schedule in schedules)
        is_open = any(schedule.standing(now).state is HoursState.OPEN for schedule in schedules)
        return end_of_wait(end, when_he_joined=_state(was_open), now=_state(is_open))

    def _schedules(self, queue: str) -> list[LineSchedule]:
        return [self._hours.schedule(line) for line in self._lines.get(queue, ())]

    def _limit(self, schedule: LineSchedule, wait_s: int, now: datetime) -> int | None:
        if schedule.standing(now).state is HoursState.EMERGENCY:  # what callers would be served with isn't there: no grace
            return None
        opening = self._open_until(schedule, now, ahead_s=wait_s)
        return longest_wait_until_closing(HoursState.OPEN, opening.closes_at, now, wait_s, self._grace_s) if opening else None

    def _open_until(self, schedule: LineSchedule, at: datetime, ahead_s: float) -> _Opening | None:
        """The opening that holds at this moment, or ended within the grace before; None when there is none."""
        begin = at - timedelta(seconds=self._grace_s)
        edges = [begin, *schedule.moments(begin, at + timedelta(seconds=ahead_s))]
        is_open = [schedule.standing(edge).state is HoursState.OPEN for edge in edges]
        last = max((number for number, edge in enumerate(edges) if edge <= at and is_open[number]), default=None)
        if last is None:
            return None
        return _Opening(next((edge for number, edge in enumerate(edges) if number > last and not is_open[number]), None))


@dataclass(frozen=True, slots=True)
class _Opening:
    closes_at: datetime | None  # None: not in sight


def _state(is_open: bool) -> HoursState:
    return HoursState.OPEN if is_open else HoursState.CLOSED

"""When a case is to be answered, and who hears of it before and after (R18, R19). Pure.

The three days are the customer's: they run on nights and holidays. Who is told of them is told while his line is staffed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

ANSWER_WITHIN = timedelta(days=3)  # R18


class Level(IntEnum):
    """How high a case has gone up."""

    REMINDER = 1  # whoever handles it is reminded
    SUPERVISOR = 2  # the centre's supervisor takes it up
    MANAGER = 3


SHARES = {Level.REMINDER: 0.5, Level.SUPERVISOR: 0.8, Level.MANAGER: 1.0}


@dataclass(frozen=True, slots=True)
class Deadline:
    """One moment at which an unanswered case goes up to ``level``. ``round``: how often it was reopened before. Times are aware."""

    round: int
    level: Level
    due_at: datetime


def answer_by(began_at: datetime) -> datetime:
    """Until when the customer is to be answered; ``began_at`` is when he complained, or rejected the last answer."""
    return began_at + ANSWER_WITHIN


def deadlines(began_at: datetime, round_: int) -> tuple[Deadline, ...]:
    """Of a case that waits for an answer since ``began_at``, in order."""
    return tuple(Deadline(round_, level, began_at + ANSWER_WITHIN * share) for level, share in SHARES.items())


def level_of_rejection(rejections: int) -> Level:
    """Where a case goes whose solution the customer has rejected so often: first to another agent, then up a level each time (R19)."""
    return Level(min(max(rejections, 1), Level.MANAGER))


def told_at(due_at: datetime, now: datetime, *, is_open: bool, opens_at: Callable[[], datetime | None], longest: timedelta) -> datetime:
    """When a due deadline is told: now while the line is staffed, else at its next opening, but never later than ``longest`` after it."""
    if is_open:
        return now
    opening = opens_at()
    latest = due_at + longest
    return now if opening is None else max(now, min(opening, latest))

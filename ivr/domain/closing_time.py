"""Closing time while people wait: how long a caller may still wait, and whether it was the closing that ended his wait.

Pure; for the session, which asks the calendar. Who joins before closing is served on until the grace is over, and is then told that
the line has closed instead of being offered the queue again.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from callflows.outcomes import HoursState, QueueEnd

GRACE_S = 300.0
# app_queue reckons a caller's time-out in whole seconds from the second he came in: it is up to one second early (app_queue.c, 22.10).
_EARLY_S = 1
# The queue gave him up: by the time-out we set, or since everybody went home.
_GIVEN_UP = (QueueEnd.TIMEOUT, QueueEnd.EMPTY)


def longest_wait_until_closing(
    hours_state: HoursState, closes_at: datetime | None, now: datetime, longest_wait_s: int, grace_s: float = GRACE_S
) -> int | None:
    """How long who joins ``now`` may wait, in whole s; None when the line isn't open: then he must not be queued.

    ``closes_at`` is when the hours that hold now end (aware), None where no closing is in sight. The limit falls after closing, never
    before it: he comes back when the line is closed.
    """
    if hours_state is not HoursState.OPEN:
        return None
    if closes_at is None:
        return longest_wait_s
    left_s = (closes_at + timedelta(seconds=grace_s) - now).total_seconds()
    return min(longest_wait_s, math.ceil(left_s) + _EARLY_S) if left_s > 0 else None


def end_of_wait(end: QueueEnd, *, when_he_joined: HoursState, now: HoursState) -> QueueEnd:
    """How he left the queue, in the light of the hours: CLOSED when the queue gave him up and the line closed while he waited.

    Nothing has to be remembered for it, so it holds over a restart and for a closing that was declared while he waited. Who was queued
    out of hours on purpose has an ordinary time-out.
    """
    closed_meanwhile = when_he_joined is HoursState.OPEN and now is not HoursState.OPEN
    return QueueEnd.CLOSED if end in _GIVEN_UP and closed_meanwhile else end

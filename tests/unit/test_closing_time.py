"""Closing time while people wait: how long who joins may still wait, and what he is told when he comes back. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callflows.outcomes import HoursState, QueueEnd
from ivr.domain.closing_time import end_of_wait, longest_wait_until_closing

CLOSES = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai


@pytest.mark.parametrize(
    ("before_closing_s", "grace_s", "limit"),
    [
        (3600, 300, 90),  # closing is far: the queue's own limit
        (30, 300, 90),
        (30, 0, 31),  # a second more, for app_queue's is up to a second early
        (0.4, 0, 2),
        (30, 20.5, 52),
        (-10, 60, 51),  # the calendar was asked a moment before
        (0, 0, None),
        (-61, 60, None),
    ],
)
def test_who_joins_before_closing_waits_until_the_grace_is_over(before_closing_s: float, grace_s: float, limit: int | None) -> None:
    now = CLOSES - timedelta(seconds=before_closing_s)
    assert longest_wait_until_closing(HoursState.OPEN, CLOSES, now, 90, grace_s) == limit


def test_without_a_closing_in_sight_the_queue_s_own_limit_holds() -> None:
    assert longest_wait_until_closing(HoursState.OPEN, None, CLOSES, 90) == 90


@pytest.mark.parametrize("state", [HoursState.CLOSED, HoursState.HOLIDAY, HoursState.EMERGENCY])
def test_nobody_is_queued_at_a_line_that_isn_t_open(state: HoursState) -> None:
    assert longest_wait_until_closing(state, None, CLOSES, 90) is None


@pytest.mark.parametrize("grace_s", [0, 1, 59.5])
@pytest.mark.parametrize("early_s", [0.0, 0.999])
def test_the_limit_is_over_after_closing_even_where_asterisk_is_early(grace_s: float, early_s: float) -> None:
    now = CLOSES - timedelta(seconds=12.3)
    limit = longest_wait_until_closing(HoursState.OPEN, CLOSES, now, 600, grace_s)
    assert limit is not None
    assert now + timedelta(seconds=limit - early_s) >= CLOSES


@pytest.mark.parametrize(
    ("end", "joined", "now", "told"),
    [
        (QueueEnd.TIMEOUT, HoursState.OPEN, HoursState.OPEN, QueueEnd.TIMEOUT),
        (QueueEnd.TIMEOUT, HoursState.OPEN, HoursState.CLOSED, QueueEnd.CLOSED),
        (QueueEnd.EMPTY, HoursState.OPEN, HoursState.CLOSED, QueueEnd.CLOSED),  # everybody went home
        (QueueEnd.TIMEOUT, HoursState.OPEN, HoursState.EMERGENCY, QueueEnd.CLOSED),
        (QueueEnd.TIMEOUT, HoursState.CLOSED, HoursState.CLOSED, QueueEnd.TIMEOUT),  # queued out of hours on purpose
        (QueueEnd.SERVED, HoursState.OPEN, HoursState.CLOSED, QueueEnd.SERVED),
        (QueueEnd.KEY, HoursState.OPEN, HoursState.CLOSED, QueueEnd.KEY),
        (QueueEnd.FULL, HoursState.OPEN, HoursState.CLOSED, QueueEnd.FULL),
    ],
)
def test_a_closing_is_told_apart_from_a_time_out(end: QueueEnd, joined: HoursState, now: HoursState, told: QueueEnd) -> None:
    assert end_of_wait(end, when_he_joined=joined, now=now) is told

"""When a queue closes: by its own lines' hours and what was set on top of them, with the grace for who came before. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from callflows.calendar import AlwaysOpen, Calendar, Span, WallHours
from callflows.line_hours import LineSchedule, Override, Setting
from callflows.outcomes import QueueEnd
from ivr.closing import QueueClosing

ZONE = ZoneInfo("Asia/Shanghai")
CLOSES = datetime(2026, 11, 23, 20, 0, tzinfo=ZONE)  # a Monday
GRACE_S = 300.0


def hours(start: int, end: int) -> Calendar:
    return Calendar(weekdays=(Span(**{"from": time(start), "to": time(end)}),))


class Desk:
    """Lines' hours as set now."""

    def __init__(self, *overrides: Override) -> None:
        self.overrides = overrides
        self.calendars: dict[str, WallHours] = {"hr": hours(8, 20), "product": hours(8, 20), "late": hours(8, 22), "always": AlwaysOpen()}

    def schedule(self, line: str) -> LineSchedule:
        return LineSchedule.of(line, self.calendars[line], ZONE, self.overrides)


def closing(*overrides: Override) -> QueueClosing:
    queues = {"hr": "hr", "product": "desk", "late": "desk", "always": "always"}
    return QueueClosing(Desk(*overrides), queues, grace_s=GRACE_S)


def override(setting: Setting, begins_at: datetime, hours: float = 1.0) -> Override:
    begins_at = begins_at.astimezone(UTC)
    return Override(1, None, setting, begins_at, begins_at + timedelta(hours=hours), "", "Li", "phone", begins_at)


@pytest.mark.parametrize(
    ("after_closing_s", "limit"),
    [
        (-3600, 600),
        (-60, 361),  # until closing and grace are over; a second for app_queue's early time-outs
        (0, 301),
        (299.5, 2),  # he was in the menus as it closed
        (301, None),
        (8 * 3600, None),
        (12 * 3600, 600),
    ],
)
def test_who_came_before_closing_waits_until_the_grace_is_over(after_closing_s: float, limit: int | None) -> None:
    now = CLOSES + timedelta(seconds=after_closing_s)
    assert closing()("hr", "hr", 600, now) == limit
    assert closing()(None, "hr", 600, now.astimezone(UTC)) == limit, "whatever line he chose, if any"


def test_a_queue_is_open_while_any_of_its_lines_is() -> None:
    assert closing()("hr", "desk", 600, CLOSES + timedelta(hours=1)) == 600
    assert closing()("late", "desk", 600, CLOSES + timedelta(hours=2)) == 301


def test_what_never_closes_has_the_limit_that_the_flow_wants() -> None:
    for queue in ("always", "of_no_line"):
        assert closing()("hr", queue, 600, CLOSES + timedelta(hours=3)) == 600
        assert closing().end_of_wait(QueueEnd.TIMEOUT, queue, joined_at=CLOSES, now=CLOSES) is QueueEnd.TIMEOUT


def test_what_people_set_counts() -> None:
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
    assert closing(override(Setting.CLOSED, noon))("hr", "hr", 600, noon - timedelta(seconds=100)) == 401
    assert closing(override(Setting.CLOSED, noon))("hr", "hr", 600, noon + timedelta(seconds=100)) == 201
    assert closing(override(Setting.EMERGENCY, noon))("hr", "hr", 600, noon + timedelta(seconds=100)) is None
    assert closing(override(Setting.OPEN, CLOSES, hours=2))("hr", "hr", 600, CLOSES + timedelta(hours=1)) == 600


@pytest.mark.parametrize(
    ("end", "joined_s", "left_s", "told"),
    [
        (QueueEnd.TIMEOUT, -600, -1, QueueEnd.TIMEOUT),
        (QueueEnd.TIMEOUT, -600, 1, QueueEnd.CLOSED),
        (QueueEnd.EMPTY, -600, 1, QueueEnd.CLOSED),
        (QueueEnd.KEY, -600, 1, QueueEnd.KEY),
        (QueueEnd.SERVED, -600, 1, QueueEnd.SERVED),
        (QueueEnd.TIMEOUT, 200, 301, QueueEnd.CLOSED),  # joined in the grace
        (QueueEnd.TIMEOUT, 3600, 3690, QueueEnd.TIMEOUT),  # out of hours on purpose
    ],
)
def test_a_closing_is_told_apart_from_a_time_out(end: QueueEnd, joined_s: float, left_s: float, told: QueueEnd) -> None:
    joined_at, now = CLOSES + timedelta(seconds=joined_s), CLOSES + timedelta(seconds=left_s)
    assert closing().end_of_wait(end, "hr", joined_at=joined_at, now=now) is told


def test_the_limit_brings_him_back_when_it_has_closed() -> None:
    """Whenever he joins: if closing is what limits his wait, he is told CLOSED, even by an Asterisk that is a second early."""
    closes = closing()
    for before_s in range(1, 700, 7):
        joined_at = CLOSES - timedelta(seconds=before_s)
        limit = closes("hr", "hr", 600, joined_at)
        assert limit is not None
        if limit < 600:
            early = joined_at + timedelta(seconds=limit - 0.999)
            assert closes.end_of_wait(QueueEnd.TIMEOUT, "hr", joined_at=joined_at, now=early) is QueueEnd.CLOSED

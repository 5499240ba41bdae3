"""The node ``hours``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from support.nodes import passed, stays

from callflows.effects import CheckHours
from callflows.nodes.base import Stay
from callflows.outcomes import Done, Hours, HoursState

TWO = "{hours: hr, open: queue, closed: offer}"
FOUR = "{hours: hr, open: queue, closed: offer, holiday: greet, emergency: warn}"
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize("state", list(HoursState))
def test_each_state_has_its_exit_and_falls_back_to_closed(state: HoursState) -> None:
    """R3."""
    assert passed(FOUR, Hours(state)).exit == state.value
    assert passed(TWO, Hours(state)).exit == ("open" if state is HoursState.OPEN else "closed")


def test_it_asks_for_the_line_and_knows_when_it_opens_again() -> None:
    passage = passed(TWO, Hours(HoursState.CLOSED, MONDAY))
    assert passage.effects == [CheckHours("hr")]
    assert passage.call.variables == {"opens_at": MONDAY.isoformat()}


def test_another_lines_opening_is_not_told_for_this_one() -> None:
    assert passed(TWO, Hours(HoursState.CLOSED), variables={"opens_at": MONDAY.isoformat()}).call.variables == {}


def test_no_answer_is_closed_and_it_takes_no_time() -> None:
    assert passed(FOUR, Done()).exit == "closed"
    assert set(stays(FOUR).values()) == {Stay()}

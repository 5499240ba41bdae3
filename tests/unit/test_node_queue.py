"""The node ``queue``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, refusal, stays, written

from callflows.effects import Queue
from callflows.nodes.base import Stay
from callflows.outcomes import Done, QueueEnd, QueueLeft

ALL = "{queue: hr, served: bye, timeout: a, full: b, empty: c, closed: d, key: e, _: f}"
FEW = "{queue: hr, longest_wait_s: 60, priority: customer, served: bye, _: busy}"


@pytest.mark.parametrize("end", [end for end in QueueEnd if end is not QueueEnd.FAILED])
def test_every_way_out_has_an_exit_of_its_own(end: QueueEnd) -> None:
    assert passed(ALL, QueueLeft(end)).exit == end.value


@pytest.mark.parametrize("end", [end for end in QueueEnd if end is not QueueEnd.SERVED])
def test_or_the_one_for_all(end: QueueEnd) -> None:
    assert passed(FEW, QueueLeft(end)).exit == "_"


def test_a_failure_and_an_unfitting_outcome_are_anything_else() -> None:
    assert passed(ALL, QueueLeft(QueueEnd.FAILED)).exit == "_"
    assert passed(ALL, Done()).exit == "_"


@pytest.mark.parametrize(
    ("priority", "found", "given"),
    [("normal", "7", 0), ("customer", "7", 7), ("customer", "99", 10), ("customer", "", 0), ("customer", "-1", 0), ("4", "7", 4)],
)
def test_priority_is_fixed_or_the_customers(priority: str, found: str, given: int) -> None:
    passage = passed(FEW.replace("customer", priority), Done(), variables={"customer_priority": found})
    assert passage.effects == [Queue("hr", 60, given)]


def test_the_wait_is_the_settings_unless_the_flow_says_one() -> None:
    assert passed(ALL, Done()).effects == [Queue("hr", 0, 0)]


def test_a_priority_beyond_the_scale_is_refused() -> None:
    assert "priority" in refusal(FEW.replace("customer", "11"))


def test_it_hands_over_to_a_person_and_counts_the_wait_that_it_sets() -> None:
    node = written(FEW)
    assert (node.hands_over, node.gives, node.names()) == (True, "human", {"queue": "hr"})
    assert set(stays(FEW).values()) == {Stay(60)}
    assert set(stays(ALL).values()) == {Stay()}

"""The node ``switch``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, refusal, stays, written

from callflows.nodes.base import Stay

NODE = "{switch: customer_level, cases: {1: gold, vip: gold, '': stranger, _: everybody}}"


@pytest.mark.parametrize(("value", "taken"), [("1", "1"), ("vip", "vip"), ("2", "_"), ("", "")])
def test_a_value_chooses(value: str, taken: str) -> None:
    assert passed(NODE, variables={"customer_level": value}).exit == taken


def test_no_value_is_the_empty_case_or_anything_else() -> None:
    assert passed(NODE).exit == ""
    assert passed("{switch: a, cases: {x: b, _: c}}").exit == "_"


def test_without_anything_else_there_is_no_way_on() -> None:
    assert "'_'" in refusal("{switch: a, cases: {x: b}}")


def test_it_reads_that_variable_and_takes_no_time() -> None:
    assert written(NODE).reads() == {"customer_level"}
    assert set(stays(NODE).values()) == {Stay()}

"""The node ``given``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays, written

from callflows.nodes.base import Stay

NODE = "{given: serial, yes: check, no: ask}"


def test_it_asks_whether_there_is_a_value() -> None:
    assert passed(NODE, variables={"serial": "1234"}).exit == "yes"
    assert passed(NODE, variables={"serial": ""}).exit == "no"
    assert passed(NODE).exit == "no"


def test_it_reads_that_variable_and_takes_no_time() -> None:
    assert written(NODE).reads() == {"serial"}
    assert set(stays(NODE).values()) == {Stay()}

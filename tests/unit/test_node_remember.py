"""The node ``remember``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays, written

from callflows.effects import RememberChoice
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret

NODE = '{remember: line, value: "{chosen}", next: hours}'


def test_a_choice_is_remembered() -> None:
    assert passed(NODE, variables={"chosen": "hr"}).effects == [RememberChoice("line", "hr")]
    assert passed("{remember: line, value: hr, next: hours}").effects == [RememberChoice("line", "hr")]


def test_nothing_is_remembered_of_nothing_nor_of_what_is_masked() -> None:
    for variables in ({}, {"chosen": Secret("4711")}):
        passage = passed(NODE, variables=variables)
        assert (passage.effects, passage.exit) == ([], "next")


def test_it_reads_that_variable_and_takes_no_time() -> None:
    assert written(NODE).reads() == {"chosen"}
    assert stays(NODE) == {"next": Stay()}

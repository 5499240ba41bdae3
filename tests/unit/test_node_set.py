"""The node ``set``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays, written

from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret

NODE = '{set: {tried: 1, vip: true, a: "{b}", b: "{a}", line: hr, old: ""}, next: menu}'


def test_texts_numbers_truths_and_other_variables() -> None:
    passage = passed(NODE, variables={"a": "1", "b": "2", "old": "x"})
    assert passage.call.variables == {"tried": "1", "vip": "yes", "a": "2", "b": "1", "line": "hr"}
    assert passage.exit == "next"


def test_a_variable_may_stand_in_braces_without_quotes() -> None:
    assert passed("{set: {a: {b}}, next: menu}", variables={"b": "2"}).call.variables["a"] == "2"


def test_a_value_that_does_not_fit_its_type_is_none() -> None:
    assert passed("{set: {n: many}, next: menu}", variables={"n": "1"}, types={"n": "number"}).call.variables == {}


def test_a_copy_of_a_masked_value_is_masked() -> None:
    assert isinstance(passed('{set: {a: "{pin}"}, next: menu}', variables={"pin": Secret("4711")}).call.variables["a"], Secret)


def test_nobody_makes_himself_a_supervisor() -> None:
    assert "check_pin alone" in refusal("{set: {supervisor: me}, next: menu}")


def test_half_a_variable_is_refused() -> None:
    assert "neither a text nor one variable in braces" in refusal('{set: {a: "{b} and c"}, next: menu}')


def test_what_it_reads_and_sets_is_told_and_it_takes_no_time() -> None:
    node = written(NODE)
    assert node.reads() == {"a", "b"}
    assert node.assigns() == {"tried", "vip", "a", "b", "line", "old"}
    assert stays(NODE) == {"next": Stay()}

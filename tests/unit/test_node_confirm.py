"""The node ``confirm``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.nodes.base import Stay
from callflows.outcomes import Digits, NoInput

NODE = """\
confirm: {zh: 要回电吗, en: Shall we call back}
yes: callback
no: goodbye
no_input: {tries: 1, then: goodbye}
wrong_key: {tries: 2, then: goodbye}
"""


def test_one_is_yes_and_two_is_no() -> None:
    assert passed(NODE, Digits("1")).exit == "yes"
    assert passed(NODE, Digits("2")).exit == "no"


def test_the_keys_can_be_others() -> None:
    text = NODE + "yes_key: '#'\nno_key: 0\n"
    assert passed(text, Digits("#")).exit == "yes"
    assert passed(text, Digits("1"), Digits("0")).exit == "no"


def test_its_budgets_end_it() -> None:
    assert passed(NODE, NoInput()).exit == "no_input"
    assert passed(NODE, Digits("7"), Digits("8")).exit == "wrong_key"


def test_yes_and_no_need_two_keys() -> None:
    assert "both on key 2" in refusal(NODE + "yes_key: 2\n")


def test_the_worst_case() -> None:
    assert stays(NODE)["yes"] == Stay(2 * (4 + 5), prompts=2, asked=2)

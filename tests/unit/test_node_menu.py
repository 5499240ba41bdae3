"""The node ``menu``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import Ask
from callflows.nodes.base import Stay
from callflows.outcomes import Digits, NoInput

NODE = """\
menu: {zh: 请按一, en: Press 1}
keys: {1: hr, "*": english}
wait_s: 4
no_input: {tries: 2, say: {zh: 没听到, en: Nothing}, then: operator}
wrong_key: {tries: 3, say: {zh: 没有此项吗, en: No such}, then: sorry}
"""
WITH_ANY_KEY = "{menu: {zh: 请按一, en: Press 1}, keys: {1: hr, _: operator}, no_input: {tries: 1, then: operator}}"


def test_a_key_chooses() -> None:
    assert passed(NODE, Digits("1")).exit == "1"
    assert passed(NODE, Digits("*")).exit == "*"


def test_silence_and_wrong_keys_have_budgets_of_their_own() -> None:
    assert passed(NODE, NoInput(), NoInput()).exit == "no_input"
    assert passed(NODE, Digits("7"), NoInput(), Digits("8"), Digits("9")).exit == "wrong_key"
    assert passed(NODE, Digits("7"), NoInput(), Digits("8"), Digits("1")).exit == "1"


def test_each_mistake_is_answered_in_its_own_words() -> None:
    assert passed(NODE, NoInput(), Digits("7"), Digits("1")).said == ["请按一", "没听到", "请按一", "没有此项吗", "请按一"]


def test_every_other_key_can_lead_somewhere() -> None:
    assert passed(WITH_ANY_KEY, Digits("7")).exit == "_"
    assert passed(WITH_ANY_KEY, Digits("#")).exit == "_"
    assert passed(WITH_ANY_KEY, Digits("1")).exit == "1"
    assert passed(WITH_ANY_KEY, NoInput()).exit == "no_input"


def test_without_it_a_wrong_key_must_lead_somewhere() -> None:
    assert "'wrong_key' must be given, or '_' among the keys" in refusal(WITH_ANY_KEY.replace("_:", "2:"))


def test_only_telephone_keys_are_keys() -> None:
    assert "keys" in refusal(NODE.replace("1:", "A:"))
    assert "keys" in refusal(NODE.replace("1:", "12:"))


def test_barge_in_is_per_prompt() -> None:
    (question,) = passed(NODE + "barge_in: false\n", Digits("1")).effects
    assert question == Ask(question.speech, longest=1, first_digit_s=4.0, barge_in=False)  # type: ignore[attr-defined]
    text = NODE.replace("tries: 2,", "tries: 2, barge_in: false,")
    assert [getattr(effect, "barge_in", None) for effect in passed(text, NoInput(), Digits("1")).effects] == [True, False, True]


def test_the_worst_case_spends_both_budgets_first() -> None:
    """Once silent (3+4+3 s), twice wrong (3+4+5 s each), then the round that counts (3+4 s)."""
    assert stays(NODE)["1"] == Stay(10 + 2 * 12 + 7, prompts=7, asked=4)
    assert stays(NODE)["no_input"] == Stay(10 + 2 * 12 + 7, prompts=7, asked=4)
    assert stays(NODE)["wrong_key"] == Stay(10 + 2 * 12 + 7, prompts=7, asked=4)
    assert stays(WITH_ANY_KEY)["_"] == Stay(8, prompts=1, asked=1)

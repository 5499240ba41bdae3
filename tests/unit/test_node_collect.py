"""The node ``collect``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

import pytest
from support.nodes import passed, refusal, stays

from callflows.effects import Ask
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import Digits, NoInput
from callflows.speech import Characters

NODE = """\
collect: {zh: 请输入, en: Enter it}
into: serial
shortest: 4
longest: 6
next: check
skip: without
no_input: {tries: 2, say: {zh: 没听到, en: Nothing}, then: operator}
wrong_key: {tries: 2, say: {zh: 不对, en: Wrong}, then: sorry}
"""
READ_BACK = NODE + 'read_back: {zh: "您输入{serial}吗", en: "{serial}?", keys: {1: right, 2: again}, wait_s: 3}\n'


def test_what_is_entered_is_kept() -> None:
    passage = passed(NODE, Digits("12345"))
    assert (passage.exit, passage.call.variables) == ("next", {"serial": "12345"})


@pytest.mark.parametrize("keys", ["123", "1234567", "12*4", "٣٤٥٦"])
def test_too_few_too_many_and_other_keys_are_wrong(keys: str) -> None:
    passage = passed(NODE, Digits(keys), Digits(keys))
    assert (passage.exit, passage.call.variables) == ("wrong_key", {})
    assert passage.said == ["请输入", "不对", "请输入"]


def test_the_hash_alone_skips() -> None:
    passage = passed(NODE, Digits("#"), variables={"serial": "9999"})
    assert (passage.exit, passage.call.variables) == ("skip", {})
    assert passed(NODE + "skip_keeps: true\n", Digits("#"), variables={"serial": "9999"}).call.variables == {"serial": "9999"}


def test_without_skipping_the_hash_alone_is_wrong() -> None:
    assert passed(NODE.replace("skip: without\n", ""), Digits("#"), Digits("#")).exit == "wrong_key"


def test_a_key_pressed_alone_can_lead_elsewhere() -> None:
    text = NODE + "keys: {0: operator}\n"
    assert passed(text, Digits("0")).exit == "0"
    assert passed(text, Digits("0000")).exit == "next"


def test_any_wrong_input_can_lead_elsewhere() -> None:
    text = NODE.replace("wrong_key:", "#wrong_key:") + "keys: {_: operator}\n"
    assert passed(text, Digits("12")).exit == "_"


def test_three_times_bound_the_input() -> None:
    (question,) = passed(NODE + "first_digit_s: 7\ninter_digit_s: 2\noverall_s: 9\nbarge_in: false\n", Digits("1234")).effects
    assert isinstance(question, Ask)
    assert (question.longest, question.first_digit_s, question.inter_digit_s, question.overall_s) == (6, 7.0, 2.0, 9.0)
    assert question.barge_in is False


def test_it_is_read_back_until_it_is_right() -> None:
    passage = passed(READ_BACK, Digits("1234"), Digits("2"), Digits("5678"), Digits("1"))
    assert (passage.exit, passage.call.variables) == ("next", {"serial": "5678"})
    read = passage.effects[1]
    assert isinstance(read, Ask)
    assert Characters("1234") in read.speech
    assert (read.longest, read.first_digit_s) == (1, 3.0)


def test_entering_it_again_and_again_is_paid_from_the_wrong_keys() -> None:
    passage = passed(READ_BACK, Digits("1234"), Digits("2"), Digits("1234"), Digits("2"))
    assert (passage.exit, passage.call.variables) == ("wrong_key", {})


def test_silence_over_the_read_back_is_silence() -> None:
    passage = passed(READ_BACK, Digits("1234"), NoInput(), NoInput())
    assert (passage.exit, passage.call.variables) == ("no_input", {"serial": "1234"})


def test_masked_input_is_seen_by_nobody() -> None:
    passage = passed(READ_BACK + "masked: true\n", Digits("4711"), Digits("1"))
    assert isinstance(passage.call.variables["serial"], Secret)
    assert isinstance(passage.effects[0], Ask)
    assert passage.effects[0].masked
    assert "4711" not in repr(passage.effects)
    assert "4711" not in repr(passage.call)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("longest: 3", "'shortest' 4 is more than 'longest' 3"),
        ('keys: {"#": operator}', "'#' is given twice"),
        ("into: supervisor", "check_pin alone"),
        ("read_back: {zh: 对吗, keys: {1: right}}", "another 'again'"),
        ("read_back: {zh: 对吗}\nkeys: {_: operator}\nwrong_key:", "with 'read_back' it must always be given"),
    ],
)
def test_contradictions_are_refused(change: str, said: str) -> None:
    key = change.partition(":")[0]
    kept = [line for line in NODE.splitlines() if not line.startswith(key) and not ("\nwrong_key:" in change and line.startswith("wrong"))]
    assert said in refusal("\n".join([*kept, change, ""]))


def test_the_worst_case_types_as_slowly_as_it_may() -> None:
    """Silent 3+6+3 s, wrong 3+6+5x4+2 s, right 3+6+5x4 s."""
    assert stays(NODE)["next"] == Stay(12 + 31 + 29, prompts=5, asked=3)
    assert stays(NODE)["no_input"] == Stay(12 + 31 + 9, prompts=5, asked=3)
    assert stays(NODE + "overall_s: 10\n")["next"] == Stay(12 + 21 + 19, prompts=5, asked=3)


def test_the_worst_case_with_a_read_back() -> None:
    """The read-back is 12 characters and 3 s: longer than a silent question."""
    checked = 12 + 3
    silent, wrong, right = checked + 3, 29 + checked + 2, 29 + checked
    assert stays(READ_BACK)["next"] == Stay(silent + wrong + right, prompts=2 + 3 + 2, asked=1 + 2 + 2)
    assert stays(READ_BACK)["no_input"] == Stay(silent + wrong + checked + 29, prompts=2 + 3 + 2, asked=1 + 2 + 2)

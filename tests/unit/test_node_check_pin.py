"""The node ``check_pin``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays

from callflows.effects import Ask, CheckPin
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import Digits, NoInput, PinAccepted, PinRefused

NODE = "{check_pin: {zh: 请输密码, en: Your PIN}, again: {zh: 不对, en: Wrong}, tries: 2, accepted: hours, refused: bye}"


def test_a_right_pin_says_who_it_is() -> None:
    passage = passed(NODE, Digits("4711"), PinAccepted("li"))
    assert (passage.exit, passage.call.variables) == ("accepted", {"supervisor": "li"})
    assert passage.effects[-1] == CheckPin("4711")


def test_wrong_pins_and_silence_spend_the_tries() -> None:
    assert passed(NODE, NoInput(), Digits("4711"), PinRefused()).exit == "refused"
    passage = passed(NODE, Digits("1"), PinRefused(), Digits("4711"), PinAccepted("li"))
    assert passage.exit == "accepted"
    assert passage.said == ["请输密码", "不对", "请输密码"]


def test_nobody_sees_it() -> None:
    passage = passed(NODE, Digits("4711"), PinAccepted("li"))
    assert isinstance(passage.effects[0], Ask)
    assert passage.effects[0].masked
    assert isinstance(passage.effects[1], CheckPin)
    assert isinstance(passage.effects[1].pin, Secret)
    assert "4711" not in repr(passage)


def test_an_earlier_right_does_not_outlast_a_refusal() -> None:
    assert passed(NODE, NoInput(), NoInput(), variables={"supervisor": "li"}).call.variables == {}


def test_the_worst_case() -> None:
    assert stays(NODE)["refused"] == Stay(2 * (4 + 6 + 11 * 4) + 2, prompts=3, asked=2)

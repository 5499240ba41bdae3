"""The node ``say``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import Say
from callflows.nodes.base import Stay

NODE = "{say: {zh: 您好, en: Hello}, next: menu}"


def test_it_speaks_and_goes_on() -> None:
    passage = passed(NODE)
    assert (passage.said, passage.exit) == (["您好"], "next")


def test_a_key_may_cut_it_short_unless_the_flow_says_otherwise() -> None:
    for text, barge_in in ((NODE, True), (NODE.replace("next", "barge_in: false, next"), False)):
        (say,) = passed(text).effects
        assert isinstance(say, Say)
        assert say.barge_in is barge_in


def test_it_lasts_as_long_as_its_words() -> None:
    assert stays(NODE) == {"next": Stay(2, prompts=1)}


def test_it_must_lead_on() -> None:
    assert "next" in refusal("{say: {zh: 您好}}")

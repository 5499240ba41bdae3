"""The node ``say``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, refusal, stays

from callflows.effects import Say
from callflows.nodes.base import Stay
from callflows.speech import Characters, Number, Recording

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


def test_a_value_is_read_out_as_what_it_is_or_by_its_characters() -> None:
    """A webhook may have answered anything."""
    text = '{say: {zh: "{n:number}{t:time}{r:recording}{c}", en: x}, next: menu}'

    def read(**variables: str) -> list[object]:
        return [part for effect in passed(text, variables=variables).effects for part in effect.speech]  # type: ignore[attr-defined]

    assert read(n="12", r="2026/11/22/1.2-3", c="C1") == [Number(12), Recording("2026/11/22/1.2-3"), Characters("C1")]
    assert read(n="many", t="soon", r="../../etc/passwd") == [Characters("many"), Characters("soon"), Characters("../../etc/passwd")]

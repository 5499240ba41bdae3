"""The node ``hang_up``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays, written

from callflows.effects import HangUp, Say
from callflows.outcomes import Done

NODE = "{hang_up: {zh: 再见, en: Goodbye}}"


def test_it_says_goodbye_and_ends_the_call() -> None:
    passage = passed(NODE, Done())
    assert passage.said == ["再见"]
    assert passage.effects[-1] == HangUp()
    assert passage.exit == ""


def test_a_goodbye_is_heard_out_unless_the_flow_says_otherwise() -> None:
    for text, barge_in in ((NODE, False), (NODE.replace("}}", "}, barge_in: true}"), True)):
        say = passed(text, Done()).effects[0]
        assert isinstance(say, Say)
        assert say.barge_in is barge_in


def test_it_is_a_goodbye_and_leads_nowhere() -> None:
    assert written(NODE).gives == "goodbye"
    assert stays(NODE) == {}

"""The node ``record``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays

from callflows.effects import Record, Say
from callflows.nodes.base import Stay
from callflows.outcomes import CallerHungUp, NothingRecorded, Recorded

NODE = "{record: {zh: 请说, en: Speak}, into: story, longest_s: 60, silence_s: 5, next: review, nothing: again}"


def test_what_is_said_is_kept() -> None:
    passage = passed(NODE, Recorded("2026/a", 7.0))
    assert (passage.exit, passage.call.variables) == ("next", {"story": "2026/a"})
    assert passage.effects[1] == Record(longest_s=60, silence_s=5)


def test_nothing_said_is_an_exit_of_its_own() -> None:
    passage = passed(NODE, NothingRecorded(), variables={"story": "before"})
    assert (passage.exit, passage.call.variables) == ("nothing", {"story": "before"})


def test_what_was_said_before_a_hang_up_is_not_thrown_away() -> None:
    passage = passed(NODE, CallerHungUp(Recorded("2026/half", 3.0)))
    assert (passage.exit, passage.call.variables) == (None, {"story": "2026/half"})


def test_the_words_may_have_to_be_heard_out() -> None:
    assert passed(NODE.replace("next", "barge_in: false, next"), NothingRecorded()).effects[0] == Say(
        passed(NODE, NothingRecorded()).effects[0].speech,  # type: ignore[attr-defined]
        barge_in=False,
    )


def test_the_worst_case_speaks_to_the_end() -> None:
    assert stays(NODE) == {"next": Stay(2 + 60 + 5, prompts=1, asked=1), "nothing": Stay(2 + 5, prompts=1, asked=1)}

"""The node ``voicemail``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays

from callflows.effects import Record, TakeMessage
from callflows.nodes.base import Stay
from callflows.outcomes import CallerHungUp, Done, MessageTaken, NothingRecorded, NotStored, Recorded

NODE = "{voicemail: {zh: 请留言, en: Speak}, longest_s: 90, silence_s: 4, taken: bye, nothing: again, not_stored: sorry}"


def test_a_message_is_recorded_and_kept() -> None:
    passage = passed(NODE, Recorded("2026/a", 7.0), MessageTaken())
    assert passage.exit == "taken"
    assert passage.effects[1:] == [Record(90, 4), TakeMessage("2026/a", complete=True)]


def test_nothing_said_and_nothing_stored_are_exits() -> None:
    assert passed(NODE, NothingRecorded()).exit == "nothing"
    assert passed(NODE, Recorded("2026/a", 7.0), NotStored()).exit == "not_stored"


def test_hanging_up_is_a_way_to_end_a_message() -> None:
    passage = passed(NODE, CallerHungUp(Recorded("2026/half", 3.0)), Done())
    assert passage.exit is None
    assert passage.effects[-1] == TakeMessage("2026/half", complete=False)


def test_who_hangs_up_at_the_beep_left_no_message() -> None:
    assert not any(isinstance(effect, TakeMessage) for effect in passed(NODE, CallerHungUp()).effects)


def test_the_worst_case() -> None:
    assert stays(NODE)["taken"] == stays(NODE)["not_stored"] == Stay(3 + 90 + 4, prompts=1, asked=1)
    assert stays(NODE)["nothing"] == Stay(3 + 4, prompts=1, asked=1)

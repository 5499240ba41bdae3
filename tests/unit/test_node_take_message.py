"""The node ``take_message``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import passed, stays

from callflows.effects import TakeMessage
from callflows.nodes.base import Stay
from callflows.nodes.variables import Secret
from callflows.outcomes import MessageTaken, NotStored

NODE = "{take_message: story, complete: false, taken: done, not_stored: sorry}"


def test_a_recording_becomes_a_message() -> None:
    passage = passed(NODE, MessageTaken(), variables={"story": "2026/a"})
    assert (passage.exit, passage.effects) == ("taken", [TakeMessage("2026/a", complete=False)])


def test_a_store_that_fails_is_told() -> None:
    assert passed(NODE, NotStored(), variables={"story": "2026/a"}).exit == "not_stored"


def test_without_a_recording_there_is_nothing_to_keep() -> None:
    assert (passed(NODE).exit, passed(NODE).effects) == ("taken", [])
    for other in (Secret("4711"), "../../etc/passwd", "/etc/passwd", "2026/../../x"):
        assert passed(NODE, variables={"story": other}).effects == []


def test_it_takes_no_time() -> None:
    assert set(stays(NODE).values()) == {Stay()}

"""``take_message``: keep a recorded message for the contact's line. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import TakeMessage
from callflows.nodes.base import CallState, Given, Node, NodeName, Steps, Words
from callflows.nodes.storing import spoken, stored
from callflows.nodes.variables import VariableName
from callflows.outcomes import MessageTaken


class TakeMessageNode(Node):
    """Keeps what `record` recorded as a message for the line."""

    kind: ClassVar[str] = "take_message"
    gives: ClassVar[Given | None] = "message"
    gives_by: ClassVar[frozenset[str]] = frozenset({"taken"})
    take_message: VariableName
    """The variable that holds the recording."""
    complete: bool = True
    """Did the caller come to the end? `false` in a node that `on_hang_up` leads to."""
    taken: NodeName
    """The node when the message is kept, or there was none."""
    not_stored: NodeName
    """The node when it could not be kept; it must say so."""
    hold_on: Words | None = None
    """What the caller hears when keeping it takes more than a moment."""

    def steps(self, call: CallState, place: str) -> Steps:
        recording = call.recording(self.take_message)
        if not recording:  # hung up before the beep: there is nothing to keep
            return "taken"
        outcome = yield from stored(TakeMessage(recording, complete=self.complete), call, self.hold_on, place)
        return "taken" if isinstance(outcome, MessageTaken) else "not_stored"

    def exits(self) -> Mapping[str, str]:
        return {"taken": self.taken, "not_stored": self.not_stored}

    def words(self) -> Mapping[str, Words]:
        return spoken(self.hold_on)

    def reads(self) -> set[str]:
        return {self.take_message}

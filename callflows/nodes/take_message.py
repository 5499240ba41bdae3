"""``take_message``: keep a recorded message for the contact's line. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import TakeMessage
from callflows.nodes.base import CallState, Node, NodeName, Steps, VariableName
from callflows.outcomes import MessageTaken


class TakeMessageNode(Node):
    kind: ClassVar[str] = "take_message"
    take_message: VariableName
    complete: bool = True
    taken: NodeName
    not_stored: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        recording = call.variables.get(self.take_message)
        if not recording:  # hung up before the beep: there is nothing to keep
            return "taken"
        outcome = yield TakeMessage(recording, complete=self.complete)
        return "taken" if isinstance(outcome, MessageTaken) else "not_stored"

    def exits(self) -> Mapping[str, str]:
        return {"taken": self.taken, "not_stored": self.not_stored}

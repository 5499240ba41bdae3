"""``say``: speak, then go on. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import Say
from callflows.nodes.base import CallState, Node, NodeName, Steps, Words


class SayNode(Node):
    """Speaks, then goes on."""

    kind: ClassVar[str] = "say"
    say: Words
    """What the caller hears."""
    next: NodeName
    """The node after it."""
    barge_in: bool = True
    """May a key cut it short? The key then counts for the next question."""

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.say, place), barge_in=self.barge_in)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

    def words(self) -> Mapping[str, Words]:
        return {"": self.say}

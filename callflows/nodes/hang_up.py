"""``hang_up``: say goodbye and end the call. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import HangUp, Say
from callflows.nodes.base import CallState, Given, Node, Steps, Words


class HangUpNode(Node):
    """Says goodbye and ends the call."""

    kind: ClassVar[str] = "hang_up"
    gives: ClassVar[Given | None] = "goodbye"
    hang_up: Words
    """The goodbye."""
    barge_in: bool = False
    """May a key cut it short?"""

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.hang_up, place), barge_in=self.barge_in)
        yield HangUp()
        return ""

    def exits(self) -> Mapping[str, str]:
        return {}

    def words(self) -> Mapping[str, Words]:
        return {"": self.hang_up}

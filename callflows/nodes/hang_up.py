"""``hang_up``: say goodbye and end the call. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import HangUp, Say
from callflows.nodes.base import CallState, Node, Steps, Words


class HangUpNode(Node):
    kind: ClassVar[str] = "hang_up"
    hang_up: Words

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.hang_up, place), barge_in=False)
        yield HangUp()
        return ""

    def exits(self) -> Mapping[str, str]:
        return {}

    def words(self) -> Mapping[str, Words]:
        return {"": self.hang_up}

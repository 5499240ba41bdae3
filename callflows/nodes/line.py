"""``line``: from here the contact belongs to this line (R1). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import EnterLine
from callflows.nodes.base import CallState, Node, NodeName, Steps


class LineNode(Node):
    kind: ClassVar[str] = "line"
    line: str
    next: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        yield EnterLine(self.line)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

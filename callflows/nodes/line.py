"""``line``: from here the contact belongs to this line (R1). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import EnterLine
from callflows.nodes.base import CallState, Named, Node, NodeName, Steps


class LineNode(Node):
    """From here the call belongs to this line of the hotline: in the records, the reports and the alerts."""

    kind: ClassVar[str] = "line"
    line: str
    """The line's name in the settings."""
    next: NodeName
    """The node after it."""

    def steps(self, call: CallState, place: str) -> Steps:
        yield EnterLine(self.line)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

    def names(self) -> Mapping[Named, str]:
        return {"line": self.line}

"""``given``: branch on whether a variable has a value. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.nodes.variables import VariableName


class GivenNode(Node):
    """Branches on whether a variable has a value."""

    kind: ClassVar[str] = "given"
    given: VariableName
    """The variable."""
    yes: NodeName
    """The node when it has a value."""
    no: NodeName
    """The node when it has none."""

    def steps(self, call: CallState, place: str) -> Steps:
        return "yes" if call.variables.get(self.given) else "no"
        yield

    def exits(self) -> Mapping[str, str]:
        return {"yes": self.yes, "no": self.no}

    def reads(self) -> set[str]:
        return {self.given}

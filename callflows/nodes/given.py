"""``given``: branch on whether a variable has a value. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.nodes.base import CallState, Node, NodeName, Steps, VariableName


class GivenNode(Node):
    kind: ClassVar[str] = "given"
    given: VariableName
    yes: NodeName
    no: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        return "yes" if call.variables.get(self.given) else "no"
        yield

    def exits(self) -> Mapping[str, str]:
        return {"yes": self.yes, "no": self.no}

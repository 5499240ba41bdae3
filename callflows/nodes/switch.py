"""``switch``: branch on a variable's value. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from callflows.nodes.base import OTHERWISE, CallState, Node, NodeName, Steps
from callflows.nodes.variables import VariableName

Case = Annotated[str, Field(max_length=64)]


class SwitchNode(Node):
    """Branches on a variable's value."""

    kind: ClassVar[str] = "switch"
    switch: VariableName
    """The variable."""
    cases: Annotated[dict[Case, NodeName], Field(min_length=1)]
    """Value → node. `_` takes every other value, and none; `""` takes none alone. A flag has the value `yes`, or none."""

    @model_validator(mode="after")
    def _every_value_leads_somewhere(self) -> SwitchNode:
        if OTHERWISE not in self.cases:
            raise ValueError("'_' must be among the cases: it takes every value that isn't named")
        return self

    def steps(self, call: CallState, place: str) -> Steps:
        value = call.variables.get(self.switch, "")
        return value if value in self.cases else OTHERWISE
        yield

    def exits(self) -> Mapping[str, str]:
        return self.cases

    def reads(self) -> set[str]:
        return {self.switch}

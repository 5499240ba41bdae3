"""``switch``: branch on a variable's value. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from callflows.nodes.base import OTHERWISE, CallState, Node, NodeName, Steps
from callflows.nodes.variables import YES, VariableName


def _not_a_truth(value: object) -> object:
    # The loader makes texts of all keys: true would become a case that no flag ever has.
    if value in (True, False, "True", "False"):
        raise ValueError(f"a flag's value is {YES!r}, or none: write {YES} instead of {str(value).lower()}")
    return value


Case = Annotated[str, BeforeValidator(_not_a_truth), Field(max_length=64)]


class SwitchNode(Node):
    """Branches on a variable's value."""

    kind: ClassVar[str] = "switch"
    switch: VariableName
    """The variable."""
    cases: Annotated[dict[Case, NodeName], Field(min_length=1)]
    """Value → node. `_` takes every other value, and none; `""` takes none alone."""

    def steps(self, call: CallState, place: str) -> Steps:
        value = call.variables.get(self.switch, "")
        return value if value in self.cases else OTHERWISE
        yield

    def exits(self) -> Mapping[str, str]:
        return self.cases

    def reads(self) -> set[str]:
        return {self.switch}

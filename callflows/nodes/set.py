"""``set``: give variables a value. Used by the flow loader."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.nodes.variables import AssignedName, Value, referred


class SetNode(Node):
    """Gives variables a value: a text, a number, `yes`, or another variable's value as `{name}`. An empty text takes it away."""

    kind: ClassVar[str] = "set"
    set: Annotated[dict[AssignedName, Value], Field(min_length=1)]
    """Variable → value."""
    next: NodeName
    """The node after it."""

    def steps(self, call: CallState, place: str) -> Steps:
        values = {name: call.value(written) for name, written in self.set.items()}  # all read first: {a: "{b}", b: "{a}"} swaps them
        for name, value in values.items():
            call.keep(name, value)
        return "next"
        yield

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

    def assigns(self) -> builtins.set[str]:
        return {*self.set}

    def reads(self) -> builtins.set[str]:
        return {name for written in self.set.values() if (name := referred(written))}

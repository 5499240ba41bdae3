"""``run`` and ``end``: walk another flow, and go on by the way it ended. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.nodes.variables import Value, VariableName, referred

ANY_ENDING = "_"
Ending = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,47}|_)$")]


class RunNode(Node):
    """Walks another flow, and goes on by the way it ended. The walk itself enters the flow when it meets this node."""

    kind: ClassVar[str] = "run"
    run: NodeName
    """The flow's name."""
    given: Annotated[dict[VariableName, Value], Field(alias="with", default_factory=dict)]
    """Parameter of that flow → value: a text, a number, `yes`, or a variable's value as `{name}`."""
    ends: Annotated[dict[Ending, NodeName], Field(min_length=1)]
    """Ending of that flow → node. `_` takes every ending that isn't named."""

    def steps(self, call: CallState, place: str) -> Steps:
        raise AssertionError("the walk enters a sub-flow itself")
        yield

    def exits(self) -> Mapping[str, str]:
        return self.ends

    def reads(self) -> set[str]:
        return {name for written in self.given.values() if (name := referred(written))}


class EndNode(Node):
    """A sub-flow ends here, in the way named."""

    kind: ClassVar[str] = "end"
    end: NodeName
    """The ending, as the `ends` of the flow that runs this one know it."""

    def steps(self, call: CallState, place: str) -> Steps:
        raise AssertionError("the walk leaves a sub-flow itself")
        yield

    def exits(self) -> Mapping[str, str]:
        return {}

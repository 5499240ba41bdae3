"""``run`` and ``end``: walk another flow, and go on by the way it ended. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.nodes.base import CallState, Node, NodeName, Steps

ANY_ENDING = "_"


class RunNode(Node):
    """The walk itself enters the other flow when it meets this node; ``exits`` are the endings it knows."""

    kind: ClassVar[str] = "run"
    run: NodeName
    ends: Annotated[dict[str, NodeName], Field(min_length=1)]

    def steps(self, call: CallState, place: str) -> Steps:
        raise AssertionError("the walk enters a sub-flow itself")
        yield

    def exits(self) -> Mapping[str, str]:
        return self.ends


class EndNode(Node):
    """A sub-flow ends here, in the way named."""

    kind: ClassVar[str] = "end"
    end: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        raise AssertionError("the walk leaves a sub-flow itself")
        yield

    def exits(self) -> Mapping[str, str]:
        return {}

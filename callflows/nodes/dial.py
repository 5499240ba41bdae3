"""``dial``: connect the caller to a telephone, and go on by how he came back. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Dial
from callflows.nodes.base import OTHERWISE, CallState, Given, Named, Node, NodeName, Saying, Stay, Steps
from callflows.outcomes import DialEnd, DialLeft


class DialNode(Node):
    """Connects the caller to a telephone of the settings, e.g. the porter's, and goes on by how he came back."""

    kind: ClassVar[str] = "dial"
    hands_over: ClassVar[bool] = True
    gives: ClassVar[Given | None] = "human"
    gives_by: ClassVar[frozenset[str]] = frozenset({"served"})
    dial: str
    """The telephone's name in the settings; never a number, which a caller could choose."""
    ring_s: Annotated[int, Field(ge=5, le=120)] = 30
    """How long it rings at most, in seconds."""
    served: NodeName
    """The node after they talked and the other side hung up."""
    busy: NodeName | None = None
    """The node when it is busy."""
    no_answer: NodeName | None = None
    """The node when nobody answers."""
    failed: NodeName | None = None
    """The node when it can't be reached."""
    otherwise: Annotated[NodeName, Field(alias="_")]
    """The node for every way out that has none of its own."""

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield Dial(self.dial, self.ring_s)
        end = outcome.end if isinstance(outcome, DialLeft) else DialEnd.FAILED
        return end.value if end.value in self.exits() else OTHERWISE

    def exits(self) -> Mapping[str, str]:
        ends = ("served", "busy", "no_answer", "failed")
        return {**{end: node for end in ends if (node := getattr(self, end))}, OTHERWISE: self.otherwise}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return dict.fromkeys(self.exits(), Stay(float(self.ring_s)))

    def names(self) -> Mapping[Named, str]:
        return {"phone": self.dial}

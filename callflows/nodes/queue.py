"""``queue``: hand the caller to a queue, and go on by how he came back. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Queue
from callflows.nodes.base import OTHERWISE, CallState, Given, Named, Node, NodeName, Saying, Stay, Steps
from callflows.nodes.priority import Priority, priority_of
from callflows.outcomes import QueueEnd, QueueLeft


class QueueNode(Node):
    """Hands the caller to a queue, and goes on by how he came back."""

    kind: ClassVar[str] = "queue"
    hands_over: ClassVar[bool] = True
    gives: ClassVar[Given | None] = "human"
    queue: str
    """The queue's name in the settings."""
    longest_wait_s: Annotated[int, Field(ge=5, le=3600)] | None = None
    """How long he waits at most, in seconds; left out, what the settings say of the queue."""
    priority: Priority = "normal"
    """`normal`, `customer` (what `look_up` found), or 0 to 10. Higher goes first, but overtakes nobody who has waited long."""
    served: NodeName
    """The node after he talked to somebody who hung up first."""
    timeout: NodeName | None = None
    """The node when he waited as long as he may."""
    full: NodeName | None = None
    """The node when as many wait as may."""
    empty: NodeName | None = None
    """The node when nobody is there to answer."""
    closed: NodeName | None = None
    """The node when closing time came while he waited."""
    key: NodeName | None = None
    """The node when he pressed 1 while he waited."""
    otherwise: Annotated[NodeName, Field(alias="_")]
    """The node for every way out that has none of its own."""

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield Queue(self.queue, self.longest_wait_s or 0, priority_of(self.priority, call))
        end = outcome.end if isinstance(outcome, QueueLeft) else QueueEnd.FAILED
        return end.value if end.value in self.exits() else OTHERWISE

    def exits(self) -> Mapping[str, str]:
        ends = ("served", "timeout", "full", "empty", "closed", "key")
        return {**{end: node for end in ends if (node := getattr(self, end))}, OTHERWISE: self.otherwise}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        """Of the wait only what the flow itself sets: for a caller in a queue people are there, or on their way."""
        return dict.fromkeys(self.exits(), Stay(float(self.longest_wait_s or 0)))

    def names(self) -> Mapping[Named, str]:
        return {"queue": self.queue}

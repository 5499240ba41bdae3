"""``queue``: hand the caller to a queue, and go on by how he came back. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Queue
from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.outcomes import QueueEnd, QueueLeft


class QueueNode(Node):
    kind: ClassVar[str] = "queue"
    hands_over: ClassVar[bool] = True
    queue: str
    longest_wait_s: Annotated[int, Field(ge=5, le=3600)] | None = None
    served: NodeName
    timeout: NodeName | None = None
    full: NodeName | None = None
    empty: NodeName | None = None
    key: NodeName | None = None  # he pressed 1 while waiting
    otherwise: Annotated[NodeName, Field(alias="_")]

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield Queue(self.queue, self.longest_wait_s or 0)
        end = outcome.end if isinstance(outcome, QueueLeft) else QueueEnd.FAILED
        return end.value if end.value in self.exits() else "_"

    def exits(self) -> Mapping[str, str]:
        named = {"served": self.served, "timeout": self.timeout, "full": self.full, "empty": self.empty, "key": self.key}
        return {**{end: node for end, node in named.items() if node}, "_": self.otherwise}

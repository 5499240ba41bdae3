"""``expect_wait``: tell the caller his place and his wait before he joins a queue, and branch on it. Used by the flow loader."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from callflows.effects import LookAtQueue, Say
from callflows.nodes.base import OTHERWISE, CallState, Named, Node, NodeName, Saying, Stay, Steps, Words
from callflows.nodes.priority import Priority, priority_of
from callflows.outcomes import QueueOutlook

POSITION, WAIT_FROM, WAIT_TO = "queue_position", "wait_from", "wait_to"


class ExpectWaitNode(Node):
    """Tells the caller his place and his wait, as far as they can be told, and branches on the wait."""

    kind: ClassVar[str] = "expect_wait"
    expect_wait: str
    """The queue's name in the settings."""
    position: Words | None = None
    """Says his place, `{queue_position:number}`. Not said to whoever is next, nor when nobody is there to answer."""
    wait: Words | None = None
    """Says his wait in minutes, `{wait_from:number}` to `{wait_to:number}`. Not said when it can't be told well enough."""
    wait_at_most: Words | None = None
    """Said instead of `wait` when it may be less than a minute: `{wait_to:number}`."""
    long_above_s: Annotated[int, Field(ge=10, le=3600)] = 180
    """A wait that may last longer than this is `long`, in seconds."""
    priority: Priority = "normal"
    """As the `queue` node that follows has it."""
    short: NodeName | None = None
    """The node when the wait is short."""
    long: NodeName | None = None
    """The node when it may be long: offer a callback there."""
    unknown: NodeName | None = None
    """The node when it can't be told."""
    otherwise: Annotated[NodeName | None, Field(alias="_")] = None
    """The node for each of the three that is left out."""
    barge_in: bool = True
    """May a key cut the words short?"""

    @model_validator(mode="after")
    def _three_ways(self) -> ExpectWaitNode:
        if self.otherwise is None and not (self.short and self.long and self.unknown):
            raise ValueError("'short', 'long' and 'unknown' must each lead somewhere, or '_' for those left out")
        return self

    def steps(self, call: CallState, place: str) -> Steps:
        outlook = yield LookAtQueue(self.expect_wait, priority_of(self.priority, call))
        for name in (POSITION, WAIT_FROM, WAIT_TO):
            call.forget(name)
        if not isinstance(outlook, QueueOutlook) or not outlook.staffed:
            return self._exit("unknown")
        call.keep(POSITION, str(outlook.position))
        if self.position and outlook.position > 1:
            yield Say(call.speech(self.position, f"{place}-position"), barge_in=self.barge_in)
        if outlook.longest_s is None:
            return self._exit("unknown")
        shortest = int((outlook.shortest_s or 0.0) // 60)
        longest = max(math.ceil(outlook.longest_s / 60), shortest + 1)
        call.keep(WAIT_FROM, str(shortest))
        call.keep(WAIT_TO, str(longest))
        slot, words = ("wait", self.wait) if shortest else ("wait-at-most", self.wait_at_most)
        if words:
            yield Say(call.speech(words, f"{place}-{slot}"), barge_in=self.barge_in)
        return self._exit("long" if outlook.longest_s > self.long_above_s else "short")

    def _exit(self, name: str) -> str:
        return name if name in self.exits() else OTHERWISE

    def exits(self) -> Mapping[str, str]:
        named = {"short": self.short, "long": self.long, "unknown": self.unknown, OTHERWISE: self.otherwise}
        return {name: node for name, node in named.items() if node}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        place = Stay(saying(self.position), prompts=1) if self.position else Stay()
        waits = [saying(words) for words in (self.wait, self.wait_at_most) if words]
        told = place + Stay(max(waits), prompts=1) if waits else place
        return {name: place if name == "unknown" else told for name in self.exits()}

    def words(self) -> Mapping[str, Words]:
        named = {"position": self.position, "wait": self.wait, "wait-at-most": self.wait_at_most}
        return {slot: words for slot, words in named.items() if words}

    def assigns(self) -> set[str]:
        return {POSITION, WAIT_FROM, WAIT_TO}

    def names(self) -> Mapping[Named, str]:
        return {"queue": self.expect_wait}

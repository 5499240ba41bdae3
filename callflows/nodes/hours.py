"""``hours``: branch on whether a line is staffed now (R3). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import CheckHours
from callflows.nodes.base import CallState, Named, Node, NodeName, Steps
from callflows.outcomes import Hours, HoursState


class HoursNode(Node):
    """Branches on whether a line is staffed now: emergency before holiday before closed before open."""

    kind: ClassVar[str] = "hours"
    hours: str
    """The line, or the name of a calendar."""
    open: NodeName
    """The node while it is staffed."""
    closed: NodeName
    """The node while it isn't; then `{opens_at:time}` tells when it opens again, where that is known."""
    holiday: NodeName | None = None
    """The node on a holiday; left out, `closed`."""
    emergency: NodeName | None = None
    """The node while an emergency is declared; left out, `closed`."""

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield CheckHours(self.hours)
        call.forget("opens_at")  # of another line, asked before
        if not isinstance(outcome, Hours):
            return "closed"
        if outcome.opens_at:
            call.keep("opens_at", outcome.opens_at.isoformat())  # read out as {opens_at:time}
        return outcome.state.value if outcome.state.value in self.exits() else HoursState.CLOSED.value

    def exits(self) -> Mapping[str, str]:
        named = {"open": self.open, "closed": self.closed, "holiday": self.holiday, "emergency": self.emergency}
        return {state: node for state, node in named.items() if node}

    def assigns(self) -> set[str]:
        return {"opens_at"}

    def names(self) -> Mapping[Named, str]:
        return {"hours": self.hours}

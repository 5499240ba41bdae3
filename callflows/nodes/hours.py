"""``hours``: branch on whether a line is staffed now. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import CheckHours
from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.outcomes import Hours, HoursState


class HoursNode(Node):
    kind: ClassVar[str] = "hours"
    hours: str
    open: NodeName
    closed: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield CheckHours(self.hours)
        staffed = isinstance(outcome, Hours) and outcome.state is HoursState.OPEN
        if isinstance(outcome, Hours) and outcome.opens_at:
            call.variables["opens_at"] = outcome.opens_at.isoformat()  # read out as {opens_at:time}
        return "open" if staffed else "closed"

    def exits(self) -> Mapping[str, str]:
        return {"open": self.open, "closed": self.closed}

    def assigns(self) -> set[str]:
        return {"opens_at"}

"""``record``: let the caller speak after a beep and keep the recording's reference in a variable. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Record, Say
from callflows.nodes.base import CallState, Node, NodeName, Steps, VariableName, Words
from callflows.outcomes import CallerHungUp, Recorded


class RecordNode(Node):
    kind: ClassVar[str] = "record"
    record: Words
    into: VariableName
    longest_s: Annotated[int, Field(ge=3, le=1800)] = 120
    silence_s: Annotated[int, Field(ge=1, le=30)] = 4
    next: NodeName
    nothing: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        yield Say(call.speech(self.record, place))
        try:
            outcome = yield Record(longest_s=self.longest_s, silence_s=self.silence_s)
        except CallerHungUp as hung_up:
            if hung_up.recorded:  # what he said before he hung up is not thrown away
                call.variables[self.into] = hung_up.recorded.reference
            raise
        if isinstance(outcome, Recorded):
            call.variables[self.into] = outcome.reference
            return "next"
        return "nothing"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next, "nothing": self.nothing}

    def words(self) -> Mapping[str, Words]:
        return {"": self.record}

    def assigns(self) -> set[str]:
        return {self.into}

"""``file_complaint``: open a complaint with what the caller gave (R10, R11). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from callflows.effects import FileComplaint
from callflows.nodes.base import CallState, Node, NodeName, Steps, VariableName
from callflows.outcomes import ComplaintFiled


class ComplaintParts(BaseModel):
    """Which variables hold what: product serial number, contact number, recording."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    serial: VariableName | None = None
    contact_number: VariableName | None = None
    recording: VariableName | None = None


class FileComplaintNode(Node):
    kind: ClassVar[str] = "file_complaint"
    file_complaint: ComplaintParts
    into: VariableName
    complete: bool = True
    filed: NodeName
    not_stored: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        def value(variable: str | None) -> str | None:
            return call.variables.get(variable) if variable else None

        serial, recording = value(self.file_complaint.serial), value(self.file_complaint.recording)
        if not (self.complete or serial or recording):
            return "not_stored"  # hung up before saying anything: an abandoned call, not a complaint
        contact_number = value(self.file_complaint.contact_number)
        outcome = yield FileComplaint(serial, contact_number, recording, complete=self.complete)
        if isinstance(outcome, ComplaintFiled):
            call.variables[self.into] = outcome.number
            return "filed"
        return "not_stored"

    def exits(self) -> Mapping[str, str]:
        return {"filed": self.filed, "not_stored": self.not_stored}

    def assigns(self) -> set[str]:
        return {self.into}

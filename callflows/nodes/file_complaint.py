"""``file_complaint``: open a complaint with what the caller gave (R10, R11). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from callflows.effects import FileComplaint
from callflows.nodes.base import CallState, Given, Node, NodeName, Steps, Words
from callflows.nodes.storing import spoken, stored
from callflows.nodes.variables import AssignedName, VariableName
from callflows.outcomes import ComplaintFiled, ComplaintKept


class ComplaintParts(BaseModel):
    """Which variables hold what."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    serial: VariableName | None = None
    """The variable with the product's serial number."""
    contact_number: VariableName | None = None
    """The variable with the number to call back on."""
    recording: VariableName | None = None
    """The variable with the recording."""


class FileComplaintNode(Node):
    """Opens a complaint. Its number is there only once it is safely stored; masked variables are left out of it."""

    kind: ClassVar[str] = "file_complaint"
    gives: ClassVar[Given | None] = "message"
    gives_by: ClassVar[frozenset[str]] = frozenset({"filed"})
    file_complaint: ComplaintParts
    """Which variables hold what the caller gave: `serial`, `contact_number`, `recording`."""
    into: AssignedName
    """The variable that gets the complaint's number."""
    complete: bool = True
    """Did the caller come to the end? `false` in a node that `on_hang_up` leads to."""
    filed: NodeName
    """The node when the complaint is stored."""
    not_stored: NodeName
    """The node when it could not be stored; it must say so and still help."""
    kept: NodeName | None = None
    """The node when it is safe on disk and the database will have it later: it has no number yet. Without it: `not_stored`."""
    hold_on: Words | None = None
    """What the caller hears when storing takes more than a moment."""

    def steps(self, call: CallState, place: str) -> Steps:
        parts = self.file_complaint
        serial, recording = call.storable(parts.serial), call.recording(parts.recording)
        if not (self.complete or serial or recording):
            return "not_stored"  # hung up before saying anything: an abandoned call, not a complaint
        effect = FileComplaint(serial, call.storable(parts.contact_number), recording, complete=self.complete)
        outcome = yield from stored(effect, call, self.hold_on, place)
        if isinstance(outcome, ComplaintFiled):
            call.keep(self.into, outcome.number)
            return "filed"
        return "kept" if self.kept and isinstance(outcome, ComplaintKept) else "not_stored"

    def exits(self) -> Mapping[str, str]:
        kept = {"kept": self.kept} if self.kept else {}
        return {"filed": self.filed, **kept, "not_stored": self.not_stored}

    def words(self) -> Mapping[str, Words]:
        return spoken(self.hold_on)

    def assigns(self) -> set[str]:
        return {self.into}

    def reads(self) -> set[str]:
        return {name for name in (self.file_complaint.serial, self.file_complaint.contact_number, self.file_complaint.recording) if name}

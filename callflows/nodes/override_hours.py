"""``override_hours``: a supervisor opens or closes a line from the telephone. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from callflows.effects import OverrideHours
from callflows.nodes.base import CallState, Named, Node, NodeName, Steps
from callflows.nodes.variables import SUPERVISOR, Value, referred
from callflows.outcomes import Done

EVERY_LINE = "all"
LONGEST_OVERRIDE_MIN = 31 * 24 * 60  # who needs longer writes it into the calendar


def _minutes(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= LONGEST_OVERRIDE_MIN else None


def _minutes_or_reference(value: str) -> str:
    if not referred(value) and _minutes(value) is None:
        raise ValueError(f"{value!r} is neither a number of minutes (1 to {LONGEST_OVERRIDE_MIN}) nor a variable in braces")
    return value


class OverrideHoursNode(Node):
    """Opens or closes a line, or declares an emergency, until some minutes are over. Only after `check_pin` accepted a PIN in this call."""

    kind: ClassVar[str] = "override_hours"
    override_hours: Value
    """The line, as a name or as `{variable}`; `all` for every line."""
    state: Literal["open", "closed", "emergency", "calendar"]
    """What it shall be; `calendar` takes an override back."""
    minutes: Annotated[Value, AfterValidator(_minutes_or_reference)] = "60"
    """For how long, in minutes; a variable, as `{name}`, lets the caller say."""
    done: NodeName
    """The node once it is in force."""
    not_stored: NodeName
    """The node when nothing was changed: no PIN, no such line, no good number of minutes, or it could not be stored."""

    def steps(self, call: CallState, place: str) -> Steps:
        supervisor = call.variables.get(SUPERVISOR)
        line, minutes = call.value(self.override_hours), _minutes(call.value(self.minutes))
        if not supervisor or not line or minutes is None:
            return "not_stored"
        outcome = yield OverrideHours(None if line == EVERY_LINE else line, self.state, minutes, supervisor)
        return "done" if isinstance(outcome, Done) else "not_stored"

    def exits(self) -> Mapping[str, str]:
        return {"done": self.done, "not_stored": self.not_stored}

    def reads(self) -> set[str]:
        return {SUPERVISOR, *(name for written in (self.override_hours, self.minutes) if (name := referred(written)))}

    def names(self) -> Mapping[Named, str]:
        literal = referred(self.override_hours) is None and self.override_hours != EVERY_LINE
        return {"line": self.override_hours} if literal else {}

"""``remember``: keep something for the next call from this number. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import RememberChoice
from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.nodes.variables import Secret, Value, referred


class RememberNode(Node):
    """Remembers a choice of the caller's for his next call; `look_up` gives it back as the variable `customer_<name>`."""

    kind: ClassVar[str] = "remember"
    remember: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,22}$")]
    """The name of what is remembered, e.g. `line`."""
    value: Value
    """What is remembered: a text, a number, or a variable's value as `{name}`. Nothing is remembered of a masked one."""
    next: NodeName
    """The node after it."""

    def steps(self, call: CallState, place: str) -> Steps:
        value = call.value(self.value)
        if value and not isinstance(value, Secret):
            yield RememberChoice(self.remember, value)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

    def reads(self) -> set[str]:
        return {name for name in (referred(self.value),) if name}

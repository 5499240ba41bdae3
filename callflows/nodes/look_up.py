"""``look_up``: who is calling, as far as we know him. Used by the flow loader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from callflows.effects import LookUpCustomer
from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.nodes.priority import CUSTOMER_PRIORITY
from callflows.nodes.variables import LONGEST_VALUE
from callflows.outcomes import CustomerKnown

_FACT = re.compile(r"customer_[a-z0-9_]{1,23}")


class LookUpNode(Node):
    """Looks the caller up by his number. What is known of him becomes the variables `customer_…`."""

    kind: ClassVar[str] = "look_up"
    look_up: Literal["customer"]
    """`customer`: by the number he calls from."""
    known: NodeName
    """The node when we know him."""
    unknown: NodeName
    """The node when we don't, his number is withheld, or the look-up failed."""

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield LookUpCustomer()
        if not isinstance(outcome, CustomerKnown):
            return "unknown"
        for name, value in outcome.facts:
            if _FACT.fullmatch(name):  # a CRM's field shall not overwrite what the caller has just entered
                call.keep(name, value[:LONGEST_VALUE])
        call.keep(CUSTOMER_PRIORITY, str(outcome.priority))
        return "known"

    def exits(self) -> Mapping[str, str]:
        return {"known": self.known, "unknown": self.unknown}

    def assigns(self) -> set[str]:
        return {"customer_*"}

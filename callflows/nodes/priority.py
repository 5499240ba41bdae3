"""Who goes first in a queue: the ``priority`` that ``queue`` and ``expect_wait`` share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.nodes.base import CallState

CUSTOMER_PRIORITY = "customer_priority"  # the variable that look_up sets
HIGHEST_PRIORITY = 10

Priority = Literal["normal", "customer"] | Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)]


def priority_of(priority: Priority, call: CallState) -> int:
    """0 to 10. ``customer`` is what the look-up found, and like everybody's where it found nothing."""
    if isinstance(priority, int):
        return priority
    if priority == "normal":
        return 0
    found = call.variables.get(CUSTOMER_PRIORITY, "")
    return min(int(found), HIGHEST_PRIORITY) if found.isascii() and found.isdecimal() else 0

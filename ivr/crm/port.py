"""What a CRM must be able to do for us, as one small interface. Implemented by each adapter of this room, called by the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ivr.store.complaints import Complaint


@dataclass(frozen=True, slots=True)
class Delivered:
    """The CRM has the case; ``reference`` is its own name for it."""

    reference: str


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not now: the outbox tries again. ``reason`` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: a person has to look at it. ``reason`` is a sentence."""

    reason: str


Delivery = Delivered | RetryLater | Rejected


class Crm(Protocol):
    """An adapter finds a case by its key before creating it, unless the system behind it refuses doubles itself."""

    name: str

    async def open_case(self, complaint: Complaint) -> Delivery:
        """Open the case of this complaint once; called again for the same ``complaint.key`` it tells the same reference."""
        ...

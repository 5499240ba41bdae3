"""What the outbox hands over and what it is told back: parcels, fates and the carrier's interface. Values; used by the outbox and every
adapter behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other side has it; ``reference`` is its own name for it, empty where it gives none."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not now. ``reason`` is a sentence; ``after_s`` is the least wait in seconds the other side asked for, if it did."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have arrived: the answer was lost. It is sent again under the same id, and whoever can look it up looks first."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: a person has to look at it. ``reason`` is a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disabled:
    """The other side wants nothing more from us. What waits is kept, and the channel rests until the daemon starts anew."""

    reason: str


Delivery = Delivered | RetryLater | Unknown | Rejected | Disabled


@dataclass(frozen=True, slots=True)
class Parcel:
    """One row of the outbox on its way. ``key`` is the same at every attempt; ``unsure``: the last one may have arrived."""

    key: str
    topic: str
    subject: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int
    unsure: bool

    @property
    def message_id(self) -> str:
        """The key as a webhook-id: Standard Webhooks joins id, time and body by full stops, so the id may hold none."""
        return self.key.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Carried:
    """The first ``taken`` parcels (at least one) went together and share this fate."""

    taken: int
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing was tried: the channel's own limit allows the next message in ``after_s`` seconds."""

    after_s: float


class Carrier(Protocol):
    """Takes one channel's parcels out. It answers by values; whatever it raises is a bug, and the parcel is kept."""

    channel: str
    keeps: timedelta | None  # what couldn't be delivered for so long isn't worth it any more; None = for ever
    lasting: Mapping[str, timedelta]  # topics that are worth it longer
    longest_retry_s: float

    async def carry(self, parcels: Sequence[Parcel]) -> Carried | NotYet:
        """Take out the first of these, or the first few in one message. ``parcels`` is never empty, oldest first."""
        ...

    def settled(self, session: Session, parcel: Parcel, delivered: Delivered) -> None:
        """Note what follows from a delivery, in the transaction that closes the row."""
        ...

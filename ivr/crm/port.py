"""What a CRM must be able to do for us, as one small interface. Implemented by each adapter of this room, called by its carrier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.delivery import Delivery
from ivr.store.cases import CaseEvent
from ivr.store.complaints import Complaint


@dataclass(frozen=True, slots=True)
class CaseNews:
    """A complaint as it stands now, and why the CRM hears of it.

    ``message_id`` is the same at every attempt. ``step`` is what was done, None for a new complaint or one told to its end.
    ``unsure``: the last attempt may have arrived, so an adapter without native keys looks the case up before it creates one.
    """

    message_id: str
    at: datetime
    complaint: Complaint
    step: CaseEvent | None
    unsure: bool


class Crm(Protocol):
    """An adapter finds a case by its key before creating it, unless the system behind it refuses doubles itself."""

    name: str

    async def open_case(self, news: CaseNews) -> Delivery:
        """Open the case of this complaint once; called again for the same ``complaint.key`` it tells the same reference."""
        ...

    async def update_case(self, news: CaseNews) -> Delivery:
        """Bring the case to the complaint's present state. It comes after ``open_case`` of the same complaint was settled."""
        ...

"""What every call shares, and the ports by which a session asks the rest of the house. Made by ``ivr.app``; used by sessions alone.

A port may be slow or fail: each is asked within a deadline (``ivr.errands``), and the flow goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from callflows.calendar import StaffedHours
from callflows.effects import OverrideHours
from callflows.flow import FlowBook
from callflows.outcomes import CustomerKnown, CustomerUnknown, QueueEnd, QueueOutlook, WebhookAnswered, WebhookFailed
from ivr.domain.contacts import Contact
from ivr.intake import Intake
from ivr.keeping import Shelf
from ivr.playing import Prompts
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker


class CallbackDesk(Protocol):
    """Who promises calls."""

    async def request(self, contact: Contact, at: datetime | None = None) -> str | None:
        """The promise's id once it is stored; None when this caller can't be called back. ``at``: when he asked, aware; now where None.

        Raises StoreError: it may be stored yet.
        """


class CustomerDesk(Protocol):
    """Who knows our callers."""

    async def look_up(self, contact: Contact) -> CustomerKnown | CustomerUnknown: ...

    async def remember(self, contact: Contact, name: str, value: str) -> None:
        """For his next call. Raises StoreError."""


class WebhookDesk(Protocol):
    """Who asks other systems."""

    async def ask(self, webhook: str, values: Sequence[tuple[str, str]], contact: Contact) -> WebhookAnswered | WebhookFailed: ...


class RatingDesk(Protocol):
    """Who keeps what callers think of us (R50). Raises StoreError."""

    async def offered(self, contact: Contact, question: str) -> None: ...

    async def rated(self, contact: Contact, question: str, rating: int) -> None:
        """1 is the worst of 5."""


class QueueOutlooks(Protocol):
    """Who knows what awaits a caller in a queue (``ivr.queue_outlook``)."""

    async def look(self, queue: str, priority: int, *, contact: str) -> QueueOutlook: ...

    def grant(self, queue: str, wished: int, *, contact: str) -> int:
        """The priority to hand over with, 0 to 10: no more than overtakes nobody who has waited long."""


class PinDesk(Protocol):
    """Who knows supervisors' PINs."""

    async def check_pin(self, pin: str, contact: str) -> str | None:
        """Who owns it; None when it is nobody's, or too many wrong ones were tried. ``contact`` is for the audit."""


class OverrideDesk(Protocol):
    """Who sets lines' hours for a supervisor (``ivr.hours``)."""

    async def set_by_phone(self, wish: OverrideHours) -> bool:
        """True once it is stored."""


class Flows(Protocol):
    """Which flows a call gets (``ivr.flow_versions``)."""

    def book_for(self, caller: str) -> FlowBook:
        """For a new call. ``caller``: the index of his number, or where it is withheld the contact's id."""

    async def book(self, version: str) -> FlowBook:
        """Those a call began with; never raises."""


class Closing(Protocol):
    """When queues close (``ivr.closing``)."""

    def __call__(self, line: str | None, queue: str, wait_s: int, now: datetime) -> int | None:
        """How long (s) who joins now may wait, of the ``wait_s`` that the flow wants; None: it has closed, and he must not be queued."""

    def end_of_wait(self, end: QueueEnd, queue: str, *, joined_at: datetime, now: datetime) -> QueueEnd:
        """How he left it: CLOSED where a closing ended his wait."""


class NeverCloses:
    """Queues of a house without hours."""

    def __call__(self, line: str | None, queue: str, wait_s: int, now: datetime) -> int | None:
        return wait_s

    def end_of_wait(self, end: QueueEnd, queue: str, *, joined_at: datetime, now: datetime) -> QueueEnd:
        return end


@dataclass(frozen=True)
class House:
    """``calendars`` are found by line name and by calendar name; ``queue_waits`` in s. A port that is None isn't there: what is asked of
    it fails, as a flow must expect anyway."""

    flows: Flows
    main_flow: str
    calendars: Mapping[str, StaffedHours]
    queue_of_line: Mapping[str, str]
    queue_waits: Mapping[str, int]
    default_queue: str
    language: str
    zone: ZoneInfo
    country: str
    area_code: str | None
    recordings: Path
    prompts: Prompts
    tracker: Tracker
    sealer: Sealer
    intake: Intake
    callbacks: CallbackDesk
    shelf: Shelf | None = None
    customers: CustomerDesk | None = None
    webhooks: WebhookDesk | None = None
    ratings: RatingDesk | None = None
    outlooks: QueueOutlooks | None = None
    pins: PinDesk | None = None
    overrides: OverrideDesk | None = None
    closing: Closing = NeverCloses()  # noqa: RUF009 - it has no state
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

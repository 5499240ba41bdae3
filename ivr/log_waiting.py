"""What waits for queue_log's word: calls that ended while nobody heard Asterisk, and the gaps themselves.

For ``ivr.tracking`` and ``ivr.log_following``, on the event loop. Where no log can be read nothing waits.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.domain.contacts import Contact

# The reading that goes on at a moment may have begun before it: the one after it tells all that had been written by then.
_READINGS = 2


@dataclass(frozen=True, slots=True)
class Filled:
    """The gap that ended at ``until`` is filled if it began after ``since``."""

    since: datetime
    until: datetime


class LogWaiting:
    """A contact whose end was missed is decided when the log has been read to its end since: before that a lost call may yet turn out
    to have been served, and what follows from its end (an alert, a promise) can't be taken back."""

    def __init__(self) -> None:
        self._followed = False
        self._readings = 0
        self._since: datetime | None = None
        self._waiting: dict[str, int] = {}
        self._gaps: list[tuple[datetime, int]] = []

    @property
    def undecided(self) -> Container[str]:
        """Ids of contacts whose end isn't to be stored yet."""
        return {contact_id for contact_id, reading in self._waiting.items() if self._followed and self._readings < reading}

    @property
    def followed(self) -> bool:
        return self._followed

    @property
    def any_waiting(self) -> bool:
        return bool(self._waiting)

    def note(self, contact: Contact) -> None:
        """The contact was read anew."""
        if not self._followed or contact.ended_at is None or not contact.end_uncertain:
            self._waiting.pop(contact.id, None)
        else:
            self._waiting.setdefault(contact.id, self._readings + _READINGS)

    def forget(self, contact_id: str) -> None:
        self._waiting.pop(contact_id, None)

    def gap_ended(self, at: datetime) -> None:
        """Asterisk is heard again since ``at``."""
        self._gaps.append((at, self._readings + _READINGS))

    def follows(self, since: datetime) -> None:
        """The log is read without a hole from ``since`` on."""
        self._followed = True
        self._since = since

    def lost(self) -> None:
        """It can't be read now: what waits is decided without it."""
        self._followed = False
        self._since = None
        self._waiting.clear()
        self._gaps.clear()

    def caught_up(self) -> Sequence[Filled]:
        """It has been read to its end once more. Gives the gaps that are filled by that."""
        self._waiting = {contact_id: reading for contact_id, reading in self._waiting.items() if reading > self._readings}
        self._readings += 1
        told = [until for until, reading in self._gaps if reading <= self._readings]
        self._gaps = [(until, reading) for until, reading in self._gaps if reading > self._readings]
        return [Filled(self._since, until) for until in told] if self._since is not None else []

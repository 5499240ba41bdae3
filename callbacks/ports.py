"""What this room needs of the world: where promises are kept, who dials, when a line is staffed. Implemented by the daemon and by tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Protocol

from callbacks.model import Callback, Dial, Result
from callbacks.policy import Policy


class Store(Protocol):
    """Each method is one committed transaction. A store that can't be reached raises an exception of its own."""

    async def tidy(self, now: datetime, policy: Policy) -> None:
        """Promises past their time expire; claims whose lease is over are due again."""

    async def claim(self, owner: str, now: datetime, policy: Policy) -> Callback | None:
        """Claim the promise due longest, by one statement, so that no two schedulers get it.

        None when nothing is due, the cap on live ones is reached, or every due number is live already, has had its attempts of the
        day, or calls us at this moment.
        """

    async def release(self, callback_id: str, owner: str, due_at: datetime, expires_at: datetime) -> None:
        """Give a claim back: it wasn't the moment. It is due, and ends, at these times."""

    async def refuse(self, callback_id: str, owner: str, now: datetime) -> None:
        """Give a claim up for good: its number may not be called (any more)."""

    async def begin_attempt(self, callback_id: str, owner: str, now: datetime) -> str | None:
        """Commit ``dialling``, the attempt and its channel id, and tell the id; None when the claim was lost meanwhile."""

    async def settle(self, channel_id: str, result: Result, now: datetime, policy: Policy) -> bool:
        """Write down how an attempt ended and what follows. Only the first end of an attempt counts; tells whether this was it."""

    async def dialling(self) -> Sequence[str]:
        """The channel ids of all attempts without an end."""


class Sent(Enum):
    """What is known after asking Asterisk to dial."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # it certainly doesn't dial
    UNKNOWN = "unknown"  # no answer: it may be dialling


class Dialler(Protocol):
    """The way to the telephone network."""

    @property
    def ready(self) -> bool:
        """Whether a dial could be asked for now."""

    def staffed(self, queue: str) -> bool:
        """Whether anybody of this queue could talk to the customer now; True where nothing is known of it."""

    async def dial(self, dial: Dial) -> Sent:
        """Ask for it, once. Never raises for network reasons."""

    async def living(self) -> Mapping[str, bool] | None:
        """The channel ids of ours that live now, and whether each talks to an agent; None when Asterisk can't be asked."""

    async def found_out(self, channel_id: str) -> Result | None:
        """How a call that is over had ended, by what Asterisk wrote down itself; None when it wrote nothing."""


class Hours(Protocol):
    """When a line calls out."""

    def is_open(self, line: str | None, at: datetime) -> bool: ...

    def opens_at(self, line: str | None, at: datetime) -> datetime | None:
        """The next opening after ``at``; None when none is known."""

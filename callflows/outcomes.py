"""How an effect came out: nouns, as plain values. A hang-up is the one outcome that is an exception, for it can come anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to tell: the effect was performed."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys as pressed, 0-9 and ``*``; a lone ``#`` stands for itself."""

    keys: str


@dataclass(frozen=True, slots=True)
class NoInput:
    """No key within the time given."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """``reference`` names the recording below the recordings folder, without extension."""

    reference: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NothingRecorded:
    """The caller said nothing, or too little to be a message."""


class HoursState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Hours:
    """``opens_at`` is in the calendar's zone; None when open, or when no opening is known."""

    state: HoursState
    opens_at: datetime | None = None


class QueueEnd(StrEnum):
    """Why a caller came back out of a queue (QUEUESTATUS of Asterisk, in our words)."""

    SERVED = "served"  # talked to an agent, who hung up first
    TIMEOUT = "timeout"
    FULL = "full"
    EMPTY = "empty"  # nobody reachable, at entry or later
    KEY = "key"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QueueLeft:
    end: QueueEnd


@dataclass(frozen=True, slots=True)
class ComplaintFiled:
    number: str


@dataclass(frozen=True, slots=True)
class MessageTaken:
    pass


@dataclass(frozen=True, slots=True)
class NotStored:
    """The house could not store it: the flow must say so and still help the caller."""


@dataclass(frozen=True, slots=True)
class CallbackPromised:
    """It is stored, and will be kept."""


@dataclass(frozen=True, slots=True)
class CallbackRefused:
    """Withheld, or a number we don't call, or it could not be stored: the flow must offer something else."""


Outcome = (
    Done
    | Digits
    | NoInput
    | Recorded
    | NothingRecorded
    | Hours
    | QueueLeft
    | ComplaintFiled
    | MessageTaken
    | NotStored
    | CallbackPromised
    | CallbackRefused
)


class CallerHungUp(Exception):  # noqa: N818 - an event of the call, not an error
    """Thrown into the walk. ``recorded`` is what a recording in progress caught."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        super().__init__("the caller hung up")
        self.recorded = recorded

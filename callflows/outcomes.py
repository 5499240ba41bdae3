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
    """In the order of precedence: an emergency hides a holiday, a holiday the weekly hours."""

    EMERGENCY = "emergency"
    HOLIDAY = "holiday"  # a public holiday, or a date closed in the file
    CLOSED = "closed"
    OPEN = "open"


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
    CLOSED = "closed"  # closing time came while he waited
    KEY = "key"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QueueLeft:
    end: QueueEnd


class DialEnd(StrEnum):
    """Why a caller came back from a telephone (DIALSTATUS of Asterisk, in our words)."""

    SERVED = "served"  # they talked, and the other side hung up
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DialLeft:
    end: DialEnd


@dataclass(frozen=True, slots=True)
class QueueOutlook:
    """What awaits who joins now. ``position`` is his own, 1 = next. The wait is an interval in s, None where we can't tell well enough."""

    position: int
    shortest_s: float | None
    longest_s: float | None
    staffed: bool


@dataclass(frozen=True, slots=True)
class CustomerKnown:
    """``facts`` become variables of the call: ``customer_*`` names, plain text. ``priority`` is for the queue, 0 = like everybody."""

    facts: tuple[tuple[str, str], ...]
    priority: int = 0


@dataclass(frozen=True, slots=True)
class CustomerUnknown:
    """Never called before, or withheld, or the look-up failed: the flow goes on without."""


@dataclass(frozen=True, slots=True)
class WebhookAnswered:
    """The values that the settings let this webhook set."""

    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WebhookFailed:
    """Too late, refused, or not asked at all since it failed before (circuit breaker)."""


@dataclass(frozen=True, slots=True)
class PinAccepted:
    """``who`` owns the PIN."""

    who: str


@dataclass(frozen=True, slots=True)
class PinRefused:
    """Wrong, or too many wrong ones before."""


@dataclass(frozen=True, slots=True)
class ComplaintFiled:
    number: str


@dataclass(frozen=True, slots=True)
class MessageTaken:
    pass


@dataclass(frozen=True, slots=True)
class ComplaintKept:
    """Safe on disk, and registered as soon as the database takes it; it has no number until then."""


@dataclass(frozen=True, slots=True)
class StillStoring:
    """It takes longer than a caller waits in silence: tell him to hold on, then ask by ``AwaitStored`` how it came out."""


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
    | DialLeft
    | QueueOutlook
    | CustomerKnown
    | CustomerUnknown
    | WebhookAnswered
    | WebhookFailed
    | PinAccepted
    | PinRefused
    | ComplaintFiled
    | ComplaintKept
    | MessageTaken
    | StillStoring
    | NotStored
    | CallbackPromised
    | CallbackRefused
)


class CallerHungUp(Exception):  # noqa: N818 - an event of the call, not an error
    """Thrown into the walk. ``recorded`` is what a recording in progress caught."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        super().__init__("the caller hung up")
        self.recorded = recorded

"""What a flow may ask of a call and of the house: imperatives, as plain values. Pure; the session and the simulator perform them.

The effects of ``CALL_EFFECTS`` need the caller on the line; the others go on after he hung up.
"""

from __future__ import annotations

from dataclasses import dataclass

from callflows.speech import Speech


@dataclass(frozen=True, slots=True)
class EnterNode:
    """The walk has come to this node; performed by noting it in the contact's path."""

    node: str


@dataclass(frozen=True, slots=True)
class EnterLine:
    """From here the contact belongs to this line of the hotline (R1)."""

    line: str


@dataclass(frozen=True, slots=True)
class Say:
    """Speak. With ``barge_in`` a key cuts it short and counts as the first key of the next ``Ask``."""

    speech: Speech
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """Speak and collect keys → ``Digits`` or ``NoInput``. All times in seconds.

    ``first_digit_s`` runs from the end of the speech, ``inter_digit_s`` from each key, ``overall_s`` from the first key. ``#`` ends the
    input early and is not part of it, unless it is the only key pressed. Without ``barge_in`` keys are taken once the speech is over.
    ``masked`` keys are seen by the walk alone: they reach no log, path or database in clear.
    """

    speech: Speech
    longest: int = 1
    first_digit_s: float = 5.0
    inter_digit_s: float = 3.0
    overall_s: float | None = None
    barge_in: bool = True
    masked: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller after a beep → ``Recorded`` or ``NothingRecorded``; ends by ``#``, by silence, or at ``longest_s``."""

    longest_s: int
    silence_s: int = 4


@dataclass(frozen=True, slots=True)
class SetLanguage:
    language: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Hand the caller to a queue → ``QueueLeft``. It ends this leg of the walk: the outcome comes to a restored one.

    A higher ``priority`` (0 to 10) goes first, as far as the ceiling lets it: nobody who has waited long is overtaken.
    """

    queue: str
    longest_wait_s: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect the caller to a telephone of the settings, by its name → ``DialLeft``. It ends this leg as ``Queue`` does."""

    phone: str
    ring_s: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call from our side."""


@dataclass(frozen=True, slots=True)
class CheckHours:
    """Is this line staffed now? → ``Hours``."""

    calendar: str


@dataclass(frozen=True, slots=True)
class FileComplaint:
    """Open a complaint with what the caller gave (R10) → ``ComplaintFiled`` once it is safely stored, else as ``AwaitStored`` says."""

    serial: str | None
    contact_number: str | None
    recording: str | None
    complete: bool


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Keep a recorded message for the contact's line → ``MessageTaken``, else as ``AwaitStored`` says."""

    recording: str
    complete: bool


@dataclass(frozen=True, slots=True)
class RequestCallback:
    """Promise to call the caller back on his own number → ``CallbackPromised`` once it is safely stored, ``CallbackRefused`` where
    we don't call it, else as ``AwaitStored`` says."""


Storable = FileComplaint | TakeMessage | RequestCallback


@dataclass(frozen=True, slots=True)
class AwaitStored:
    """An effect came out as ``StillStoring``: how does it come out in the end?

    As itself where it is stored by now. Where the database doesn't take it, it is kept on disk until it does: a complaint is then
    ``ComplaintKept``, a message and a promise are what they are when stored. ``NotStored`` or ``CallbackRefused``: nowhere at all.
    """

    effect: Storable


@dataclass(frozen=True, slots=True)
class LookAtQueue:
    """What awaits a caller who joins this queue now? → ``QueueOutlook``."""

    queue: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class LookUpCustomer:
    """Who is this caller to us? → ``CustomerKnown`` or ``CustomerUnknown``."""


@dataclass(frozen=True, slots=True)
class AskWebhook:
    """Ask the webhook of this name in the settings, sending these values → ``WebhookAnswered`` or ``WebhookFailed``."""

    webhook: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeepRating:
    """Keep what the caller thinks of how he was served (R50): 1 is the worst. ``question`` names the survey's question."""

    question: str
    rating: int


@dataclass(frozen=True, slots=True)
class OfferRating:
    """Note that the survey was offered (R50): offered and answered are counted apart."""

    question: str


@dataclass(frozen=True, slots=True)
class RememberChoice:
    """Remember for the next call from this number, e.g. the line he chose."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CheckPin:
    """Is this a supervisor's PIN? → ``PinAccepted`` with who it is, else ``PinRefused``."""

    pin: str


@dataclass(frozen=True, slots=True)
class OverrideHours:
    """Open, close or declare an emergency for a line (None: every line) for so many minutes, or as the calendar says → ``Done``, else
    ``NotStored``. ``by`` is who asked for it, for the audit."""

    line: str | None
    state: str  # open, closed, emergency, calendar
    minutes: int
    by: str


Effect = (
    EnterNode
    | EnterLine
    | Say
    | Ask
    | Record
    | SetLanguage
    | Queue
    | Dial
    | HangUp
    | CheckHours
    | FileComplaint
    | TakeMessage
    | RequestCallback
    | AwaitStored
    | LookAtQueue
    | LookUpCustomer
    | AskWebhook
    | KeepRating
    | OfferRating
    | RememberChoice
    | CheckPin
    | OverrideHours
)
CALL_EFFECTS = (Say, Ask, Record, SetLanguage, Queue, Dial, HangUp)

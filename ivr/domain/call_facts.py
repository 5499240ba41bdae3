"""What the session learns of a call, as facts beside those of Asterisk: both are folded into the same contact. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ami_bridge.facts import Fact


@dataclass(frozen=True, slots=True)
class SessionFact(Fact):
    contact: str


@dataclass(frozen=True, slots=True)
class CallTaken(SessionFact):
    """The daemon began to drive this call. ``caller`` is E.164, a short code, or empty when withheld."""

    call: str
    caller: str
    caller_name: str
    dialled: str
    sip_call_id: str
    flow_version: str
    language: str


@dataclass(frozen=True, slots=True)
class NodeEntered(SessionFact):
    node: str


@dataclass(frozen=True, slots=True)
class KeysPressed(SessionFact):
    """Keys given at the node entered last."""

    keys: str


@dataclass(frozen=True, slots=True)
class LineEntered(SessionFact):
    line: str


@dataclass(frozen=True, slots=True)
class LanguageChosen(SessionFact):
    language: str


@dataclass(frozen=True, slots=True)
class QueueRequested(SessionFact):
    """The dialplan was told to queue the caller; ``position`` is what the walk is restored from afterwards."""

    queue: str
    position: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DialRequested(SessionFact):
    """The dialplan was told to connect the caller to a telephone of the settings; ``position`` as in QueueRequested."""

    phone: str
    position: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ComplaintRegistered(SessionFact):
    number: str
    complete: bool


@dataclass(frozen=True, slots=True)
class MessageLeft(SessionFact):
    pass


@dataclass(frozen=True, slots=True)
class CallbackAccepted(SessionFact):
    """He asked to be called back, and was promised it."""

    callback: str


@dataclass(frozen=True, slots=True)
class FoundClosed(SessionFact):
    """The line the caller chose was out of hours."""


@dataclass(frozen=True, slots=True)
class CallerHungUpInFlow(SessionFact):
    """The caller was gone while the daemon drove the call; the node entered last is where."""


@dataclass(frozen=True, slots=True)
class FlowFinished(SessionFact):
    """The flow came to its own end: we hung up after a goodbye."""


@dataclass(frozen=True, slots=True)
class FlowFailed(SessionFact):
    """A fault on our side ended the flow; the caller got the apology and a queue."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServedByFallback(SessionFact):
    """Asterisk's own script served the caller while the daemon could not (R63), read back from the spool."""

    call: str
    caller: str
    caller_name: str
    dialled: str
    line: str | None
    language: str
    path: tuple[tuple[str, datetime, str], ...]
    left_message: bool
    ended_at: datetime
    to_queue: str | None = None  # he was sent there in the end
    left_queue: str | None = None  # he came back from there at ``at``, and how that had ended (QUEUESTATUS)
    queue_status: str | None = None


@dataclass(frozen=True, slots=True)
class CallMissing(SessionFact):
    """A snapshot of Asterisk's channels no longer named this call: it ended while nobody watched, at the latest at ``at``."""


@dataclass(frozen=True, slots=True)
class WatchInterrupted(SessionFact):
    """The link to Asterisk was down from ``since`` until ``at`` while this call was open: what it did meanwhile nobody saw."""

    since: datetime


@dataclass(frozen=True, slots=True)
class CallCutOff(SessionFact):
    """Asterisk stopped under this call, or had started anew without it: it ended at the latest at ``at``, and nobody hung up.

    What looks like a hang-up from ``since`` on was Asterisk's own.
    """

    since: datetime


@dataclass(frozen=True, slots=True)
class PlaceTaken(SessionFact):
    """An attended transfer put the caller (``call``) where the agent's second call ``place`` waited: that call's visit is his now."""

    call: str
    place: str


# Not told by anybody: what the book of contacts draws for one contact from a fact about the whole PBX.
DERIVED = (CallMissing, WatchInterrupted, CallCutOff, PlaceTaken)

"""What happened, in our words and the past tense: the only form in which anything Asterisk says leaves this room.

Times are aware UTC. ``contact`` is Asterisk's Linkedid (one inbound call), ``call`` its Uniqueid (one channel).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Fact:
    at: datetime


@dataclass(frozen=True, slots=True)
class CallArrived(Fact):
    """A caller's channel came up in the hotline's context."""

    contact: str
    call: str
    caller: str  # as Asterisk gave it, hostile; empty when unknown
    caller_name: str  # hostile too, but printable: control characters have become spaces
    dialled: str


@dataclass(frozen=True, slots=True)
class CallerQueued(Fact):
    """``caller``: his number where the source of the fact gives it here (queue_log); hostile, empty otherwise."""

    contact: str
    call: str
    queue: str
    position: int
    caller: str = ""


@dataclass(frozen=True, slots=True)
class AgentRang(Fact):
    contact: str
    call: str
    queue: str
    agent: str  # the member's name
    agent_call: str  # Uniqueid of the agent's leg


@dataclass(frozen=True, slots=True)
class AgentPickedUp(Fact):
    """First DialEnd with ANSWER: the moment of answer, before any member delay or announcement."""

    contact: str
    call: str
    agent_call: str


@dataclass(frozen=True, slots=True)
class AgentRingEnded(Fact):
    """The offer ended without a talk; ``result`` is Asterisk's DialStatus, ``RINGNOANSWER`` or ``AGENTDUMP``.

    It may follow AgentPickedUp: the caller or the agent left before the two were joined.
    """

    contact: str
    call: str
    agent_call: str
    result: str


@dataclass(frozen=True, slots=True)
class AgentAnswered(Fact):
    """AgentConnect: caller and agent are being joined."""

    contact: str
    call: str
    queue: str
    agent: str
    agent_call: str


class EndedBy(StrEnum):
    CALLER = "caller"
    AGENT = "agent"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class TalkEnded(Fact):
    """AgentComplete: who hung up. Often Asterisk no longer names the channels, and they are filled in from AgentAnswered.

    ``contact`` and ``call`` are empty where that was before the link came up, or can't be told from another talk of the
    same agent: then match by queue and agent. It may come before or after the hang-ups, and after a Redirect long after
    the talk and with ``ended_by`` wrong: CallEnded of ``agent_call`` ends a talk too, whichever is first.
    """

    contact: str
    call: str
    queue: str
    agent: str
    ended_by: EndedBy
    agent_call: str = ""
    talk_s: int | None = field(default=None, compare=False)  # how long Asterisk takes it to have been, whole seconds


@dataclass(frozen=True, slots=True)
class CallerLeftQueue(Fact):
    """QueueCallerLeave: every exit, the answered one included. It says nothing about why."""

    contact: str
    call: str
    queue: str


@dataclass(frozen=True, slots=True)
class LeftUnanswered(Fact):
    """QueueCallerAbandon. NOT an abandonment: time-out, leave-empty and withdrawal raise it too."""

    contact: str
    call: str
    queue: str


@dataclass(frozen=True, slots=True)
class QueueExited(Fact):
    """Our dialplan's UserEvent after Queue(), or the variable QUEUESTATUS itself: the authority on refusals, time-outs and the rest.

    ``queue`` is empty where a recording begins after the call entered it.
    ``status`` is QUEUESTATUS: TIMEOUT FULL JOINEMPTY LEAVEEMPTY JOINUNAVAIL LEAVEUNAVAIL CONTINUE WITHDRAW; HANGUP is our
    dialplan's own word for a caller who hung up in the queue; empty is the exit key.
    """

    contact: str
    call: str
    queue: str
    status: str


@dataclass(frozen=True, slots=True)
class DialExited(Fact):
    """Our dialplan's UserEvent after Dial() of a telephone, or when the caller hung up in it.

    ``status`` is DIALSTATUS: ANSWER BUSY NOANSWER CANCEL CONGESTION CHANUNAVAIL; empty when he was gone before it rang.
    """

    contact: str
    call: str
    phone: str
    status: str


@dataclass(frozen=True, slots=True)
class CallbackReported(Fact):
    """Our dialplan's word on a call we promised: ``result`` as ``outbound_dialplan`` lists them, ``cause`` a Q.850 number, 0 = none.

    ``call`` is the ChannelId we gave, whichever end of its Local channel spoke.
    """

    call: str
    result: str
    cause: int


@dataclass(frozen=True, slots=True)
class CallEnded(Fact):
    """Hangup of one channel: the caller's, or an agent's leg."""

    contact: str
    call: str
    cause: int


@dataclass(frozen=True, slots=True)
class ChannelReplaced(Fact):
    """``by`` took the place of ``call`` in its bridge: half of a Local channel without ``/n`` goes, and its hang-up is nobody's."""

    contact: str
    call: str
    by: str


@dataclass(frozen=True, slots=True)
class HangupRequested(Fact):
    """A channel is asked to end, before CallEnded. ``soft``: by Asterisk or somebody at its console, otherwise by its own telephone."""

    contact: str
    call: str
    soft: bool
    cause: int


@dataclass(frozen=True, slots=True)
class CallerWentOn(Fact):
    """The first step of the dialplan a caller took behind his queue: he lives. Recordings with the class ``dialplan`` alone tell it."""

    contact: str
    call: str
    application: str
    extension: str


@dataclass(frozen=True, slots=True)
class AgentStateReported(Fact):
    """A queue member's state. ``state`` is Asterisk's device state number (0 unknown, 1 idle, 2 in use, 5 unavailable, 6 ringing).

    ``reason`` is that of the pause, hostile; ``wrapup_s`` how long the queue leaves him alone after a call.
    """

    queue: str
    agent: str
    state: int
    paused: bool
    removed: bool = False
    reason: str = ""
    wrapup_s: int = 0


@dataclass(frozen=True, slots=True)
class AgentAdded(Fact):
    """He became a member of the queue."""

    queue: str
    agent: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class AgentRemoved(Fact):
    queue: str
    agent: str


@dataclass(frozen=True, slots=True)
class AgentPaused(Fact):
    """``reason`` is hostile, often empty."""

    queue: str
    agent: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AgentUnpaused(Fact):
    queue: str
    agent: str
    reason: str = ""


class TransferKind(StrEnum):
    BLIND = "blind"
    ATTENDED = "attended"


@dataclass(frozen=True, slots=True)
class CallTransferred(Fact):
    """The agent's leg ``agent_call`` gave the caller away; ``to`` is an extension, an application or a channel's Uniqueid, hostile.

    ``agent_call`` and ``to`` are empty where the source doesn't name them.
    """

    contact: str
    call: str
    kind: TransferKind
    agent_call: str = ""
    to: str = ""
    place: str = ""  # his second call, which waited somewhere (a queue, for instance): the caller waits on in its place


@dataclass(frozen=True, slots=True)
class CallHeld(Fact):
    """One side put the other on hold; ``call`` is the leg that did."""

    contact: str
    call: str


@dataclass(frozen=True, slots=True)
class CallResumed(Fact):
    """The hold ended; a hang-up ends it without this."""

    contact: str
    call: str


@dataclass(frozen=True, slots=True)
class LinkEstablished(Fact):
    """Logged in and about to send a snapshot. ``gap_from`` is when we last heard Asterisk; None on the first connect.

    The facts up to SnapshotComplete describe the present; what happened in the gap has to come from elsewhere (queue_log).
    An event may then repeat what the snapshot said already: apply facts idempotently.
    """

    asterisk_version: str
    gap_from: datetime | None


@dataclass(frozen=True, slots=True)
class LinkLost(Fact):
    reason: str


@dataclass(frozen=True, slots=True)
class CallPresent(Fact):
    """Snapshot: this channel lives now."""

    contact: str
    call: str
    application: str  # "Queue", "AGI", "AppQueue" …
    seconds: float  # since it was created, to the whole second


@dataclass(frozen=True, slots=True)
class CallerWaiting(Fact):
    """Snapshot: this caller waits in this queue now. A QueueEntry has no Linkedid, so ``contact`` may be empty."""

    contact: str
    call: str
    queue: str
    position: int
    waited: float  # seconds


@dataclass(frozen=True, slots=True)
class SnapshotComplete(Fact):
    """All CallPresent and CallerWaiting of this snapshot have been sent: what they didn't name has ended."""


@dataclass(frozen=True, slots=True)
class AsteriskStopped(Fact):
    """Shutdown event: the hang-ups of the seconds before were nobody's doing."""


@dataclass(frozen=True, slots=True)
class AsteriskStarted(Fact):
    """QUEUESTART in queue_log, or a snapshot that tells a start-up time later than the one known: every older call is over."""


AnyFact = (
    CallArrived
    | CallerQueued
    | AgentRang
    | AgentPickedUp
    | AgentRingEnded
    | AgentAnswered
    | TalkEnded
    | CallerLeftQueue
    | LeftUnanswered
    | QueueExited
    | DialExited
    | CallbackReported
    | CallEnded
    | ChannelReplaced
    | HangupRequested
    | CallerWentOn
    | AgentStateReported
    | AgentAdded
    | AgentRemoved
    | AgentPaused
    | AgentUnpaused
    | CallTransferred
    | CallHeld
    | CallResumed
    | LinkEstablished
    | LinkLost
    | CallPresent
    | CallerWaiting
    | SnapshotComplete
    | AsteriskStopped
    | AsteriskStarted
)

"""What each verb of queue_log means, in the words of ``facts``: one table, whoever wrote the row and wherever it lies.

For ``queue_log`` alone, which takes rows apart. Fields as app_queue.c and logger.c of 16 to 22 write them: CONNECT's ring is in whole
seconds, RINGNOANSWER's in milliseconds; nothing in a row names the contact, so every fact's ``contact`` is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ami_bridge.facts import (
    AgentAdded,
    AgentAnswered,
    AgentPaused,
    AgentPickedUp,
    AgentRang,
    AgentRemoved,
    AgentRingEnded,
    AgentUnpaused,
    AnyFact,
    AsteriskStarted,
    CallbackReported,
    CallerQueued,
    CallerWaiting,
    CallTransferred,
    EndedBy,
    QueueExited,
    TalkEnded,
    TransferKind,
)

NOBODY = "NONE"
_HUNG_UP = "HANGUP"  # QueueExited's word for a caller who hung up
_LOCAL_ENDS = (";1", ";2")
_LONGEST_S = 24 * 3600
_PAUSED = "PAUSED"


class UnreadableRowError(Exception):
    """A row isn't as Asterisk writes it. ``kind`` names the fault for counting; the text says what is wrong and quotes no caller."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Row:
    """``at`` is aware UTC; ``data`` what follows the verb, cut at every ``|``."""

    at: datetime
    call: str
    queue: str
    agent: str
    verb: str
    data: tuple[str, ...]

    def text(self, index: int) -> str:
        return self.data[index] if index < len(self.data) else ""

    def number(self, index: int) -> int:
        """Raises UnreadableRowError when no whole number stands there."""
        value = self.text(index)
        if not is_number(value):
            raise UnreadableRowError("no number", f"field {index + 1} after {self.verb} is no number")
        return int(value)


@dataclass(frozen=True, slots=True)
class Verb:
    """``least`` and ``most``: how many fields Asterisk puts behind it. The flags say which names a row of it must hold."""

    least: int
    most: int
    facts: Callable[[Row], tuple[AnyFact, ...]]
    of_call: bool = False
    of_queue: bool = False
    of_agent: bool = False  # True: names one. ABANDON may, and so is False
    of_nobody: bool = False  # the agent is NONE in every genuine row
    waited: int | None = None  # the field that holds the whole seconds he had waited
    talked: bool = False  # the last three fields are seconds waited, seconds talked and the place he began with


def is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit() and len(text) < 12


def _entered(row: Row) -> tuple[AnyFact, ...]:
    """url, caller's number, position, and since 20.14 and 22.4 his name if asked for. A number may hold ``|`` itself."""
    place = 2
    if not is_number(row.text(place)):
        place = next((index for index in range(len(row.data) - 1, 2, -1) if is_number(row.data[index])), 0)
        if not place:
            raise UnreadableRowError("no number", "the position after ENTERQUEUE is no number")
    return (CallerQueued(row.at, "", row.call, row.queue, int(row.data[place]), caller="|".join(row.data[1:place])),)


def _connected(row: Row) -> tuple[AnyFact, ...]:
    leg = row.text(1)
    answered = AgentAnswered(row.at, "", row.call, row.queue, row.agent, leg)
    if len(row.data) < 3:  # before 1.6
        return (answered,)
    return (AgentRang(_before(row, row.number(2)), "", row.call, row.queue, row.agent, leg), answered)


def _rang(row: Row) -> tuple[AnyFact, ...]:
    began = _before(row, row.number(0) / 1000)
    return (AgentRang(began, "", row.call, row.queue, row.agent, ""), AgentRingEnded(row.at, "", row.call, "", row.verb))


def _dumped(row: Row) -> tuple[AnyFact, ...]:
    """How long it had rung before isn't told."""
    return (AgentRang(row.at, "", row.call, row.queue, row.agent, ""), AgentRingEnded(row.at, "", row.call, "", row.verb))


def _before(row: Row, seconds: float) -> datetime:
    if not 0 <= seconds <= _LONGEST_S:
        raise UnreadableRowError("no number", f"no telephone rings and nobody talks as long as this {row.verb} says")
    return row.at - timedelta(seconds=seconds)


def _completed(by: EndedBy) -> Callable[[Row], tuple[AnyFact, ...]]:
    return lambda row: (TalkEnded(row.at, "", row.call, row.queue, row.agent, by),)


def _given_away(row: Row) -> tuple[AnyFact, ...]:
    """exten, context, hold, talk, position."""
    return _transferred(row, TransferKind.BLIND, to=row.text(0))


def _handed_over(row: Row) -> tuple[AnyFact, ...]:
    """``BRIDGE|id`` or ``APP|name`` or ``LINK|channel|channel``, then hold, talk, position."""
    match row.text(0):
        case "APP":
            return _transferred(row, TransferKind.ATTENDED, to=row.text(1))
        case "LINK":
            return _transferred(row, TransferKind.ATTENDED, to=row.text(2))
        case _:
            return _transferred(row, TransferKind.ATTENDED, to="")


def _transferred(row: Row, kind: TransferKind, to: str) -> tuple[AnyFact, ...]:
    return (
        CallTransferred(row.at, "", row.call, kind, to=to),
        TalkEnded(row.at, "", row.call, row.queue, row.agent, EndedBy.TRANSFER),
    )


def _abandoned(row: Row) -> tuple[AnyFact, ...]:
    """With a member's name: he had picked up, and the caller went before the two were joined. Since when he rang, it doesn't tell."""
    left = QueueExited(row.at, "", row.call, row.queue, _HUNG_UP)
    if row.agent == NOBODY:
        return (left,)
    return (
        AgentRang(row.at, "", row.call, row.queue, row.agent, ""),
        AgentPickedUp(row.at, "", row.call, ""),
        AgentRingEnded(row.at, "", row.call, "", "CANCEL"),
        left,
    )


def _exited(status: str) -> Callable[[Row], tuple[AnyFact, ...]]:
    return lambda row: (QueueExited(row.at, "", row.call, row.queue, status),)


def _reported(row: Row) -> tuple[AnyFact, ...]:
    """Our dialplan's word on a call we made, and its Q.850 cause (``outbound_dialplan``); either end of the Local channel may write."""
    call = next((row.call.removesuffix(end) for end in _LOCAL_ENDS if row.call.endswith(end)), row.call)
    cause = row.text(1)
    return (CallbackReported(row.at, call, row.text(0), int(cause) if is_number(cause) else 0),)


def entered_unseen(row: Row) -> tuple[AnyFact, ...]:
    """What a row tells of a caller whose ENTERQUEUE isn't in the log: that he waited, and since when; and of a talk, when it began."""
    verb = VERBS[row.verb]
    if verb.talked:
        told = row.data[-3:]
        if len(told) < 3 or not all(is_number(text) for text in told):
            return ()
        began = _before(row, int(told[1]))
        waiting = CallerWaiting(began, "", row.call, row.queue, int(told[2]), float(told[0]))
        return (waiting, AgentAnswered(began, "", row.call, row.queue, row.agent, ""))
    if verb.waited is None or not is_number(row.text(verb.waited)):
        return ()
    place = row.text(verb.waited - 1) if verb.waited else ""
    waited = float(row.text(verb.waited))
    return (CallerWaiting(row.at, "", row.call, row.queue, int(place) if is_number(place) else 0, waited),)


def talked_s(row: Row) -> int | None:
    """How long the talk was that a row ends, in whole seconds; None where it ends none, or doesn't say."""
    told = row.data[-3:] if VERBS[row.verb].talked else ()
    return int(told[1]) if len(told) == 3 and all(is_number(text) for text in told) else None


def _nothing(row: Row) -> tuple[AnyFact, ...]:
    return ()


def _refusal(status: str) -> Verb:
    """A row that somebody's dialplan writes by QueueLog(): app_queue itself says nothing of whom it refuses."""
    return Verb(0, 9, _exited(status), of_call=True, of_queue=True)


def _of_member(facts: Callable[[Row], tuple[AnyFact, ...]], most: int = 1) -> Verb:
    return Verb(0, most, facts, of_queue=True, of_agent=True)


VERBS: Mapping[str, Verb] = {
    "ENTERQUEUE": Verb(3, 4, _entered, of_call=True, of_queue=True, of_nobody=True),
    "CONNECT": Verb(1, 3, _connected, of_call=True, of_queue=True, of_agent=True, waited=0),
    "COMPLETECALLER": Verb(2, 3, _completed(EndedBy.CALLER), of_call=True, of_queue=True, of_agent=True, talked=True),
    "COMPLETEAGENT": Verb(2, 3, _completed(EndedBy.AGENT), of_call=True, of_queue=True, of_agent=True, talked=True),
    "BLINDTRANSFER": Verb(4, 5, _given_away, of_call=True, of_queue=True, of_agent=True, talked=True),
    "ATTENDEDTRANSFER": Verb(5, 6, _handed_over, of_call=True, of_queue=True, of_agent=True, talked=True),
    "TRANSFER": Verb(2, 5, _given_away, of_call=True, of_queue=True, of_agent=True),  # until 11
    "RINGNOANSWER": Verb(1, 1, _rang, of_call=True, of_queue=True, of_agent=True),
    "RINGCANCELED": Verb(1, 1, _rang, of_call=True, of_queue=True, of_agent=True),
    "AGENTDUMP": Verb(0, 0, _dumped, of_call=True, of_queue=True, of_agent=True),
    "ABANDON": Verb(3, 3, _abandoned, of_call=True, of_queue=True, waited=2),
    "EXITWITHTIMEOUT": Verb(1, 3, _exited("TIMEOUT"), of_call=True, of_queue=True, waited=2),
    "EXITEMPTY": Verb(3, 3, _exited("LEAVEEMPTY"), of_call=True, of_queue=True, waited=2),
    "EXITWITHKEY": Verb(2, 4, _exited(""), of_call=True, of_queue=True, waited=3),
    "WITHDRAW": Verb(3, 4, _exited("WITHDRAW"), of_call=True, of_queue=True, waited=2),
    "SYSCOMPAT": Verb(0, 0, _exited("SYSCOMPAT"), of_call=True, of_queue=True),
    "FULL": _refusal("FULL"),
    "JOINEMPTY": _refusal("JOINEMPTY"),
    "JOINUNAVAIL": _refusal("JOINUNAVAIL"),
    "ADDMEMBER": _of_member(lambda row: (AgentAdded(row.at, row.queue, row.agent, row.text(0) == _PAUSED),)),
    "REMOVEMEMBER": _of_member(lambda row: (AgentRemoved(row.at, row.queue, row.agent),)),
    "PAUSE": _of_member(lambda row: (AgentPaused(row.at, row.queue, row.agent, "|".join(row.data)),), most=9),
    "UNPAUSE": _of_member(lambda row: (AgentUnpaused(row.at, row.queue, row.agent, "|".join(row.data)),), most=9),
    # The rows of all queues: one PAUSE for each follows or went before, with the member's name where this has his interface.
    "PAUSEALL": Verb(0, 1, _nothing),
    "UNPAUSEALL": Verb(0, 1, _nothing),
    "QUEUESTART": Verb(0, 0, lambda row: (AsteriskStarted(row.at),), of_nobody=True),
    "CALLBACK": Verb(1, 2, _reported, of_call=True),
    # Nothing that a figure is made of.
    "CONFIGRELOAD": Verb(0, 9, _nothing),
    "PENALTY": Verb(0, 1, _nothing),
    "RINGINUSE": Verb(0, 1, _nothing),
    # app_agent_pool's and, until 1.6, chan_agent's: whether he takes calls of a queue, ADDMEMBER and the device say.
    "AGENTLOGIN": Verb(0, 9, _nothing),
    "AGENTLOGOFF": Verb(0, 9, _nothing),
    "AGENTCALLBACKLOGIN": Verb(0, 9, _nothing),
    "AGENTCALLBACKLOGOFF": Verb(0, 9, _nothing),
    "OUTCALL": Verb(0, 99, _nothing),
}

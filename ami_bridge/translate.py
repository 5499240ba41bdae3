"""Asterisk's events into our facts: one table, no I/O, no clock.

Used by the link and by ``ivrd replay``. An event that isn't about us gives nothing; one that can't be trusted gives a
``Suspicion`` (see ``provenance`` for what can be detected and what can't).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from ami_bridge import member_events, transfer_events
from ami_bridge.agent_legs import AgentLegs, Talk
from ami_bridge.ami_wire import AmiMessage
from ami_bridge.dialplan_steps import QUEUE_APPLICATION, STATUS_VARIABLE, DialplanSteps
from ami_bridge.facts import (
    AgentAnswered,
    AgentPickedUp,
    AgentRang,
    AgentRingEnded,
    AgentStateReported,
    AnyFact,
    AsteriskStopped,
    CallArrived,
    CallbackReported,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    CallerWaiting,
    CallerWentOn,
    CallHeld,
    CallPresent,
    CallResumed,
    ChannelReplaced,
    DialExited,
    EndedBy,
    HangupRequested,
    LeftUnanswered,
    QueueExited,
    TalkEnded,
)
from ami_bridge.outbound_dialplan import RESULT_EVENT
from ami_bridge.provenance import Reading, Refused, read_event, read_listed, read_transfer, unescape

INBOUND_CONTEXT = "ivrd-inbound"
_CHANNEL_RINGS_US = "4"  # ChannelState Ring: Asterisk is being called; a channel Asterisk calls begins as 0, Down
_CHANNEL_UP = "6"
QUEUE_EXIT = "QueueExit"  # the UserEvent our dialplan sends after every Queue()
DIAL_EXIT = "DialExit"  # and after every Dial() of a telephone
OUR_USER_EVENTS = frozenset({QUEUE_EXIT, DIAL_EXIT, RESULT_EVENT})
_FAR_END = ";2"  # what Asterisk adds to a Local channel's id for its far end


@dataclass(frozen=True, slots=True)
class Suspicion:
    """An event bears the signs of a newline inside a caller ID. ``kept``: its genuine part was used all the same.

    ``event`` is the name the message gave itself; neither field quotes a value.
    """

    event: str
    why: str
    kept: bool


class Translation(NamedTuple):
    facts: tuple[AnyFact, ...] = ()
    suspicion: Suspicion | None = None


_NOTHING = Translation()
_Rule = Callable[["Translator", Reading, datetime], AnyFact | tuple[AnyFact, ...] | None]


class Translator:
    """Holds what translating one stream must remember: the agents' legs now ringing or talking, and which queue each caller is behind."""

    def __init__(self, inbound_context: str = INBOUND_CONTEXT) -> None:
        self.inbound_context = inbound_context
        self.legs = AgentLegs()
        self.steps = DialplanSteps()

    def translate(self, message: AmiMessage, now: datetime) -> Translation:
        """The facts in one event or list item. ``now`` (aware) is used where Asterisk gave no Timestamp.

        A recorded stream may be fed as it is. Live, list items belong to ``snapshot``, which knows that we asked.
        """
        event = message.event
        rule = _EVENTS.get(event)
        if event == "UserEvent" and OUR_USER_EVENTS.isdisjoint(message.all("UserEvent")):
            return _NOTHING  # another dialplan's; what it writes into it is its own affair
        if event == "VarSet" and STATUS_VARIABLE not in message.all("Variable"):
            return _NOTHING
        try:
            if (parties := _PARTIES.get(event)) is not None:
                reading = read_transfer(message, parties)
            elif rule is not None:
                reading = read_event(message, repairable=event in _ONE_CHANNEL)
            elif (rule := _LIST_ITEMS.get(event)) is not None:
                reading = read_listed(message)
            else:
                return _NOTHING
            found = rule(self, reading, _time(message, reading, now)) if rule is not None else None
        except Refused as refused:
            return Translation((), Suspicion(event, str(refused), kept=False))
        suspicion = None if reading.repaired is None else Suspicion(event, reading.repaired, kept=True)
        facts = found if isinstance(found, tuple) else (found,) if found is not None else ()
        return Translation(facts, suspicion)

    def snapshot(self, channels: Iterable[AmiMessage], queues: Iterable[AmiMessage], at: datetime) -> tuple[list[AnyFact], list[Suspicion]]:
        """The facts of CoreShowChannels' and QueueStatus' items, as of ``at`` by Asterisk's clock.

        Agents come first, then the living channels, then who waits; a waiting caller's contact is looked up among the channels.
        """
        suspicions: list[Suspicion] = []

        def read(messages: Iterable[AmiMessage]) -> list[AnyFact]:
            found = [self.translate(message, at) for message in messages if message.event in _LIST_ITEMS]
            suspicions.extend(each.suspicion for each in found if each.suspicion is not None)
            return [fact for each in found for fact in each.facts]

        present, queued = read(channels), read(queues)
        contacts = {fact.call: fact.contact for fact in present if isinstance(fact, CallPresent)}
        agents = [fact for fact in queued if isinstance(fact, AgentStateReported)]
        waiting = [replace(fact, contact=contacts.get(fact.call, "")) for fact in queued if isinstance(fact, CallerWaiting)]
        return [*agents, *present, *waiting], suspicions

    def link_lost(self) -> None:
        """Events were missed: what the legs did meanwhile comes from the next snapshot."""
        self.legs.forget_all()
        self.steps.forget_all()

    # One rule per event, in the order of a call's life.

    def _newchannel(self, event: Reading, at: datetime) -> AnyFact | None:
        channel = event.caller
        if channel.context != self.inbound_context or channel.state != _CHANNEL_RINGS_US:
            return None
        return CallArrived(at, channel.linkedid, channel.uniqueid, channel.number, channel.name, dialled=channel.extension)

    def _caller_join(self, event: Reading, at: datetime) -> tuple[AnyFact, ...]:
        caller = event.caller
        joined = CallerQueued(at, caller.linkedid, caller.uniqueid, event["Queue"], event.number("Position"))
        straight = self.steps.entered(caller.uniqueid, event["Queue"])
        return (CallerWentOn(at, caller.linkedid, caller.uniqueid, "", caller.extension), joined) if straight else (joined,)

    def _agent_called(self, event: Reading, at: datetime) -> AnyFact | None:
        caller, agent = event.caller, event.agent
        self.legs.called(agent.uniqueid)
        return AgentRang(at, caller.linkedid, caller.uniqueid, event["Queue"], event["MemberName"], agent_call=agent.uniqueid)

    def _dial_end(self, event: Reading, at: datetime) -> AnyFact | None:
        if event.channel is None:  # an originated leg: nobody is waiting at the other end
            return None
        caller, agent, result = event.caller, event.agent, event["DialStatus"]
        if result != "ANSWER":
            return self._ring_ended(event, at, result)
        if not self.legs.answered(agent.uniqueid):
            return None
        return AgentPickedUp(at, caller.linkedid, caller.uniqueid, agent.uniqueid)

    def _ring_no_answer(self, event: Reading, at: datetime) -> AnyFact | None:
        return self._ring_ended(event, at, "RINGNOANSWER")

    def _agent_dump(self, event: Reading, at: datetime) -> AnyFact | None:
        return self._ring_ended(event, at, "AGENTDUMP")

    def _ring_ended(self, event: Reading, at: datetime, result: str) -> AnyFact | None:
        caller, agent = event.caller, event.agent
        if not self.legs.gave_up(agent.uniqueid):
            return None
        return AgentRingEnded(at, caller.linkedid, caller.uniqueid, agent.uniqueid, result)

    def _agent_connect(self, event: Reading, at: datetime) -> AnyFact | None:
        caller, agent = event.caller, event.agent
        talk = Talk(caller.linkedid, caller.uniqueid, event["Queue"], event["MemberName"], agent.uniqueid)
        self.legs.joined(talk, at)
        return AgentAnswered(at, talk.contact, talk.call, talk.queue, talk.agent, talk.agent_call)

    def _agent_complete(self, event: Reading, at: datetime) -> AnyFact | None:
        # It may come without channels; all of its own headers must be there then.
        queue, agent, reason, talk_s = event["Queue"], event["MemberName"], event["Reason"], event.number("TalkTime")
        for name in ("Interface", "HoldTime"):
            event[name]
        if reason not in _ENDED_BY:
            raise Refused("its Reason is unknown")
        agent_call = event.destination.uniqueid if event.destination else ""
        talk = self.legs.talk_ended(agent_call, queue, agent, at, talk_s) or Talk("", "", queue, agent, agent_call)
        contact, call = (event.channel.linkedid, event.channel.uniqueid) if event.channel else (talk.contact, talk.call)
        return TalkEnded(at, contact, call, queue, agent, _ENDED_BY[reason], talk.agent_call, talk_s)

    def _bridge_enter(self, event: Reading, at: datetime) -> AnyFact | None:
        if not (replaced := event.own.get("SwapUniqueid")):
            return None
        by = event.party("")
        self.legs.replaced(replaced, by.uniqueid)
        return ChannelReplaced(at, by.linkedid, replaced, by=by.uniqueid)

    def _caller_leave(self, event: Reading, at: datetime) -> tuple[AnyFact, ...]:
        call = event.caller
        left = CallerLeftQueue(at, call.linkedid, call.uniqueid, event["Queue"])
        pulled = self.steps.left(call.uniqueid)
        return (left, CallerWentOn(at, call.linkedid, call.uniqueid, "", call.extension)) if pulled else (left,)

    def _caller_abandon(self, event: Reading, at: datetime) -> AnyFact | None:
        return LeftUnanswered(at, event.caller.linkedid, event.caller.uniqueid, event["Queue"])

    def _user_event(self, event: Reading, at: datetime) -> AnyFact | None:
        if event["UserEvent"] == RESULT_EVENT:
            return CallbackReported(at, event.caller.uniqueid.removesuffix(_FAR_END), event["Result"], event.number("Cause"))
        if event["UserEvent"] == DIAL_EXIT:
            return DialExited(at, event.caller.linkedid, event.caller.uniqueid, event["Phone"], event.own.get("DialStatus", ""))
        if event["UserEvent"] != QUEUE_EXIT:
            raise Refused("its UserEvent isn't where Asterisk writes it")
        return QueueExited(at, event.caller.linkedid, event.caller.uniqueid, event["Queue"], event.own.get("QueueStatus", ""))

    def _variable(self, event: Reading, at: datetime) -> AnyFact | None:
        status, call = event["Value"], event.caller.uniqueid
        if event["Variable"] != STATUS_VARIABLE or not status:  # emptied: the call enters a queue
            return None
        return QueueExited(at, event.caller.linkedid, call, self.steps.queue_of(call), unescape(status))

    def _step(self, event: Reading, at: datetime) -> AnyFact | None:
        call, application = event.caller, event["Application"]
        if application == QUEUE_APPLICATION:
            if not self.steps.queueing(call.uniqueid, event.own.get("AppData", "").partition(",")[0], call.extension):
                return None
        elif not self.steps.went_on(call.uniqueid, application, call.extension):
            return None
        return CallerWentOn(at, call.linkedid, call.uniqueid, application, call.extension)

    def _blind_transfer(self, event: Reading, at: datetime) -> AnyFact | None:
        return transfer_events.blind(event, at, self.legs)

    def _attended_transfer(self, event: Reading, at: datetime) -> AnyFact | None:
        return transfer_events.attended(event, at, self.legs)

    def _hold(self, event: Reading, at: datetime) -> AnyFact | None:
        return CallHeld(at, event.caller.linkedid, event.caller.uniqueid)

    def _unhold(self, event: Reading, at: datetime) -> AnyFact | None:
        return CallResumed(at, event.caller.linkedid, event.caller.uniqueid)

    def _hang_up_requested(self, event: Reading, at: datetime) -> AnyFact | None:
        return self._requested(event, at, soft=False)

    def _soft_hang_up_requested(self, event: Reading, at: datetime) -> AnyFact | None:
        return self._requested(event, at, soft=True)

    def _requested(self, event: Reading, at: datetime, *, soft: bool) -> AnyFact | None:
        cause = event.number("Cause") if "Cause" in event.own else 0
        return HangupRequested(at, event.caller.linkedid, event.caller.uniqueid, soft, cause)

    def _hangup(self, event: Reading, at: datetime) -> AnyFact | None:
        self.legs.hung_up(event.caller.uniqueid, at)
        self.steps.hung_up(event.caller.uniqueid)
        return CallEnded(at, event.caller.linkedid, event.caller.uniqueid, event.number("Cause"))

    def _shutdown(self, event: Reading, at: datetime) -> AnyFact | None:
        # The only event so short that anything less strict would fit into a caller's number.
        if not event.timed or event.privilege != "system,all" or event.own not in _SHUTDOWNS:
            raise Refused("it isn't Asterisk's own Shutdown, word for word")
        return AsteriskStopped(at)

    # Items of lists we asked for.

    def _listed_waiting(self, item: Reading, at: datetime) -> AnyFact | None:
        return CallerWaiting(at, "", item["Uniqueid"], item["Queue"], item.number("Position"), float(item.number("Wait")))

    def _listed_channel(self, item: Reading, at: datetime) -> AnyFact | None:
        channel, application = item.caller, item["Application"]
        if application == "AppQueue":
            self.legs.seen(channel.uniqueid, answered=channel.state == _CHANNEL_UP)
        return CallPresent(at, channel.linkedid, channel.uniqueid, application, _seconds(item["Duration"]))


_SHUTDOWNS = [{"Shutdown": how, "Restart": restart} for how in ("Cleanly", "Uncleanly") for restart in ("True", "False")]
_ENDED_BY = {reason.value: reason for reason in EndedBy}
_EVENTS: dict[str, _Rule] = {
    "Newchannel": Translator._newchannel,
    "QueueCallerJoin": Translator._caller_join,
    "AgentCalled": Translator._agent_called,
    "DialEnd": Translator._dial_end,
    "AgentRingNoAnswer": Translator._ring_no_answer,
    "AgentDump": Translator._agent_dump,
    "AgentConnect": Translator._agent_connect,
    "BridgeEnter": Translator._bridge_enter,
    "AgentComplete": Translator._agent_complete,
    "QueueCallerLeave": Translator._caller_leave,
    "QueueCallerAbandon": Translator._caller_abandon,
    "UserEvent": Translator._user_event,
    "Hangup": Translator._hangup,
    "BlindTransfer": Translator._blind_transfer,
    "AttendedTransfer": Translator._attended_transfer,
    "Hold": Translator._hold,
    "Unhold": Translator._unhold,
    "HangupRequest": Translator._hang_up_requested,
    "SoftHangupRequest": Translator._soft_hang_up_requested,
    "VarSet": Translator._variable,
    "Newexten": Translator._step,
    "QueueMemberStatus": lambda _, event, at: member_events.status(event, at),
    "QueueMemberAdded": lambda _, event, at: member_events.added(event, at),
    "QueueMemberPause": lambda _, event, at: member_events.paused(event, at),
    "QueueMemberRemoved": lambda _, event, at: member_events.removed(event, at),
    "Shutdown": Translator._shutdown,
}
# Whose channels stand behind headers of their own, by what the headers of each begin with.
_PARTIES = {
    "BlindTransfer": transfer_events.BLIND_PARTIES,
    "AttendedTransfer": transfer_events.ATTENDED_PARTIES,
    "BridgeEnter": ("",),
}
# Of one channel, with nothing hostile behind it. Not Newexten: its AppData is written raw, last.
_ONE_CHANNEL = frozenset(
    {"Newchannel", "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon", "UserEvent", "VarSet"}
    | {"Hangup", "HangupRequest", "SoftHangupRequest", "Hold", "Unhold"}
)
_LIST_ITEMS: dict[str, _Rule] = {
    "QueueMember": lambda _, item, at: member_events.listed(item, at),
    "QueueEntry": Translator._listed_waiting,
    "CoreShowChannel": Translator._listed_channel,
}
# The class ``dialplan`` is for recordings of other dialplans: ours reports by itself.
RECORDED_ONLY = frozenset({"VarSet", "Newexten"})
# What a live link has to look at; everything else can be skipped by its name.
EVENT_NAMES = frozenset(_EVENTS) - RECORDED_ONLY


def _time(message: AmiMessage, reading: Reading, now: datetime) -> datetime:
    """The Timestamp header (``timestampevents=yes``), which stands before anything a caller can write."""
    return (timestamp(message.values[2]) or now) if reading.timed else now


def timestamp(text: str) -> datetime | None:
    """Asterisk's ``seconds.microseconds`` since 1970 as aware UTC; None when it is none."""
    seconds, _, fraction = text.partition(".")
    if not (text.isascii() and seconds.isdigit() and len(seconds) <= 11 and (fraction or "0").isdigit()):
        return None
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(fraction[:6].ljust(6, "0")))


def _seconds(duration: str) -> float:
    """CoreShowChannel's Duration, ``HH:MM:SS`` with as many hours as it takes."""
    parts = duration.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 8 for part in parts):
        raise Refused("its Duration is no time")
    hours, minutes, seconds = map(int, parts)
    return float(hours * 3600 + minutes * 60 + seconds)

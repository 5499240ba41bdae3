"""The fold of facts into a contact: what Asterisk reports and what the session knows, in whatever order they come.

Pure. Used by ``ivr.tracking``, which feeds it, and by whoever replays facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.domain.queue_status import ABANDONED, BY_QUEUE_STATUS, SERVED

# Events of one hang-up come from several threads of Asterisk, in varying order, within this time (measured on 22.10.1).
SAME_MOMENT = timedelta(seconds=2)
# A caller's hang-up cancels the ringing first, and then he leaves the queue: a ring that ended this shortly before was his to hear.
JUST_BEFORE = timedelta(seconds=0.5)
# When a caller hangs up in a queue, QueueCallerAbandon is followed by his channel's Hangup at once (a millisecond, measured).
ABANDON_TO_HANG_UP = timedelta(milliseconds=500)


def fold(contact: Contact, fact: asterisk.Fact) -> None:
    """Apply one fact to its contact. Facts of no concern to a contact change nothing; the same fact twice counts once."""
    if handler := _HANDLERS.get(type(fact)):
        handler(contact, fact)


def _arrived(contact: Contact, fact: asterisk.CallArrived) -> None:
    contact.started_at = min(contact.started_at, fact.at)
    contact.call = contact.call or fact.call
    contact.dialled = contact.dialled or fact.dialled


def _taken(contact: Contact, fact: session.CallTaken) -> None:
    contact.call, contact.caller, contact.caller_name = fact.call, fact.caller, fact.caller_name
    contact.dialled, contact.sip_call_id = fact.dialled, fact.sip_call_id
    contact.flow_version = contact.flow_version or fact.flow_version
    contact.language = contact.language or fact.language
    contact.served_by = "flow"


def _node(contact: Contact, fact: session.NodeEntered) -> None:
    contact.path.append(PathStep(fact.node, fact.at))


def _keys(contact: Contact, fact: session.KeysPressed) -> None:
    if contact.path:
        step = contact.path[-1]
        step.keys = f"{step.keys} {fact.keys}".strip()


def _line(contact: Contact, fact: session.LineEntered) -> None:
    contact.line = fact.line


def _language(contact: Contact, fact: session.LanguageChosen) -> None:
    contact.language = fact.language


def _handed_over(contact: Contact, fact: session.QueueRequested | session.DialRequested) -> None:
    contact.resume = fact.position


def _complaint(contact: Contact, fact: session.ComplaintRegistered) -> None:
    contact.complaint = fact.number
    contact.complaint_complete = contact.complaint_complete or fact.complete


def _message(contact: Contact, _: session.MessageLeft) -> None:
    contact.left_message = True


def _callback(contact: Contact, fact: session.CallbackAccepted) -> None:
    contact.callback = fact.callback


def _closed(contact: Contact, _: session.FoundClosed) -> None:
    contact.found_closed = True


def _hung_up_in_flow(contact: Contact, fact: session.CallerHungUpInFlow) -> None:
    contact.hung_up_in_flow = True
    _end(contact, fact.at)


def _finished(contact: Contact, fact: session.FlowFinished) -> None:
    contact.finished = True
    _end(contact, fact.at)


def _failed(contact: Contact, fact: session.FlowFailed) -> None:
    contact.failure = fact.reason
    contact.resume = None  # whatever queue comes next is not the one the walk asked for


def _fallback(contact: Contact, fact: session.ServedByFallback) -> None:
    watched = bool(contact.call) and contact.ended_at is None  # Asterisk's events will tell the end, or a snapshot
    contact.call = contact.call or fact.call
    contact.caller, contact.caller_name = fact.caller or contact.caller, fact.caller_name or contact.caller_name
    contact.dialled, contact.line = contact.dialled or fact.dialled, contact.line or fact.line
    contact.language = contact.language or fact.language
    known = {(step.node, step.at) for step in contact.path}  # an import that was cut short comes again
    contact.path += [PathStep(node, at, keys) for node, at, keys in fact.path if (node, at) not in known]
    contact.left_message = contact.left_message or fact.left_message
    contact.served_by = "fallback"
    contact.started_at = min(contact.started_at, fact.at)
    if fact.left_queue is not None:
        _came_back(contact, fact.left_queue, fact.queue_status or "", fact.at)
    if fact.to_queue is None:
        _end_as_told(contact, fact.ended_at)
        contact.end_uncertain = False
    elif not watched:  # what became of him in the queue, nobody saw; the next entry may tell
        contact.visits.append(Visit(fact.to_queue, fact.ended_at, uncertain=True))
        contact.end_uncertain = True
        _end_as_told(contact, fact.ended_at)


def _came_back(contact: Contact, queue: str, status: str, at: datetime) -> None:
    """Out of a queue, as the fallback was told. It settles a visit whose end nobody saw, and no other."""
    if not contact.visits:
        contact.visits.append(Visit(queue, at, uncertain=True))
    visit = contact.visits[-1]
    if not (visit.open or visit.uncertain):
        return
    visit.uncertain = True
    for ring in visit.rings:
        ring.ended_at = min(ring.ended_at or at, at)
    if status == SERVED:  # by whom, and after how long, is not known
        visit.outcome, visit.talk_ended_at, visit.ended_by, visit.left_at = VisitOutcome.ANSWERED, at, "agent", None
    else:
        visit.outcome, visit.left_at = BY_QUEUE_STATUS.get(status, VisitOutcome.FAILED), at


def _end_as_told(contact: Contact, at: datetime) -> None:
    """The end as somebody saw it: better than the moment when a snapshot missed the call."""
    if contact.end_uncertain:
        contact.ended_at = at
    _end(contact, at)


def _joined(contact: Contact, fact: asterisk.CallerQueued) -> None:
    contact.call = contact.call or fact.call
    visit = contact.open_visit
    if visit and visit.queue == fact.queue and visit.joined_at == fact.at:
        return
    if visit and visit.queue == fact.queue and visit.uncertain and abs(visit.joined_at - fact.at) <= SAME_MOMENT:
        visit.joined_at, visit.uncertain = fact.at, False  # a snapshot saw him before his entry was told
        return
    contact.visits.append(Visit(fact.queue, fact.at))


def _waiting(contact: Contact, fact: asterisk.CallerWaiting) -> None:
    """A snapshot found him in a queue: the entry itself was missed."""
    if contact.open_visit is None:
        joined = fact.at.fromtimestamp(fact.at.timestamp() - fact.waited, fact.at.tzinfo)
        contact.visits.append(Visit(fact.queue, joined, uncertain=True))


def _rang(contact: Contact, fact: asterisk.AgentRang) -> None:
    if (visit := contact.open_visit) and all(ring.agent_call != fact.agent_call for ring in visit.rings):
        visit.rings.append(Ring(fact.agent, fact.agent_call, fact.at))


def _picked_up(contact: Contact, fact: asterisk.AgentPickedUp) -> None:
    if (visit := contact.open_visit) and visit.picked_up_at is None:
        visit.picked_up_at = fact.at
        visit.agent_call = fact.agent_call


def _ring_ended(contact: Contact, fact: asterisk.AgentRingEnded) -> None:
    for ring in (ring for visit in contact.visits for ring in visit.rings):
        if ring.agent_call == fact.agent_call:
            ring.ended_at = ring.ended_at or fact.at
    visit = contact.open_visit
    if visit and visit.agent_call == fact.agent_call:
        visit.picked_up_at = visit.agent_call = None  # picked up, and gone before the two were joined


def _answered(contact: Contact, fact: asterisk.AgentAnswered) -> None:
    visit = contact.open_visit
    if visit is None:
        return
    visit.outcome = VisitOutcome.ANSWERED
    visit.answered_at = fact.at
    visit.agent, visit.agent_call = fact.agent, fact.agent_call
    for ring in visit.rings:
        ring.ended_at = ring.ended_at or fact.at


def _talk_ended(contact: Contact, fact: asterisk.TalkEnded) -> None:
    """AgentComplete knows best who ended a talk, but comes late after a Redirect, and then says "caller" whoever it was."""
    visit = next((visit for visit in reversed(contact.visits) if _is_talk_of(visit, fact)), None)
    if visit is None:
        return
    ended_at = visit.talk_ended_at or fact.at
    if fact.at - ended_at <= SAME_MOMENT:
        visit.ended_by = fact.ended_by.value
    visit.ended_by = visit.ended_by or asterisk.EndedBy.TRANSFER.value
    visit.talk_ended_at = ended_at


def _is_talk_of(visit: Visit, fact: asterisk.TalkEnded) -> bool:
    if visit.outcome is not VisitOutcome.ANSWERED:
        return False
    return visit.agent_call == fact.agent_call if fact.agent_call else visit.agent == fact.agent


def _left(contact: Contact, fact: asterisk.CallerLeftQueue) -> None:
    if visit := contact.open_visit:
        visit.left_at = visit.left_at or fact.at


def _unanswered(contact: Contact, fact: asterisk.LeftUnanswered) -> None:
    if visit := contact.open_visit:
        visit.unanswered_at = visit.unanswered_at or fact.at


def _exited(contact: Contact, fact: asterisk.QueueExited) -> None:
    """The dialplan's word after Queue(): the authority on why nobody answered."""
    visit = contact.open_visit or _taken_for_abandoned(contact, fact)
    if visit and visit.queue == fact.queue:
        visit.left_at = visit.left_at or fact.at
        if fact.status == ABANDONED:
            visit.outcome = _abandoned(visit, visit.left_at)
        elif fact.status:
            visit.outcome = BY_QUEUE_STATUS.get(fact.status, VisitOutcome.FAILED)
        elif contact.ended_at is None:
            visit.outcome = VisitOutcome.FLOW_KEY  # he lives and no status was set: he pressed the exit key
    elif fact.status in ("FULL", "JOINEMPTY", "JOINUNAVAIL"):  # refused at the door: Asterisk sends no event of its own
        refused = Visit(fact.queue, fact.at, left_at=fact.at, outcome=BY_QUEUE_STATUS[fact.status])
        contact.visits.append(refused)


def _dialled(contact: Contact, fact: asterisk.DialExited) -> None:
    if fact.status == "ANSWER":
        contact.talked_to = fact.phone


def _taken_for_abandoned(contact: Contact, fact: asterisk.QueueExited) -> Visit | None:
    """The visit that the session's word of the end closed before Asterisk's word of the queue came."""
    last = contact.visits[-1] if contact.visits else None
    abandoned = last and last.outcome in (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING)
    return last if abandoned and fact.status in ("TIMEOUT", "LEAVEEMPTY", "LEAVEUNAVAIL", "WITHDRAW") else None


def _call_ended(contact: Contact, fact: asterisk.CallEnded) -> None:
    if fact.call == contact.call or (not contact.call and fact.call == contact.id):
        _end(contact, fact.at)
        return
    for visit in contact.visits:  # an agent's leg
        if visit.agent_call == fact.call and visit.talking:
            visit.talk_ended_at = fact.at  # who ended it, AgentComplete says
        for ring in visit.rings:
            if ring.agent_call == fact.call:
                ring.ended_at = ring.ended_at or fact.at


def _end(contact: Contact, at: datetime) -> None:
    """The caller is gone. A visit still open was abandoned by him, ringing or waiting."""
    if contact.ended_at is None:
        contact.ended_at = at
    for visit in contact.visits:
        if visit.open:
            visit.outcome = _why_left(visit, at)
            visit.left_at = visit.left_at or at
            for ring in visit.rings:
                ring.ended_at = ring.ended_at or at
        elif visit.talking:
            visit.talk_ended_at = at
            visit.ended_by = visit.ended_by or "caller"
        elif visit.outcome is VisitOutcome.ANSWERED:
            visit.ended_by = visit.ended_by or "agent"  # his leg went first, and AgentComplete was missed


def _why_left(visit: Visit, hung_up_at: datetime) -> VisitOutcome:
    """A visit nobody answered, whose end no dialplan told: read from what came before the caller's hang-up."""
    if visit.left_at and visit.unanswered_at is None and visit.picked_up_at is None:
        return VisitOutcome.FLOW_KEY  # the one way out that Asterisk doesn't call an abandonment
    if visit.unanswered_at and hung_up_at - visit.unanswered_at > ABANDON_TO_HANG_UP:
        return VisitOutcome.FLOW_TIMEOUT  # he lived on after the queue
    return _abandoned(visit, visit.left_at or hung_up_at)


def _abandoned(visit: Visit, left_at: datetime) -> VisitOutcome:
    rang = any(ring.ended_at is None or left_at - ring.ended_at <= JUST_BEFORE for ring in visit.rings)
    return VisitOutcome.ABANDONED_RING if rang or visit.picked_up_at is not None else VisitOutcome.ABANDONED_WAIT


def _missed(contact: Contact, fact: session.CallMissing) -> None:
    close_uncertain(contact, fact.at)


def _interrupted(contact: Contact, _: session.WatchInterrupted) -> None:
    """What goes on may have ended meanwhile, and begun again: only what comes after can tell."""
    for visit in contact.visits:
        if visit.open or visit.talking:
            visit.uncertain = True


def _cut_off(contact: Contact, fact: session.CallCutOff) -> None:
    for visit in contact.visits:
        if visit.open:
            visit.outcome, visit.left_at = VisitOutcome.FAILED, fact.at
        elif visit.talking:
            visit.talk_ended_at, visit.ended_by = fact.at, "system"
    _end(contact, fact.at)


def close_uncertain(contact: Contact, at: datetime) -> None:
    """End a contact that a snapshot no longer names: it ended while nobody watched, at the latest at ``at``."""
    for visit in contact.visits:
        if visit.open or visit.talking:
            visit.uncertain = True
    contact.end_uncertain = contact.ended_at is None
    _end(contact, at)


_HANDLERS: dict[type, Callable[[Contact, Any], None]] = {
    asterisk.CallArrived: _arrived,
    asterisk.CallerQueued: _joined,
    asterisk.CallerWaiting: _waiting,
    asterisk.AgentRang: _rang,
    asterisk.AgentPickedUp: _picked_up,
    asterisk.AgentRingEnded: _ring_ended,
    asterisk.AgentAnswered: _answered,
    asterisk.TalkEnded: _talk_ended,
    asterisk.CallerLeftQueue: _left,
    asterisk.LeftUnanswered: _unanswered,
    asterisk.QueueExited: _exited,
    asterisk.DialExited: _dialled,
    asterisk.CallEnded: _call_ended,
    session.CallTaken: _taken,
    session.NodeEntered: _node,
    session.KeysPressed: _keys,
    session.LineEntered: _line,
    session.LanguageChosen: _language,
    session.QueueRequested: _handed_over,
    session.DialRequested: _handed_over,
    session.ComplaintRegistered: _complaint,
    session.MessageLeft: _message,
    session.CallbackAccepted: _callback,
    session.FoundClosed: _closed,
    session.CallerHungUpInFlow: _hung_up_in_flow,
    session.FlowFinished: _finished,
    session.FlowFailed: _failed,
    session.ServedByFallback: _fallback,
    session.CallMissing: _missed,
    session.WatchInterrupted: _interrupted,
    session.CallCutOff: _cut_off,
}

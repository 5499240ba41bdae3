"""The fold of facts into a contact: what Asterisk reports and what the session knows, in whatever order they come.

Pure. Used by ``ivr.tracking``, which feeds it, and by whoever replays facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain import visit_ends, visit_folding
from ivr.domain.contacts import Contact, PathStep, Visit, VisitOutcome
from ivr.domain.queue_status import BY_QUEUE_STATUS, SERVED


def fold(contact: Contact, fact: asterisk.Fact) -> None:
    """Apply one fact to its contact. Facts of no concern to a contact change nothing; the same fact twice counts once."""
    if contact.replaced and getattr(fact, "call", "") in contact.replaced:
        return
    if handler := _HANDLERS.get(type(fact)):
        handler(contact, fact)


def _arrived(contact: Contact, fact: asterisk.CallArrived) -> None:
    contact.ours = True
    contact.started_at = min(contact.started_at, fact.at)
    contact.call = contact.call or fact.call
    contact.dialled = contact.dialled or fact.dialled


def _taken(contact: Contact, fact: session.CallTaken) -> None:
    contact.call, contact.caller, contact.caller_name = fact.call, fact.caller, fact.caller_name
    contact.dialled, contact.sip_call_id = fact.dialled, fact.sip_call_id
    contact.flow_version = contact.flow_version or fact.flow_version
    contact.language = contact.language or fact.language
    contact.served_by = "flow"
    contact.ours = True


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
    contact.failure = contact.failure or fact.reason  # what follows from a failure is not its cause
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


def _dialled(contact: Contact, fact: asterisk.DialExited) -> None:
    if fact.status == "ANSWER":
        contact.talked_to = fact.phone


def _call_ended(contact: Contact, fact: asterisk.CallEnded) -> None:
    if fact.call in contact.swapped:
        return
    if fact.call == contact.call or (not contact.call and fact.call == contact.id):
        _end(contact, fact.at, seen=True)
        return
    for visit in contact.visits:  # he came to the queue by another channel: half of a Local one, or what a transfer gave him
        if visit.call == fact.call:
            visit_ends.close(contact, visit, fact.at)
    visit_folding.leg_ended(contact, fact)


def _end(contact: Contact, at: datetime, *, seen: bool = False) -> None:
    """``seen``: Asterisk itself told that his channel is gone."""
    if contact.ended_at is None:
        contact.ended_at = at
    for visit in contact.visits:
        guess = not seen and (visit.open or visit.talking)
        visit_ends.close(contact, visit, at)
        visit.end_guessed = visit.end_guessed or guess


def _interrupted(contact: Contact, fact: session.WatchInterrupted) -> None:
    """What goes on may have ended meanwhile, and begun again: only what comes after can tell."""
    for visit in contact.visits:
        if visit.open or visit.talking or visit.end_guessed:
            visit.uncertain = True
            visit.unwatched_from = visit.unwatched_from or fact.since
            visit_folding.lose_sight_of_rings(visit, fact.since)


def _missed(contact: Contact, fact: session.CallMissing) -> None:
    close_uncertain(contact, fact.at)


def close_uncertain(contact: Contact, at: datetime) -> None:
    """End a contact that a snapshot no longer names: it ended while nobody watched, at the latest at ``at``."""
    for visit in contact.visits:
        if visit.open or visit.talking:
            visit.uncertain = True
            visit.unwatched_from = visit.unwatched_from or at
    contact.end_uncertain = contact.ended_at is None
    _end(contact, at)


def _cut_off(contact: Contact, fact: session.CallCutOff) -> None:
    contact.cut_off = True
    if contact.end_uncertain and contact.ended_at and contact.ended_at > fact.at:
        contact.ended_at = fact.at  # a snapshot missed him, before anybody told that Asterisk had begun anew
    for visit in contact.visits:
        visit_ends.cut_off(visit, fact.at, fact.since)
    _end(contact, fact.at)


_HANDLERS: dict[type, Callable[[Contact, Any], None]] = {
    asterisk.CallArrived: _arrived,
    asterisk.CallerQueued: visit_folding.joined,
    asterisk.CallerWaiting: visit_folding.waiting,
    asterisk.AgentRang: visit_folding.rang,
    asterisk.AgentPickedUp: visit_folding.picked_up,
    asterisk.AgentRingEnded: visit_folding.ring_ended,
    asterisk.AgentAnswered: visit_folding.answered,
    asterisk.TalkEnded: visit_folding.talk_ended,
    asterisk.CallTransferred: visit_folding.transferred,
    asterisk.CallHeld: visit_folding.held,
    asterisk.CallResumed: visit_folding.resumed,
    asterisk.CallerLeftQueue: visit_folding.left,
    asterisk.LeftUnanswered: visit_folding.unanswered,
    asterisk.QueueExited: visit_folding.exited,
    asterisk.CallerWentOn: visit_folding.went_on,
    asterisk.HangupRequested: visit_folding.hang_up_requested,
    asterisk.ChannelReplaced: visit_folding.channel_replaced,
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
    session.PlaceTaken: visit_folding.place_taken,
}

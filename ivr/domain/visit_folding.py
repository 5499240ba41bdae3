"""The fold of Asterisk's events into a contact's visits: who waited where, what rang, who answered, how it ended.

Pure; for ``folding`` alone. Every rule here bears the name of the quirk of app_queue it is for (measured on 22.10.1, read in 16 to 22).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain import visit_ends
from ivr.domain.contacts import Contact, Ring, Visit, VisitOutcome
from ivr.domain.queue_status import ABANDONED, BY_QUEUE_STATUS, REFUSED, SERVED

# Events of one hang-up come from several threads of Asterisk, in varying order, within this time (measured on 22.10.1).
SAME_MOMENT = timedelta(seconds=2)
# One who hangs up in a queue has asked for it before he is out. Asterisk's own stop does in the same stroke.
ONE_STROKE = timedelta(milliseconds=100)
COUNTED_WITHIN = timedelta(seconds=1.5)
UNSEEN = "UNSEEN"  # a ring that was going on when the link was lost


def joined(contact: Contact, fact: asterisk.CallerQueued) -> None:
    contact.call = contact.call or fact.call
    for visit in contact.visits:
        if visit.queue != fact.queue or visit.call not in ("", fact.call):
            continue
        if visit.joined_at == fact.at:
            return
        if visit.entry_missed and visit.open and abs(visit.joined_at - fact.at) <= SAME_MOMENT:
            visit.joined_at, visit.entry_missed = fact.at, False  # a snapshot saw him before his entry was told
            visit.reconstructed = visit.uncertain = False
            return
        if _ended_by_guess(visit) and abs(visit.joined_at - fact.at) <= SAME_MOMENT:
            _reopen(contact, visit, fact.call)
            visit.joined_at, visit.uncertain = fact.at, False
            return
    visit_ends.go_on_without(contact, fact.call, fact.at)
    contact.visits.append(Visit(fact.queue, fact.at, call=fact.call))


def waiting(contact: Contact, fact: asterisk.CallerWaiting) -> None:
    """A snapshot found him in a queue. Its wait is in whole seconds, and it may be older than the events before it."""
    joined_at = fact.at - timedelta(seconds=fact.waited)
    for visit in contact.visits:
        if visit.queue == fact.queue and visit.call in ("", fact.call) and abs(visit.joined_at - joined_at) <= SAME_MOMENT:
            if visit.open and not visit.entry_missed:
                visit.uncertain = False  # he has waited all through the gap
            return
    contact.call = contact.call or fact.call
    visit_ends.go_on_without(contact, fact.call, joined_at)
    contact.visits.append(Visit(fact.queue, joined_at, call=fact.call, reconstructed=True, entry_missed=True))


def rang(contact: Contact, fact: asterisk.AgentRang) -> None:
    visit = _found(contact, fact.call, fact.queue) or _missed(contact, fact.call, fact.queue, fact.at)
    if visit and all(ring.agent_call != fact.agent_call for ring in visit.rings):
        _certain(visit)
        visit.rings.append(Ring(fact.agent, fact.agent_call, fact.at))


def picked_up(contact: Contact, fact: asterisk.AgentPickedUp) -> None:
    visit = _found(contact, fact.call)
    if visit is None:
        return
    for ring in visit.rings:
        ring.picked_up = ring.picked_up or ring.agent_call == fact.agent_call
    if visit.picked_up_at is None:
        visit.picked_up_at, visit.agent_call = fact.at, fact.agent_call


def ring_ended(contact: Contact, fact: asterisk.AgentRingEnded) -> None:
    for ring in (ring for visit in contact.visits for ring in visit.rings):
        if ring.agent_call == fact.agent_call and (ring.ended_at is None or ring.result == UNSEEN):
            ring.ended_at, ring.result = fact.at, fact.result
    visit = _found(contact, fact.call)
    if visit and visit.agent_call == fact.agent_call:
        visit.picked_up_at = visit.agent_call = None  # picked up, and gone before the two were joined


def lose_sight_of_rings(visit: Visit, since: datetime) -> None:
    """The link is down: a ring whose end nobody tells afterwards ended meanwhile."""
    for ring in visit.rings:
        if ring.ended_at is None:
            ring.ended_at, ring.result = since, UNSEEN


def answered(contact: Contact, fact: asterisk.AgentAnswered) -> None:
    visit = _found(contact, fact.call, fact.queue) or _missed(contact, fact.call, fact.queue, fact.at)
    if visit is None:
        return
    _certain(visit)
    visit.outcome = VisitOutcome.ANSWERED
    visit.answered_at = fact.at
    if visit.agent_call != fact.agent_call:
        visit.picked_up_at = None  # another's
    visit.agent, visit.agent_call = fact.agent, fact.agent_call
    visit_ends.end_rings(visit, fact.at)


def talk_ended(contact: Contact, fact: asterisk.TalkEnded) -> None:
    """AgentComplete knows best who ended a talk, but comes late after a Redirect, and then says "caller" whoever it was."""
    visit = next((visit for visit in reversed(contact.visits) if _is_talk_of(visit, fact)), None) or _answered_unseen(contact, fact)
    if visit is None:
        return
    _certain(visit)
    if visit.end_guessed and visit.talk_ended_at and abs(fact.at - visit.talk_ended_at) <= SAME_MOMENT:
        visit.talk_ended_at, visit.end_guessed = None, False
    ended_at = visit.talk_ended_at or fact.at
    visit.transferred = visit.transferred or fact.ended_by is asterisk.EndedBy.TRANSFER
    if visit.transferred:
        visit.ended_by = asterisk.EndedBy.TRANSFER.value
    elif fact.at - ended_at <= SAME_MOMENT and not _rid_of_him(visit, fact, ended_at):
        visit.ended_by = fact.ended_by.value
    elif visit.ended_by is None or visit.ender_guessed:
        visit.ended_by = asterisk.EndedBy.TRANSFER.value
    visit.ender_guessed = False
    visit_ends.talk_over(visit, ended_at)


def _rid_of_him(visit: Visit, fact: asterisk.TalkEnded, ended_at: datetime) -> bool:
    """After a Redirect AgentComplete says he hung up, as he does in the end: but the agent's leg was gone before he asked for it."""
    return fact.ended_by is asterisk.EndedBy.CALLER and visit.hung_up_at is not None and visit.hung_up_at - ended_at > ONE_STROKE


def _is_talk_of(visit: Visit, fact: asterisk.TalkEnded) -> bool:
    if visit.outcome is not VisitOutcome.ANSWERED:
        return False
    if fact.agent_call and visit.agent_call and fact.agent_call in (visit.agent_call, visit.leg):
        return True
    theirs = (visit.agent, visit.queue) == (fact.agent, fact.queue) and began_as_told(visit, fact)
    if fact.agent_call and visit.agent_call:  # half of a Local channel made way, and nobody told: an AMI user without the class call
        return theirs and visit.talking and fact.call == visit.call
    return theirs


def began_as_told(visit: Visit, fact: asterisk.TalkEnded) -> bool:
    """Whether a nameless AgentComplete can be this talk's: it tells how long the talk was, in differences of whole seconds."""
    if fact.talk_s is None or visit.answered_at is None:
        return True
    return abs(fact.at - timedelta(seconds=fact.talk_s) - visit.answered_at) <= COUNTED_WITHIN


def _answered_unseen(contact: Contact, fact: asterisk.TalkEnded) -> Visit | None:
    """The end of a talk whose beginning was missed: answered, when and after how long a wait nobody knows."""
    if not fact.call:
        return None
    visit = _found(contact, fact.call, fact.queue) or _missed(contact, fact.call, fact.queue, fact.at)
    if visit is None:
        return None
    visit.outcome, visit.agent, visit.agent_call = VisitOutcome.ANSWERED, fact.agent, fact.agent_call or None
    visit.uncertain = visit.entry_missed = True
    visit.left_at = None
    visit_ends.end_rings(visit, fact.at)
    return visit


def transferred(contact: Contact, fact: asterisk.CallTransferred) -> None:
    """The agent gave the caller away: his own leg goes at once, AgentComplete may come late, or say "agent"."""
    answered = [visit for visit in contact.visits if visit.outcome is VisitOutcome.ANSWERED]
    visit = next((visit for visit in reversed(answered) if fact.agent_call and fact.agent_call in (visit.agent_call, visit.leg)), None)
    talking = [visit for visit in reversed(answered) if visit.talking]
    visit = visit or next((visit for visit in talking if visit.call in ("", fact.call)), None)
    if visit is None and len(talking) == 1:  # behind Local/…/n the telephone beyond it gives him away, which no queue has called
        visit = talking[0]
    if visit is None:
        return
    visit.transferred = True
    if visit.talk_ended_at is None or abs(fact.at - visit.talk_ended_at) <= SAME_MOMENT:
        visit.ended_by, visit.ender_guessed = asterisk.EndedBy.TRANSFER.value, False
    visit_ends.talk_over(visit, visit.talk_ended_at or fact.at)


def place_taken(contact: Contact, fact: session.PlaceTaken) -> None:
    """The second call's channel was replaced under its wait: what looked like its hang-up ended nothing (asterisk #759)."""
    contact.replaced = (*contact.replaced, fact.place)
    for visit in contact.visits:
        if visit.call != fact.place:
            continue
        visit.call = fact.call
        if visit.outcome in visit_ends.HUNG_UP:
            visit_ends.reopen(visit)


def held(contact: Contact, fact: asterisk.CallHeld) -> None:
    visit = _talk_with(contact, fact.call)
    if visit and visit.held_since is None:
        visit.held_since = fact.at


def resumed(contact: Contact, fact: asterisk.CallResumed) -> None:
    visit = _talk_with(contact, fact.call)
    if visit:
        visit_ends.off_hold(visit, fact.at)


def left(contact: Contact, fact: asterisk.CallerLeftQueue) -> None:
    if visit := _found(contact, fact.call, fact.queue):
        _certain(visit)
        visit.left_at = visit.left_at or fact.at


def unanswered(contact: Contact, fact: asterisk.LeftUnanswered) -> None:
    visit = _found(contact, fact.call, fact.queue) or _missed(contact, fact.call, fact.queue, fact.at)
    if visit:
        _certain(visit)
        visit.unanswered_at = visit.unanswered_at or fact.at


def exited(contact: Contact, fact: asterisk.QueueExited) -> None:
    """QUEUESTATUS, by the dialplan's word or as the variable itself: the authority on why nobody answered. Often told twice."""
    contact.call = contact.call or fact.call
    if fact.status in REFUSED:
        _refused(contact, fact)
        return
    visit = _found(contact, fact.call, fact.queue) or _concluded_too_soon(contact, fact)
    if visit is None:
        return
    _certain(visit)
    if fact.status == SERVED:
        if visit.open and not _left_unserved(visit):  # by whom, and after how long, nobody saw
            visit.outcome, visit.uncertain, visit.left_at, visit.ended_by = VisitOutcome.ANSWERED, True, None, "agent"
            visit_ends.talk_over(visit, fact.at)
        return
    visit.inferred = False
    if fact.status == ABANDONED:
        if not visit_ends.pulled_out(contact, visit, fact.at):
            visit_ends.give_up(visit, fact.at)
        return
    visit.left_at = visit.left_at or fact.at
    if fact.status:
        visit.outcome = BY_QUEUE_STATUS.get(fact.status, VisitOutcome.FAILED)
    elif contact.ended_at is None:
        visit.outcome = VisitOutcome.FLOW_KEY  # he lives and no status was set: he pressed the exit key
    if not visit.open:
        visit_ends.end_rings(visit, visit.left_at)


def _left_unserved(visit: Visit) -> bool:
    """Queue()'s option ``c`` says CONTINUE of everybody who leaves but by a timeout: also of who hung up, or was pulled out."""
    seen = visit.unwatched_from is None and not visit.entry_missed
    return visit.unanswered_at is not None or (visit.left_at is not None and seen)


def _refused(contact: Contact, fact: asterisk.QueueExited) -> None:
    """At the door: Asterisk sends no event of its own. The variable and the dialplan's word of it are one refusal."""
    for visit in contact.visits:
        same = (
            visit.outcome is BY_QUEUE_STATUS[fact.status]
            and visit.call == fact.call
            and abs(visit.joined_at - fact.at) <= visit_ends.JUST_BEFORE
        )
        if same and (visit.queue == fact.queue or "" in (visit.queue, fact.queue)):
            visit.queue = visit.queue or fact.queue
            return
    visit_ends.go_on_without(contact, fact.call, fact.at)
    refused = Visit(fact.queue, fact.at, left_at=fact.at, outcome=BY_QUEUE_STATUS[fact.status], call=fact.call)
    contact.visits.append(refused)


def _concluded_too_soon(contact: Contact, fact: asterisk.QueueExited) -> Visit | None:
    """The visit that was closed by what came before the word of why: the session's end of the call, or another event's."""
    last = next((visit for visit in reversed(contact.visits) if visit.call in ("", fact.call)), None)
    if last is None or not last.inferred or fact.queue not in ("", last.queue):
        return None
    return last if fact.status and fact.status not in (ABANDONED, SERVED) else None


def went_on(contact: Contact, fact: asterisk.CallerWentOn) -> None:
    """He lives, and QUEUESTATUS, which stands before the next step, wasn't set: pulled out of the queue, or by his own key."""
    visit = _found(contact, fact.call)
    if visit is None or visit.picked_up_at is not None:
        return
    if visit.unanswered_at is not None:
        visit_ends.conclude(visit, VisitOutcome.MOVED, visit.left_at or visit.unanswered_at)
    elif visit.left_at is not None:
        visit_ends.conclude(visit, VisitOutcome.FLOW_KEY, visit.left_at)


def hang_up_requested(contact: Contact, fact: asterisk.HangupRequested) -> None:
    """His channel is asked to end: by himself before he leaves the queue, or for whatever reason long after."""
    visit = _found(contact, fact.call)
    if visit is None:
        _hung_up_talking(contact, fact)
        return
    if fact.call not in (visit.call, contact.call) or visit.hung_up_at is not None:
        return
    out_at = visit.unanswered_at or visit.left_at
    if out_at is None or timedelta(0) < fact.at - out_at <= ONE_STROKE:  # at the very same time it came later: a stream without times
        visit.hung_up_at = fact.at
    elif visit.unwatched_from is None:
        visit.outlived = True


def _hung_up_talking(contact: Contact, fact: asterisk.HangupRequested) -> None:
    talk = next((visit for visit in reversed(contact.visits) if visit.outcome is VisitOutcome.ANSWERED), None)
    if talk and fact.call in (talk.call, contact.call):
        talk.hung_up_at = talk.hung_up_at or fact.at


def leg_ended(contact: Contact, fact: asterisk.CallEnded) -> None:
    """An agent's channel is gone. Who ended the talk, AgentComplete says."""
    for visit in contact.visits:
        if (visit.leg or visit.agent_call) == fact.call and (visit.talking or visit.end_guessed):
            _certain(visit)
            visit.end_guessed = False
            visit_ends.talk_over(visit, fact.at)
        for ring in visit.rings:
            if ring.agent_call == fact.call:
                ring.ended_at = ring.ended_at or fact.at


def channel_replaced(contact: Contact, fact: asterisk.ChannelReplaced) -> None:
    """Half of a Local channel without ``/n`` makes way for the telephone beyond it, a moment after the answer; the talk goes on."""
    contact.swapped = (*contact.swapped, fact.call)
    if contact.call == fact.call:
        contact.call = fact.by
    for visit in contact.visits:
        if visit.talking and fact.call in (visit.agent_call, visit.leg):
            visit.leg = fact.by


def _found(contact: Contact, call: str, queue: str = "") -> Visit | None:
    """The open visit an event is about. A transfer may have given the caller another channel: then the queue alone tells."""
    open_visits = [visit for visit in reversed(contact.visits) if visit.open and queue in ("", visit.queue)]
    return next((visit for visit in open_visits if visit.call in ("", call)), open_visits[0] if open_visits and queue else None)


def _missed(contact: Contact, call: str, queue: str, at: datetime) -> Visit | None:
    """A visit whose entry nobody saw: a recording begins too late, or the link was down. Not the last word on one that has just ended."""
    if contact.ended_at is not None and not contact.end_uncertain:
        return None
    for visit in contact.visits:
        if visit.queue == queue and visit.call in ("", call):
            if _ended_by_guess(visit):
                _reopen(contact, visit, call)
                return visit
            end = max(filter(None, (visit.talk_ended_at, visit.left_at, contact.ended_at)), default=at)
            if visit.outcome is VisitOutcome.ANSWERED or at - end <= SAME_MOMENT:
                return None
    contact.call = contact.call or call
    missed = Visit(queue, at, call=call, uncertain=True, entry_missed=True)
    contact.visits.append(missed)
    return missed


def _ended_by_guess(visit: Visit) -> bool:
    """Nobody watched when the fallback sent him there, and so nobody knows more than that he was."""
    return visit.uncertain and visit.end_guessed and visit.outcome in visit_ends.HUNG_UP


def _reopen(contact: Contact, visit: Visit, call: str) -> None:
    """He is in there still, and is watched from now on."""
    visit_ends.reopen(visit)
    visit.call, contact.call = call, contact.call or call
    contact.ended_at, contact.end_uncertain = None, False


def _certain(visit: Visit) -> None:
    """Heard of it again, as it was: what was missed of it in a gap is no doubt about its end."""
    visit.uncertain = visit.uncertain and visit.entry_missed and not visit.reconstructed


def _talk_with(contact: Contact, leg: str) -> Visit | None:
    talks = [visit for visit in reversed(contact.visits) if visit.talking]
    return next((visit for visit in talks if leg in (visit.agent_call, visit.leg, visit.call)), talks[0] if talks else None)

"""How a visit ends where nobody says it plainly: by the caller's hang-up, by his living on, by Asterisk's stop. Pure; for the folds alone.

Every rule bears the name of the quirk of app_queue it is for (measured on 22.10.1, read in 16 to 22).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ami_bridge import facts as asterisk
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.queue_status import CANCELLED, DUMPED

# A caller's hang-up cancels the ringing first, and then he leaves the queue: a ring that ended this shortly before was his to hear.
JUST_BEFORE = timedelta(seconds=0.5)
# When a caller hangs up in a queue, QueueCallerAbandon is followed by his channel's Hangup at once (a millisecond, measured).
ABANDON_TO_HANG_UP = timedelta(milliseconds=500)
HUNG_UP = (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING)


def close(contact: Contact, visit: Visit, at: datetime) -> None:
    """The caller is gone. A visit still open was abandoned by him, ringing or waiting, if nothing else is known."""
    if visit.open:
        _hang_up(contact, visit, at)
    elif visit.talking:
        talk_over(visit, at)
        if visit.ended_by is None:
            visit.ended_by, visit.ender_guessed = "caller", True
    elif visit.outcome is VisitOutcome.ANSWERED and visit.ended_by is None:
        visit.ended_by, visit.ender_guessed = "agent", True  # his leg went first, and AgentComplete was missed


def cut_off(visit: Visit, at: datetime, since: datetime) -> None:
    """Asterisk stopped: who seems to have hung up since then didn't. What had no end yet nobody saw end."""
    unseen = visit.open or visit.talking
    if visit.open or (
        visit.outcome in HUNG_UP and visit.left_at and (since <= visit.left_at <= at or _missed_later(visit, visit.left_at, at))
    ):
        visit.outcome, visit.inferred = VisitOutcome.FAILED, False
        visit.left_at = min(visit.left_at or at, at)
        end_rings(visit, visit.left_at)
    elif visit.outcome is VisitOutcome.ANSWERED:
        ended_at = visit.talk_ended_at
        if ended_at is None or since <= ended_at <= at or _missed_later(visit, ended_at, at):
            talk_over(visit, min(ended_at or at, at))
            visit.ended_by, visit.ender_guessed = "system", False
    visit.uncertain = visit.uncertain or unseen


def _missed_later(visit: Visit, ended_at: datetime, at: datetime) -> bool:
    """A snapshot after the new start made this end up."""
    return visit.uncertain and visit.end_guessed and ended_at > at


def abandoned(visit: Visit, left_at: datetime) -> VisitOutcome:
    """Whether a phone rang when he gave up, or had been picked up but not joined with him (memberdelay, announcement)."""
    rang = any(
        ring.ended_at is None
        or ring.ended_at > left_at
        or (left_at - ring.ended_at <= JUST_BEFORE and ((ring.picked_up and ring.result != DUMPED) or ring.result in CANCELLED))
        for ring in visit.rings
    )
    return VisitOutcome.ABANDONED_RING if rang or visit.picked_up_at is not None else VisitOutcome.ABANDONED_WAIT


def _hang_up(contact: Contact, visit: Visit, at: datetime) -> None:
    """His channel is gone, and nobody has told why he left the queue: read from what came before."""
    if visit.left_at and visit.unanswered_at is None and visit.picked_up_at is None and visit.hung_up_at is None:
        conclude(visit, VisitOutcome.FLOW_KEY, visit.left_at)  # the one way out that Asterisk doesn't call an abandonment
    elif not pulled_out(contact, visit, at):
        visit.inferred = visit.uncertain or visit.hung_up_at is None
        give_up(visit, at)


def pulled_out(contact: Contact, visit: Visit, hung_up_at: datetime) -> bool:
    """He lived on after QueueCallerAbandon. Our own dialplan would have told of a time-out: then somebody pulled him out of the queue."""
    if visit.hung_up_at is not None or visit.unanswered_at is None:
        return False
    if not visit.outlived and hung_up_at - visit.unanswered_at <= ABANDON_TO_HANG_UP:
        return False
    conclude(visit, _outlived(contact), visit.left_at or visit.unanswered_at)
    return True


def give_up(visit: Visit, at: datetime) -> None:
    """A member's delay or announcement keeps QueueCallerAbandon back until it is over; the hang-up itself was told at once."""
    visit.outcome = abandoned(visit, visit.hung_up_at or visit.unanswered_at or visit.left_at or at)
    visit.left_at = min(visit.hung_up_at or at, visit.left_at or at)
    end_rings(visit, visit.left_at)


def reopen(visit: Visit) -> None:
    """What looked like his hang-up ended nothing."""
    visit.outcome = visit.left_at = visit.unanswered_at = visit.hung_up_at = None
    visit.inferred = visit.outlived = visit.end_guessed = False
    for ring in visit.rings:
        if not ring.result:
            ring.ended_at = None


def _outlived(contact: Contact) -> VisitOutcome:
    return VisitOutcome.MOVED if contact.ours else VisitOutcome.FLOW_TIMEOUT


def go_on_without(contact: Contact, call: str, at: datetime) -> None:
    """A channel is in one queue, or in one talk: what it was in before is over, though nobody said so."""
    for visit in contact.visits:
        if visit.call not in ("", call):
            continue
        if visit.talking:
            talk_over(visit, at)
            visit.ended_by, visit.ender_guessed = asterisk.EndedBy.TRANSFER.value, True
        if visit.open:
            known = visit.left_at or visit.unanswered_at
            by_key = visit.left_at is not None and visit.unanswered_at is None
            visit.uncertain = visit.uncertain or known is None
            visit.outlived = visit.outlived or visit.unanswered_at is not None
            conclude(visit, VisitOutcome.FLOW_KEY if by_key else _outlived(contact), known or at)


def conclude(visit: Visit, outcome: VisitOutcome, left_at: datetime) -> None:
    visit.outcome, visit.left_at, visit.inferred = outcome, left_at, True
    end_rings(visit, left_at)


def talk_over(visit: Visit, at: datetime) -> None:
    off_hold(visit, at)
    visit.talk_ended_at = at


def off_hold(visit: Visit, at: datetime) -> None:
    if visit.held_since is not None:
        visit.held_s += max(0.0, (at - visit.held_since).total_seconds())
        visit.held_since = None


def end_rings(visit: Visit, at: datetime) -> None:
    for ring in visit.rings:
        ring.ended_at = ring.ended_at or at

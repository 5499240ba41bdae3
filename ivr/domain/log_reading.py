"""The visits of one contact as queue_log alone tells them: whole seconds, and no word of who was refused at the door.

Pure; for ``reading`` alone. The rows are facts already (``ami_bridge.queue_log``); what their verbs mean is app_queue.c's, 16 to 22.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain.contacts import Ring, Visit, VisitOutcome
from ivr.domain.queue_status import ABANDONED, BY_QUEUE_STATUS, CANCELLED, REFUSED

# The caller's hang-up cancels the ringing, and both rows are written at once: the second may have turned between them.
ONE_SECOND = timedelta(seconds=1)
TWO_SECONDS = timedelta(seconds=2)
# What may be said to him in between. Much later it is another call: whoever gives ids of his own may give one twice.
_BEFORE_ANOTHER_QUEUE = timedelta(seconds=30)
_LOG = ("queue_log",)
_HUNG_UP = (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING)


def visits_of(facts: Iterable[asterisk.Fact]) -> list[Visit]:
    """In order of entry. All are ``reconstructed``; one whose entry stands in no row is ``uncertain``."""
    visits: list[Visit] = []
    facts = _by_callers(facts)
    for fact in facts:
        if row := _ROWS.get(type(fact)):
            row(visits, fact)
    return sorted(visits, key=lambda visit: visit.joined_at)


def _by_callers(facts: Iterable[Any]) -> list[Any]:
    """The rows of a second call whose place a transferred caller took bear its callid until then, and his from then on (asterisk #759)."""
    told = list(facts)
    caller_of = {fact.place: fact.call for fact in told if isinstance(fact, session.PlaceTaken)}
    return (
        [replace(fact, call=caller_of[fact.call]) if getattr(fact, "call", "") in caller_of else fact for fact in told]
        if caller_of
        else told
    )


def _open(visits: list[Visit], fact: Any) -> Visit | None:
    """The visit a row is about: the open one of this call in this queue."""
    return next((v for v in reversed(visits) if v.open and v.queue == fact.queue and v.call == fact.call), None)


def _entered(visits: list[Visit], fact: asterisk.CallerQueued) -> None:
    reckoned = _of_entry(visits, fact, fact.at)
    if reckoned is not None and reckoned.entry_missed:
        reckoned.joined_at, reckoned.entry_missed = fact.at, False
        return
    _outlived(visits, fact)
    visits.append(Visit(fact.queue, fact.at, call=fact.call, reconstructed=True, sources=_LOG))


def _outlived(visits: list[Visit], fact: asterisk.CallerQueued) -> None:
    """Who enters a queue hasn't hung up before: somebody pulled him out of the one he was in, and app_queue wrote ABANDON."""
    for visit in visits:
        since = fact.at - visit.left_at if visit.call == fact.call and visit.outcome in _HUNG_UP and visit.left_at else None
        if since is not None and timedelta(0) <= since <= _BEFORE_ANOTHER_QUEUE:
            visit.outcome = VisitOutcome.MOVED


def _waiting(visits: list[Visit], fact: asterisk.CallerWaiting) -> None:
    """What a later row says of the wait, where its reader hasn't seen the entry itself: the log begins too late, or the reader did."""
    joined_at = fact.at - timedelta(seconds=fact.waited)
    if _open(visits, fact) is None and _of_entry(visits, fact, joined_at) is None:
        visits.append(Visit(fact.queue, joined_at, call=fact.call, entry_missed=True, reconstructed=True, sources=_LOG))


def _of_entry(visits: list[Visit], fact: Any, joined_at: datetime) -> Visit | None:
    """The visit that began then, give or take what waits in whole seconds are wrong by; over or not."""
    return next((v for v in visits if v.queue == fact.queue and v.call == fact.call and abs(v.joined_at - joined_at) <= TWO_SECONDS), None)


def _rang(visits: list[Visit], fact: asterisk.AgentRang) -> None:
    if visit := _open(visits, fact):
        visit.rings.append(Ring(fact.agent, fact.agent_call, fact.at))


def _ring_ended(visits: list[Visit], fact: asterisk.AgentRingEnded) -> None:
    visit = next((v for v in reversed(visits) if v.open and v.call == fact.call), None)
    ring = next((r for r in visit.rings if r.ended_at is None and r.agent_call == fact.agent_call), None) if visit else None
    if ring:
        ring.ended_at, ring.result = fact.at, fact.result


def _picked_up(visits: list[Visit], fact: asterisk.AgentPickedUp) -> None:
    """An ABANDON row bears a member's name: he had picked up, and the caller left before the two were joined."""
    visit = next((v for v in reversed(visits) if v.open and v.call == fact.call), None)
    if visit:
        visit.picked_up_at = fact.at


def _connected(visits: list[Visit], fact: asterisk.AgentAnswered) -> None:
    visit = _open(visits, fact)
    if visit is None:
        return
    visit.outcome = VisitOutcome.ANSWERED
    visit.answered_at = fact.at
    visit.agent, visit.agent_call = fact.agent, fact.agent_call
    for ring in visit.rings:
        ring.ended_at = ring.ended_at or fact.at


def _talk_ended(visits: list[Visit], fact: asterisk.TalkEnded) -> None:
    visit = next((v for v in reversed(visits) if v.talking and v.queue == fact.queue and v.call == fact.call), None)
    if visit:
        visit.talk_ended_at, visit.ended_by = fact.at, fact.ended_by.value


def _transferred(visits: list[Visit], fact: asterisk.CallTransferred) -> None:
    visit = next((v for v in reversed(visits) if v.call == fact.call and v.outcome is VisitOutcome.ANSWERED), None)
    if visit:
        visit.transferred = True


def _exited(visits: list[Visit], fact: asterisk.QueueExited) -> None:
    visit = _open(visits, fact)
    if visit is None:
        if fact.status in REFUSED:  # a row that somebody's dialplan wrote itself
            outcome = BY_QUEUE_STATUS[fact.status]
            visits.append(Visit(fact.queue, fact.at, left_at=fact.at, outcome=outcome, call=fact.call, reconstructed=True, sources=_LOG))
        return
    visit.left_at = fact.at
    if fact.status == ABANDONED:
        visit.outcome = _abandoned(visit)
    else:
        visit.outcome = BY_QUEUE_STATUS.get(fact.status, VisitOutcome.FAILED) if fact.status else VisitOutcome.FLOW_KEY
    for ring in visit.rings:
        ring.ended_at = ring.ended_at or fact.at


def _abandoned(visit: Visit) -> VisitOutcome:
    left = visit.left_at
    rang = any(r.result in CANCELLED and r.ended_at and left and left - r.ended_at <= ONE_SECOND for r in visit.rings)
    return VisitOutcome.ABANDONED_RING if rang or visit.picked_up_at else VisitOutcome.ABANDONED_WAIT


_ROWS: dict[type, Callable[[list[Visit], Any], None]] = {
    asterisk.CallerQueued: _entered,
    asterisk.CallerWaiting: _waiting,
    asterisk.AgentRang: _rang,
    asterisk.AgentRingEnded: _ring_ended,
    asterisk.AgentPickedUp: _picked_up,
    asterisk.AgentAnswered: _connected,
    asterisk.TalkEnded: _talk_ended,
    asterisk.CallTransferred: _transferred,
    asterisk.QueueExited: _exited,
}

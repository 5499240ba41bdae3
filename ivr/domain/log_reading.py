"""The visits of one contact as queue_log alone tells them: whole seconds, and no word of who was refused at the door.

Pure; for ``reading`` alone. The rows are facts already (``ami_bridge.queue_log``); what their verbs mean is app_queue.c's, 16 to 22.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from ami_bridge import facts as asterisk
from ivr.domain import call_facts as session
from ivr.domain.contacts import Ring, Visit, VisitOutcome
from ivr.domain.queue_status import ABANDONED, BY_QUEUE_STATUS, CANCELLED, DUMPED, REFUSED

# The caller's hang-up cancels the ringing, and both rows are written at once: the second may have turned between them.
ONE_SECOND = timedelta(seconds=1)
TWO_SECONDS = timedelta(seconds=2)
# What may be said to him in between. Much later it is another call: whoever gives ids of his own may give one twice.
_BEFORE_ANOTHER_QUEUE = timedelta(seconds=30)
_LOG = ("queue_log",)
_HUNG_UP = (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING)


class _Visits(list[Visit]):
    """In order of entry. ``caller_of``: the second calls whose place a transferred caller took, and his.

    Rows of that place bear the second call's id until then, and his from then on (asterisk #759).
    """

    def __init__(self, caller_of: Mapping[str, str]) -> None:
        super().__init__()
        self._caller_of = caller_of

    def find(self, call: str, fits: Callable[[Visit], bool]) -> Visit | None:
        """The last that fits of those of this call; where there is none, of those whose place it took."""
        fitting = [visit for visit in reversed(self) if fits(visit)]
        own = next((visit for visit in fitting if visit.call == call), None)
        return own or next((visit for visit in fitting if self._caller_of.get(visit.call) == call), None)

    def by_callers(self) -> list[Visit]:
        for visit in self:
            visit.call = self._caller_of.get(visit.call, visit.call)
        return sorted(self, key=lambda visit: visit.joined_at)


def visits_of(facts: Iterable[asterisk.Fact]) -> list[Visit]:
    """In order of entry. All are ``reconstructed``; one whose entry stands in no row is ``uncertain``."""
    told = list(facts)
    visits = _Visits({fact.place: fact.call for fact in told if isinstance(fact, session.PlaceTaken)})
    for fact in told:
        if row := _ROWS.get(type(fact)):
            row(visits, fact)
    return visits.by_callers()


def _open(visits: _Visits, fact: Any) -> Visit | None:
    """The visit a row is about: the open one of this call in this queue."""
    return visits.find(fact.call, lambda visit: visit.open and visit.queue == fact.queue)


def _entered(visits: _Visits, fact: asterisk.CallerQueued) -> None:
    reckoned = _of_entry(visits, fact, fact.at)
    if reckoned is not None and reckoned.entry_missed:
        reckoned.joined_at, reckoned.entry_missed = fact.at, False
        return
    _outlived(visits, fact)
    visits.append(Visit(fact.queue, fact.at, call=fact.call, reconstructed=True, sources=_LOG))


def _outlived(visits: _Visits, fact: asterisk.CallerQueued) -> None:
    """Who enters a queue hasn't hung up before: somebody pulled him out of the one he was in, and app_queue wrote ABANDON."""
    for visit in visits:
        since = fact.at - visit.left_at if visit.call == fact.call and visit.outcome in _HUNG_UP and visit.left_at else None
        if since is not None and timedelta(0) <= since <= _BEFORE_ANOTHER_QUEUE:
            visit.outcome = VisitOutcome.MOVED


def _waiting(visits: _Visits, fact: asterisk.CallerWaiting) -> None:
    """What a later row says of the wait, where its reader hasn't seen the entry itself: the log begins too late, or the reader did."""
    joined_at = fact.at - timedelta(seconds=fact.waited)
    if _open(visits, fact) is None and _of_entry(visits, fact, joined_at) is None:
        visits.append(Visit(fact.queue, joined_at, call=fact.call, entry_missed=True, reconstructed=True, sources=_LOG))


def _of_entry(visits: _Visits, fact: Any, joined_at: datetime) -> Visit | None:
    """The visit that began then, give or take what waits in whole seconds are wrong by; over or not."""
    return next((v for v in visits if v.queue == fact.queue and v.call == fact.call and abs(v.joined_at - joined_at) <= TWO_SECONDS), None)


def _rang(visits: _Visits, fact: asterisk.AgentRang) -> None:
    if visit := _open(visits, fact):
        visit.rings.append(Ring(fact.agent, fact.agent_call, fact.at))


def _ring_ended(visits: _Visits, fact: asterisk.AgentRingEnded) -> None:
    visit = visits.find(fact.call, lambda visit: visit.open)
    ring = next((r for r in visit.rings if r.ended_at is None and r.agent_call == fact.agent_call), None) if visit else None
    if ring:
        ring.ended_at, ring.result = fact.at, fact.result


def _picked_up(visits: _Visits, fact: asterisk.AgentPickedUp) -> None:
    """An ABANDON row bears a member's name: he had picked up, and the caller left before the two were joined."""
    visit = visits.find(fact.call, lambda visit: visit.open)
    if visit:
        visit.picked_up_at = fact.at


def _connected(visits: _Visits, fact: asterisk.AgentAnswered) -> None:
    visit = _open(visits, fact)
    if visit is None:
        return
    visit.outcome = VisitOutcome.ANSWERED
    visit.answered_at = fact.at
    visit.agent, visit.agent_call = fact.agent, fact.agent_call
    for ring in visit.rings:
        ring.ended_at = ring.ended_at or fact.at


def _talk_ended(visits: _Visits, fact: asterisk.TalkEnded) -> None:
    visit = visits.find(fact.call, lambda visit: visit.talking and visit.queue == fact.queue)
    if visit:
        visit.talk_ended_at, visit.ended_by = fact.at, fact.ended_by.value


def _transferred(visits: _Visits, fact: asterisk.CallTransferred) -> None:
    visit = visits.find(fact.call, lambda visit: visit.outcome is VisitOutcome.ANSWERED and visit.talk_ended_at in (None, fact.at))
    if visit:
        visit.transferred = True


def _exited(visits: _Visits, fact: asterisk.QueueExited) -> None:
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
    """Whoever hangs up on an agent's announcement is noticed when the agent does too: AGENTDUMP, and ABANDON of nobody at once."""
    left = visit.left_at
    ended = [(r.result, left - r.ended_at) for r in visit.rings if r.ended_at and left]
    rang = any(ago <= ONE_SECOND if result in CANCELLED else result == DUMPED and not ago for result, ago in ended)
    return VisitOutcome.ABANDONED_RING if rang or visit.picked_up_at else VisitOutcome.ABANDONED_WAIT


_ROWS: dict[type, Callable[[_Visits, Any], None]] = {
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

"""What the queues are doing now and how long their work takes: who waits, who is there and what he has, recent handling times.

A fold of Asterisk's facts, on the event loop, for ``ivr.queue_outlook`` alone. Unlike the tracker's contacts it knows everybody in the
queues: those whom we have called back, and those whom Asterisk's own fallback has queued, stand before others too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ami_bridge import facts as asterisk
from ivr.board import agent_status
from ivr.board_snapshot import AgentStatus
from ivr.domain.contacts import Contact, Visit
from ivr.domain.expected_wait import Agent, Overtaking
from ivr.domain.queue_priority import WaitingCaller

# Enough to know a distribution by, few enough to follow a change within the hour.
REMEMBERED = 80
ANSWERS_REMEMBERED = 20  # of each agent: how he is shared between his queues
# A pause that begins so soon after a call and lasts no longer is wrap-up, part of the handling; any other is a break.
WRAP_UP_BEGINS_WITHIN, LONGEST_WRAP_UP = timedelta(seconds=5), timedelta(seconds=120)
ARRIVALS_LOOKED_AT = timedelta(minutes=30)
_READY = (AgentStatus.IDLE, AgentStatus.RINGING)


@dataclass(slots=True)
class Waiting:
    """One caller in one queue. ``priority`` is what he was granted; ``picked_up_at`` may be taken back until he is answered."""

    contact: str
    call: str
    queue: str
    joined_at: datetime
    priority: int = 0
    picked_up_at: datetime | None = None
    picked_up_leg: str = ""
    left_at: datetime | None = None


# The end of a wait: when, None where nobody saw it, and whether he was answered.
OnEnd = Callable[[Waiting, datetime | None, bool], None]


@dataclass(slots=True)
class _Talk:
    queue: str
    leg: str
    answered_at: datetime
    ended_at: datetime | None = None  # from then on he wraps up
    free_at: datetime | None = None
    watched: bool = True  # False: the link was down meanwhile, its length is not known

    @property
    def handling_s(self) -> float:
        """Talk and wrap-up, once it has ended."""
        end = self.free_at or self.ended_at
        return (end - self.answered_at).total_seconds() if end else 0.0

    def wraps_up(self, now: datetime) -> bool:
        return self.ended_at is not None and self.free_at is None and now - self.ended_at <= LONGEST_WRAP_UP


@dataclass(slots=True)
class _Agent:
    answered: deque[str] = field(default_factory=lambda: deque(maxlen=ANSWERS_REMEMBERED))
    talk: _Talk | None = None  # his present one, or his last
    rings: tuple[str, str] | None = None  # leg and queue
    ready_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Membership:
    status: AgentStatus
    paused: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What the estimator is asked with, as of one moment; nothing in it changes afterwards."""

    agents: tuple[Agent, ...]
    handling: tuple[float, ...]
    pickups: tuple[float, ...]
    overtaking: Overtaking
    staffed: bool  # somebody's phone can be reached, be he on a break


class QueueWork:
    """``apply`` facts in the order they come. Queues that aren't ``queues`` are none of ours. Times are aware UTC."""

    def __init__(self, queues: Iterable[str], *, on_end: OnEnd = lambda *_: None) -> None:
        self._on_end = on_end
        self._waiting: dict[str, Waiting] = {}  # by call
        self._left: dict[str, Waiting] = {}  # out of the queue, why is yet to be told
        self._missing: dict[str, Waiting] = {}  # waited when the link broke
        self._members: dict[tuple[str, str], _Membership] = {}
        self._agents: dict[str, _Agent] = {}
        self._handled: dict[str, deque[_Talk]] = {queue: deque(maxlen=REMEMBERED) for queue in queues}
        self._pickups: dict[str, deque[float]] = {queue: deque(maxlen=REMEMBERED) for queue in self._handled}
        self._privileged: dict[str, deque[tuple[datetime, int]]] = {queue: deque(maxlen=REMEMBERED) for queue in self._handled}
        self.known = False
        """Whether we see what happens: the link is up and its snapshot complete."""

    def learn(self, contacts: Iterable[Contact]) -> None:
        """At start: handling times of calls from the store (their wrap-up is not known), and who was talking."""
        visits = [visit for contact in contacts for visit in contact.visits if visit.answered_at and visit.agent and not visit.uncertain]
        for visit in sorted(visits, key=_answered_at):
            if visit.queue not in self._handled or visit.agent is None:
                continue
            agent = self._agent(visit.agent)
            agent.answered.append(visit.queue)
            agent.talk = _Talk(visit.queue, visit.agent_call or "", _answered_at(visit), visit.talk_ended_at, visit.talk_ended_at)
            if visit.talk_ended_at:
                self._handled[visit.queue].append(agent.talk)

    def waiting(self, queue: str, now: datetime) -> list[WaitingCaller]:
        """Who waits there."""
        found = [caller for caller in self._waiting.values() if caller.queue == queue]
        return [WaitingCaller((now - caller.joined_at).total_seconds(), caller.priority) for caller in found]

    def situation(self, queue: str, now: datetime, *, priority: int, ceiling_s: float) -> Situation:
        """All that the wait of one more caller of this (granted) priority depends on, but for his position."""
        members = {name: found for (member_of, name), found in self._members.items() if member_of == queue}
        agents = [agent for name, found in members.items() if (agent := self._as_server(queue, name, found, now))]
        since = now - ARRIVALS_LOOKED_AT
        ahead = sum(at >= since and granted > priority for at, granted in self._privileged[queue])
        return Situation(
            agents=tuple(agents),
            handling=self._handling(queue),
            pickups=tuple(self._pickups[queue]),
            overtaking=Overtaking(ahead / ARRIVALS_LOOKED_AT.total_seconds(), ceiling_s),
            staffed=any(membership.status is not AgentStatus.AWAY for membership in members.values()),
        )

    def _as_server(self, queue: str, name: str, membership: _Membership, now: datetime) -> Agent | None:
        """This member as the estimator sees him; None when he will not take the queue's next call."""
        agent = self._agent(name)
        talk = agent.talk
        wraps_up = talk is not None and talk.wraps_up(now)
        if membership.status is AgentStatus.AWAY or (membership.paused and not wraps_up):
            return None  # who has asked for his break in a call takes it when the call ends
        busy_s, busy_with = None, queue
        if talk and (wraps_up or (talk.ended_at is None and membership.status is AgentStatus.BUSY)):
            busy_s, busy_with = max(0.0, (now - talk.answered_at).total_seconds()), talk.queue
        elif agent.rings:
            busy_with = agent.rings[1]
            busy_s = None if busy_with == queue else 0.0
        elif membership.status is AgentStatus.BUSY:
            busy_s = 0.0  # a call of his own: we know nothing of it, so it counts as just begun
        memberships = [other for (other, member), found in self._members.items() if member == name and not found.paused]
        elsewhere = [other for other in memberships if other != queue and other in self._handled]
        rivals = sum(any(caller.queue == other for caller in self._waiting.values()) for other in elsewhere)
        ours, theirs = agent.answered.count(queue), sum(agent.answered.count(other) for other in elsewhere)
        return Agent(
            busy_s=busy_s,
            now_handling=self._handling(busy_with) if busy_with != queue else None,
            # Each queue with callers tries him about once a second: whichever is first after he became free has him.
            first_share=1.0 / (1 + rivals),
            share=(ours + 1) / (ours + theirs + 1 + len(elsewhere)),
            elsewhere=tuple(seconds for other in elsewhere for seconds in self._handling(other)),
        )

    def _handling(self, queue: str) -> tuple[float, ...]:
        return tuple(talk.handling_s for talk in self._handled.get(queue, ()))

    def apply(self, fact: asterisk.Fact) -> None:
        """Fold one fact; most are of no concern. The same fact twice counts once."""
        match fact:
            case asterisk.CallerQueued(at=at, contact=contact, call=call, queue=queue) if queue in self._handled:
                self._joined(Waiting(contact, call, queue, at))
            case asterisk.CallerWaiting(at=at, contact=contact, call=call, queue=queue, waited=waited) if queue in self._handled:
                self._still_waiting(Waiting(contact, call, queue, at - timedelta(seconds=waited)))
            case asterisk.AgentRang(agent=name, agent_call=leg, queue=queue):
                self._agent(name).rings = (leg, queue)
            case asterisk.AgentPickedUp(at=at, call=call, agent_call=leg):
                if caller := self._waiting.get(call):
                    caller.picked_up_at, caller.picked_up_leg = at, leg
            case asterisk.AgentRingEnded(call=call, agent_call=leg):
                self._ring_ended(call, leg)
            case asterisk.CallerLeftQueue(at=at, call=call):
                if caller := self._waiting.pop(call, None):
                    caller.left_at = at
                    self._left[call] = caller
            case asterisk.AgentAnswered():
                self._answered(fact)
            case asterisk.QueueExited(at=at, call=call):
                self._ended(call, at, answered=False)
            case asterisk.TalkEnded(at=at, queue=queue, agent=name, agent_call=leg):
                talk = self._agent(name).talk
                if talk and talk.queue == queue and leg in ("", talk.leg):
                    self._talk_ended(name, at)
            case asterisk.CallEnded(at=at, call=call):
                self._hung_up(call, at)
            case asterisk.AgentStateReported():
                self._state(fact)
            case asterisk.LinkLost():
                self.known = False
            case asterisk.LinkEstablished():
                self._begin_snapshot()
            case asterisk.SnapshotComplete():
                self._complete_snapshot()

    def grant(self, call: str, priority: int) -> None:
        """This waiting caller joined with this priority."""
        if caller := self._waiting.get(call):
            caller.priority = priority
            if priority > 0:
                self._privileged[caller.queue].append((caller.joined_at, priority))

    def _joined(self, caller: Waiting) -> None:
        known = self._waiting.get(caller.call)
        if known and known.queue == caller.queue:
            return  # a snapshot has named him already
        self._ended(caller.call, caller.joined_at, answered=False)
        self._waiting[caller.call] = caller

    def _still_waiting(self, caller: Waiting) -> None:
        before = self._missing.pop(caller.call, None)
        self._waiting.setdefault(caller.call, before if before and before.queue == caller.queue else caller)

    def _ended(self, call: str, at: datetime, *, answered: bool) -> Waiting | None:
        caller = self._waiting.pop(call, None) or self._left.pop(call, None)
        if caller:
            seen_at = (caller.picked_up_at if answered else caller.left_at) or at
            self._on_end(caller, seen_at, answered)
        return caller

    def _ring_ended(self, call: str, leg: str) -> None:
        self._rings_no_more(leg)
        caller = self._waiting.get(call) or self._left.get(call)
        if caller and caller.picked_up_leg == leg:  # picked up, and gone before the two were joined
            caller.picked_up_at, caller.picked_up_leg = None, ""

    def _rings_no_more(self, leg: str) -> None:
        for agent in self._agents.values():
            if agent.rings and agent.rings[0] == leg:
                agent.rings = None

    def _answered(self, fact: asterisk.AgentAnswered) -> None:
        agent = self._agent(fact.agent)
        caller = self._ended(fact.call, fact.at, answered=True)
        if fact.queue not in self._handled or (agent.talk and agent.talk.leg == fact.agent_call):
            return
        answered_at = (caller.picked_up_at if caller else None) or fact.at
        if caller and agent.ready_since:
            both_there = max(caller.joined_at, agent.ready_since)
            self._pickups[fact.queue].append(max(0.0, (answered_at - both_there).total_seconds()))
        agent.talk, agent.rings = _Talk(fact.queue, fact.agent_call, answered_at), None
        agent.answered.append(fact.queue)

    def _hung_up(self, call: str, at: datetime) -> None:
        self._ended(call, at, answered=False)
        self._rings_no_more(call)
        for name, agent in self._agents.items():
            if agent.talk and agent.talk.leg == call:
                self._talk_ended(name, at)

    def _talk_ended(self, name: str, at: datetime) -> None:
        agent = self._agent(name)
        talk = agent.talk
        if talk is None or talk.ended_at is not None:
            return
        talk.ended_at = at
        if talk.watched:
            self._handled[talk.queue].append(talk)
        # His phone's state and the end of his talk come from different threads of Asterisk, in any order.
        if any(found.status in _READY and not found.paused for (_, member), found in self._members.items() if member == name):
            talk.free_at = agent.ready_since = at

    def _state(self, fact: asterisk.AgentStateReported) -> None:
        key = fact.queue, fact.agent
        if fact.removed:
            self._members.pop(key, None)
            return
        before, now = self._members.get(key), _Membership(agent_status(fact.state, fact.paused), fact.paused)
        self._members[key] = now
        agent = self._agent(fact.agent)
        if now.status in _READY and not now.paused:
            if before is None or before.status not in _READY:
                agent.ready_since = fact.at
            if agent.talk and agent.talk.ended_at and agent.talk.free_at is None:
                agent.talk.free_at = fact.at if agent.talk.wraps_up(fact.at) else agent.talk.ended_at
        elif now.paused and agent.talk and agent.talk.free_at and fact.at - agent.talk.free_at <= WRAP_UP_BEGINS_WITHIN:
            agent.talk.free_at = None  # he was free for a moment, and writes it up now

    def _begin_snapshot(self) -> None:
        self.known = False
        self._members.clear()
        self._missing, self._waiting = self._waiting | self._left, {}
        self._left = {}
        for agent in self._agents.values():
            agent.rings = agent.ready_since = None
            if agent.talk:
                agent.talk.watched = False

    def _complete_snapshot(self) -> None:
        for caller in self._missing.values():
            self._on_end(caller, None, False)
        self._missing = {}
        busy = {name for (_, name), found in self._members.items() if found.status is AgentStatus.BUSY}
        for name, agent in self._agents.items():
            if name not in busy and agent.talk and not agent.talk.watched:
                agent.talk = None
        self.known = True

    def _agent(self, name: str) -> _Agent:
        return self._agents.setdefault(name, _Agent())


def _answered_at(visit: Visit) -> datetime:
    answered_at = visit.picked_up_at or visit.answered_at
    if answered_at is None:
        raise ValueError(f"the visit of {visit.queue} that began at {visit.joined_at} was not answered")
    return answered_at

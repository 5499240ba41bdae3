"""The live board: who waits, rings and talks now, who could answer, and today's figures so far, as one immutable snapshot.

Fed on the event loop with the tracker's contacts and Asterisk's word of the agents; read by the console and the metrics.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ami_bridge import facts as asterisk
from ivr.board_snapshot import LATE_AFTER_S, AgentStatus, BoardSnapshot, LostCaller, QueueNow, RunningCall, Stage
from ivr.domain.contacts import Contact, ContactOutcome, Visit
from ivr.domain.figures import Figures, figures_of
from ivr.domain.intervals import Grain, floor
from ivr.domain.measures import Limits, Thresholds
from ivr.domain.numbers import masked
from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord, record_of

# A contact's figures can still change this long after its end: the dialplan's word of a queue comes after the session's.
SETTLE = timedelta(seconds=10)

# AST_DEVICE_* of Asterisk's include/asterisk/devicestate.h. app_queue rings a phone whose state is unknown (0) like an idle one.
_IDLE, _RINGING, _BUSY = frozenset({0, 1}), frozenset({6, 7}), frozenset({2, 3, 8})
_Tallies = dict[Thresholds, Tally]
_LOST = frozenset({ContactOutcome.ABANDONED_QUEUE, ContactOutcome.ABANDONED_RING, ContactOutcome.REJECTED_CAPACITY})


@dataclass(frozen=True, slots=True)
class _Settled:
    """What is kept of a call that ended today, so that a word that comes late can still correct it."""

    outcome: ContactOutcome | None
    thresholds: Thresholds
    visits: tuple[VisitRecord, ...]


class Board:
    """``changed`` is set at every change; whoever waits for it clears it."""

    def __init__(
        self,
        queues: Sequence[str],
        limits: Limits | Thresholds,
        zone: ZoneInfo,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.changed = asyncio.Event()
        self._limits = limits if isinstance(limits, Limits) else Limits(limits)
        self._zone = zone
        self._clock = clock
        self._version = 0
        self._members: dict[tuple[str, str], AgentStatus] = {}
        self._queues = list(queues)
        self._link_lost_at: datetime | None = None
        self._contacts: dict[str, Contact] = {}
        self._begin_day(floor(clock(), Grain.DAY, zone))

    def _begin_day(self, since: datetime) -> None:
        self._since = since
        self._settled: dict[str, _Settled] = {}
        self._sum_up()
        self._lost: dict[str, LostCaller] = {}

    def seed(self, contacts: Iterable[Contact]) -> None:
        """At start: today's contacts from the store, the oldest first."""
        self._roll(self._clock())
        ended = []
        for contact in contacts:
            if contact.id in self._contacts:
                continue  # the tracker's own object, which it goes on folding
            self.contact_changed(contact)
            if contact.ended_at:
                ended.append(contact)
        self._settle(ended)

    def contact_changed(self, contact: Contact) -> None:
        """The tracker folded something into this contact; the object is kept and read again at the next snapshot."""
        if contact.id in self._settled:
            if self._kept(contact) == self._settled[contact.id]:
                return
            self._reopen(contact.id)
        self._contacts[contact.id] = contact
        self._note_lost(contact)
        self._touch()

    def contact_gone(self, contact_id: str) -> None:
        """It was no call of its own, but another's second one."""
        if contact_id in self._settled:
            self._reopen(contact_id)
        elif self._contacts.pop(contact_id, None) is None:
            return
        self._touch()

    def apply(self, fact: asterisk.Fact) -> None:
        """What Asterisk says of agents and of the link; other facts concern contacts and come through the tracker."""
        match fact:
            case asterisk.AgentStateReported(queue=queue, agent=agent, removed=True):
                self._members.pop((queue, agent), None)
            case asterisk.AgentStateReported(queue=queue, agent=agent, state=state, paused=paused):
                self._members[queue, agent] = agent_status(state, paused)
            case asterisk.LinkEstablished():
                self._members.clear()  # the snapshot that follows names everybody who is still there
                self._link_lost_at = None
            case asterisk.LinkLost(at=at):
                self._link_lost_at = self._link_lost_at or at
            case _:
                return
        self._touch()

    def snapshot(self) -> BoardSnapshot:
        """The board as it is now."""
        now = self._clock()
        self._roll(now)
        self.settle(now)
        if self._outdated:
            self._sum_up()
        by_queue: dict[str, list[Visit]] = {name: [] for name in self._settled_tallies}
        today: dict[str, _Tallies] = {}
        for contact in self._contacts.values():
            _count(self._kept(contact), today)
            for visit in contact.visits:
                by_queue.setdefault(visit.queue, []).append(visit)
        queues = tuple(self._queue_now(name, visits, today.get(name, {}), now) for name, visits in by_queue.items())
        running = [call for contact in self._contacts.values() if (call := _running(contact))]
        recent = [contact for contact in self._contacts.values() if contact.started_at >= self._since]
        outcomes = self._settled_outcomes + Counter(contact.outcome for contact in recent if contact.outcome)
        return BoardSnapshot(
            version=self._version,
            at=now,
            since=self._since,
            queues=queues,
            total=figures_of((queue.figures for queue in queues), now),
            running=tuple(sorted(running, key=lambda call: call.started_at)),
            lost=tuple(sorted(self._lost.values(), key=lambda caller: caller.at, reverse=True)),
            calls_today=self._settled_outcomes.total() + len(recent),
            left_in_menu=outcomes[ContactOutcome.ABANDONED_IVR],
            link_lost_at=self._link_lost_at,
        )

    def settle(self, now: datetime) -> None:
        """Let go of contacts that ended a while ago: from now on they are counts, unless a late word changes them."""
        self._settle([contact for contact in self._contacts.values() if contact.ended_at and now - contact.ended_at > SETTLE])

    def _settle(self, contacts: Sequence[Contact]) -> None:
        for contact in contacts:
            self._contacts.pop(contact.id, None)
            if contact.started_at < self._since and not any(visit.joined_at >= self._since for visit in contact.visits):
                continue
            self._settled[contact.id] = settled = self._kept(contact)
            self._add_up(settled)

    def _reopen(self, contact_id: str) -> None:
        del self._settled[contact_id]
        self._outdated = True  # many may follow, when a log heals a gap: added up anew once, for the next snapshot

    def _sum_up(self) -> None:
        self._settled_tallies: dict[str, _Tallies] = {queue: {self._limits.default: Tally()} for queue in self._queues}
        self._settled_outcomes: Counter[ContactOutcome] = Counter()
        for settled in self._settled.values():
            self._add_up(settled)
        self._outdated = False

    def _add_up(self, settled: _Settled) -> None:
        if settled.outcome:
            self._settled_outcomes[settled.outcome] += 1
        _count(settled, self._settled_tallies)

    def _kept(self, contact: Contact) -> _Settled:
        """The visits that began today, and the outcome of a call that did."""
        visits = enumerate(contact.visits, 1)
        return _Settled(
            contact.outcome if contact.started_at >= self._since else None,
            self._limits.of(contact.line),
            tuple(
                record_of(visit, contact.id, number, pbx=contact.pbx, line=contact.line)
                for number, visit in visits
                if visit.joined_at >= self._since
            ),
        )

    def _roll(self, now: datetime) -> None:
        since = floor(now, Grain.DAY, self._zone)
        if since > self._since:
            self._begin_day(since)
            self._touch()

    def _touch(self) -> None:
        self._version += 1
        self.changed.set()

    def _note_lost(self, contact: Contact) -> None:
        """Whoever gave up is on the list until he is answered, on whatever line."""
        key = contact.caller or contact.id
        known = self._lost.get(key)
        outcome = contact.outcome
        if contact.answered_at:
            if known and contact.answered_at > known.at:
                del self._lost[key]
            return
        gone = outcome in _LOST and not contact.left_message and (contact.ended_at or contact.started_at) >= self._since
        if outcome is None or not gone:
            if known and contact.id in known.contacts:  # what looked lost was not: the dialplan's word came after the session's
                rest = tuple(other for other in known.contacts if other != contact.id)
                if rest:
                    self._lost[key] = replace(known, contacts=rest, contact=rest[-1])
                else:
                    del self._lost[key]
            return
        visit = contact.visits[-1] if contact.visits else None
        self._lost[key] = LostCaller(
            contact=contact.id,
            caller=masked(contact.caller),
            line=contact.line,
            queue=visit.queue if visit else None,
            outcome=outcome,
            at=contact.ended_at or contact.started_at,
            waited_s=sum(visit.wait_s or 0.0 for visit in contact.visits),
            contacts=tuple(dict.fromkeys((*(known.contacts if known else ()), contact.id))),
        )

    def _queue_now(self, name: str, visits: Sequence[Visit], today: _Tallies, now: datetime) -> QueueNow:
        waiting = [visit for visit in visits if visit.open]
        settled = self._settled_tallies.get(name, {})
        return QueueNow(
            name=name,
            waiting=len(waiting),
            ringing=sum(1 for visit in waiting if visit.ringing),
            talking=sum(1 for visit in visits if visit.talking),
            late=sum(1 for visit in waiting if (now - visit.joined_at).total_seconds() > LATE_AFTER_S),
            longest_since=min((visit.joined_at for visit in waiting), default=None),
            agents=Counter(status for (queue, _), status in self._members.items() if queue == name),
            figures=figures_of((Figures(settled, now), Figures(today, now)), now),
        )


def agent_status(state: int, paused: bool) -> AgentStatus:
    """What Asterisk's device state means for the queue. A ringing or busy agent who is paused still has his call."""
    if state in _RINGING:
        return AgentStatus.RINGING
    if state in _BUSY:
        return AgentStatus.BUSY
    if paused:
        return AgentStatus.PAUSED
    return AgentStatus.IDLE if state in _IDLE else AgentStatus.AWAY


def _count(settled: _Settled, into: dict[str, _Tallies]) -> None:
    for record in settled.visits:
        into.setdefault(record.queue, {}).setdefault(settled.thresholds, Tally()).add(record)


def _running(contact: Contact) -> RunningCall | None:
    if contact.ended_at:
        return None
    visit = contact.visits[-1] if contact.visits else None
    stage, since = Stage.MENU, contact.started_at
    if visit and visit.open:
        stage, since = (Stage.RINGING if visit.ringing else Stage.WAITING), visit.joined_at
    elif visit and visit.talking:
        stage, since = Stage.TALKING, visit.answered_at or visit.joined_at
    in_queue = visit if stage is not Stage.MENU else None
    ringing = next((ring.agent for ring in visit.rings if ring.ended_at is None), None) if visit and stage is Stage.RINGING else None
    return RunningCall(
        contact=contact.id,
        caller=masked(contact.caller),
        line=contact.line,
        stage=stage,
        node=contact.path[-1].node if contact.path else None,
        queue=in_queue.queue if in_queue else None,
        agent=(in_queue.agent if in_queue and stage is Stage.TALKING else ringing),
        started_at=contact.started_at,
        since=since,
    )

"""The fold of agents: ledger entries into intervals that tile each agent's time, and the events his figures count. Pure.

AMI tells all while its link is up; queue_log counts where the link was down, and alone where there never was one. Entries of the log
may come late: the time since the last settled moment is then read anew, so that any order of arrival gives the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter

from ami_bridge import facts as asterisk
from ivr.domain.agent_link import BEGINNING, Gap, Link, qualified
from ivr.domain.agent_record import AgentRecord, Member, Offer, Seen, Talk, restored
from ivr.domain.agent_routing import Routing
from ivr.domain.agent_states import AgentEvent, AgentKey, AgentState, Interval, Rules
from ivr.domain.agent_tiling import Moment, tiled
from ivr.domain.ledger import Entry, Source

_MOST_OF_ALL = 50
# How long entries are kept that may have to be read anew; and after a gap, how long queue_log has to tell of it.
KEEP, CATCH_UP = timedelta(minutes=5), timedelta(minutes=10)
# What a killed daemon may not have written of intervals, the ledger has.
REPLAYED = timedelta(seconds=10)
_LASTING = frozenset({AgentState.OFFLINE, AgentState.ON_BREAK, AgentState.AVAILABLE, AgentState.TALKING, AgentState.GOING_OFFLINE})


@dataclass(frozen=True, slots=True)
class _Told:
    """A fact that concerns one agent. ``at`` never goes back among those of one source."""

    at: datetime
    source: Source
    fact: asterisk.Fact
    leg: str = ""
    handed_on: bool = False

    @property
    def order(self) -> tuple[datetime, bool]:
        """By time; a row of the log, whose second is cut off, before what AMI tells of the same moment."""
        return self.at, self.source is not Source.QUEUE_LOG


@dataclass(slots=True)
class _Life:
    """One agent: as he was at ``base_at``, what was told since, and what follows from it."""

    base_at: datetime
    base: AgentRecord = field(default_factory=AgentRecord)
    journal: list[_Told] = field(default_factory=list)
    known: set[tuple[Source, asterisk.Fact]] = field(default_factory=set)
    record: AgentRecord = field(default_factory=AgentRecord)
    moments: list[Moment] = field(default_factory=list)
    past: list[Interval] = field(default_factory=list)
    past_events: dict[str, AgentEvent] = field(default_factory=dict)
    read: tuple[datetime, Reading] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """An agent since ``base_at``: what may still change. ``due``: when it changes by itself next."""

    base_at: datetime
    intervals: tuple[Interval, ...]
    events: Mapping[str, AgentEvent]
    due: datetime | None


class AgentBook:
    """``apply`` entries in the order they come; ``read`` gives an agent's last minutes, ``settle`` lets older ones go."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._lives: dict[AgentKey, _Life] = {}
        self._links: dict[str, Link] = {}
        self._routing = Routing()
        self._of_all: dict[str, deque[_Told]] = {}  # what AMI said of everybody, of late
        self.late = 0  # entries older than what is settled, left out

    @property
    def agents(self) -> Iterable[AgentKey]:
        return self._lives.keys()

    def listening(self, pbx: str) -> bool:
        """Does AMI tell now?"""
        return self._links.get(pbx, Link()).listening

    def down_since(self) -> datetime | None:
        """Since when the link is down that is down longest; None when none is, or none ever was up."""
        return min((link.gaps[-1].begin for link in self._links.values() if not link.listening and link.ami_at > BEGINNING), default=None)

    def replay(self, entry: Entry) -> set[AgentKey]:
        """After ``restore``: what the ledger has of the last moments before the stop. Older than what was restored, it changes nobody."""
        return self._route(entry, again=True)

    def apply(self, entry: Entry) -> set[AgentKey]:
        """Whom this changes. Entries that are no agent's concern change nobody."""
        link = self._links.setdefault(entry.pbx, Link())
        fact = entry.fact
        if entry.source is Source.QUEUE_LOG:
            filled = link.told_by_log(fact.at)  # its quiet times too
            return self._route(entry) | (self._of(entry.pbx) if filled else set())
        if entry.source is not Source.AMI:
            return set()
        link.ami_at = max(fact.at, link.ami_at)
        match fact:
            case asterisk.LinkEstablished(gap_from=gap_from):
                link.snapshot = []
                if gap_from and (not link.gaps or link.gaps[-1].end is None or gap_from > link.gaps[-1].end):
                    link.open(gap_from)
                return self._reread(entry.pbx)
            case asterisk.LinkLost(at=at):
                link.snapshot = None
                link.open(at)
                return self._reread(entry.pbx)
            case asterisk.SnapshotComplete(at=at):
                return self._snapshot(entry.pbx, link, at)
            case asterisk.AsteriskStopped() | asterisk.AsteriskStarted():
                everybody = _Told(fact.at, Source.AMI, fact)
                self._of_all.setdefault(entry.pbx, deque(maxlen=_MOST_OF_ALL)).append(everybody)
                return {key for key in self._of(entry.pbx) if self._tell(key, everybody)}
        if link.snapshot is not None:
            link.snapshot.append(fact)
            return set()
        if link.gaps and link.gaps[-1].begin == BEGINNING and link.gaps[-1].end is None:
            link.close(fact.at)  # a recording: nobody says that the link is there
        return self._route(entry)

    def restore(self, key: AgentKey, last: Interval, heard_until: datetime) -> Interval | None:
        """At start, for an agent who isn't known: as the store had him, the link being down since ``heard_until``.

        The last seconds before that are open to ``replay``; gives what of his last interval isn't.
        """
        link = self._links.setdefault(key.pbx, Link())
        if link.ami_at == BEGINNING:
            link.gaps, link.ami_at = [Gap(heard_until)], heard_until
        record = AgentRecord()
        if last.state is not AgentState.OFFLINE:
            paused = last.state in (AgentState.ON_BREAK, AgentState.GOING_OFFLINE)
            record.members[""] = Member(paused, last.reason)
            record.paused_since = last.began_at if paused else None
        if last.call and last.state in (AgentState.TALKING, AgentState.GOING_OFFLINE):
            record.talks[restored(last.call)] = Talk(last.queue, last.call, last.call)
        if last.call and last.state is AgentState.RINGING:
            record.offers[restored(last.call)] = Offer(last.queue, last.call, last.call, last.began_at)
        base_at = max(last.began_at, heard_until - REPLAYED)
        life = _Life(base_at, record, record=record.copy())
        life.moments = [Moment(base_at, record.situation())]
        if base_at > last.began_at:
            life.past = [replace(last, ended_at=base_at)]
        self._lives[key] = life
        return life.past[0] if life.past else None

    def remember(self, key: AgentKey, intervals: Sequence[Interval], events: Iterable[AgentEvent], before: datetime) -> None:
        """After ``restore``: what is settled of him, for his day's figures. Events from ``before`` on are told again by ``replay``."""
        life = self._lives[key]
        life.past = [*intervals, *life.past]
        life.past_events |= {event.key: event for event in events if event.at < before}

    def read(self, key: AgentKey, now: datetime) -> Reading:
        """His time since the last settled moment, until ``now`` (aware); the last interval has no end."""
        life = self._lives[key]
        if life.read and life.read[0] <= now and not (life.read[1].due and life.read[1].due <= now):
            return life.read[1]
        tiling = tiled(life.moments, now, self._rules)
        link = self._links[key.pbx]
        reading = Reading(life.base_at, tuple(qualified(tiling, link)), life.record.events, tiling.due)
        life.read = (now, reading)
        return reading

    def past(self, key: AgentKey) -> tuple[Sequence[Interval], Iterable[AgentEvent]]:
        """What is settled and wasn't forgotten."""
        life = self._lives[key]
        return life.past, life.past_events.values()

    def settle(self, key: AgentKey, now: datetime, keep: timedelta = KEEP) -> None:
        """What is older than ``keep`` can't change any more; what follows from a gap that queue_log may still fill can."""
        life, link = self._lives[key], self._links[key.pbx]
        before = now - keep
        for gap in link.gaps:
            if gap.end is None or now - gap.end < CATCH_UP:
                before = min(before, gap.begin)
        reading = self.read(key, now)
        cuts = [*tiled(life.moments, now, self._rules).cuts, *_lasting(reading.intervals, self._rules.begins_within)]
        cut = max((at for at in cuts if life.base_at < at <= before), default=None)
        if cut is None:
            return
        kept: list[_Told] = []
        for told in life.journal:
            if told.at >= cut:
                kept.append(told)
            elif _counts(link, told):
                _fold(life.base, told, link)
        life.past += [interval for interval in reading.intervals if interval.began_at < cut]
        life.past_events |= life.base.events
        life.base.events.clear()
        life.base_at, life.journal = cut, kept
        life.known = {(told.source, told.fact) for told in kept}
        self._again(key)
        oldest = min(each.base_at for other, each in self._lives.items() if other.pbx == key.pbx)
        link.gaps = [gap for gap in link.gaps[:-1] if gap.end and gap.end >= oldest] + link.gaps[-1:]

    def forget(self, before: datetime) -> None:
        """Let settled intervals and events go that ended before this."""
        for life in self._lives.values():
            life.past = [interval for interval in life.past if interval.ended_at and interval.ended_at > before]
            life.past_events = {key: event for key, event in life.past_events.items() if event.at >= before}

    def _of(self, pbx: str) -> set[AgentKey]:
        keys = {key for key in self._lives if key.pbx == pbx}
        for key in keys:
            self._lives[key].read = None
        return keys

    def _reread(self, pbx: str) -> set[AgentKey]:
        """Another gap makes other rows of queue_log count."""
        keys = self._of(pbx)
        for key in keys:
            if any(told.source is Source.QUEUE_LOG for told in self._lives[key].journal):
                self._again(key)
        return keys

    def _snapshot(self, pbx: str, link: Link, at: datetime) -> set[AgentKey]:
        told, link.snapshot = link.snapshot or [], None
        link.close(at)
        states = [fact for fact in told if isinstance(fact, asterisk.AgentStateReported) and not fact.removed]
        calls = frozenset(fact.call for fact in told if isinstance(fact, asterisk.CallPresent))
        nobody = _Told(at, Source.AMI, Seen(at, (), 0, calls))
        self._of_all.setdefault(pbx, deque(maxlen=_MOST_OF_ALL)).append(nobody)
        for state in states:
            self._lives.setdefault(AgentKey(pbx, state.agent), _Life(at))
        for key in self._of(pbx):
            mine = [state for state in states if state.agent == key.agent]
            members = tuple((state.queue, Member(state.paused, state.reason if state.paused else "", state.wrapup_s)) for state in mine)
            self._tell(key, _Told(at, Source.AMI, Seen(at, members, mine[-1].state if mine else 0, calls)))
        return self._reread(pbx)

    def _route(self, entry: Entry, *, again: bool = False) -> set[AgentKey]:
        pbx = entry.pbx
        changed: set[AgentKey] = set()
        for concern in self._routing.concerns(entry, [(key.agent, life.record) for key, life in self._lives.items() if key.pbx == pbx]):
            told = _Told(entry.fact.at, entry.source, entry.fact, concern.leg, concern.handed_on)
            if self._tell(key := AgentKey(pbx, concern.agent), told, again=again):
                changed.add(key)
        return changed

    def _tell(self, key: AgentKey, told: _Told, *, again: bool = False, of_all: bool = False) -> bool:
        """Put it in its place; was it new?"""
        link = self._links[key.pbx]
        life = self._lives.get(key)
        if life is None:
            life = self._lives[key] = _Life(told.at)
            self._tell_of_all(key, told.at, None)
        if (told.source, told.fact) in life.known:
            return False
        if told.source is not Source.QUEUE_LOG and not of_all:  # clocks jump: what AMI tells stays in the order it was told
            latest = next((each.at for each in reversed(life.journal) if each.source is not Source.QUEUE_LOG), told.at)
            told = replace(told, at=max(latest, told.at))
        if told.at < life.base_at:
            if life.base == AgentRecord() and not life.past:  # nothing is known of him before
                before, life.base_at = life.base_at, told.at
                life.moments.clear()
                self._tell_of_all(key, told.at, before)
            elif again or told.source is Source.QUEUE_LOG:
                self.late += not again
                return False
            else:
                told = replace(told, at=life.base_at)
        life.known.add((told.source, told.fact))
        place = bisect_right(life.journal, told.order, key=attrgetter("order"))
        life.journal.insert(place, told)
        if place < len(life.journal) - 1 or not life.moments:
            self._again(key)
        elif _counts(link, told):
            self._fold_on(life, told, link)
        life.read = None
        return True

    def _tell_of_all(self, key: AgentKey, start: datetime, end: datetime | None) -> None:
        """Nobody knew him then: what was said of everybody was said of him."""
        for each in tuple(self._of_all.get(key.pbx, ())):
            if each.at >= start and (end is None or each.at < end):
                self._tell(key, each, of_all=True)

    def _again(self, key: AgentKey) -> None:
        life, link = self._lives[key], self._links[key.pbx]
        life.record = life.base.copy()
        life.moments = [Moment(life.base_at, life.record.situation())]
        for told in life.journal:
            if _counts(link, told):
                self._fold_on(life, told, link)
        life.read = None

    def _fold_on(self, life: _Life, told: _Told, link: Link) -> None:
        _fold(life.record, told, link)
        situation = life.record.situation()
        if situation != life.moments[-1].situation:
            life.moments.append(Moment(max(told.at, life.moments[-1].at), situation))


def _lasting(intervals: Sequence[Interval], begins_within: timedelta) -> Iterable[datetime]:
    """Where only what is known of a state changed, and the state went on."""
    for before, after in pairwise(intervals):
        if before.same_as(after) and before.state in _LASTING and after.began_at - before.began_at > begins_within:
            yield after.began_at


def _counts(link: Link, told: _Told) -> bool:
    return told.source is not Source.QUEUE_LOG or link.gap_at(told.at)


def _fold(record: AgentRecord, told: _Told, link: Link) -> None:
    record.apply(told.at, told.fact, leg=told.leg, handed_on=told.handed_on, coarse=told.source is Source.QUEUE_LOG)

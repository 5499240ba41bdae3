"""What a report says, as numbers: pure values, counted from what ``gathering`` read. Nothing here names a caller."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from ivr.domain.contacts import ContactOutcome
from ivr.domain.figures import Figures, Thresholds
from ivr.domain.intervals import Grain, floor
from ivr.domain.tally import Tally, total
from ivr.reports.periods import Period
from ivr.store.report_counts import CallRow, ComplaintLife, Gap, PromiseLife, Rated

ANSWER_WITHIN = timedelta(days=3)  # R18
SHORT = "short"  # 速挂, beside the contact outcomes: gave up within S, wherever he was
RUNNING = "running"  # not over when the report was made
ABANDONED = {
    ContactOutcome.ABANDONED_IVR.value: "abandoned_ivr",
    ContactOutcome.ABANDONED_QUEUE.value: "abandoned_queue",
    ContactOutcome.ABANDONED_RING.value: "abandoned_ring",
}
LONGEST_CHOICE = 2  # more keys than these are no choice but something entered: a serial number, somebody's number
NO_LINE = ""  # of callers who chose none
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cell:
    """The visits that entered within one half-hour of our clock, added up. ``start`` is aware UTC; ``agent`` "" where nobody answered."""

    start: datetime
    queue: str
    line: str
    agent: str
    tally: Tally


@dataclass(slots=True)
class CallCounts:
    """The contacts of one period, as they came. ``choices``: (node, keys, where they led) → how often."""

    arrived: int = 0
    by_line: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # line → outcome, SHORT or RUNNING → calls
    by_half_hour: Counter[datetime] = field(default_factory=Counter)
    left_menus: Counter[str] = field(default_factory=Counter)  # node → who hung up there
    choices: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)  # the contacts alone

    @classmethod
    def of(cls, rows: Iterable[CallRow], gave_up_at_once: set[str], short_s: float, zone: ZoneInfo) -> CallCounts:
        """``gave_up_at_once``: those who left a queue within S; in the menus the whole call counts."""
        counts = cls()
        for row in rows:
            counts.by_half_hour[floor(row.started_at, Grain.HALF, zone)] += 1
            counts._add(row, gave_up_at_once, short_s)
        return counts

    def _add(self, row: CallRow, at_once: set[str], short_s: float) -> None:
        self.arrived += 1
        what = row.outcome or RUNNING
        if row.outcome == ContactOutcome.ABANDONED_IVR:
            self.left_menus[row.last_node or ""] += 1
            lasted_s = (row.ended_at - row.started_at).total_seconds() if row.ended_at else None
            if short_s and lasted_s is not None and lasted_s <= short_s:
                what = SHORT
        elif row.outcome in ABANDONED and row.id in at_once:
            what = SHORT
        self.by_line[row.line or NO_LINE][what] += 1
        if row.outcome in _OUTCOMES:
            self.tally.add_contact(_OUTCOMES[row.outcome], row.nodes)
        for (node, keys), (following, _) in zip(row.steps, row.steps[1:], strict=False):
            if keys and len(keys) <= LONGEST_CHOICE:
                self.choices[node, keys, following] += 1

    @property
    def by_outcome(self) -> Counter[str]:
        return sum(self.by_line.values(), Counter())

    def of_line(self, line: str) -> int:
        return self.by_line[line].total() if line in self.by_line else 0


_OUTCOMES = {outcome.value: outcome for outcome in ContactOutcome}


@dataclass(frozen=True, slots=True)
class ComplaintCounts:
    """Of one line, or of all, in the period; ``open`` and ``overdue`` at its end. ``due``: whose three days ended in it (R18)."""

    filed: int
    incomplete: int
    findings: Mapping[str | None, int]  # of those filed, as they stand now
    verified: int
    solved: int
    answered: int
    closed: int
    due: int
    due_in_time: int
    open: int
    overdue: int
    mean_answer_h: float | None  # from filing to answer, of those answered in the period

    @classmethod
    def of(cls, lives: Sequence[ComplaintLife], start: datetime, end: datetime) -> ComplaintCounts:
        def within(at: datetime | None) -> bool:
            return at is not None and start <= at < end

        filed = [life for life in lives if within(life.filed_at)]
        due = [life for life in lives if within(life.filed_at + ANSWER_WITHIN)]
        unanswered = [life for life in lives if life.filed_at < end and not _before(answered_at(life), end)]
        took = [at - life.filed_at for life in lives if (at := answered_at(life)) and within(at)]
        return cls(
            filed=len(filed),
            incomplete=sum(life.incomplete for life in filed),
            findings=Counter(life.finding for life in filed),
            verified=sum(within(life.verified_at) for life in lives),
            solved=sum(within(life.solved_at) for life in lives),
            answered=sum(within(answered_at(life)) for life in lives),
            closed=sum(within(life.closed_at) for life in lives),
            due=len(due),
            due_in_time=sum(in_time(life) for life in due),
            open=len([life for life in lives if life.filed_at < end and not _before(life.closed_at, end)]),
            overdue=len([life for life in unanswered if life.filed_at + ANSWER_WITHIN <= end]),
            mean_answer_h=sum(took, timedelta()) / timedelta(hours=1) / len(took) if took else None,
        )


def answered_at(life: ComplaintLife) -> datetime | None:
    """When the customer was told: closed without that step, it is closed."""
    return life.informed_at or life.closed_at


def in_time(life: ComplaintLife) -> bool:
    at = answered_at(life)
    return at is not None and at - life.filed_at <= ANSWER_WITHIN


def _before(at: datetime | None, end: datetime) -> bool:
    return at is not None and at < end


_REACHED = frozenset({"bridged", "reached", "no_key"})


@dataclass(frozen=True, slots=True)
class Funnel:
    """What became of the calls promised in the period, as they stand now; each number is among those before it up to ``talked``."""

    promised: int
    dialled: int
    reached: int  # somebody answered
    talked: int  # to an agent
    failed: int
    expired: int
    cancelled: int
    served: int  # he had been served meanwhile: nobody needed to call
    open: int

    @classmethod
    def of(cls, lives: Sequence[PromiseLife]) -> Funnel:
        states = Counter(life.state for life in lives)
        served = sum(life.state == "cancelled" and life.last_result == "served" for life in lives)
        return cls(
            promised=len(lives),
            dialled=sum(bool(life.results) for life in lives),
            reached=sum(any(result in _REACHED for result in life.results) for life in lives),
            talked=sum("bridged" in life.results for life in lives),
            failed=states["failed"],
            expired=states["expired"],
            cancelled=states["cancelled"] - served,
            served=served,
            open=states["due"] + states["claimed"] + states["dialling"],
        )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Calls we made in the period."""

    dialled: int
    reached: int
    talked: int

    @classmethod
    def of(cls, dials: Mapping[str | None, int]) -> Outgoing:
        reached = sum(count for result, count in dials.items() if result in _REACHED)
        return cls(sum(dials.values()), reached, dials.get("bridged", 0))


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent's share: what his calls add up to, and of his time what is known (``ivr.domain.agent_figures``); shares of 1, seconds."""

    agent: str
    name: str
    tally: Tally
    occupancy: float | None = None
    logged_in_s: float | None = None
    handled_an_hour: float | None = None
    offers: int | None = None
    refused: int | None = None
    no_answer: int | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything counted of one period."""

    cells: tuple[Cell, ...]
    calls: CallCounts
    outgoing: Outgoing
    complaints: tuple[ComplaintLife, ...] = ()
    promises: tuple[PromiseLife, ...] = ()
    ratings: tuple[Rated, ...] = ()
    messages: Mapping[str | None, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    agents: tuple[AgentRow, ...] = ()
    stale: int = 0  # minutes whose visits changed since they were added up

    def figures(self, thresholds: Thresholds, at: datetime, of: Callable[[Cell], bool] = lambda _: True) -> Figures:
        """Of all visits, or of those whose cell is wanted."""
        return Figures({thresholds: total(cell.tally for cell in self.cells if of(cell))}, at)

    def by(self, key: Callable[[Cell], K], thresholds: Thresholds, at: datetime) -> dict[K, Figures]:
        """The figures of each key's visits."""
        found: dict[K, Tally] = defaultdict(Tally)
        for cell in self.cells:
            found[key(cell)] += cell.tally
        return {name: Figures({thresholds: tally}, at) for name, tally in found.items()}


@dataclass(frozen=True, slots=True)
class Contents:
    """One report. Times are aware UTC; ``before`` is the same period before (``Period.compared``)."""

    period: Period
    start: datetime
    end: datetime
    made_at: datetime
    thresholds: Thresholds
    now: Gathered
    before: Gathered

"""What a report says, as numbers: pure values, counted from what ``gathering`` read. Nothing here names a caller."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from ivr.domain.agent_figures import Tally as AgentTally
from ivr.domain.case_deadlines import ANSWER_WITHIN
from ivr.domain.contacts import ContactOutcome
from ivr.domain.figures import Figures
from ivr.domain.intervals import Grain, floor
from ivr.domain.measures import Limits, Thresholds
from ivr.domain.tally import Tally
from ivr.reports.periods import Period
from ivr.store.report_counts import CallRow, ComplaintLife, Gap, PromiseLife, Rated

SHORT = "short"  # 速挂, beside the contact outcomes: gave up within S, wherever he was
RUNNING = "running"  # not over when the report was made
ABANDONED = frozenset({ContactOutcome.ABANDONED_IVR, ContactOutcome.ABANDONED_QUEUE, ContactOutcome.ABANDONED_RING})
LONGEST_CHOICE = 2  # more keys than these are no choice but something entered: a serial number, somebody's number
NO_LINE = ""  # of callers who chose none
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cell:
    """The visits that entered within one half-hour of our clock, in longer reports one day, added up; contacts stand under the queue "".

    ``start`` is aware UTC.
    """

    start: datetime
    queue: str
    line: str
    tally: Tally


@dataclass(slots=True)
class CallCounts:
    """The contacts of one period, as they came. ``choices``: (node, keys, where they led) → how often."""

    arrived: int = 0
    by_line: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # line → outcome, SHORT or RUNNING → calls
    by_half_hour: Counter[datetime] = field(default_factory=Counter)
    left_menus: Counter[str] = field(default_factory=Counter)  # node → who hung up there
    choices: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, rows: Iterable[CallRow], gave_up_ms: Mapping[str, int], limits: Limits, zone: ZoneInfo) -> CallCounts:
        """``gave_up_ms``: how long those who soon left a queue had waited there; in the menus the whole call counts."""
        counts = cls()
        for row in rows:
            counts.by_half_hour[floor(row.started_at, Grain.HALF, zone)] += 1
            counts._add(row, gave_up_ms.get(row.id), limits.of(row.line).short_s)
        return counts

    def _add(self, row: CallRow, gave_up_ms: int | None, short_s: float) -> None:
        self.arrived += 1
        what = row.outcome or RUNNING
        if row.outcome == ContactOutcome.ABANDONED_IVR:
            self.left_menus[row.last_node or ""] += 1
            gave_up_ms = round((row.ended_at - row.started_at).total_seconds() * 1000) if row.ended_at else None
        if row.outcome in ABANDONED and short_s and gave_up_ms is not None and gave_up_ms <= short_s * 1000:
            what = SHORT
        self.by_line[row.line or NO_LINE][what] += 1
        for (node, keys), (following, _) in zip(row.steps, row.steps[1:], strict=False):
            if keys and len(keys) <= LONGEST_CHOICE:
                self.choices[node, keys, following] += 1

    @property
    def by_outcome(self) -> Counter[str]:
        return sum(self.by_line.values(), Counter())

    def of_line(self, line: str) -> int:
        return self.by_line[line].total() if line in self.by_line else 0


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
    """One agent: what the calls he answered add up to, and his time and offers where they were followed."""

    agent: str
    name: str
    calls: Tally
    time: AgentTally | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything counted of one period."""

    cells: tuple[Cell, ...]
    by_line: Mapping[str, Tally]  # the same cells added up: every section asks for the whole
    calls: CallCounts
    outgoing: Outgoing
    complaints: tuple[ComplaintLife, ...] = ()
    promises: tuple[PromiseLife, ...] = ()
    ratings: tuple[Rated, ...] = ()
    messages: Mapping[str | None, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    agents: tuple[AgentRow, ...] = ()

    def figures(self, limits: Limits, at: datetime) -> Figures:
        """Of all visits and contacts."""
        found: dict[Thresholds, Tally] = {}
        for line, tally in self.by_line.items():
            tallies = found.setdefault(limits.of(line), Tally())
            tallies += tally
        return Figures(found or {limits.default: Tally()}, at)

    def by(self, key: Callable[[Cell], K], limits: Limits, at: datetime) -> dict[K, Figures]:
        """The figures of each key's visits, each line by its own limits."""
        found: dict[K, dict[Thresholds, Tally]] = {}
        for cell in self.cells:
            tallies = found.setdefault(key(cell), {}).setdefault(limits.of(cell.line), Tally())
            tallies += cell.tally
        return {name: Figures(tallies, at) for name, tallies in found.items()}


@dataclass(frozen=True, slots=True)
class Contents:
    """One report. Times are aware UTC; ``before`` is the same period before (``Period.compared``)."""

    period: Period
    start: datetime
    end: datetime
    made_at: datetime
    limits: Limits
    now: Gathered
    before: Gathered


def by_line(cells: Iterable[Cell]) -> dict[str, Tally]:
    """The cells' tallies added up over time and queues."""
    found: dict[str, Tally] = defaultdict(Tally)
    for cell in cells:
        found[cell.line] += cell.tally
    return dict(found)

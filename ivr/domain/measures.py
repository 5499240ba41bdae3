"""What definitions count: sets of visits, each known both to a tally and to a single visit, so that every number can be explained.

Pure. A measure's count in a tally equals the number of visits it says yes to: a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from ivr.domain.contacts import VisitOutcome as V
from ivr.domain.tally import TRANSFERRED, WAITING, Tally
from ivr.domain.visit_record import REFUSED, VisitRecord

ANSWERED = frozenset({V.ANSWERED})
ABANDONED = frozenset({V.ABANDONED_WAIT, V.ABANDONED_RING})
FLOW_OUT = frozenset({V.FLOW_TIMEOUT, V.FLOW_EMPTY, V.FLOW_KEY, V.FAILED})
WITHDRAWN = frozenset({V.WITHDRAWN, V.MOVED})  # by somebody of ours, out of the queue or into another
# Asterisk raises QueueCallerAbandon, and counts Abandoned, for all of these (app_queue.c).
ABANDONED_TO_ASTERISK = ABANDONED | {V.FLOW_TIMEOUT, V.FLOW_EMPTY, V.WITHDRAWN, V.MOVED}
LEFT = ANSWERED | ABANDONED | FLOW_OUT | WITHDRAWN  # out of the queue, whichever way
STILL_WAITING = frozenset({WAITING})


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``service_s``: T, answered within it is on time. ``short_s``: S, who gives up within it is not held against us; 0 = off.

    Waits count in tenths of a second, rounded up; limits too, rounded down.
    """

    service_s: float = 20.0
    short_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The hotline's thresholds, and those of lines that have their own."""

    default: Thresholds
    lines: Mapping[str, Thresholds] = field(default_factory=dict)

    def of(self, line: str | None) -> Thresholds:
        """``line`` is None or "" for callers who chose none."""
        return self.lines.get(line, self.default) if line else self.default


class Subject(StrEnum):
    """What a measure counts."""

    VISITS = "visits"
    CALLS = "calls"
    RATINGS = "ratings"
    WRAP_UPS = "wrap_ups"


class Limit(StrEnum):
    """A limit that is set for the hotline or a line."""

    SERVICE = "T"
    SHORT = "S"


def tenths_of(limit: Limit | float, thresholds: Thresholds) -> int:
    """The most tenths of a second that are within it; -1 where the limit is off."""
    if limit is Limit.SHORT and thresholds.short_s <= 0:
        return -1
    seconds = {Limit.SERVICE: thresholds.service_s, Limit.SHORT: thresholds.short_s}[limit] if isinstance(limit, Limit) else limit
    return int(seconds * 10 + 1e-6)


@dataclass(frozen=True, slots=True)
class Term:
    """Visits with one of these outcomes; with ``within`` those that waited at most so long, with ``beyond`` all the others of them."""

    outcomes: frozenset[str]
    within: Limit | float | None = None
    beyond: Limit | float | None = None

    def of(self, tally: Tally, thresholds: Thresholds) -> int:
        return sum(self._of(tally, outcome, thresholds) for outcome in self.outcomes)

    def counts(self, record: VisitRecord, thresholds: Thresholds) -> bool:
        if (record.outcome or WAITING) not in self.outcomes:
            return False
        limit = self.within if self.within is not None else self.beyond
        if limit is None:
            return True
        tenths = record.wait_tenths if record.outcome not in REFUSED else None
        kept = tenths is not None and tenths <= tenths_of(limit, thresholds)
        return kept if self.within is not None else not kept

    def _of(self, tally: Tally, outcome: str, thresholds: Thresholds) -> int:
        if self.within is not None:
            return tally.within(outcome, tenths_of(self.within, thresholds))
        beyond = tally.within(outcome, tenths_of(self.beyond, thresholds)) if self.beyond is not None else 0
        return tally.outcomes[outcome] - beyond


@dataclass(frozen=True, slots=True)
class Measure:
    """The visits of its terms, which have none in common."""

    subject: ClassVar[Subject] = Subject.VISITS
    terms: tuple[Term, ...]

    def of(self, tally: Tally, thresholds: Thresholds) -> int:
        return sum(term.of(tally, thresholds) for term in self.terms)

    def counts(self, record: VisitRecord, thresholds: Thresholds) -> bool:
        return any(term.counts(record, thresholds) for term in self.terms)

    def __or__(self, other: Measure) -> Measure:
        """Both; they must not share a visit."""
        return Measure(self.terms + other.terms)


@dataclass(frozen=True, slots=True)
class TalkMeasure:
    """Talks that ended, of which it is known how long they took; with ``transferred`` those the agent gave away."""

    subject: ClassVar[Subject] = Subject.VISITS
    transferred: bool = False

    def of(self, tally: Tally, _: Thresholds) -> int:
        return tally.transferred if self.transferred else tally.talks

    def counts(self, record: VisitRecord, _: Thresholds) -> bool:
        known = record.talk_ended_at is not None and record.talk_ms is not None
        return known and (record.ended_by == TRANSFERRED or not self.transferred)


@dataclass(frozen=True, slots=True)
class RingMeasure:
    """Visits that are over and had a phone ring."""

    subject: ClassVar[Subject] = Subject.VISITS

    def of(self, tally: Tally, _: Thresholds) -> int:
        return tally.rings

    def counts(self, record: VisitRecord, _: Thresholds) -> bool:
        return record.outcome is not None and record.ring_ms is not None


@dataclass(frozen=True, slots=True)
class ContactMeasure:
    """Calls that ended in one of these ways, whether they came to a queue or not. ``unrecovered``: those nobody got back to in time."""

    subject: ClassVar[Subject] = Subject.CALLS
    outcomes: frozenset[str]
    unrecovered: bool = False

    def of(self, tally: Tally, _: Thresholds) -> int:
        return tally.unrecovered if self.unrecovered else sum(tally.contacts[outcome] for outcome in self.outcomes)

    def counts(self, kind: str, *, unrecovered: bool) -> bool:
        """``kind``: the contact's outcome, or ``tally.IN_GREETING``."""
        return kind in self.outcomes and (unrecovered or not self.unrecovered)


@dataclass(frozen=True, slots=True)
class RatingMeasure:
    """Surveys: ``part`` is offered, answered, satisfied or dissatisfied."""

    subject: ClassVar[Subject] = Subject.RATINGS
    part: str

    def of(self, tally: Tally, _: Thresholds) -> int:
        return tally.ratings[self.part]

    def counts(self, rating: int | None) -> bool:
        tally = Tally()
        tally.add_rating(rating)
        return tally.ratings[self.part] > 0


@dataclass(frozen=True, slots=True)
class WrapUpMeasure:
    """Wrap-ups that were measured."""

    subject: ClassVar[Subject] = Subject.WRAP_UPS

    def of(self, tally: Tally, _: Thresholds) -> int:
        return tally.wraps


VisitMeasure = Measure | TalkMeasure | RingMeasure
AnyMeasure = VisitMeasure | ContactMeasure | RatingMeasure | WrapUpMeasure


def visits(*outcomes: Iterable[str], within: Limit | float | None = None, beyond: Limit | float | None = None) -> Measure:
    """The visits with any of these outcomes, and that limit."""
    return Measure((Term(frozenset().union(*(frozenset(found) for found in outcomes)), within, beyond),))

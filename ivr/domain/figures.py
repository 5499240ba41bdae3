"""The service figures of queues, from visits: each a named function with its formula, the same for live and for past (R2, R4).

Pure. Nothing here is rounded, an empty set gives None, and limits are compared with ``<=``. Definitions: docs/figures.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.domain.contacts import Visit, VisitOutcome

ABANDONED = frozenset({VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING})
REFUSED = frozenset({VisitOutcome.FULL, VisitOutcome.JOIN_EMPTY})
FLOW_OUT = frozenset({VisitOutcome.FLOW_TIMEOUT, VisitOutcome.FLOW_EMPTY, VisitOutcome.FLOW_KEY, VisitOutcome.FAILED})
ANSWER_MARKS_S = (3.0, 10.0, 20.0)  # R4's two and the usual one


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``service_s``: T, answered within it is on time. ``short_s``: S, who gives up within it is not held against us; 0 = off."""

    service_s: float = 20.0
    short_s: float = 5.0


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Counts of one set of visits. ``offered`` = answered + abandoned + flow_out + refused + withdrawn + waiting, always."""

    offered: int
    answered: int
    abandoned: int
    abandoned_wait: int
    abandoned_ring: int
    abandoned_short: int
    flow_out: int
    refused: int
    withdrawn: int
    waiting: int
    on_time: int
    answered_within: tuple[tuple[float, int], ...]
    answered_waits: tuple[float, ...]  # sorted, s
    longest_wait: float | None
    uncertain: bool

    @property
    def lost(self) -> int:
        """Whoever came and was not answered, for whatever reason; those who still wait are not lost."""
        return self.offered - self.answered - self.waiting

    @property
    def loss_rate(self) -> float | None:
        """呼损率 ``loss``: lost ÷ (offered − waiting); with nobody waiting that is 1 − answered ÷ offered."""
        return ratio(self.lost, self.offered - self.waiting)

    @property
    def service_level_strict(self) -> float | None:
        """``sl.strict``: answered within T ÷ (offered − short abandons)."""
        return ratio(self.on_time, self.offered - self.abandoned_short)

    @property
    def service_level_inclusive(self) -> float | None:
        """``sl.inclusive``: answered within T ÷ offered."""
        return ratio(self.on_time, self.offered)

    @property
    def abandon_queue(self) -> float | None:
        """``abandon.queue``: (abandoned − short) ÷ (offered − short)."""
        return ratio(self.abandoned - self.abandoned_short, self.offered - self.abandoned_short)

    @property
    def abandon_raw(self) -> float | None:
        """``abandon.raw``: abandoned ÷ offered."""
        return ratio(self.abandoned, self.offered)

    @property
    def average_speed_of_answer(self) -> float | None:
        """ASA: the mean wait of the answered, in seconds."""
        return sum(self.answered_waits) / len(self.answered_waits) if self.answered_waits else None


def queue_figures(visits: Iterable[Visit], now: datetime, thresholds: Thresholds) -> QueueFigures:
    """Count these visits as they stand at ``now``. A call counts as answered while it still talks."""
    found = list(visits)
    waits = sorted(wait for visit in found if visit.outcome is VisitOutcome.ANSWERED and (wait := visit.wait_s) is not None)
    abandoned = [visit for visit in found if visit.outcome in ABANDONED]
    short = sum(1 for visit in abandoned if thresholds.short_s and (visit.wait_s or 0.0) <= thresholds.short_s)
    longest = max((waited_s(visit, now) for visit in found if visit.outcome not in REFUSED), default=None)
    return QueueFigures(
        offered=len(found),
        answered=_count(found, frozenset({VisitOutcome.ANSWERED})),
        abandoned=len(abandoned),
        abandoned_wait=_count(found, frozenset({VisitOutcome.ABANDONED_WAIT})),
        abandoned_ring=_count(found, frozenset({VisitOutcome.ABANDONED_RING})),
        abandoned_short=short,
        flow_out=_count(found, FLOW_OUT),
        refused=_count(found, REFUSED),
        withdrawn=_count(found, frozenset({VisitOutcome.WITHDRAWN})),
        waiting=sum(1 for visit in found if visit.open),
        on_time=sum(1 for wait in waits if wait <= thresholds.service_s),
        answered_within=tuple((mark, sum(1 for wait in waits if wait <= mark)) for mark in ANSWER_MARKS_S),
        answered_waits=tuple(waits),
        longest_wait=longest,
        uncertain=any(visit.uncertain for visit in found),
    )


def waited_s(visit: Visit, now: datetime) -> float:
    """How long this visit waited, or has waited by ``now``, in seconds."""
    wait = visit.wait_s
    return (now - visit.joined_at).total_seconds() if wait is None else wait


def ratio(part: int, whole: int) -> float | None:
    """None for an empty whole: no calls is neither 0 % nor 100 %."""
    return part / whole if whole > 0 else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values: the averaged nearest rank (Hyndman and Fan's type 2), so that p50 is the median."""
    if not values:
        return None
    position = share * len(values)
    rank = math.ceil(position - 1e-9)
    upper = values[min(rank, len(values)) - 1]
    if abs(position - round(position)) < 1e-9 and rank < len(values):
        return (upper + values[rank]) / 2
    return upper


def _count(visits: Sequence[Visit], outcomes: frozenset[VisitOutcome]) -> int:
    return sum(1 for visit in visits if visit.outcome in outcomes)

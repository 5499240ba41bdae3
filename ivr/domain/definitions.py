"""What a definition of a figure is, and how it is read from tallies: a share, a mean, a percentile, a maximum. Pure.

The definitions themselves stand in ``ivr.domain.definition_book``; reports, board, metrics and ``ivrd explain`` read them there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from ivr.domain.measures import AnyMeasure, Measure, Subject, Thresholds
from ivr.domain.tally import Tally, total


class Unit(StrEnum):
    SHARE = "share"  # from 0 to 1
    SECONDS = "seconds"
    COUNT = "count"


@dataclass(frozen=True)
class Parts:
    """The tallies that a figure is read from: one for each pair of limits, since lines may have their own. ``at``: read when."""

    tallies: Mapping[Thresholds, Tally]
    at: datetime

    @cached_property
    def tally(self) -> Tally:
        """All of them together, for what no limit matters to."""
        found = list(self.tallies.values())
        return found[0] if len(found) == 1 else total(found)

    def count(self, measure: AnyMeasure) -> int:
        return sum(measure.of(tally, thresholds) for thresholds, tally in self.tallies.items())

    @classmethod
    def joined(cls, parts: Iterable[Parts], at: datetime) -> Parts:
        """Of disjoint sets together."""
        found: dict[Thresholds, Tally] = {}
        for part in parts:
            for thresholds, tally in part.tallies.items():
                found.setdefault(thresholds, Tally())
                found[thresholds] += tally
        return cls(found, at)


Value = float | int | None
Amount = Callable[[Parts], float]


@dataclass(frozen=True, slots=True)
class Definition:
    """A named figure. ``version`` grows when its meaning changes: the old one then stays beside it, under its name with ``@version``.

    ``numerator`` and ``denominator`` say which calls it is made of. ``formula_zh`` and ``formula_en`` are for people; ``source`` names
    whose definition it is.
    """

    name: str
    version: int
    unit: Unit
    numerator: AnyMeasure
    denominator: AnyMeasure | None
    formula_zh: str
    formula_en: str
    source: str
    reading: Callable[[Definition, Parts], Value]

    def value(self, parts: Parts) -> Value:
        """None where there is nothing to divide by, never 0 or 100 %. Not rounded."""
        return self.reading(self, parts)

    @property
    def subject(self) -> Subject:
        """What it counts: visits of a queue, calls, surveys."""
        return self.numerator.subject


def share(definition: Definition, parts: Parts) -> Value:
    """Numerator ÷ denominator."""
    return None if definition.denominator is None else ratio(parts.count(definition.numerator), parts.count(definition.denominator))


def count(definition: Definition, parts: Parts) -> Value:
    return parts.count(definition.numerator)


def mean_wait(definition: Definition, parts: Parts) -> Value:
    """Of all waits of the numerator's outcomes, in seconds."""
    outcomes = _outcomes(definition)
    waits = sum(sum(parts.tally.waits.get(outcome, {}).values()) for outcome in outcomes)
    return _mean(sum(parts.tally.wait_ms[outcome] for outcome in outcomes), waits)


def percentile_wait(share_of_them: float) -> Callable[[Definition, Parts], Value]:
    """That percentile of the same waits, in seconds, to the tenth above."""

    def reading(definition: Definition, parts: Parts) -> Value:
        waits: Counter[int] = Counter()
        for outcome in _outcomes(definition):
            waits.update(parts.tally.waits.get(outcome, {}))
        found = percentile(waits, share_of_them)
        return None if found is None else found / 10

    return reading


def longest_wait(_: Definition, parts: Parts) -> Value:
    return parts.tally.longest_s(parts.at)


def mean_talk(_: Definition, parts: Parts) -> Value:
    return _mean(parts.tally.talk_ms, parts.tally.talks)


def mean_hold(_: Definition, parts: Parts) -> Value:
    return _mean(parts.tally.held_ms, parts.tally.talks)


def mean_ring(_: Definition, parts: Parts) -> Value:
    return _mean(parts.tally.ring_ms, parts.tally.rings)


def mean_wrap_up(_: Definition, parts: Parts) -> Value:
    return _mean(parts.tally.wrap_ms, parts.tally.wraps)


def handling_time(_: Definition, parts: Parts) -> Value:
    """Talk with hold, and the wrap-ups that were measured, over the talks that ended."""
    return _mean(parts.tally.talk_ms + parts.tally.wrap_ms, parts.tally.talks)


def ratio(part: int, whole: int) -> float | None:
    """None for an empty whole: no calls is neither 0 % nor 100 %."""
    return part / whole if whole > 0 else None


def percentile(waits: Mapping[int, int], share_of_them: float) -> float | None:
    """Of a histogram: the averaged nearest rank (Hyndman and Fan's type 2), so that p50 is the median."""
    number = sum(waits.values())
    if not number:
        return None
    position = share_of_them * number
    rank = max(1, math.ceil(position - 1e-9))
    between = abs(position - round(position)) < 1e-9 and 1 <= round(position) < number
    seen, lower = 0, None
    for wait in sorted(waits):
        seen += waits[wait]
        if lower is None and seen >= rank:
            if not between or seen > rank:
                return wait
            lower = wait
        elif lower is not None:
            return (lower + wait) / 2
    return lower


def _mean(sum_ms: int, number: int) -> float | None:
    return sum_ms / 1000 / number if number else None


def _outcomes(definition: Definition) -> frozenset[str]:
    if not isinstance(definition.numerator, Measure):
        raise TypeError(f"{definition.name} counts what has no wait")
    return frozenset().union(*(term.outcomes for term in definition.numerator.terms))

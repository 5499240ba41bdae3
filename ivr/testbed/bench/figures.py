"""From readings to figures: CPU per call less what is used anyway, spreads over the rounds, ratios within a round.

Pure. For ``bench`` alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Lowest, middle and highest of a few values."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Raises ValueError for no values."""
        found = sorted(values)
        if not found:
            raise ValueError("a spread needs at least one value")
        return cls(found[0], statistics.median(found), found[-1])


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used in ``window_s`` seconds."""

    asterisk_s: float
    server_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One way in one round: ``calls`` whole calls, and the idle usage read just before. Times are ms.

    ``others`` is the share (0 to 1) of the machine that neither Asterisk nor the server nor the benchmark used meanwhile.
    With ``faults`` it is void.
    """

    way: str
    round: int
    calls: int
    load: Usage
    idle: Usage
    answer_ms: tuple[float, ...]
    key_ms: tuple[float, ...]
    others: float
    faults: tuple[str, ...] = ()

    @property
    def asterisk_ms(self) -> float:
        """Asterisk's CPU milliseconds per call."""
        return _per_call(self.load.asterisk_s, self.idle.asterisk_s, self.load.window_s, self.idle.window_s, self.calls)

    @property
    def server_ms(self) -> float:
        """The server's CPU milliseconds per call."""
        return _per_call(self.load.server_s, self.idle.server_s, self.load.window_s, self.idle.window_s, self.calls)

    @property
    def total_ms(self) -> float:
        return self.asterisk_ms + self.server_ms


@dataclass(frozen=True, slots=True)
class Summary:
    """One way over all its rounds. Ratios are to the first way's total in the same round; differences in ms are too."""

    way: str
    calls: int
    asterisk_ms: Spread
    server_ms: Spread
    total_ms: Spread
    ratio: Spread
    answer_ms: tuple[float, float]  # median and 95th percentile
    key_ms: tuple[float, float]
    key_later_ms: Spread  # how much later than the first way's the calls ended after their keys, on average


def summaries(readings: Sequence[Reading]) -> list[Summary]:
    """In the order in which the ways first appear; the first is the yardstick. A way with a void reading has no summary.

    Without a yardstick there is none at all.
    """
    ways = list(dict.fromkeys(reading.way for reading in readings))
    void = {reading.way for reading in readings if reading.faults}
    if not ways or ways[0] in void:
        return []
    yardstick = {reading.round: reading for reading in readings if reading.way == ways[0]}
    return [
        _summary(way, [reading for reading in readings if reading.way == way and reading.round in yardstick], yardstick)
        for way in ways
        if way not in void
    ]


def _summary(way: str, readings: list[Reading], yardstick: dict[int, Reading]) -> Summary:
    # SIPp's clock goes in steps of 4 ms on most kernels: averages see through them, single values don't.
    later = [statistics.fmean(reading.key_ms) - statistics.fmean(yardstick[reading.round].key_ms) for reading in readings]
    answers = [value for reading in readings for value in reading.answer_ms]
    keys = [value for reading in readings for value in reading.key_ms]
    return Summary(
        way=way,
        calls=sum(reading.calls for reading in readings),
        asterisk_ms=Spread.of(reading.asterisk_ms for reading in readings),
        server_ms=Spread.of(reading.server_ms for reading in readings),
        total_ms=Spread.of(reading.total_ms for reading in readings),
        ratio=Spread.of(_ratio(reading.total_ms, yardstick[reading.round].total_ms) for reading in readings),
        answer_ms=(percentile(answers, 50), percentile(answers, 95)),
        key_ms=(percentile(keys, 50), percentile(keys, 95)),
        key_later_ms=Spread.of(later),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that occurred. Raises ValueError for no values."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def _per_call(used_s: float, idle_s: float, window_s: float, idle_window_s: float, calls: int) -> float:
    """Never below 0: on a resting machine the difference of two small figures can be."""
    at_rest = idle_s / idle_window_s * window_s if idle_window_s else 0.0
    return max(0.0, used_s - at_rest) / calls * 1000


def _ratio(value: float, to: float) -> float:
    return value / to if to else math.inf


def ramp_rates(first: float, factor: float, last: float) -> list[int]:
    """New calls a second, step by step, ``last`` included."""
    rates: list[int] = []
    rate = first
    while rate < last:
        rates.append(round(rate))
        rate *= factor
    return [*rates, round(last)]

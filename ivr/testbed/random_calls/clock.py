"""The clock of a random day: what is due next happens next. For ``random_calls`` alone."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from ivr.testbed.random_calls.truth import SECOND


class Timer:
    """Something due later, that may be called off."""

    __slots__ = ("act", "off")

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.off = False


class Clock:
    """``whole_seconds``: everything is due on a full second, and nothing at once that has a duration."""

    def __init__(self, random: Random, *, whole_seconds: bool) -> None:
        self.now_us = 0
        self._random = random
        self._whole = whole_seconds
        self._due: list[tuple[int, int, Timer]] = []
        self._count = 0

    def at(self, at_us: int, act: Callable[[], None]) -> Timer:
        timer = Timer(act)
        self._count += 1
        heapq.heappush(self._due, (max(at_us, self.now_us), self._count, timer))
        return timer

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        return self.at(self.now_us + self.span_us(seconds), act)

    def span_us(self, seconds: float) -> int:
        """So long, with the odd microseconds of a real machine, or in whole seconds."""
        if self._whole:
            return max(1, round(seconds)) * SECOND if seconds > 0 else 0
        return int(seconds * SECOND) + self._random.randint(20, 900) if seconds > 0 else 0

    def run(self, tick: Callable[[int], None]) -> None:
        """Until nothing is due. ``tick`` is told the time before each thing that happens."""
        while self._due:
            self.now_us, _, timer = heapq.heappop(self._due)
            if not timer.off:
                tick(self.now_us)
                timer.act()

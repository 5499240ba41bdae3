"""Measuring a way: at a steady rate, round by round, and with more and more calls until one fails.

For ``bench`` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from ivr.testbed.bench.figures import Reading, Usage, percentile
from ivr.testbed.bench.load import LoadResult, place_calls
from ivr.testbed.bench.processes import cpu_seconds, everybodys_seconds, own_seconds
from ivr.testbed.bench.stage import Stage
from ivr.testbed.bench.ways import Way

# After SIPp's last BYE: what Asterisk and the server still do for the last calls. The daemon writes within 0.2 s.
_SETTLE_S = 1.0
# SIPp's statistics know when it placed the last call to the second; a step lasts a few.
_NEAR_ENOUGH = 0.7


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how hard, in s and new calls a second."""

    rounds: int
    rate: float
    seconds: float
    warm_up_s: float
    idle_s: float
    ramp: tuple[int, ...]  # empty = none
    step_s: float
    ramp_deadline_s: float  # for one way; no step begins after it


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ramp. ``busy``: share of the whole machine, SIPp included; ``answer_p95_ms`` None when none was answered."""

    rate: int
    calls: int
    busy: float
    answer_p95_ms: float | None
    retransmissions: int
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ramp:
    """``steps`` in order; the last one failed, or was the last there was time for or that was planned."""

    way: str
    steps: tuple[Step, ...]

    @property
    def first_failure(self) -> int | None:
        return next((step.rate for step in self.steps if step.faults), None)

    @property
    def held(self) -> int | None:
        """The highest rate at which nothing failed."""
        return max((step.rate for step in self.steps if not step.faults), default=None)


@dataclass(frozen=True, slots=True)
class _Moment:
    asterisk_s: float
    server_s: float
    own_s: float
    everybody_s: float
    at_s: float


@dataclass(slots=True)
class Measurement:
    """Places the calls and reads the clocks. ``tell`` gets a sentence of progress."""

    stage: Stage
    pace: Pace
    tell: Callable[[str], None]

    async def rounds(self, ways: Sequence[Way]) -> list[Reading]:
        """Every way in every round, each round beginning with another one, so that a machine's drift meets all alike."""
        readings: list[Reading] = []
        for number in range(self.pace.rounds):
            turn = number % len(ways)
            for way in [*ways[turn:], *ways[:turn]]:
                self.tell(f"round {number + 1} of {self.pace.rounds}: {way.title}")
                readings.append(await self._read(way, number + 1))
        order = {way.key: place for place, way in enumerate(ways)}
        return sorted(readings, key=lambda reading: (reading.round, order[reading.way]))

    async def ramp(self, way: Way) -> Ramp:
        """More new calls a second, step by step, until the first failure."""
        steps: list[Step] = []
        began = time.monotonic()
        async with _running(way):
            for rate in self.pace.ramp:
                if time.monotonic() - began > self.pace.ramp_deadline_s:
                    break
                self.tell(f"ramp: {way.title}, {rate} new calls a second")
                step = await self._step(way, rate)
                steps.append(step)
                if step.faults:
                    break
        return Ramp(way.key, tuple(steps))

    async def _read(self, way: Way, number: int) -> Reading:
        pace = self.pace
        async with _running(way):
            await self._load(way, pace.rate, pace.warm_up_s)
            await asyncio.sleep(_SETTLE_S)
            resting = self._now(way)
            await asyncio.sleep(pace.idle_s)
            before = self._now(way)
            tag, result = await self._load(way, pace.rate, pace.seconds)
            await asyncio.sleep(_SETTLE_S)
            after = self._now(way)
            faults = (*result.faults, *await way.faults(tag, result.asked))
        reading = Reading(
            way=way.key,
            round=number,
            calls=result.asked,
            load=_usage(before, after),
            idle=_usage(resting, before),
            answer_ms=result.answer_ms,
            key_ms=result.key_ms,
            others=_others(before, after),
        )
        return replace(reading, faults=faults)

    async def _step(self, way: Way, rate: int) -> Step:
        before = self._now(way)
        tag, result = await self._load(way, rate, self.pace.step_s)
        after = self._now(way)
        await asyncio.sleep(_SETTLE_S)
        faults = (*result.faults, *await way.faults(tag, result.asked))
        placed = result.placed / result.placing_s if result.placing_s else 0.0
        if placed < rate * _NEAR_ENOUGH:
            faults += (f"SIPp placed only {placed:.0f} calls a second: the limit may be its own.",)
        return Step(
            rate=rate,
            calls=result.asked,
            busy=_share(after.everybody_s - before.everybody_s, before, after),
            answer_p95_ms=percentile(result.answer_ms, 95) if result.answer_ms else None,
            retransmissions=result.retransmissions,
            faults=faults,
        )

    async def _load(self, way: Way, rate: float, seconds: float) -> tuple[str, LoadResult]:
        tag = uuid.uuid4().hex
        folder = self.stage.system.folder / "calls" / tag
        count = max(1, round(rate * seconds))
        return tag, await place_calls(way.number, self.stage.system.sip_port, rate=rate, count=count, tag=tag, folder=folder)

    def _now(self, way: Way) -> _Moment:
        return _Moment(cpu_seconds(self.stage.asterisk), cpu_seconds(way.pid), own_seconds(), everybodys_seconds(), time.monotonic())


@contextlib.asynccontextmanager
async def _running(way: Way) -> AsyncIterator[None]:
    try:
        await way.start()
        yield
    finally:
        await way.stop()


def _usage(before: _Moment, after: _Moment) -> Usage:
    return Usage(after.asterisk_s - before.asterisk_s, after.server_s - before.server_s, after.at_s - before.at_s)


def _others(before: _Moment, after: _Moment) -> float:
    """What strangers took of the machine; the sums are read one after the other, so it is never below 0."""
    usage = _usage(before, after)
    ours = usage.asterisk_s + usage.server_s + after.own_s - before.own_s
    return max(0.0, _share(after.everybody_s - before.everybody_s - ours, before, after))


def _share(used_s: float, before: _Moment, after: _Moment) -> float:
    return used_s / ((after.at_s - before.at_s) * len(os.sched_getaffinity(0)))

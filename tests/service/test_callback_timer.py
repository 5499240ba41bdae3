"""The callback timer: it ticks, once at a time, at once when nudged, and starts anew when APScheduler falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from callbacks.timer import CallbackTimer


class Ticks:
    """Counts; ``slow_s`` makes each tick last, ``fail`` makes it raise."""

    def __init__(self, slow_s: float = 0.0, fail: bool = False) -> None:
        self.count = self.at_once = self.most_at_once = 0
        self.slow_s = slow_s
        self.fail = fail

    async def __call__(self) -> None:
        self.count += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.slow_s)
            if self.fail:
                raise RuntimeError("the database is locked")
        finally:
            self.at_once -= 1


@asynccontextmanager
async def running(timer: CallbackTimer) -> AsyncIterator[None]:
    task = asyncio.create_task(timer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(count: int, ticks: Ticks) -> None:
    for _ in range(500):
        if ticks.count >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{ticks.count} ticks in 5 s, not {count}")


async def test_it_ticks_at_once_and_then_again_even_if_a_tick_fails() -> None:
    ticks = Ticks(fail=True)
    timer = CallbackTimer(ticks, interval_s=0.05)
    async with running(timer):
        await until(3, ticks)
    assert timer.failures >= 2


async def test_a_nudge_does_not_wait_for_the_interval() -> None:
    ticks = Ticks()
    timer = CallbackTimer(ticks, interval_s=3600.0)
    async with running(timer):
        await until(1, ticks)
        timer.nudge()
        await until(2, ticks)


async def test_nudged_in_the_middle_of_a_tick_it_ticks_once_more_after_it() -> None:
    ticks = Ticks(slow_s=0.1)
    timer = CallbackTimer(ticks, interval_s=3600.0)
    async with running(timer):
        await until(1, ticks)
        for _ in range(3):
            timer.nudge()
        await until(2, ticks)
        await asyncio.sleep(0.2)
    assert (ticks.count, ticks.most_at_once) == (2, 1)


async def test_a_tick_that_hangs_is_ended() -> None:
    ticks = Ticks(slow_s=3600.0)
    timer = CallbackTimer(ticks, interval_s=0.05, timeout_s=0.05)
    async with running(timer):
        await until(2, ticks)
    assert timer.failures >= 1


async def test_a_scheduler_that_falls_silent_is_replaced() -> None:
    ticks = Ticks()
    timer = CallbackTimer(ticks, interval_s=0.05, watch_s=0.3)
    async with running(timer):
        await until(1, ticks)
        # As after the clock was set back by an hour: APScheduler waits for a time that is an hour away.
        assert timer.scheduler is not None
        timer.scheduler.modify_job("tick", next_run_time=datetime.now(UTC) + timedelta(hours=1))
        seen = ticks.count
        await until(seen + 2, ticks)
    assert timer.restarts == 1


def test_a_nudge_before_the_start_does_nothing() -> None:
    CallbackTimer(Ticks(), interval_s=1.0).nudge()

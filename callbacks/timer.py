"""Wakes the keeper every few seconds and at once when asked, and whoever else has rows that fall due: APScheduler is the clock, and holds
no promise of ours.

APScheduler 3.11 keeps one interval job in memory. It falls silent when the clock is set back or an internal error escapes it
(measured): a watchdog on the last tick starts a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger(__name__)

_JOB = "tick"
TICK_TIMEOUT_S = 60.0


class CallbackTimer:
    """``name`` is told in the log. ``tick`` is awaited, never twice at once. What it raises is logged, and the next one comes all the same.

    Times in s; after ``watch_s`` without a tick the scheduler is replaced.
    """

    def __init__(
        self,
        tick: Callable[[], Awaitable[None]],
        *,
        interval_s: float = 5.0,
        name: str = "callbacks",
        timeout_s: float = TICK_TIMEOUT_S,
        watch_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tick = tick
        self._name = name
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._watch_s = 4 * interval_s + 1.0 if watch_s is None else watch_s
        self._monotonic = monotonic
        self.scheduler: AsyncIOScheduler | None = None
        self._ticking = False
        self._again = False
        self._last_tick = monotonic()
        self.restarts = 0
        self.failures = 0

    @property
    def silent_s(self) -> float:
        """How long ago the last tick ended, or began if it still runs."""
        return self._monotonic() - self._last_tick

    async def run(self) -> None:
        """Tick until cancelled."""
        self._last_tick = self._monotonic()
        self.scheduler = self._started()
        try:
            while True:
                await asyncio.sleep(min(self._interval_s, self._watch_s))
                if not self._ticking and self.silent_s > self._watch_s:
                    log.error("a timer fell silent and is started anew", timer=self._name, silent_s=round(self.silent_s, 1))
                    self.restarts += 1
                    self._stop()
                    self.scheduler = self._started()
        finally:
            self._stop()

    def nudge(self) -> None:
        """Something is due: tick now, not at the next interval. May be called whether it runs or not."""
        if self._ticking:
            self._again = True  # APScheduler would skip it: one instance at a time
            return
        if self.scheduler is not None:
            try:
                self.scheduler.modify_job(_JOB, next_run_time=datetime.now(UTC))
            except JobLookupError:
                log.error("a timer has lost its job", timer=self._name)  # the watchdog will see the silence

    def _started(self) -> AsyncIOScheduler:
        scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": AsyncIOExecutor()},
            timezone="UTC",
        )
        scheduler.add_job(
            self._on_tick,
            "interval",
            seconds=self._interval_s,
            id=_JOB,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,  # its default of 1 s loses a tick whenever the loop is busy that long
        )
        scheduler.start()
        return scheduler

    def _stop(self) -> None:
        if self.scheduler is not None:
            self.scheduler.shutdown(wait=False)
            self.scheduler = None

    async def _on_tick(self) -> None:
        if self._ticking:
            return
        self._ticking = True
        try:
            while True:
                self._again = False
                self._last_tick = self._monotonic()
                try:
                    async with asyncio.timeout(self._timeout_s):
                        await self._tick()
                except Exception as error:  # noqa: BLE001 - a database that refuses must not stop the clock
                    self.failures += 1
                    log.error("a round failed, the next one tries again", timer=self._name, reason=f"{type(error).__name__}: {error}")
                    return
                if not self._again:
                    return
        except asyncio.CancelledError:
            return  # the scheduler is being shut down; let through, APScheduler would log it as a fault of the job
        finally:
            self._ticking = False
            self._last_tick = self._monotonic()

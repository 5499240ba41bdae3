"""Has the reports made when they are due (R52). APScheduler is the clock; which were made, ``made_reports`` alone says.

A task of the daemon. Whatever strikes twice, or not at all because nothing ran, each period is made and told once; APScheduler falls
silent when the clock is set back (measured), so its silence is watched.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.orm import Session

from ivr.reports.making import Made, ReportMaker
from ivr.reports.notice import tell
from ivr.reports.periods import Kind, Period, due
from ivr.settings import Reports
from ivr.store import made_reports, report_counts
from ivr.store.database import Database, StoreError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 600.0  # beside the daily strike: what a refusing database or a clock set forward left undone
WATCH_EVERY_S = 60.0
SILENT_S = 3 * LOOK_EVERY_S
MAKING_TIMEOUT_S = 900.0
REMEMBERED = timedelta(days=100)  # more than two months and their bounds


class ReportClock:
    """``after_commit`` wakes the outbox. ``clock`` gives aware UTC."""

    def __init__(
        self,
        maker: ReportMaker,
        database: Database,
        settings: Reports,
        zone: ZoneInfo,
        *,
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._maker = maker
        self._database = database
        self._settings = settings
        self._zone = zone
        self._after_commit = after_commit
        self._clock = clock
        self._monotonic = monotonic
        self._striking = asyncio.Lock()
        self._last_look = monotonic()
        self.scheduler: AsyncIOScheduler | None = None

    async def run(self) -> None:
        """Until cancelled. What was missed while nothing ran is made up at once."""
        self._last_look = self._monotonic()
        self.scheduler = self._started()
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                if not self._striking.locked() and self._monotonic() - self._last_look > SILENT_S:
                    log.error("the report clock fell silent and is started anew")
                    self._last_look = self._monotonic()
                    self._stop()
                    self.scheduler = self._started()
        finally:
            self._stop()

    async def strike(self) -> int:
        """Make what is due; tells how many reports. Never two at once: another strike meanwhile finds nothing left to do."""
        async with self._striking:
            self._last_look = self._monotonic()
            try:
                periods = await self._database.read(self._due)
            except StoreError as error:
                log.error("which reports are due can't be read, the next look tries again", reason=str(error))
                return 0
            made = 0
            for period in periods:
                made += await self._make(period)
            self._last_look = self._monotonic()
            return made

    async def _make(self, period: Period) -> bool:
        began = self._monotonic()
        try:
            async with asyncio.timeout(MAKING_TIMEOUT_S):
                made = await asyncio.to_thread(self._maker.make, period)
            told = await self._database.write(partial(self._keep, made=made))
        except (StoreError, OSError) as error:  # TimeoutError is an OSError
            log.error(
                "a report could not be made, the next look tries again", report=str(period.kind), first=period.name, reason=str(error)
            )
            return False
        except Exception:
            # A fault of ours in one report must not cost the others, nor the telephones.
            log.exception("a fault of ours in making a report", report=str(period.kind), first=period.name)
            return False
        self._after_commit()
        took = round(self._monotonic() - began, 1)
        log.info("report made", report=str(period.kind), first=period.name, to=told, took_s=took)
        return True

    def _due(self, session: Session) -> list[Period]:
        now = self._clock()
        first_call = report_counts.first_call_at(session)
        if first_call is None:
            return []
        since = (now - REMEMBERED).date()
        kinds: dict[Kind, set[date]] = {Kind(kind): made_reports.told(session, kind, since) for kind in self._settings.kinds}
        return due(now, kinds, self._settings.daily_at, self._zone, since=first_call)

    def _keep(self, session: Session, made: Made) -> list[str] | None:
        """Note it as made and told, and write what leaves the house, together; None when another process was first."""
        now, period = self._clock(), made.period
        made_reports.record(session, period.kind, period.first, made.files, now)
        if not made_reports.mark_told(session, period.kind, period.first, now):
            return None
        return tell(session, made.notices, self._settings.to, now)

    def _started(self) -> AsyncIOScheduler:
        scheduler = AsyncIOScheduler(jobstores={"default": MemoryJobStore()}, executors={"default": AsyncIOExecutor()}, timezone=self._zone)
        at = self._settings.daily_at
        # Its default of 1 s of grace loses a strike whenever the loop is busy that long.
        usual = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler.add_job(self._on_strike, "cron", hour=at.hour, minute=at.minute, second=at.second, id="reports-daily", **usual)
        scheduler.add_job(self._on_strike, "interval", seconds=LOOK_EVERY_S, id="reports-look", next_run_time=datetime.now(UTC), **usual)
        scheduler.start()
        return scheduler

    def _stop(self) -> None:
        if self.scheduler is not None:
            self.scheduler.shutdown(wait=False)
            self.scheduler = None

    async def _on_strike(self) -> None:
        try:
            await self.strike()
        except asyncio.CancelledError:
            return  # the scheduler is being shut down; let through, APScheduler would log it as a fault of the job

"""Follows queue_log beside AMI all the time: what the link missed comes from there by itself, each row exactly once.

For ``ivr.app``: ``open`` before the link starts, ``run`` as a task. The position is stored in the transaction that stores what the rows
told; after a kill the rows since are read again, and are known by their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from ami_bridge.queue_log_file import Position
from ivr.queue_log_source import LogSource, LogUnreadableError, Rows
from ivr.store import log_positions
from ivr.store.database import Database, StoreError
from ivr.tracking import Tracker

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
# A reading that takes longer hangs: a network's file system, a database that doesn't answer.
READ_DEADLINE_S = 20.0
# That we live is written down at least as often: after a kill the gap begins there.
SIGN_OF_LIFE = timedelta(seconds=30)
_NONE = "there is none; asterisk.queue_log must name the one that Asterisk writes"
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LogStatus:
    """``trouble``: why the log can't be read now, a sentence; None: it is followed. ``read_at``: when its end was reached last."""

    trouble: str | None
    read_at: datetime | None


class LogFollowing:
    """One PBX's log into one tracker."""

    def __init__(
        self,
        source: LogSource,
        tracker: Tracker,
        database: Database,
        *,
        pbx: str,
        look_every_s: float = LOOK_EVERY_S,
        read_deadline_s: float = READ_DEADLINE_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._tracker = tracker
        self._database = database
        self._pbx = pbx
        self._look_every_s = look_every_s
        self._read_deadline_s = read_deadline_s
        self._clock = clock
        self._position: Position | None = None
        self._working: asyncio.Future[Rows] | None = None
        self._kept_at = _EVER
        self._status = LogStatus("it has not been looked at yet", None)

    @property
    def status(self) -> LogStatus:
        return self._status

    async def open(self) -> None:
        """Find out where to go on: where we left off, else behind the last row there is. Raises StoreError."""
        found = await self._database.read(partial(log_positions.reached, pbx=self._pbx, path=self._source.name))
        if found is not None:
            self._position = found.position
            self._tracker.log_waiting.follows(_EVER)
            return
        try:
            self._position = await asyncio.wait_for(asyncio.to_thread(self._source.end), self._read_deadline_s)
        except (LogUnreadableError, TimeoutError) as error:
            self._lose(str(error))
            return
        if self._position is None:
            self._lose(_NONE)
            return
        log.info("queue_log is followed from its end: `ivrd ledger import` brings in what was before", log=self._source.name)
        self._keep()
        self._tracker.log_waiting.follows(self._clock())

    async def run(self) -> None:
        """Read until cancelled. What can't be read now is tried again."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> None:
        """Read to the end of the log as it is now, unless the database or the log refuses."""
        try:
            while self._tracker.store_failing is None and await self._go_on():
                pass
        except StoreError as error:
            log.warning("queue_log waits for the database", reason=str(error))
        except (LogUnreadableError, TimeoutError) as error:
            self._lose(str(error))

    async def _go_on(self) -> bool:
        """Read once; whether there may be more. Raises StoreError, LogUnreadableError, TimeoutError: the position is then where it was."""
        rows = await self._read()
        for sentence in rows.warnings:
            log.warning("an odd row in queue_log", what=sentence)
        if rows.position is None:
            self._lose(_NONE)
            return False
        if rows.holes:
            for sentence in rows.holes:
                log.error("queue_log has a hole", what=sentence)
            self._tracker.log_waiting.follows(self._clock())
        elif self._status.trouble is not None and not self._tracker.log_waiting.followed:
            self._tracker.log_waiting.follows(_EVER)  # nothing was lost meanwhile: we go on where we were
        await self._tracker.take_rows(rows.facts)
        changed, self._position = rows.position != self._position, rows.position
        if changed or self._clock() - self._kept_at > SIGN_OF_LIFE:
            self._keep()
        if rows.more:
            return True
        if self._status.trouble is not None:
            log.info("queue_log is followed", log=self._source.name)
        self._status = LogStatus(None, self._clock())
        self._tracker.log_read()
        return False

    async def _read(self) -> Rows:
        """One reading at a time: one that hangs isn't given a second thread. Raises LogUnreadableError, TimeoutError."""
        if self._working is None or self._working.done():
            self._working = asyncio.get_running_loop().run_in_executor(None, self._source.read, self._position)
        try:
            rows = await asyncio.wait_for(asyncio.shield(self._working), self._read_deadline_s)
        except TimeoutError as error:
            raise TimeoutError(f"it can't be read within {self._read_deadline_s:g} s") from error
        self._working = None
        return rows

    def _keep(self) -> None:
        if self._position is not None:
            self._kept_at = self._clock()
            keep = partial(log_positions.keep, pbx=self._pbx, path=self._source.name, position=self._position, read_at=self._kept_at)
            self._tracker.also(keep)

    def _lose(self, why: str) -> None:
        if self._status.trouble != why:
            log.warning(
                "queue_log isn't followed: what happens while the link to Asterisk is down stays uncertain", why=why, log=self._source.name
            )
        self._status = LogStatus(why, self._status.read_at)
        self._tracker.log_lost()

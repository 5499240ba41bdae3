"""Publishes the live board: one task takes a snapshot soon after each change, everybody who watches gets the latest one.

For the console's server. A watcher who is slow misses snapshots, never the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from functools import partial

from ivr.board import Board
from ivr.board_snapshot import BoardSnapshot
from ivr.console.reading import promised
from ivr.store import case_deadlines
from ivr.store.database import Database, StoreError

# Changes that come closer together than this are shown together; the promise is 1 s.
AT_MOST_EVERY_S = 0.3
# Waits grow and callers become late without anything being reported.
TICK_WHILE_WAITING_S = 1.0
TICK_S = 10.0
OVERDUE_EVERY_S = 30.0
SHOWN_LOST = 30  # the newest; the rest is a number


class TooManyWatchersError(Exception):
    """As many people watch as may."""


class LiveBoard:
    """``latest`` is never older than a second; ``promised`` tells which of its lost callers have been promised a call; ``overdue``, how
    many complaints wait beyond their time, is looked up now and then."""

    def __init__(
        self,
        board: Board,
        database: Database,
        most_watchers: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._database = database
        self._most = most_watchers
        self._clock = clock
        self._monotonic = monotonic
        self._looked_up = -OVERDUE_EVERY_S
        self._watchers: set[asyncio.Event] = set()
        self._closed = False
        self.latest: BoardSnapshot = board.snapshot()
        self.promised: dict[str, str] = {}  # latest contact of a lost caller → state of his callback
        self.overdue = 0
        self.edition = 0  # grows with every publication

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_WHILE_WAITING_S if self.latest.waiting else TICK_S):
                    await self._board.changed.wait()
            self._board.changed.clear()
            await self.publish()
            await asyncio.sleep(AT_MOST_EVERY_S)

    async def publish(self) -> None:
        """Now, and wake everybody who watches."""
        self.latest = self._board.snapshot()
        latest = [lost.contact for lost in self.latest.lost[:SHOWN_LOST]]
        with contextlib.suppress(StoreError):  # the board lives without the store; /readyz tells of it
            self.promised = await self._database.read(lambda session: promised(session, latest)) if latest else {}
            if self._monotonic() - self._looked_up >= OVERDUE_EVERY_S:
                self.overdue = await self._database.read(partial(case_deadlines.overdue, now=self._clock()))
                self._looked_up = self._monotonic()
        self.edition += 1
        for event in self._watchers:
            event.set()

    def soon(self) -> None:
        """Something outside the board's sight has changed, like a promise."""
        self._board.changed.set()

    async def watch(self, heartbeat_s: float) -> AsyncGenerator[BoardSnapshot | None, None]:
        """Snapshots as they come, the first at once; None after ``heartbeat_s`` without one. Raises TooManyWatchersError."""
        if len(self._watchers) >= self._most:
            raise TooManyWatchersError
        event = asyncio.Event()
        event.set()
        self._watchers.add(event)
        try:
            while not self._closed:
                try:
                    async with asyncio.timeout(heartbeat_s):
                        await event.wait()
                except TimeoutError:
                    yield None
                    continue
                event.clear()
                if not self._closed:
                    yield self.latest
        finally:
            self._watchers.discard(event)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def close(self) -> None:
        """End every watch."""
        self._closed = True
        for event in self._watchers:
            event.set()

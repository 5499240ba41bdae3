"""Removes what the ledger has kept long enough (``ledger.keep_days``), in bites that hold up nobody. A task of ``ivr.app``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from ivr.store import ledger
from ivr.store.database import Database, StoreError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 3600.0
BETWEEN_BITES_S = 0.2


class LedgerPruning:
    """``keep_days`` 0: nothing is ever removed."""

    def __init__(self, database: Database, keep_days: int, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._keep = timedelta(days=keep_days)
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if gone := await self.prune():
                    log.info("entries of the ledger were kept long enough and are removed", entries=gone)
            except StoreError as error:
                log.warning("the ledger can't be pruned now", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def prune(self) -> int:
        """Remove all that is too old; tells how many entries. Raises StoreError."""
        if not self._keep:
            return 0
        total, before = 0, self._clock() - self._keep
        while gone := await self._database.write(partial(ledger.prune, before=before)):
            total += gone
            await asyncio.sleep(BETWEEN_BITES_S)
        return total

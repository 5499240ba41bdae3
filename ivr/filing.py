"""One thing a caller gave us, on its way to where it is safe: stored, else kept on disk, else refused. For ``ivr.errands`` alone.

::

    writing ──committed──────────────────────────────> stored        the number is told
       │ 1.5 s                                          ^
       └─> holding on ("please hold on") ──committed────┘
       │        │ 3 s more, or the database refuses
       └────────┴─> keeping ──file and folder synced──> kept          "saved, the number comes later"
                       │ the disk refuses too
                       └──────────────────────────────> not stored    the caller is told so, and what he began to tell stays noted

A transaction that was given up may commit all the same, before or after the import of what was kept: both write by the same key, so
whoever comes second finds the row and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from callflows.outcomes import Outcome, StillStoring
from ivr.keeping import Kept, Shelf
from ivr.store.database import StoreError

log = structlog.get_logger(__name__)

# Nobody notices a silence this long between pressing a key and an answer.
HOLD_ON_AFTER_S = 1.5
# From the end of the words "please hold on".
GIVE_UP_AFTER_S = 3.0


class Filing:
    """Begun when made; ``storing`` goes on whatever happens to the call. ``otherwise`` is the outcome of what could only be kept."""

    def __init__(
        self, storing: Coroutine[Any, Any, Outcome], kept: Kept, shelf: Shelf | None, *, otherwise: Outcome, refused: Outcome
    ) -> None:
        self._kept = kept
        self._shelf = shelf
        self._otherwise = otherwise
        self._refused = refused
        self._storing = asyncio.create_task(storing, name=f"storing-{kept.kind.value}-{kept.contact}")
        self._storing.add_done_callback(self._note_lateness)
        self._given_up = False

    async def soon(self) -> Outcome:
        """How it came out, or ``StillStoring``. Raises what isn't the store's or the disk's fault."""
        return await self._within(HOLD_ON_AFTER_S) or StillStoring()

    async def at_last(self) -> Outcome:
        """How it came out. Raises as ``soon`` does."""
        return await self._within(GIVE_UP_AFTER_S) or await self._keep("the database doesn't answer")

    async def _within(self, seconds: float) -> Outcome | None:
        await asyncio.wait({self._storing}, timeout=seconds)
        if not self._storing.done():
            return None
        try:
            return self._storing.result()
        except StoreError as error:
            return await self._keep(str(error))

    async def _keep(self, why: str) -> Outcome:
        self._given_up = True
        what, contact = self._kept.kind.value, self._kept.contact
        if self._shelf is None:
            return self._refused
        try:
            await self._shelf.keep(self._kept)
        except OSError as error:
            log.error(
                "neither the database nor the disk takes what a caller gave", what=what, contact=contact, database=why, disk=str(error)
            )
            return self._refused
        log.error("kept on disk until the database takes it", what=what, contact=contact, reason=why)
        return self._otherwise

    def _note_lateness(self, storing: asyncio.Task[Outcome]) -> None:
        if self._given_up and not storing.cancelled() and storing.exception() is None:
            log.info("stored after all, too late for the caller", what=self._kept.kind.value, contact=self._kept.contact)

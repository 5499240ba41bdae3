"""Brings in what was kept on disk: what the database didn't take in time, and what callers had begun to tell a daemon that went away.

One task of the daemon. Every step can be repeated: each thing is stored by its key, and its file goes last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from ivr import half_told
from ivr.domain.call_facts import CallbackAccepted, CallerHungUpInFlow, ComplaintRegistered, MessageLeft, SessionFact
from ivr.domain.contacts import Contact
from ivr.domain.ledger import UnknownFactError
from ivr.house import House
from ivr.keeping import Kept, Kind, Shelf, facts
from ivr.store.complaints import NewComplaint, NewMessage
from ivr.store.database import StoreError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
# What waits for the database before what was only begun: a complaint told to the end is filed as such.
_ORDER = (Kind.COMPLAINT, Kind.MESSAGE, Kind.CALLBACK, Kind.BEGUN)
# So many refused at one look, and it is the database: each may have waited for it for seconds.
MOST_REFUSALS = 3


class KeptImporter:
    """Looks at the start and every few seconds."""

    def __init__(self, house: House, shelf: Shelf, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._house = house
        self._shelf = shelf
        self._clock = clock
        self._failing: str | None = None

    @property
    def trouble(self) -> str | None:
        """A sentence while something waits that the database didn't take."""
        return f"what callers gave waits on disk for the database: {self._failing}" if self._failing else None

    async def run(self) -> None:
        """Until cancelled. What can't be taken now stays."""
        while True:
            try:
                await self.import_all()
                self._failing = None
            except (StoreError, OSError) as error:
                if self._failing is None:
                    log.error("what callers gave can't be stored yet and is kept on disk", reason=str(error))
                self._failing = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def import_all(self) -> int:
        """Take in all there is; tells how many. Raises StoreError, OSError: what came in before stays in.

        One that the database refuses, or that can't be filed at all, doesn't keep the others out.
        """
        imported, refusals = 0, list[StoreError]()
        for kept in sorted(await self._shelf.pending(), key=lambda kept: (_ORDER.index(kept.kind), kept.at)):
            try:
                imported += await self._import(kept)
            except OSError:
                raise
            except StoreError as error:
                refusals.append(error)
                if len(refusals) > MOST_REFUSALS:
                    break
            except Exception:
                log.exception("what was kept can't be filed and is set aside in bad/", what=kept.kind.value, contact=kept.contact)
                await self._shelf.set_aside(kept)
        if refusals:
            raise refusals[0]
        return imported

    async def _import(self, kept: Kept) -> bool:
        """False: it isn't its time yet."""
        contact = await self._contact(kept)
        match kept.kind:
            case Kind.BEGUN:
                if not await asyncio.to_thread(half_told.is_over, kept, contact, self._house):
                    return False
                if not await half_told.file(kept, contact, self._house):
                    raise StoreError("what a caller had begun to tell could not be stored")
            case Kind.COMPLAINT:
                await self._file(NewComplaint(**kept.values), kept, contact)
            case Kind.MESSAGE:
                await self._house.intake.take(NewMessage(**kept.values), kept.at)
                if not contact.left_message:
                    self._apply(MessageLeft(self._clock(), contact.id))
            case Kind.CALLBACK:
                await self._promise(kept, contact)
        await self._house.tracker.flush()
        await self._shelf.forget(kept)
        log.info("taken from disk", what=kept.kind.value, contact=kept.contact)
        return True

    async def _file(self, new: NewComplaint, kept: Kept, contact: Contact) -> None:
        number = await self._house.intake.file(new, kept.at)
        if contact.complaint != number or (contact.complaint_complete is False and not new.incomplete):
            self._apply(ComplaintRegistered(self._clock(), contact.id, number, not new.incomplete))

    async def _promise(self, kept: Kept, contact: Contact) -> None:
        if contact.answered_at is not None and contact.answered_at >= kept.at:
            log.info("a promised call isn't needed any more: the customer was served meanwhile", contact=contact.id)
            return
        promised = await self._house.callbacks.request(contact, kept.at)
        if promised is not None and contact.callback != promised:
            self._apply(CallbackAccepted(self._clock(), contact.id, promised))

    async def _contact(self, kept: Kept) -> Contact:
        """As it is known; else as it was told of when this was kept. Raises StoreError, UnknownFactError."""
        contact = await self._house.tracker.recall(kept.contact)
        if contact is not None:
            return contact
        # He was there then; nobody who knows of him now has seen him since.
        for fact in (*facts(kept), CallerHungUpInFlow(kept.at, kept.contact)):
            self._apply(fact)
        if found := self._house.tracker.get(kept.contact):
            return found
        raise UnknownFactError("nothing is known of the call it belongs to")

    def _apply(self, fact: SessionFact) -> None:
        self._house.tracker.apply(fact)

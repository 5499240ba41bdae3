"""Keeps every live contact: folds facts from Asterisk and from the sessions into it, and writes what changed to the store.

The one owner of live contacts. Writing never holds up a call: changes are collected and written together, and kept when the database
refuses, until it takes them.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from ami_bridge import facts as asterisk
from ivr.domain import folding
from ivr.domain.call_facts import CallTaken, NodeEntered, ServedByFallback
from ivr.domain.contacts import Contact
from ivr.store import contacts as store
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

FLUSH_INTERVAL_S = 0.2
RETRY_INTERVAL_S = 2.0
# A contact stays in memory this long after its end: AgentComplete and late hang-ups of agents' legs still belong to it.
LINGER = timedelta(seconds=30)
# While the database refuses, ended contacts wait in memory; beyond this many the oldest are given up, loudly.
LARGEST_BACKLOG = 50_000

# A contact is opened by these alone; other facts of unknown contacts are of calls that are none of ours.
OPENING = (asterisk.CallArrived, CallTaken, ServedByFallback)


# What follows from a contact's end (an alert, a promise to call back): done in the transaction that stores the end, so that neither
# can be there without the other; idempotent by its own keys.
Consequence = Callable[[Session, Contact], None]


class Tracker:
    """``apply`` facts in the order they come; ``run`` writes. All of it on the event loop.

    ``on_change`` is handed each contact that changed, at once: the live board keeps the same object.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        consequences: Sequence[Consequence] = (),
        after_commit: Callable[[], None] = lambda: None,
        on_change: Callable[[Contact], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._consequences = consequences
        self._after_commit = after_commit
        self._on_change = on_change
        self._sealer = sealer
        self._clock = clock
        self._contacts: dict[str, Contact] = {}
        self._changed: dict[str, None] = {}
        self._dirty = asyncio.Event()
        self._present: set[str] | None = None  # contacts named by the snapshot that is coming in
        self._driven: dict[str, int] = {}  # contacts a session is driving now: an AMI snapshot can't know better
        self.store_failing: str | None = None

    @property
    def live(self) -> int:
        return sum(1 for contact in self._contacts.values() if contact.ended_at is None)

    def get(self, contact_id: str) -> Contact | None:
        return self._contacts.get(contact_id)

    def apply(self, fact: asterisk.Fact) -> None:
        """Fold one fact. Facts that concern the link itself mark the gap they stand for."""
        match fact:
            case asterisk.LinkEstablished():
                self._present = set()
            case asterisk.SnapshotComplete(at=at):
                self._close_absent(at)
            case asterisk.CallPresent(contact=contact_id):
                if self._present is not None:
                    self._present.add(contact_id)
            case asterisk.CallerWaiting(call=call, contact=contact_id):
                contact = self._contacts.get(contact_id) or self._by_call(call)
                if contact:
                    self._fold(contact, fact)
            case asterisk.TalkEnded(contact="", queue=queue, agent=agent):
                contact = self._talking(queue, agent)
                if contact:
                    self._fold(contact, fact)
            case _:
                self._apply_to_contact(fact)

    def _apply_to_contact(self, fact: asterisk.Fact) -> None:
        contact_id = getattr(fact, "contact", "")
        if not contact_id:
            return
        contact = self._contacts.get(contact_id)
        if contact is None:
            if not isinstance(fact, OPENING):
                return
            contact = Contact(id=contact_id, started_at=fact.at)
            self._contacts[contact_id] = contact
        self._fold(contact, fact)

    def _fold(self, contact: Contact, fact: asterisk.Fact) -> None:
        was_open = contact.ended_at is None
        folding.fold(contact, fact)
        self._on_change(contact)
        self._changed[contact.id] = None
        self._dirty.set()
        if isinstance(fact, NodeEntered):
            log.info("node", node=fact.node)
        if was_open and contact.outcome:
            log.info("call ended", contact=contact.id, outcome=contact.outcome.value, line=contact.line)

    def _by_call(self, call: str) -> Contact | None:
        return next((contact for contact in self._contacts.values() if contact.call == call), None)

    def _talking(self, queue: str, agent: str) -> Contact | None:
        """After a Redirect AgentComplete names no channel: the open talk of this queue and agent is meant, if there is one."""
        for contact in reversed(self._contacts.values()):
            if any(visit.talking and visit.queue == queue and visit.agent == agent for visit in contact.visits):
                return contact
        return None

    def _close_absent(self, at: datetime) -> None:
        """What a snapshot didn't name has ended while nobody watched."""
        if self._present is None:
            return
        for contact in self._contacts.values():
            absent = contact.id not in self._present and contact.id not in self._driven
            if contact.ended_at is None and absent:
                folding.close_uncertain(contact, at)
                self._on_change(contact)
                self._changed[contact.id] = None
                log.warning("call ended while the link to Asterisk was down", contact=contact.id)
        self._present = None
        self._dirty.set()

    def driving(self, contact_id: str) -> None:
        """A session drives this contact: it lives, whatever a snapshot says."""
        self._driven[contact_id] = self._driven.get(contact_id, 0) + 1

    def left(self, contact_id: str) -> None:
        remaining = self._driven.pop(contact_id, 1) - 1
        if remaining:
            self._driven[contact_id] = remaining

    async def recall(self, contact_id: str) -> Contact | None:
        """The contact from memory, or from the store when the daemon was restarted since. Raises StoreError."""
        if contact := self._contacts.get(contact_id):
            return contact
        found = await self._database.read(partial(store.load, sealer=self._sealer, contact_id=contact_id))
        if found:
            self._contacts.setdefault(contact_id, found)
        return found

    async def restore(self) -> int:
        """At start: take up the contacts that ran when the daemon stopped; the first snapshot tells which still do. Raises StoreError."""
        for contact in await self._database.read(partial(store.unfinished, sealer=self._sealer)):
            self._contacts[contact.id] = contact
            self._on_change(contact)
        return len(self._contacts)

    async def run(self) -> None:
        """Write changes until cancelled."""
        while True:
            await self._dirty.wait()
            await asyncio.sleep(FLUSH_INTERVAL_S)
            try:
                await self.flush()
            except StoreError as error:
                if self.store_failing is None:
                    log.error("service records can't be written and are kept in memory", reason=str(error))
                self.store_failing = str(error)
                self._dirty.set()
                await asyncio.sleep(RETRY_INTERVAL_S)

    async def flush(self) -> None:
        """Write all changes now. Raises StoreError; the changes are then still there."""
        self._dirty.clear()
        changed, self._changed = list(self._changed), {}
        # Copies: the writer's thread must not see a contact that the loop goes on folding.
        batch = [copy.deepcopy(contact) for contact_id in changed if (contact := self._contacts.get(contact_id))]
        if batch:
            try:
                if await self._database.write(partial(self._save, contacts=batch)):
                    self._after_commit()
            except StoreError:
                self._changed = dict.fromkeys(changed) | self._changed
                self._drop_beyond_backlog()
                raise
            if self.store_failing:
                log.info("service records are written again")
                self.store_failing = None
        self._forget()

    def _save(self, session: Session, contacts: Sequence[Contact]) -> bool:
        ended = store.save(session, self._sealer, contacts)
        for contact in ended:
            for consequence in self._consequences:
                consequence(session, contact)
        return bool(ended)

    def _forget(self) -> None:
        now = self._clock()
        for contact in list(self._contacts.values()):
            settled = contact.id not in self._changed and contact.id not in self._driven
            if contact.ended_at and settled and now - contact.ended_at > LINGER:
                del self._contacts[contact.id]

    def _drop_beyond_backlog(self) -> None:
        ended = [contact for contact in self._contacts.values() if contact.ended_at]
        for contact in ended[: max(0, len(ended) - LARGEST_BACKLOG)]:
            log.error("a service record is lost: the database has refused for too long", contact=contact.id)
            self._changed.pop(contact.id, None)
            del self._contacts[contact.id]

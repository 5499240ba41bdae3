"""Keeps every live contact and the ledger: reads contacts from the facts of Asterisk, the sessions and queue_log, and writes what changed.

The one owner of live contacts. Writing never holds up a call: changes are collected and written together, and kept when the database
refuses, until it takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from ami_bridge import facts as asterisk
from ivr.consequences import Consequence, draw
from ivr.domain.call_facts import NodeEntered, ServedByFallback, SessionFact, WatchInterrupted
from ivr.domain.contact_book import OPENING, OURS, ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry, Source
from ivr.log_waiting import LogWaiting
from ivr.store import contacts as store
from ivr.store import histories, ledger, link_gaps
from ivr.store.database import Database, StoreError
from ivr.store.histories import History
from ivr.store.ledger import Told
from ivr.store.sealing import Sealer
from ivr.unwritten import Batch, Unwritten, Write

log = structlog.get_logger(__name__)

FLUSH_INTERVAL_S = 0.2
RETRY_INTERVAL_S = 2.0
# A contact stays in memory this long after its end: AgentComplete, late hang-ups of agents' legs and queue_log's rows still belong to it.
LINGER = timedelta(seconds=30)
# While the database refuses, ended contacts and the ledger's entries wait in memory; beyond this many the oldest are given up, loudly.
LARGEST_BACKLOG = 50_000
MOST_ENTRIES_KEPT = 500_000
# Calls that are none of ours: remembered, so that the store isn't asked for each of their facts.
MOST_STRANGERS = 10_000
MOST_LATE = 50_000
ROWS_AT_ONCE = 100  # then the rest of the daemon runs: some 10 ms

# What can't be late: it opens a contact, is of a call that we made, or belongs to a snapshot, whose end doesn't wait.
_NEVER_LATE = (*OPENING, asterisk.CallbackReported, asterisk.CallPresent, asterisk.CallerWaiting)

_ANY_TIME = datetime.min.replace(tzinfo=UTC)


class Tracker:
    """``apply`` facts in the order they come, ``take_rows`` of queue_log; ``run`` writes. All of it on the event loop.

    ``pbx``: the name of the Asterisk they come from. ``on_change`` is handed each contact that changed, at once, a new object each
    time; ``on_gone`` the id of one that turned out to be another's second call; ``on_entry`` each entry that goes into the ledger.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        pbx: str = "main",
        consequences: Sequence[Consequence] = (),
        after_commit: Callable[[], None] = lambda: None,
        on_change: Callable[[Contact], None] = lambda _: None,
        on_gone: Callable[[str], None] = lambda _: None,
        on_entry: Callable[[Entry], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._pbx = pbx
        self._consequences = consequences
        self._after_commit = after_commit
        self._on_change = on_change
        self._on_gone = on_gone
        self._on_entry = on_entry
        self._clock = clock
        self._book = ContactBook()
        self._unwritten = Unwritten()
        self._dirty = asyncio.Event()
        self._flushing = asyncio.Lock()  # one batch after the other: a later one must not be stored without an earlier one
        self._late: list[Entry] = []  # facts of contacts that were forgotten, until the next flush recalls them
        self._strangers: dict[str, None] = {}
        self._said_ended: set[str] = set()
        self._agent_states: dict[tuple[str, str], asterisk.AgentStateReported] = {}
        self._driven: dict[str, int] = {}  # contacts a session is driving now: an AMI snapshot can't know better
        self._unheard_since: datetime | None = None  # the daemon wasn't there
        self.log_waiting = LogWaiting()
        self.store_failing: str | None = None

    @property
    def unheard_since(self) -> datetime | None:
        """Since when nobody has heard this PBX, until the link is up first; None: nobody ever had."""
        return self._unheard_since

    @property
    def live(self) -> int:
        return len(self.running)

    @property
    def running(self) -> Sequence[Contact]:
        """The contacts without an end."""
        return [contact for contact in self._book.contacts.values() if contact.ended_at is None]

    def entries(self, contact_id: str) -> Sequence[Entry]:
        """What was told of a contact that is in memory."""
        return self._book.entries(contact_id)

    def get(self, contact_id: str) -> Contact | None:
        return self._book.contacts.get(contact_id)

    def apply(self, fact: asterisk.Fact) -> None:
        """Take in one fact of Asterisk's manager or of a session."""
        source = Source.SPOOL if isinstance(fact, ServedByFallback) else Source.SESSION if isinstance(fact, SessionFact) else Source.AMI
        match fact:
            case asterisk.LinkLost(at=at):
                self._unwritten.also(partial(link_gaps.begin, pbx=self._pbx, at=at))
            case asterisk.LinkEstablished(at=at, gap_from=gap_from):
                since, self._unheard_since = gap_from or self._unheard_since, None
                fact = replace(fact, gap_from=since)
                if since is not None:
                    self._unwritten.also(partial(link_gaps.end, pbx=self._pbx, began_at=since, ended_at=at))
                    self.log_waiting.gap_ended(at)
        entry = Entry(self._pbx, source, fact)
        if self._is_late(entry):
            if len(self._late) < MOST_LATE:
                self._late.append(entry)
            self._dirty.set()
        else:
            self._take(entry)

    async def take_rows(self, facts: Sequence[asterisk.Fact], at_once: int = ROWS_AT_ONCE) -> None:
        """What queue_log tells, in its order, ``at_once`` between two turns of the loop.

        Raises StoreError: take them all again then, what was taken already is known.
        """
        for start in range(0, len(facts), at_once):
            some = facts[start : start + at_once]
            await self._take_up_calls(some)
            for fact in some:
                try:
                    self._take(Entry(self._pbx, Source.QUEUE_LOG, fact))
                except Exception:  # a fault in reading one row must not cost the others
                    log.exception("a row of queue_log couldn't be taken in and is left out", kind=type(fact).__name__)
            await asyncio.sleep(0)

    def also(self, write: Write) -> None:
        """Run this in the transaction that stores what was told until now; it may run again after a failure."""
        self._unwritten.also(write)
        self._dirty.set()

    def log_read(self) -> None:
        """queue_log has been read to its end once more, and all of it was handed to ``take_rows``."""
        for gap in self.log_waiting.caught_up():
            self.also(partial(link_gaps.fill, pbx=self._pbx, since=gap.since, until=gap.until))
        if self.log_waiting.any_waiting:
            self._dirty.set()

    def log_lost(self) -> None:
        """queue_log can't be read now: nothing waits for it any longer."""
        self.log_waiting.lost()
        self._dirty.set()

    def _take(self, entry: Entry) -> None:
        applied = self._book.apply(entry, driven=self._driven)
        for kept in applied.kept:
            self._keep(kept)
        for gone, into in applied.merged:
            self._unwritten.also(partial(histories.merge, gone=gone, into=into))
            self._said_ended.discard(gone)
            self.log_waiting.forget(gone)
            self._on_gone(gone)
        for contact in applied.changed:
            self._note_change(contact)
        if isinstance(entry.fact, NodeEntered):
            log.info("node", node=entry.fact.node)

    def _keep(self, entry: Entry) -> None:
        fact = entry.fact
        if isinstance(fact, asterisk.AgentStateReported):  # a status event comes for every queue he is in, and for nothing new
            state = replace(fact, at=_ANY_TIME)
            if self._agent_states.get((fact.queue, fact.agent)) == state:
                return
            self._agent_states[fact.queue, fact.agent] = state
        contact_id = self._book.contact_of(fact, entry.pbx) or ""
        self._unwritten.tell(Told(entry, contact_id))
        self._dirty.set()
        self._on_entry(entry)

    def _note_change(self, contact: Contact) -> None:
        self._on_change(contact)
        self._unwritten.change(contact.id)
        self._dirty.set()
        self.log_waiting.note(contact)
        if contact.outcome and contact.id not in self._said_ended:
            self._said_ended.add(contact.id)
            missed = " while the link to Asterisk was down" if contact.end_uncertain else ""
            log.info(f"call ended{missed}", contact=contact.id, outcome=contact.outcome.value, line=contact.line)

    def _is_late(self, entry: Entry) -> bool:
        """Of a call that the book doesn't hold, and that may be one it has forgotten."""
        fact = entry.fact
        if isinstance(fact, _NEVER_LATE) or self._book.contact_of(fact, entry.pbx) is not None:
            return False
        return bool(self._to_be_asked_for(fact))

    def _to_be_asked_for(self, fact: asterisk.Fact) -> list[str]:
        """The channels it names that may be those of a contact in the store."""
        names = (getattr(fact, "contact", ""), getattr(fact, "call", "").removesuffix(";2"))
        return [name for name in names if name and name not in self._strangers and not name.startswith(OURS)]

    async def _take_late(self) -> None:
        """Recall the contacts that late facts are of; what is of none is of a stranger. Raises StoreError: they are still there."""
        if not self._late:
            return
        await self._take_up_calls([entry.fact for entry in self._late])
        late, self._late = self._late, []
        for entry in late:
            if self._book.contact_of(entry.fact, entry.pbx) is not None:
                self._take(entry)
            else:
                self._strangers |= dict.fromkeys(self._to_be_asked_for(entry.fact))
        for name in list(self._strangers)[: max(0, len(self._strangers) - MOST_STRANGERS)]:
            del self._strangers[name]

    async def _take_up_calls(self, facts: Iterable[asterisk.Fact]) -> None:
        """Recall the contacts of these facts that aren't held. Raises StoreError."""
        unknown = [fact for fact in facts if self._book.contact_of(fact, self._pbx) is None]
        names = {name: None for fact in unknown for name in self._to_be_asked_for(fact)}
        if names:
            since = min(fact.at for fact in unknown) - store.LONGEST_CALL
            self._take_up(await self._database.read(partial(histories.of_calls, sealer=self._sealer, calls=list(names), since=since)))

    def _take_up(self, found: Iterable[History]) -> None:
        for contact, entries in found:
            if contact.id in self._book.contacts:
                continue
            # A ledger that begins after the contact doesn't tell it whole: its record does.
            if entries and min(entry.fact.at for entry in entries) <= contact.started_at:
                read = self._book.take_up(contact.id, entries)
            else:
                self._book.take_up_contact(contact)
                read = self._book.contacts[contact.id]
            if contact.ended_at is not None:
                self._said_ended.add(contact.id)
            if read is not None and read != contact:  # its end was held back, or this version reads facts otherwise
                self._note_change(read)

    def driving(self, contact_id: str) -> None:
        """A session drives this contact: it lives, whatever a snapshot says."""
        self._driven[contact_id] = self._driven.get(contact_id, 0) + 1

    def is_driven(self, contact_id: str) -> bool:
        return contact_id in self._driven

    def left(self, contact_id: str) -> None:
        remaining = self._driven.pop(contact_id, 1) - 1
        if remaining:
            self._driven[contact_id] = remaining

    async def recall(self, contact_id: str) -> Contact | None:
        """The contact from memory, or from the store when the daemon was restarted since. Raises StoreError."""
        if contact := self.get(contact_id):
            return contact
        self._take_up(await self._database.read(partial(histories.of_contacts, sealer=self._sealer, ids=[contact_id])))
        return self.get(contact_id)

    async def restore(self) -> int:
        """At start: take up the contacts that ran when the daemon stopped; the first snapshot tells which still do. Raises StoreError."""
        found, self._unheard_since = await self._database.read(partial(histories.left_off, sealer=self._sealer, pbx=self._pbx))
        self._take_up(found)
        now = self._clock()
        for contact in list(self._book.contacts.values()):
            self._on_change(contact)
            if contact.ended_at is None:  # the snapshot comes later than what the spool and queue_log tell of it
                unheard = WatchInterrupted(now, contact.id, self._unheard_since or contact.started_at)
                self._take(Entry(self._pbx, Source.SESSION, unheard))
        return len(found)

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
        async with self._flushing:
            self._dirty.clear()
            await self._take_late()
            while batch := self._unwritten.take(self._book.contacts, self.log_waiting.undecided):
                try:
                    ended = await self._database.write(partial(self._save, batch=batch))
                except BaseException:  # cut short at a shut-down too: it may be stored by then, and comes again
                    self._unwritten.put_back(batch)
                    self._drop_beyond_backlog()
                    raise
                if ended:
                    self._after_commit()
                if self.store_failing:
                    log.info("service records are written again")
                    self.store_failing = None
            self._forget()

    def _save(self, session: Session, batch: Batch) -> bool:
        ledger.append(session, self._sealer, batch.told)
        ended = store.save(session, self._sealer, batch.contacts)
        draw(session, ended, self._consequences)
        for write in batch.writes:
            write(session)
        return bool(ended)

    def _forget(self) -> None:
        now = self._clock()
        for contact in list(self._book.contacts.values()):
            settled = not self._unwritten.concerns(contact.id) and contact.id not in self._driven
            if contact.ended_at and settled and now - contact.ended_at > LINGER:
                self._let_go(contact.id)

    def _let_go(self, contact_id: str) -> None:
        self._book.forget(contact_id)
        self._said_ended.discard(contact_id)
        self.log_waiting.forget(contact_id)

    def _drop_beyond_backlog(self) -> None:
        ended = [contact for contact in self._book.contacts.values() if contact.ended_at]
        for contact in ended[: max(0, len(ended) - LARGEST_BACKLOG)]:
            log.error("a service record is lost: the database has refused for too long", contact=contact.id)
            self._unwritten.drop([contact.id])
            self._let_go(contact.id)
        if dropped := self._unwritten.drop_entries_beyond(MOST_ENTRIES_KEPT):
            log.error("entries of the ledger are lost: the database has refused for too long", entries=dropped)

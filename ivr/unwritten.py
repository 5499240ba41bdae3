"""What the tracker has learned and the database hasn't stored yet: ledger entries, changed contacts, and writes that go with them.

For ``ivr.tracking`` alone. A batch is one transaction; it holds a contact's record together with the entries it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact
from ivr.store.ledger import Told

# Some 0.3 s of the only writer.
CONTACTS_AT_ONCE = 500
ENTRIES_AT_ONCE = 10_000

Write = Callable[[Session], None]


@dataclass(slots=True)
class Batch:
    """One transaction."""

    told: list[Told] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.told or self.contacts or self.writes)


class Unwritten:
    """On the event loop alone."""

    def __init__(self) -> None:
        self._told: dict[str, list[Told]] = {}  # by contact
        self._changed: dict[str, None] = {}
        self._writes: list[Write] = []
        self.entries = 0

    def tell(self, told: Told) -> None:
        """This entry belongs into the ledger."""
        self._told.setdefault(told.contact, []).append(told)
        self.entries += 1

    def change(self, contact_id: str) -> None:
        """This contact's record isn't what is stored."""
        self._changed[contact_id] = None

    def also(self, write: Write) -> None:
        """Run this in the transaction that stores the last of what there is now. It may run again after a failure."""
        self._writes.append(write)

    def concerns(self, contact_id: str) -> bool:
        return contact_id in self._changed or contact_id in self._told

    def take(self, contacts: Mapping[str, Contact], held_back: Container[str]) -> Batch:
        """The next batch, empty when there is nothing. Of contacts held back the entries go, the record stays."""
        batch = Batch()
        ready = [contact_id for contact_id in self._changed if contact_id not in held_back]
        for contact_id in ready[:CONTACTS_AT_ONCE]:
            del self._changed[contact_id]
            if contact := contacts.get(contact_id):
                batch.contacts.append(contact)
            batch.told += self._told.pop(contact_id, [])
        for contact_id in [each for each in self._told if each not in self._changed or each in held_back]:
            if len(batch.told) >= ENTRIES_AT_ONCE:
                break
            batch.told += self._told.pop(contact_id)
        if len(ready) <= CONTACTS_AT_ONCE and not self._told:
            batch.writes, self._writes = self._writes, []
        self.entries -= len(batch.told)
        return batch

    def put_back(self, batch: Batch) -> None:
        """It wasn't stored: it is the first of the next."""
        later, self._told = self._told, {}
        for told in batch.told:
            self.tell(told)
        for contact_id, rest in later.items():
            self._told.setdefault(contact_id, []).extend(rest)
        self._changed = dict.fromkeys(contact.id for contact in batch.contacts) | self._changed
        self._writes = batch.writes + self._writes

    def drop(self, contact_ids: Iterable[str]) -> None:
        """Give these up for good."""
        for contact_id in contact_ids:
            self._changed.pop(contact_id, None)
            self.entries -= len(self._told.pop(contact_id, ()))

    def drop_entries_beyond(self, most: int) -> int:
        """Give the oldest entries up, of whole contacts, their records stay; tells how many."""
        before = self.entries
        for contact_id in list(self._told):
            if self.entries <= most:
                break
            self.entries -= len(self._told.pop(contact_id))
        return before - self.entries

"""Contacts together with what was told of them, as the tracker takes them up again. Functions of a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry
from ivr.store import contacts, ledger, link_gaps, log_positions
from ivr.store.schema import SpoolImportRow
from ivr.store.sealing import Sealer

# A record and its entries, in the order they were told; none where it is of before the ledger.
History = tuple[Contact, Sequence[Entry]]


def of_contacts(session: Session, sealer: Sealer, ids: Sequence[str]) -> list[History]:
    """Those of these that there are. Raises SealBrokenError."""
    entries = ledger.of_contacts(session, sealer, ids)
    return [(contact, entries.get(contact.id, [])) for contact in contacts.load_all(session, sealer, ids)]


def of_calls(session: Session, sealer: Sealer, calls: Sequence[str], since: datetime) -> list[History]:
    """By the channels that facts name; see ``contacts.ids_of_calls``. Raises SealBrokenError."""
    return of_contacts(session, sealer, contacts.ids_of_calls(session, calls, since))


def left_off(session: Session, sealer: Sealer, pbx: str) -> tuple[list[History], datetime | None]:
    """The contacts without an end, and since when nobody has heard this PBX: None, nobody ever had. Raises SealBrokenError."""
    running = contacts.unfinished(session, sealer)
    entries = ledger.of_contacts(session, sealer, [contact.id for contact in running])
    signs_of_life = (ledger.last_at(session, pbx), log_positions.last_read_at(session, pbx))
    since = link_gaps.open_since(session, pbx) or max(filter(None, signs_of_life), default=None)
    return [(contact, entries.get(contact.id, [])) for contact in running], since


def merge(session: Session, gone: str, into: str) -> None:
    """The one turned out to be the other's second call: what was told of it is the other's, and its record goes."""
    ledger.hand_over(session, gone, into)
    session.execute(update(SpoolImportRow).where(SpoolImportRow.contact == gone).values(contact=into))
    contacts.remove(session, gone)

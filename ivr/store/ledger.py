"""The ledger in the database: entries appended in one statement, read again by contact or period. Functions of a session.

A caller's number and name are sealed in ``body``. ``key`` is the entry's own key under the sealer's: with the bare hash at hand, numbers
could be tried against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from ivr.domain.ledger import PRIVATE, Entry, Source, UnknownFactError, decoded, encoded
from ivr.store.inserting import insert_missing
from ivr.store.schema import LedgerRow
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

IDS_AT_ONCE = 500  # below SQLite's limit of variables
PRUNED_AT_ONCE = 2000  # some 20 ms of the only writer

LEDGER: Table = LedgerRow.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Told:
    """An entry and the contact it was found to be of; "" where it is of none (a member's pause, the link)."""

    entry: Entry
    contact: str = ""


def append(session: Session, sealer: Sealer, told: Iterable[Told]) -> None:
    """Write these, in this order. What is there already stays as it is."""
    insert_missing(session, LEDGER, [_row(sealer, each) for each in told])


def _row(sealer: Sealer, told: Told) -> dict[str, Any]:
    entry = told.entry
    body = encoded(entry.fact)
    key = sealer.index(entry.key)
    for name in PRIVATE & body.keys():
        body[name] = sealer.seal(body[name])
    return {
        "pbx": entry.pbx,
        "source": entry.source.value,
        "kind": entry.kind,
        "at": entry.fact.at,
        "contact": told.contact,
        "key": key,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    }


def hand_over(session: Session, gone: str, into: str) -> None:
    """What was told of one contact is another's: they are one call."""
    session.execute(update(LEDGER).where(LEDGER.c.contact == gone).values(contact=into))


def of_contact(session: Session, sealer: Sealer, contact_id: str) -> list[Entry]:
    """In the order they were told."""
    return of_contacts(session, sealer, [contact_id]).get(contact_id, [])


def of_contacts(session: Session, sealer: Sealer, ids: Sequence[str]) -> dict[str, list[Entry]]:
    """By contact, each in the order they were told; a contact without entries is missing. Raises SealBrokenError."""
    found: dict[str, list[Entry]] = {}
    unknown: set[str] = set()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = select(*_READ).where(LEDGER.c.contact.in_(ids[start : start + IDS_AT_ONCE])).order_by(LEDGER.c.seq)
        for row in session.execute(some):
            if entry := _entry(sealer, row, unknown):
                found.setdefault(row.contact, []).append(entry)
    return found


def of_period(
    session: Session, sealer: Sealer, start: datetime, end: datetime, *, kinds: Iterable[str] | None = None, pbx: str | None = None
) -> Iterator[Told]:
    """What happened in [start, end), the earliest first, read bit by bit. Raises SealBrokenError."""
    query = select(*_READ).where(LEDGER.c.at >= start, LEDGER.c.at < end).order_by(LEDGER.c.at, LEDGER.c.seq)
    if kinds is not None:
        query = query.where(LEDGER.c.kind.in_(list(kinds)))
    if pbx is not None:
        query = query.where(LEDGER.c.pbx == pbx)
    unknown: set[str] = set()
    for row in session.execute(query.execution_options(yield_per=1000)):
        if entry := _entry(sealer, row, unknown):
            yield Told(entry, row.contact)


_READ = (LEDGER.c.pbx, LEDGER.c.source, LEDGER.c.kind, LEDGER.c.contact, LEDGER.c.body)


def _entry(sealer: Sealer, row: Any, unknown: set[str]) -> Entry | None:
    body: dict[str, Any] = json.loads(row.body)
    for name in PRIVATE & body.keys():
        body[name] = sealer.open(body[name])
    try:
        return Entry(row.pbx, Source(row.source), decoded(row.kind, body))
    except (UnknownFactError, ValueError) as error:
        if row.kind not in unknown:  # a newer version wrote it, and this one came back
            unknown.add(row.kind)
            log.warning("entries of the ledger can't be read and are left out", kind=row.kind, reason=str(error))
        return None


def last_at(session: Session, pbx: str) -> datetime | None:
    """When the newest entry happened that Asterisk or a session told live."""
    live = [source.value for source in Source if source is not Source.QUEUE_LOG]
    told = (LEDGER.c.pbx == pbx, LEDGER.c.source.in_(live))
    return session.scalar(select(LEDGER.c.at).where(*told).order_by(LEDGER.c.at.desc()).limit(1))


def known_keys(session: Session, sealer: Sealer, entries: Sequence[Entry]) -> set[str]:
    """Of these entries, the keys (``Entry.key``) that the ledger holds."""
    by_index = {sealer.index(entry.key): entry.key for entry in entries}
    wanted, found = list(by_index), set[str]()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = select(LEDGER.c.key).where(LEDGER.c.key.in_(wanted[start : start + IDS_AT_ONCE]))
        found |= {by_index[key] for key in session.scalars(some)}
    return found


def prune(session: Session, before: datetime, limit: int = PRUNED_AT_ONCE) -> int:
    """Remove the oldest of what happened before, at most ``limit``: so that the writer is free again soon. Tells how many went."""
    oldest = select(LEDGER.c.seq).where(LEDGER.c.at < before).order_by(LEDGER.c.at).limit(limit)
    gone = session.execute(delete(LEDGER).where(LEDGER.c.seq.in_(oldest.scalar_subquery())))
    return int(gone.rowcount)  # type: ignore[attr-defined]

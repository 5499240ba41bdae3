"""Queue visits as rows of their own, for the figures: kept in step with their contacts. Functions of a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact, Visit
from ivr.domain.visit_record import record_of
from ivr.store.inserting import insert_or_replace
from ivr.store.schema import StaleMinuteRow, VisitRow

IDS_AT_ONCE = 500  # below SQLite's limit of variables

VISITS: Table = VisitRow.__table__  # type: ignore[assignment]
STALE_MINUTES: Table = StaleMinuteRow.__table__  # type: ignore[assignment]
_COLUMNS = tuple(column.name for column in VISITS.columns if column.name != "id")
# Events of a visit that cells count, by their minute.
_MOMENTS = ("joined_at", "left_at", "talk_ended_at")


def save(session: Session, contacts: Sequence[Contact]) -> set[datetime]:
    """Make the rows of these contacts what they are now; gives the moments that cells count and that changed, before and after."""
    stored = _stored(session, [contact.id for contact in contacts])
    changed: list[dict[str, Any]] = []
    stale: set[datetime] = set()
    for contact in contacts:
        for number, visit in enumerate(contact.visits, 1):
            row = row_of(contact, number, visit)
            before = stored.pop((contact.id, number), None)
            if before != row:
                changed.append(row)
                stale |= _moments(row) | _moments(before or {})
    for gone in stored.values():  # two visits turned out to be one
        session.execute(delete(VISITS).where(VISITS.c.contact == gone["contact"], VISITS.c.number == gone["number"]))
        stale |= _moments(gone)
    insert_or_replace(session, VISITS, changed, ["contact", "number"])
    return stale


def remove(session: Session, contact_id: str) -> set[datetime]:
    """Its visits go; gives the moments that cells counted of them."""
    moments = {moment for row in _stored(session, [contact_id]).values() for moment in _moments(row)}
    session.execute(delete(VISITS).where(VISITS.c.contact == contact_id))
    return moments


def mark_stale(session: Session, moments: Iterable[datetime]) -> None:
    """The cells of these moments' minutes must be made anew.

    On PostgreSQL a mark that is there already is locked, so that who is about to remove it waits for what we write.
    """
    minutes = sorted({at.replace(second=0, microsecond=0) for at in moments})
    insert_or_replace(session, STALE_MINUTES, [{"minute": minute} for minute in minutes], ["minute"])


def row_of(contact: Contact, number: int, visit: Visit) -> dict[str, Any]:
    """The visit's row, as the figures know it (``ivr.domain.visit_record``)."""
    record = record_of(visit, contact.id, number, pbx=contact.pbx, line=contact.line)
    return {
        **{name: getattr(record, name) for name in _COLUMNS},
        "queue": record.queue[:32],
        "agent": record.agent[:80] if record.agent else None,
        "outcome": record.outcome.value if record.outcome else None,
        "quality": record.quality.value,
    }


def _stored(session: Session, ids: Sequence[str]) -> dict[tuple[str, int], dict[str, Any]]:
    query = select(*(VISITS.c[name] for name in _COLUMNS))
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        for row in session.execute(query.where(VISITS.c.contact.in_(ids[start : start + IDS_AT_ONCE]))):
            found[row.contact, row.number] = row._asdict()
    return found


def _moments(row: dict[str, Any]) -> set[datetime]:
    return {at for name in _MOMENTS if (at := row.get(name))}

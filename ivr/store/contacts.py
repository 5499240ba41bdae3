"""Service records in the database: contacts as rows and back. Functions of a session, run by ``Database.write`` and ``read``."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.store import visits
from ivr.store.inserting import insert_or_replace
from ivr.store.schema import ContactRow
from ivr.store.sealing import Sealer

ROWS_AT_ONCE = 500  # below SQLite's limit of variables
LONGEST_CALL = timedelta(hours=4)  # hotline.longest_call_s can't be set beyond it
# In ``progress``: what follows from the contact's end was done. It is done once, whatever is told of the call later.
FOLLOWED = "followed"

_COLUMNS = {"id", "started_at", "call", "pbx", "caller", "caller_name", "dialled", "sip_call_id", "line", "language", "flow_version"}
_COLUMNS |= {"ended_at", "failure", "served_by", "path", "visits"}
# What else is known of a contact is read with it and never queried alone.
_PROGRESS = tuple(each.name for each in fields(Contact) if each.name not in _COLUMNS)

CONTACTS: Table = ContactRow.__table__  # type: ignore[assignment]


def save(session: Session, sealer: Sealer, contacts: Iterable[Contact]) -> list[Contact]:
    """Insert or replace the records of these contacts and their visits; gives those that end with this save.

    A contact ends once: one that was ended already, or was and lives again after all, isn't given a second time.
    """
    batch = list({contact.id: contact for contact in contacts}.values())
    known = _known(session, [contact.id for contact in batch])
    ended: list[Contact] = []
    rows: list[dict[str, Any]] = []
    counted_anew: set[datetime] = set()  # cells count contacts that ended, by the minute in which they began
    for contact in batch:
        before = known.get(contact.id)
        followed = before is not None and (before.ended_at is not None or bool((before.progress or {}).get(FOLLOWED)))
        if contact.ended_at is not None and not followed:
            ended.append(contact)
        row = _row(sealer, contact, before, followed=followed or contact.ended_at is not None)
        if any(row[name] != getattr(before, name, None) for name in _COUNTED):
            counted_anew |= {contact.started_at, before.started_at if before else contact.started_at}
        rows.append(row)
    insert_or_replace(session, CONTACTS, rows, ["id"])
    visits.mark_stale(session, counted_anew | visits.save(session, batch))
    return ended


_COUNTED = ("started_at", "outcome", "line", "nodes", "pbx")
_KEPT = ("id", "ended_at", "progress", "caller", "caller_index", "caller_name", *_COUNTED)


def remove(session: Session, contact_id: str) -> None:
    """It was none of its own: its record and its visits go."""
    began = session.scalar(select(CONTACTS.c.started_at).where(CONTACTS.c.id == contact_id))
    visits.mark_stale(session, visits.remove(session, contact_id) | ({began} if began else set()))
    session.execute(delete(CONTACTS).where(CONTACTS.c.id == contact_id))


def _known(session: Session, ids: Sequence[str]) -> dict[str, Any]:
    """What a new version of a record keeps of the stored one, or is compared with, by contact."""
    kept = [CONTACTS.c[name] for name in _KEPT]
    found: dict[str, Any] = {}
    for start in range(0, len(ids), ROWS_AT_ONCE):
        found |= {row.id: row for row in session.execute(select(*kept).where(CONTACTS.c.id.in_(ids[start : start + ROWS_AT_ONCE])))}
    return found


def _row(sealer: Sealer, contact: Contact, before: Any, *, followed: bool) -> dict[str, Any]:
    # Sealing is not deterministic: an unchanged number is not sealed anew.
    index = sealer.index(contact.caller)
    caller = before.caller if before and before.caller_index == index else sealer.seal(contact.caller)
    return {
        "id": contact.id,
        "call": contact.call[:150],
        "sip_call_id": contact.sip_call_id[:255],
        "caller": caller,
        "caller_index": index,
        "caller_name": (before.caller_name if before else "") or sealer.seal(contact.caller_name),
        "dialled": contact.dialled[:80],
        "line": contact.line,
        "language": contact.language,
        "flow_version": contact.flow_version,
        "served_by": contact.served_by,
        "started_at": contact.started_at,
        "answered_at": contact.answered_at,
        "ended_at": contact.ended_at,
        "outcome": contact.outcome.value if contact.outcome else None,
        "failure": contact.failure,
        "pbx": contact.pbx,
        "last_node": contact.path[-1].node[:64] if contact.path else None,
        "nodes": len(contact.path),
        "path": [{"node": step.node, "at": step.at.isoformat(), "keys": step.keys} for step in contact.path],
        "visits": [_visit_as_json(visit) for visit in contact.visits],
        "progress": {**{name: getattr(contact, name) for name in _PROGRESS}, **({FOLLOWED: True} if followed else {})},
    }


def load(session: Session, sealer: Sealer, contact_id: str) -> Contact | None:
    row = session.get(ContactRow, contact_id)
    return _contact(row, sealer) if row else None


def load_all(session: Session, sealer: Sealer, ids: Sequence[str]) -> list[Contact]:
    """Those of these that there are."""
    found: list[Contact] = []
    for start in range(0, len(ids), ROWS_AT_ONCE):
        rows = session.scalars(select(ContactRow).where(ContactRow.id.in_(ids[start : start + ROWS_AT_ONCE])))
        found += [_contact(row, sealer) for row in rows]
    return found


def ids_of_calls(session: Session, calls: Sequence[str], since: datetime) -> list[str]:
    """The contacts that are named like one of these channels, or whose caller's channel it was, if they began after ``since``."""
    found: dict[str, None] = {}
    for start in range(0, len(calls), ROWS_AT_ONCE):
        some = calls[start : start + ROWS_AT_ONCE]
        found |= dict.fromkeys(session.scalars(select(CONTACTS.c.id).where(CONTACTS.c.id.in_(some))))
        found |= dict.fromkeys(session.scalars(select(CONTACTS.c.id).where(CONTACTS.c.call.in_(some), CONTACTS.c.started_at >= since)))
    return list(found)


def unfinished(session: Session, sealer: Sealer) -> list[Contact]:
    """Contacts without an end: the calls that ran when the daemon stopped."""
    rows = session.scalars(select(ContactRow).where(ContactRow.ended_at.is_(None)).order_by(ContactRow.started_at))
    return [_contact(row, sealer) for row in rows]


def latest(
    session: Session,
    sealer: Sealer,
    *,
    limit: int,
    line: str | None = None,
    outcome: str | None = None,
    caller: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Contact]:
    """The newest contacts first, narrowed by what is given. ``caller`` is E.164; times are aware."""
    query = select(ContactRow).order_by(ContactRow.started_at.desc(), ContactRow.id.desc()).limit(limit)
    if line:
        query = query.where(ContactRow.line == line)
    if outcome:
        query = query.where(ContactRow.outcome == outcome)
    if caller:
        query = query.where(ContactRow.caller_index == sealer.index(caller))
    if since:
        query = query.where(ContactRow.started_at >= since)
    if until:
        query = query.where(ContactRow.started_at < until)
    return [_contact(row, sealer) for row in session.scalars(query)]


def with_visits_between(session: Session, sealer: Sealer, start: datetime, end: datetime) -> list[Contact]:
    """Contacts that may have entered a queue in [start, end): those that began then or up to LONGEST_CALL earlier."""
    query = select(ContactRow).where(ContactRow.started_at >= start - LONGEST_CALL, ContactRow.started_at < end)
    return [_contact(row, sealer) for row in session.scalars(query.order_by(ContactRow.started_at))]


def by_sip_call_id(session: Session, sealer: Sealer, sip_call_id: str) -> Contact | None:
    """The contact of one SIP call, by its Call-ID header."""
    row = session.scalars(select(ContactRow).where(ContactRow.sip_call_id == sip_call_id).limit(1)).first()
    return _contact(row, sealer) if row else None


def _contact(row: ContactRow, sealer: Sealer) -> Contact:
    progress = row.progress or {}
    return Contact(
        id=row.id,
        started_at=row.started_at,
        call=row.call,
        caller=sealer.open(row.caller),
        caller_name=sealer.open(row.caller_name),
        dialled=row.dialled,
        sip_call_id=row.sip_call_id,
        line=row.line,
        language=row.language,
        flow_version=row.flow_version,
        ended_at=row.ended_at,
        path=[PathStep(step["node"], datetime.fromisoformat(step["at"]), step["keys"]) for step in row.path],
        visits=visits_of_row(row),
        failure=row.failure,
        served_by=row.served_by,
        pbx=row.pbx,
        **{name: _tuple(progress[name]) for name in _PROGRESS if name in progress},
    )


def visits_of_row(row: ContactRow) -> list[Visit]:
    """The queue visits alone: nothing of the caller is unsealed for them."""
    return [_visit(data) for data in row.visits]


_HINTS = typing.get_type_hints(Visit)
_VISIT_TIMES = frozenset(name for name, kind in _HINTS.items() if datetime in (kind, *typing.get_args(kind)))
_VISIT_PLAIN = tuple(each.name for each in fields(Visit) if each.name not in {*_VISIT_TIMES, "rings", "outcome"})


def _visit_as_json(visit: Visit) -> dict[str, Any]:
    times = {name: at.isoformat() if (at := getattr(visit, name)) else None for name in _VISIT_TIMES}
    plain = {name: getattr(visit, name) for name in _VISIT_PLAIN}
    rings = [_ring_as_json(ring) for ring in visit.rings]
    return {**plain, **times, "rings": rings, "outcome": visit.outcome.value if visit.outcome else None}


def _visit(data: dict[str, Any]) -> Visit:
    """What an older version didn't know of a visit is as ``Visit`` has it by itself."""
    times: dict[str, Any] = {name: _at(data[name]) for name in _VISIT_TIMES if name in data}
    plain: dict[str, Any] = {name: _tuple(data[name]) for name in _VISIT_PLAIN if name in data}
    outcome = VisitOutcome(data["outcome"]) if data["outcome"] else None
    return Visit(**plain, **times, rings=[_ring(ring) for ring in data["rings"]], outcome=outcome)


def _tuple(value: Any) -> Any:
    """JSON knows no tuples, and no contact or visit has other lists in its plain fields."""
    return tuple(value) if isinstance(value, list) else value


def _ring_as_json(ring: Ring) -> list[Any]:
    return [value.isoformat() if isinstance(value := getattr(ring, each.name), datetime) else value for each in fields(Ring)]


def _ring(data: Sequence[Any]) -> Ring:
    """Its fields in their order; an older version knew fewer."""
    agent, call, began, ended, *rest = data
    return Ring(agent, call, datetime.fromisoformat(began), _at(ended), *rest)


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

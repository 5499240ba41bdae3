"""Service records in the database: contacts as rows and back. Functions of a session, run by ``Database.write`` and ``read``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.store.schema import ContactRow
from ivr.store.sealing import Sealer

ROWS_AT_ONCE = 500  # below SQLite's limit of variables
LONGEST_CALL = timedelta(hours=4)  # hotline.longest_call_s can't be set beyond it


def save(session: Session, sealer: Sealer, contacts: Iterable[Contact]) -> list[Contact]:
    """Insert or replace the records of these contacts; gives those that end with this save."""
    ended: list[Contact] = []
    batch = list(contacts)
    rows: dict[str, ContactRow] = {}
    for start in range(0, len(batch), ROWS_AT_ONCE):  # one look for many: each alone would flush the one before
        ids = [contact.id for contact in batch[start : start + ROWS_AT_ONCE]]
        rows |= {row.id: row for row in session.scalars(select(ContactRow).where(ContactRow.id.in_(ids)))}
    for contact in batch:
        row = rows.get(contact.id)
        if row is None:
            row = ContactRow(id=contact.id, caller_index="", caller="", caller_name="")
            session.add(row)
        if contact.ended_at and row.ended_at is None:
            ended.append(contact)
        # Sealing is not deterministic: an unchanged number is not sealed anew.
        if row.caller_index != sealer.index(contact.caller):
            row.caller, row.caller_index = sealer.seal(contact.caller), sealer.index(contact.caller)
        if not row.caller_name:
            row.caller_name = sealer.seal(contact.caller_name)
        row.call, row.sip_call_id, row.dialled = contact.call[:150], contact.sip_call_id[:255], contact.dialled[:80]
        row.line, row.language, row.flow_version = contact.line, contact.language, contact.flow_version
        row.served_by, row.failure = contact.served_by, contact.failure
        row.started_at, row.answered_at, row.ended_at = contact.started_at, contact.answered_at, contact.ended_at
        row.outcome = contact.outcome.value if contact.outcome else None
        row.path = [{"node": step.node, "at": step.at.isoformat(), "keys": step.keys} for step in contact.path]
        row.visits = [_visit_as_json(visit) for visit in contact.visits]
        row.progress = {
            "complaint": contact.complaint,
            "complaint_complete": contact.complaint_complete,
            "left_message": contact.left_message,
            "callback": contact.callback,
            "found_closed": contact.found_closed,
            "hung_up_in_flow": contact.hung_up_in_flow,
            "finished": contact.finished,
            "talked_to": contact.talked_to,
            "resume": contact.resume,
        }
    return ended


def load(session: Session, sealer: Sealer, contact_id: str) -> Contact | None:
    row = session.get(ContactRow, contact_id)
    return _contact(row, sealer) if row else None


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
        complaint=progress.get("complaint"),
        complaint_complete=bool(progress.get("complaint_complete")),
        left_message=bool(progress.get("left_message")),
        callback=progress.get("callback"),
        found_closed=bool(progress.get("found_closed")),
        hung_up_in_flow=bool(progress.get("hung_up_in_flow")),
        finished=bool(progress.get("finished")),
        talked_to=progress.get("talked_to"),
        failure=row.failure,
        served_by=row.served_by,
        resume=progress.get("resume"),
    )


def visits_of_row(row: ContactRow) -> list[Visit]:
    """The queue visits alone: nothing of the caller is unsealed for them."""
    return [_visit(data) for data in row.visits]


_VISIT_TIMES = ("joined_at", "picked_up_at", "answered_at", "unanswered_at", "left_at", "talk_ended_at")
_VISIT_TEXTS = ("queue", "agent", "agent_call", "ended_by", "uncertain")


def _visit_as_json(visit: Visit) -> dict[str, Any]:
    times = {name: at.isoformat() if (at := getattr(visit, name)) else None for name in _VISIT_TIMES}
    texts = {name: getattr(visit, name) for name in _VISIT_TEXTS}
    rings = [[r.agent, r.agent_call, r.began_at.isoformat(), r.ended_at.isoformat() if r.ended_at else None] for r in visit.rings]
    return {**texts, **times, "rings": rings, "outcome": visit.outcome.value if visit.outcome else None}


def _visit(data: dict[str, Any]) -> Visit:
    def at(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    times: dict[str, Any] = {name: at(data[name]) for name in _VISIT_TIMES}
    texts: dict[str, Any] = {name: data[name] for name in _VISIT_TEXTS}
    rings = [Ring(agent, call, datetime.fromisoformat(began), at(ended)) for agent, call, began, ended in data["rings"]]
    outcome = VisitOutcome(data["outcome"]) if data["outcome"] else None
    return Visit(**texts, **times, rings=rings, outcome=outcome)

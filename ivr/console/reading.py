"""What pages and API show, read from the store: lists narrowed by a query, and single records with what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from callbacks.model import OPEN
from ivr.domain.cases import WAITING
from ivr.domain.contacts import Contact
from ivr.store import callbacks, cases, complaints, contacts
from ivr.store.callbacks import CallbackRecord
from ivr.store.cases import CaseEvent
from ivr.store.complaints import Complaint
from ivr.store.schema import CallbackRow, ContactRow, MessageRow
from ivr.store.sealing import Sealer

PAGE = 50
UNANSWERED = "unanswered"  # of complaints: open, verified, solved


@dataclass(frozen=True, slots=True)
class CallFilter:
    """``caller`` is E.164; ``before`` is where the list goes on. "" and None narrow nothing."""

    line: str = ""
    outcome: str = ""
    caller: str = ""
    before: datetime | None = None
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class MessageLeft:
    id: int
    seconds: float | None
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class CallDetail:
    contact: Contact
    complaint: Complaint | None
    messages: Sequence[MessageLeft]
    callback: str | None  # the state of what was promised to its caller


@dataclass(frozen=True, slots=True)
class CaseDetail:
    complaint: Complaint
    events: Sequence[CaseEvent]


def calls(session: Session, sealer: Sealer, wanted: CallFilter) -> Sequence[Contact]:
    """The newest first."""
    return contacts.latest(
        session,
        sealer,
        limit=wanted.limit,
        line=wanted.line or None,
        outcome=wanted.outcome or None,
        caller=wanted.caller or None,
        until=wanted.before,
    )


def call(session: Session, sealer: Sealer, contact_id: str) -> CallDetail | None:
    contact = contacts.load(session, sealer, contact_id)
    if contact is None:
        return None
    complaint = complaints.by_number(session, sealer, contact.complaint) if contact.complaint else None
    messages = [MessageLeft(row.id, row.recording_s, row.taken_at) for row in complaints.messages_of(session, contact_id)]
    return CallDetail(contact, complaint, messages, promised(session, [contact_id]).get(contact_id))


def promised(session: Session, contact_ids: Sequence[str]) -> dict[str, str]:
    """For each of these contacts the state of the latest call promised to its caller since, for whatever call of his."""
    rows = (
        select(ContactRow.id, CallbackRow.state)
        .join(CallbackRow, CallbackRow.number_index == ContactRow.caller_index)
        .where(
            ContactRow.id.in_(contact_ids),
            ContactRow.caller_index != "",
            CallbackRow.reason.in_(callbacks.SERVED_BY_TALKING),
            or_(CallbackRow.state.in_(OPEN), CallbackRow.ended_at >= ContactRow.started_at),
        )
        .order_by(CallbackRow.created_at)
    )
    return {row.id: row.state for row in session.execute(rows)}


def case_list(session: Session, sealer: Sealer, state: str, limit: int, before: datetime | None = None) -> Sequence[Complaint]:
    """``state``: one of theirs, UNANSWERED for all that wait for an answer, or "" for all."""
    states = [each.value for each in WAITING] if state == UNANSWERED else [state] if state else []
    return complaints.latest(session, sealer, limit, states=states, before=before)


def case(session: Session, sealer: Sealer, number: str) -> CaseDetail | None:
    complaint = complaints.by_number(session, sealer, number)
    return CaseDetail(complaint, cases.events_of(session, number)) if complaint else None


def callback_list(session: Session, sealer: Sealer, state: str, limit: int, before: datetime | None = None) -> Sequence[CallbackRecord]:
    return callbacks.latest(session, sealer, limit, state=state or None, before=before)


def message_recording(session: Session, message_id: int) -> str | None:
    row = session.get(MessageRow, message_id)
    return row.recording if row else None

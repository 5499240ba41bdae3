"""The complaint register, messages and their outbox rows. Functions of a session, run by ``Database.write`` and ``read``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.domain import case_deadlines
from ivr.store.case_deadlines import wait_for_answer
from ivr.store.schema import ComplaintCounterRow, ComplaintRow, MessageRow, OutboxRow
from ivr.store.sealing import Sealer

OPEN = "open"
LONGEST_SERIAL = 32  # characters, as the column has it
# The outbox topics and their channel.
COMPLAINT_FILED = "complaint.filed"
COMPLAINT_UPDATED = "complaint.updated"
CRM_CHANNEL = "crm"


@dataclass(frozen=True, slots=True)
class Complaint:
    """One entry of the register, opened. Numbers are E.164 or as given; times are aware UTC.

    ``rejections``: how often the customer rejected what he was told; ``waits_since``: for an answer, from his complaint or last rejection.
    """

    number: str
    key: str
    contact: str
    line: str | None
    serial: str | None
    caller: str
    caller_name: str
    contact_number: str
    recording: str | None
    recording_s: float | None
    incomplete: bool
    state: str
    crm_reference: str | None
    filed_at: datetime
    verdict: str | None = None
    rejections: int = 0
    waits_since: datetime | None = None

    @property
    def answer_by(self) -> datetime:
        """R18."""
        return case_deadlines.answer_by(self.waits_since or self.filed_at)


@dataclass(frozen=True, slots=True)
class NewComplaint:
    """What is filed. The same ``key`` filed again is the same complaint."""

    key: str
    contact: str
    line: str | None
    serial: str | None
    caller: str
    caller_name: str
    contact_number: str
    recording: str | None
    recording_s: float | None
    incomplete: bool


@dataclass(frozen=True, slots=True)
class NewMessage:
    key: str
    contact: str
    line: str | None
    caller: str
    recording: str
    recording_s: float | None
    incomplete: bool


def file(session: Session, sealer: Sealer, new: NewComplaint, *, prefix: str, zone: ZoneInfo, now: datetime) -> str:
    """Register a complaint once, with its outbox row in the same transaction; tells its number (R11).

    Filed again under its key (a time-out was retried, a caller hung up while his number was read out, or told it to the fallback once
    more) it is the same complaint, and whatever it tells more is added, in whichever order they come.
    """
    row = session.scalars(select(ComplaintRow).where(ComplaintRow.key == new.key)).one_or_none()
    if row is not None:
        _tell_more(session, sealer, row, new, now)
        return row.number
    number = _next_number(session, prefix, zone, now)
    session.add(
        ComplaintRow(
            number=number,
            key=new.key,
            contact=new.contact,
            line=new.line,
            serial=new.serial and new.serial[:LONGEST_SERIAL],
            caller=sealer.seal(new.caller),
            caller_name=sealer.seal(new.caller_name),
            contact_number=sealer.seal(new.contact_number),
            contact_number_index=sealer.index(new.contact_number),
            recording=new.recording,
            recording_s=new.recording_s,
            incomplete=new.incomplete,
            state=OPEN,
            filed_at=now,
        )
    )
    session.add(crm_row(f"{COMPLAINT_FILED}:{new.key}", COMPLAINT_FILED, number, {}, now))
    wait_for_answer(session, number, 0, now)
    return number


def _tell_more(session: Session, sealer: Sealer, row: ComplaintRow, new: NewComplaint, now: datetime) -> None:
    """What was incomplete and is now told to the end becomes complete; of two recordings the other one stays as a message."""
    completes = row.incomplete and not new.incomplete
    more = completes
    if new.recording and new.recording != row.recording:
        if row.recording is None:
            row.recording, row.recording_s, more = new.recording, new.recording_s, True
        else:
            other, other_s, half = new.recording, new.recording_s, new.incomplete
            if completes:
                other, other_s, half = row.recording, row.recording_s, True
                row.recording, row.recording_s = new.recording, new.recording_s
            message = NewMessage(f"{row.contact}-{other}", row.contact, row.line, new.caller, other, other_s, half)
            take_message(session, sealer, message, now)
    if new.serial and not row.serial:
        row.serial, more = new.serial[:LONGEST_SERIAL], True
    if new.contact_number not in ("", new.caller) and row.contact_number_index == sealer.index(new.caller):
        row.contact_number, row.contact_number_index, more = sealer.seal(new.contact_number), sealer.index(new.contact_number), True
    row.incomplete = row.incomplete and new.incomplete
    if more:
        of_what = "complete" if completes else sealer.index(f"{row.serial} {row.contact_number_index} {row.recording}")[:12]
        key = f"{COMPLAINT_UPDATED}:{new.key}:{of_what}"
        if session.scalars(select(OutboxRow.id).where(OutboxRow.key == key)).first() is None:
            session.add(crm_row(key, COMPLAINT_UPDATED, row.number, {}, now))


def crm_row(key: str, topic: str, number: str, payload: dict[str, Any], now: datetime) -> OutboxRow:
    """What the CRM is to be told of a complaint: read anew at delivery, so that nothing of the customer stands in the outbox."""
    return OutboxRow(
        key=key,
        channel=CRM_CHANNEL,
        topic=topic,
        subject=number,
        payload=payload,
        state="pending",
        attempts=0,
        created_at=now,
        next_attempt_at=now,
    )


@dataclass(frozen=True, slots=True)
class Telling:
    """How far the CRM was told of a complaint. ``state`` is the outbox's: pending, unknown, done, rejected."""

    topic: str
    state: str
    attempts: int
    last_error: str | None


def tellings(session: Session, number: str) -> Sequence[Telling]:
    """Oldest first."""
    rows = session.scalars(select(OutboxRow).where(OutboxRow.channel == CRM_CHANNEL, OutboxRow.subject == number).order_by(OutboxRow.id))
    return [Telling(row.topic, row.state, row.attempts, row.last_error) for row in rows]


def resend(session: Session, number: str | None) -> int:
    """Let what the CRM rejected of this complaint, or of all, wait to be sent again; tells how many rows."""
    query = select(OutboxRow).where(OutboxRow.channel == CRM_CHANNEL, OutboxRow.state == "rejected")
    found = session.scalars(query if number is None else query.where(OutboxRow.subject == number)).all()
    for row in found:
        row.state = "pending"
    return len(found)


def _next_number(session: Session, prefix: str, zone: ZoneInfo, now: datetime) -> str:
    """C, the local date, five digits: C2026112100001. The counter's row is locked by the transaction."""
    day = now.astimezone(zone).strftime("%Y%m%d")
    counter = session.get(ComplaintCounterRow, day, with_for_update=True)
    if counter is None:
        counter = ComplaintCounterRow(day=day, last=0)
        session.add(counter)
    counter.last += 1
    session.flush()
    return f"{prefix}{day}{counter.last:05d}"


def take_message(session: Session, sealer: Sealer, new: NewMessage, now: datetime) -> None:
    """Keep a message once."""
    if session.scalars(select(MessageRow.id).where(MessageRow.key == new.key)).first() is not None:
        return
    session.add(
        MessageRow(
            key=new.key,
            contact=new.contact,
            line=new.line,
            caller=sealer.seal(new.caller),
            caller_index=sealer.index(new.caller),
            recording=new.recording,
            recording_s=new.recording_s,
            incomplete=new.incomplete,
            taken_at=now,
        )
    )


def latest(
    session: Session, sealer: Sealer, limit: int, *, states: Sequence[str] = (), before: datetime | None = None
) -> Sequence[Complaint]:
    """The newest complaints first, of these states alone where any are given, filed before a moment where one is."""
    query = select(ComplaintRow).order_by(ComplaintRow.filed_at.desc(), ComplaintRow.number.desc()).limit(limit)
    if states:
        query = query.where(ComplaintRow.state.in_(states))
    if before:
        query = query.where(ComplaintRow.filed_at < before)
    return [_complaint(row, sealer) for row in session.scalars(query)]


def by_number(session: Session, sealer: Sealer, number: str) -> Complaint | None:
    row = session.get(ComplaintRow, number)
    return _complaint(row, sealer) if row else None


def messages_of(session: Session, contact: str) -> Sequence[MessageRow]:
    return session.scalars(select(MessageRow).where(MessageRow.contact == contact).order_by(MessageRow.id)).all()


def _complaint(row: ComplaintRow, sealer: Sealer) -> Complaint:
    return Complaint(
        number=row.number,
        key=row.key,
        contact=row.contact,
        line=row.line,
        serial=row.serial,
        caller=sealer.open(row.caller),
        caller_name=sealer.open(row.caller_name),
        contact_number=sealer.open(row.contact_number),
        recording=row.recording,
        recording_s=row.recording_s,
        incomplete=row.incomplete,
        state=row.state,
        crm_reference=row.crm_reference,
        filed_at=row.filed_at,
        verdict=row.verdict,
        rejections=row.rejections,
        waits_since=row.waits_since,
    )

"""What our own store knows of a caller, by the keyed index of his number alone. Functions of a session, for ``ivr.customers``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from callbacks.model import OPEN
from ivr.domain.cases import CaseState
from ivr.domain.contacts import ContactOutcome
from ivr.store.schema import CallbackRow, ComplaintRow, ContactRow, RememberedChoiceRow

RECENTLY = timedelta(hours=24)
LONGEST_CHOICE = 100
# He called and got nothing for it.
UNSERVED = (
    ContactOutcome.ABANDONED_IVR,
    ContactOutcome.ABANDONED_QUEUE,
    ContactOutcome.ABANDONED_RING,
    ContactOutcome.AFTER_HOURS,
    ContactOutcome.REJECTED_CAPACITY,
    ContactOutcome.SYSTEM_ERROR,
)


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """``calls``: how often he called before. ``repeated``: his last call within 24 h was not served. ``complaint``: the newest that he
    filed from this number and that isn't closed, with its line."""

    calls: int = 0
    last_line: str | None = None
    repeated: bool = False
    complaint: str | None = None
    complaint_line: str | None = None
    called_back: bool = False
    choices: dict[str, str] = field(default_factory=dict)


def acquaintance(session: Session, caller_index: str, contact: str, now: datetime) -> Acquaintance:
    """What is known but for the call ``contact``, which is the present one."""
    his = (ContactRow.caller_index == caller_index, ContactRow.id != contact)
    newest = ContactRow.started_at.desc()
    last_line = select(ContactRow.line).where(*his, ContactRow.line.is_not(None)).order_by(newest).limit(1)
    recent = (ContactRow.started_at > now - RECENTLY, ContactRow.outcome.is_not(None))
    last_outcome = session.scalars(select(ContactRow.outcome).where(*his, *recent).order_by(newest).limit(1)).first()
    complaint = session.execute(
        select(ComplaintRow.number, ComplaintRow.line)
        .join(ContactRow, ContactRow.id == ComplaintRow.contact)
        .where(*his, ComplaintRow.state != CaseState.CLOSED)
        .order_by(ComplaintRow.filed_at.desc())
        .limit(1)
    ).first()
    promised = exists().where(CallbackRow.number_index == caller_index, CallbackRow.state.in_(OPEN))
    choices = select(RememberedChoiceRow.name, RememberedChoiceRow.value).where(RememberedChoiceRow.caller_index == caller_index)
    return Acquaintance(
        calls=session.scalar(select(func.count()).select_from(ContactRow).where(*his)) or 0,
        last_line=session.scalars(last_line).first(),
        repeated=last_outcome in UNSERVED,
        complaint=complaint.number if complaint else None,
        complaint_line=complaint.line if complaint else None,
        called_back=bool(session.scalar(select(promised))),
        choices={row.name: row.value for row in session.execute(choices)},
    )


def remember(session: Session, caller_index: str, name: str, value: str, now: datetime) -> None:
    """The newest choice of each name counts."""
    session.merge(RememberedChoiceRow(caller_index=caller_index, name=name, value=value[:LONGEST_CHOICE], at=now))

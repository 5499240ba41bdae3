"""A complaint's handling in the database: its state, its events, and the CRM's row that follows. Functions of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.domain.cases import Case, CaseState, Finding, Step, StepTaken
from ivr.store.case_deadlines import answered, wait_for_answer
from ivr.store.complaints import COMPLAINT_UPDATED, crm_row
from ivr.store.schema import ComplaintEventRow, ComplaintRow

EVENT = "event"  # in the outbox row's payload: the id of the step it tells of


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One line of the handling form 《投诉处理表》. ``at`` is aware UTC."""

    id: int
    at: datetime
    actor: str
    action: str
    note: str


def lock(session: Session, number: str) -> Case | None:
    """The case, held until the transaction ends, so that two people can't take the same step."""
    row = session.get(ComplaintRow, number, with_for_update=True)
    return as_case(row.number, row.state, row.verdict, row.rejections, events_of(session, number)) if row else None


def as_case(number: str, state: str, verdict: str | None, rejections: int, events: Sequence[CaseEvent]) -> Case:
    """From the register's entry and the lines of its form."""
    informed = [event.actor for event in events if event.action == Step.INFORM]
    return Case(
        number,
        CaseState(state),
        Finding(verdict) if verdict else None,
        rejections=rejections,
        informed_by=informed[-1] if informed else "",
        steps=len(events),
        last_by=events[-1].actor if events else "",
    )


def record(session: Session, case: Case, taken: StepTaken, now: datetime) -> None:
    """Keep the case as it is after ``taken``, with who and when, let the CRM know, and begin or end the wait for an answer (R18)."""
    row = session.get_one(ComplaintRow, case.number)
    row.state, row.verdict, row.rejections = case.state.value, case.finding.value if case.finding else None, case.rejections
    if taken.step is Step.REOPEN:
        row.waits_since = now
        wait_for_answer(session, case.number, case.rejections, now)
    elif taken.step is Step.INFORM:
        answered(session, case.number, now)
    event = ComplaintEventRow(complaint=case.number, at=now, actor=taken.actor.strip(), action=taken.step.value, note=taken.note.strip())
    session.add(event)
    session.flush()
    session.add(crm_row(f"{COMPLAINT_UPDATED}:{row.key}:{event.id}", COMPLAINT_UPDATED, case.number, {EVENT: event.id}, now))


def events_of(session: Session, number: str) -> Sequence[CaseEvent]:
    """Oldest first."""
    rows = session.scalars(select(ComplaintEventRow).where(ComplaintEventRow.complaint == number).order_by(ComplaintEventRow.id))
    return [_event(row) for row in rows]


def event(session: Session, event_id: int) -> CaseEvent | None:
    row = session.get(ComplaintEventRow, event_id)
    return _event(row) if row else None


def _event(row: ComplaintEventRow) -> CaseEvent:
    return CaseEvent(row.id, row.at, row.actor, row.action, row.note)

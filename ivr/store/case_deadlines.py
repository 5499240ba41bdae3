"""When unanswered cases go up a level, as rows: written when the wait begins, told once, ended by an answer. Functions of a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ivr.domain.case_deadlines import Level, answer_by, deadlines
from ivr.domain.cases import WAITING
from ivr.store.schema import CaseDeadlineRow, ComplaintRow

DUE, TOLD, ANSWERED, OVERTAKEN = "due", "told", "answered", "overtaken"


@dataclass(frozen=True, slots=True)
class DueCase:
    """An unanswered case at the highest level that is due. Times are aware UTC; ``began_due_at`` is the level's own moment."""

    complaint: str
    line: str | None
    state: str
    round: int
    level: Level
    due_at: datetime
    answer_by: datetime


def wait_for_answer(session: Session, number: str, round_: int, now: datetime) -> None:
    """The customer waits for an answer since ``now``, for the first time or again."""
    session.flush()  # the complaint's own row, which these point to
    for deadline in deadlines(now, round_):
        row = CaseDeadlineRow(complaint=number, round=deadline.round, level=int(deadline.level), due_at=deadline.due_at, state=DUE)
        session.add(row)


def answered(session: Session, number: str, now: datetime) -> None:
    """The customer was told: nobody needs to hear of what isn't due yet."""
    waiting = update(CaseDeadlineRow).where(CaseDeadlineRow.complaint == number, CaseDeadlineRow.state == DUE)
    session.execute(waiting.values(state=ANSWERED, settled_at=now))


def due(session: Session, now: datetime) -> Sequence[DueCase]:
    """The cases with a level that is due, each at its highest alone; the longest due first."""
    query = (
        select(CaseDeadlineRow, ComplaintRow)
        .join(ComplaintRow, ComplaintRow.number == CaseDeadlineRow.complaint)
        .where(CaseDeadlineRow.state == DUE, CaseDeadlineRow.due_at <= now)
        .order_by(CaseDeadlineRow.level)
    )
    found = {
        row.complaint: DueCase(
            row.complaint,
            complaint.line,
            complaint.state,
            row.round,
            Level(row.level),
            row.due_at,
            answer_by(complaint.waits_since or complaint.filed_at),
        )
        for row, complaint in session.execute(query)
    }
    return sorted(found.values(), key=lambda case: case.due_at)


def overdue(session: Session, now: datetime) -> int:
    """How many cases are over their time and not answered yet."""
    query = (
        select(func.count())
        .select_from(CaseDeadlineRow)
        .join(ComplaintRow, ComplaintRow.number == CaseDeadlineRow.complaint)
        .where(
            CaseDeadlineRow.state.in_((DUE, TOLD)),
            CaseDeadlineRow.due_at <= now,
            CaseDeadlineRow.level == int(max(Level)),
            CaseDeadlineRow.round == ComplaintRow.rejections,
            ComplaintRow.state.in_(WAITING),
        )
    )
    return session.scalar(query) or 0


def settle(session: Session, case: DueCase, now: datetime) -> bool:
    """Note that this level is told, and those below it need not be any more; False when another process was first, or it is answered."""
    mine = update(CaseDeadlineRow).where(
        CaseDeadlineRow.complaint == case.complaint, CaseDeadlineRow.round == case.round, CaseDeadlineRow.state == DUE
    )
    told = session.execute(
        mine.where(CaseDeadlineRow.level == int(case.level)).values(state=TOLD, settled_at=now).returning(CaseDeadlineRow.level)
    ).all()
    if told:
        session.execute(mine.where(CaseDeadlineRow.level < int(case.level)).values(state=OVERTAKEN, settled_at=now))
    return bool(told)

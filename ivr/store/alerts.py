"""What the loss-rate rule asks of the database: a window's visits by line, and what each channel was told last. Functions of a session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.domain.contacts import Visit
from ivr.store.contacts import LONGEST_CALL, visits_of_row
from ivr.store.schema import ContactRow, OutboxRow


def visits_by_line(session: Session, start: datetime, end: datetime) -> dict[str, list[Visit]]:
    """The queue visits that began in [start, end), by line. Nothing is unsealed for it. Times are aware."""
    query = select(ContactRow).where(
        ContactRow.started_at >= start - LONGEST_CALL,
        ContactRow.started_at < end,
        ContactRow.line.is_not(None),
        or_(ContactRow.ended_at.is_(None), ContactRow.ended_at >= start),
    )
    found: dict[str, list[Visit]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.line or ""] += [visit for visit in visits_of_row(row) if start <= visit.joined_at < end]
    return found


def last_of_topics(session: Session, topics: Iterable[str]) -> dict[tuple[str, str], tuple[int, str]]:
    """For each (channel, subject) the id and topic of the newest row with one of these topics."""
    query = select(OutboxRow.channel, OutboxRow.subject, OutboxRow.id, OutboxRow.topic).where(OutboxRow.topic.in_(list(topics)))
    return {(channel, subject): (row_id, topic) for channel, subject, row_id, topic in session.execute(query.order_by(OutboxRow.id))}

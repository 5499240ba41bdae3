"""What callers thought of how they were served (R50), offered and answered apart. Functions of a session, run by ``Database.write``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from ivr.store.schema import RatingRow


@dataclass(frozen=True, slots=True)
class Served:
    """Who had served the caller when he was asked."""

    contact: str
    line: str | None
    queue: str | None
    agent: str | None


def offer(session: Session, served: Served, question: str, now: datetime) -> RatingRow:
    """Note that the question was asked; asked again in the same call it is the same row."""
    row = session.get(RatingRow, (served.contact, question))
    if row is None:
        row = RatingRow(contact=served.contact, question=question, line=served.line, queue=served.queue, agent=served.agent, offered_at=now)
        session.add(row)
    return row


def rate(session: Session, served: Served, question: str, rating: int, now: datetime) -> bool:
    """Keep the answer; a later one takes its place. True for the first."""
    row = offer(session, served, question, now)
    first = row.rating is None
    row.rating, row.answered_at = rating, now
    return first

"""When nobody heard Asterisk: the link to its manager was down, or the daemon was. Functions of a session, each may run twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.orm import Session

from ivr.store.inserting import insert_missing, insert_or_replace
from ivr.store.schema import LinkGapRow

GAPS: Table = LinkGapRow.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Gap:
    """Times are aware UTC; ``ended_at`` None: it lasts. ``filled``: queue_log has told the whole of it."""

    began_at: datetime
    ended_at: datetime | None
    filled: bool


def begin(session: Session, pbx: str, at: datetime) -> None:
    """Nobody hears this PBX from now on, if somebody did."""
    if open_since(session, pbx) is None:
        insert_missing(session, GAPS, [{"pbx": pbx, "began_at": at, "ended_at": None, "filled": False}])


def end(session: Session, pbx: str, began_at: datetime, ended_at: datetime) -> None:
    """It is heard again. It was last heard at ``began_at``, which may be earlier than its loss was noticed."""
    began_at = min(began_at, open_since(session, pbx) or began_at)
    session.execute(delete(GAPS).where(GAPS.c.pbx == pbx, GAPS.c.ended_at.is_(None)))
    insert_or_replace(
        session, GAPS, [{"pbx": pbx, "began_at": began_at, "ended_at": max(began_at, ended_at), "filled": False}], ["pbx", "began_at"]
    )


def fill(session: Session, pbx: str, since: datetime, until: datetime) -> None:
    """queue_log has told the gap that ended at ``until``, if it began after ``since``."""
    session.execute(update(GAPS).where(GAPS.c.pbx == pbx, GAPS.c.began_at >= since, GAPS.c.ended_at == until).values(filled=True))


def open_since(session: Session, pbx: str) -> datetime | None:
    """When the gap began that lasts."""
    found: datetime | None = session.scalar(select(func.min(GAPS.c.began_at)).where(GAPS.c.pbx == pbx, GAPS.c.ended_at.is_(None)))
    return found


def between(session: Session, start: datetime, end: datetime) -> Sequence[Gap]:
    """Gaps of any PBX that touch [start, end), the earliest first."""
    touching = (GAPS.c.began_at < end, (GAPS.c.ended_at.is_(None)) | (GAPS.c.ended_at > start))
    rows = session.execute(select(GAPS.c.began_at, GAPS.c.ended_at, GAPS.c.filled).where(*touching).order_by(GAPS.c.began_at))
    return [Gap(row.began_at, row.ended_at, row.filled) for row in rows]

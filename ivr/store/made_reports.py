"""Which reports were made (R52), and what of them was sent. Functions of a session, run by ``Database.write`` and ``read``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.store.schema import MadeReportRow, OutboxRow


@dataclass(frozen=True, slots=True)
class MadeReport:
    """``first``: the period's first local day. ``files``: "zh.html" → its path below the folder of reports."""

    kind: str
    first: date
    made_at: datetime
    files: Mapping[str, str]


def told(session: Session, kind: str, since: date) -> set[date]:
    """The first days of the periods that were made and told, from ``since`` on. What was only made by hand isn't among them."""
    query = select(MadeReportRow.period).where(
        MadeReportRow.kind == kind, MadeReportRow.period >= since.isoformat(), MadeReportRow.told_at.is_not(None)
    )
    return {date.fromisoformat(period) for period in session.scalars(query)}


def record(session: Session, kind: str, first: date, files: Mapping[str, str], now: datetime) -> None:
    """Note that it was made, again if it was before."""
    row = session.get(MadeReportRow, (kind, first.isoformat()), with_for_update=True)
    if row is None:
        row = MadeReportRow(kind=kind, period=first.isoformat())
        session.add(row)
    row.files, row.made_at = dict(files), now
    session.flush()


def mark_told(session: Session, kind: str, first: date, now: datetime) -> bool:
    """Note that what was recorded is told of in this transaction; False when it was told before, and mustn't be again."""
    row = session.get_one(MadeReportRow, (kind, first.isoformat()), with_for_update=True)
    if row.told_at is not None:
        return False
    row.told_at = now
    session.flush()
    return True


def latest(session: Session, limit: int, kind: str | None = None) -> Sequence[MadeReport]:
    """The newest periods first."""
    query = select(MadeReportRow).order_by(MadeReportRow.period.desc(), MadeReportRow.kind).limit(limit)
    return [_made(row) for row in session.scalars(query.where(MadeReportRow.kind == kind) if kind else query)]


def one(session: Session, kind: str, first: date) -> MadeReport | None:
    row = session.get(MadeReportRow, (kind, first.isoformat()))
    return _made(row) if row else None


@dataclass(frozen=True, slots=True)
class Sending:
    """One report on its way to one recipient. ``state`` is the outbox's."""

    recipient: str
    state: str
    last_error: str | None


def sendings(session: Session, subject: str, channel_prefix: str) -> Sequence[Sending]:
    """Of one report, the oldest first; what was delivered a month ago is forgotten."""
    query = select(OutboxRow.channel, OutboxRow.state, OutboxRow.last_error).where(
        OutboxRow.subject == subject, OutboxRow.channel.startswith(channel_prefix, autoescape=True)
    )
    return [
        Sending(channel.removeprefix(channel_prefix), state, error)
        for channel, state, error in session.execute(query.order_by(OutboxRow.id))
    ]


def _made(row: MadeReportRow) -> MadeReport:
    return MadeReport(row.kind, date.fromisoformat(row.period), row.made_at, dict(row.files))

"""Counters that go on over restarts, in the database. Functions of a session, run by ``Database.write`` and ``read``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ivr.store.schema import LinkGapRow, TotalRow

# A counter's name and its labels' values, in the metric's order.
Total = tuple[str, tuple[str, ...]]
_APART = "\t"


def add(session: Session, amounts: Mapping[Total, float]) -> None:
    """Let these counters grow; one that isn't there begins at 0."""
    if not amounts:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(TotalRow)
    grown = statement.on_conflict_do_update(
        index_elements=[TotalRow.name, TotalRow.labels], set_={"value": TotalRow.value + statement.excluded.value}
    )
    session.execute(grown, [{"name": name, "labels": _APART.join(labels), "value": amount} for (name, labels), amount in amounts.items()])


def read(session: Session) -> dict[Total, float]:
    return {(row.name, tuple(row.labels.split(_APART)) if row.labels else ()): row.value for row in session.scalars(select(TotalRow))}


def link_gaps(session: Session, now: datetime) -> tuple[float, int]:
    """For how many seconds nobody listened to Asterisk, up to ``now``, and how often that happened. Both only grow."""
    gaps = session.execute(select(LinkGapRow.began_at, LinkGapRow.ended_at)).all()
    return sum(max(0.0, ((ended or now) - began).total_seconds()) for began, ended in gaps), len(gaps)

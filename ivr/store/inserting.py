"""Many rows in one statement, on SQLite and on PostgreSQL alike. For the modules of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_missing(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert these; a row that is there already, by any unique column, stays as it is."""
    if rows:
        session.execute(_insert(session, table).on_conflict_do_nothing(), list(rows))


def insert_or_replace(session: Session, table: Table, rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Insert these; where one with this key is there, its other columns become the new row's."""
    if rows:
        insert = _insert(session, table)
        # A row that is its key alone is "replaced" by itself: that locks it on PostgreSQL.
        others = {name: insert.excluded[name] for name in rows[0] if name not in key} or {name: insert.excluded[name] for name in key}
        session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=others), list(rows))


def _insert(session: Session, table: Table) -> Any:
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)

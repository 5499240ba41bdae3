"""How far each queue_log has been read, stored with what it told. Functions of a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from ami_bridge.queue_log_file import Position
from ivr.store.inserting import insert_or_replace
from ivr.store.schema import LogPositionRow

POSITIONS: Table = LogPositionRow.__table__  # type: ignore[assignment]
LONGEST_PATH = 255


@dataclass(frozen=True, slots=True)
class Reached:
    """``read_at``: when the log was last looked at from there, aware UTC."""

    position: Position
    read_at: datetime


def keep(session: Session, pbx: str, path: str, position: Position, read_at: datetime) -> None:
    """It has been read to here."""
    row = {
        "pbx": pbx,
        "path": path[-LONGEST_PATH:],
        "inode": position.inode,
        "offset": position.offset,
        "head": position.head,
        "read_at": read_at,
    }
    insert_or_replace(session, POSITIONS, [row], ["pbx", "path"])


def reached(session: Session, pbx: str, path: str) -> Reached | None:
    """None: it was never read."""
    mine = (POSITIONS.c.pbx == pbx, POSITIONS.c.path == path[-LONGEST_PATH:])
    row = session.execute(select(POSITIONS.c.inode, POSITIONS.c.offset, POSITIONS.c.head, POSITIONS.c.read_at).where(*mine)).one_or_none()
    return Reached(Position(row.inode, row.offset, row.head), row.read_at) if row else None


def last_read_at(session: Session, pbx: str) -> datetime | None:
    """When any log of this PBX was last looked at: the daemon lived then."""
    query = select(POSITIONS.c.read_at).where(POSITIONS.c.pbx == pbx).order_by(POSITIONS.c.read_at.desc()).limit(1)
    return session.scalar(query)

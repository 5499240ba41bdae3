"""Follows queue_log where Asterisk writes it into a database (extconfig.conf: ``queue_log => odbc,…``): for an Asterisk on another machine.

For the task that keeps the ledger, instead of ``queue_log_file``; reading blocks, so it calls it in a thread. Nothing is ever written.

Columns as logger.c writes them: ``time`` (text ``%F %T.%6q`` or a timestamp, in Asterisk's local time unless
``queue_log_realtime_use_gmt``), ``callid queuename agent event``, and ``data1`` to ``data5`` or one ``data`` with ``|`` in it. An ``id``
that grows, as contrib/ast-db-manage makes it, is what one goes by; without it, time is, and an hour that comes twice is read as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from ami_bridge.queue_log_file import Position
from ami_bridge.queue_log_verbs import Row

ROWS_AT_ONCE = 2_000
# Rows of several connections are committed out of their order: what is so near to the end is looked at again.
_IDS_AGAIN = 100
_SECONDS_AGAIN = 2
_NAMES = ("callid", "queuename", "agent", "event")
_TIME_TEXT = "%Y-%m-%d %H:%M:%S.%f"


class QueueLogTableError(Exception):
    """The table can't be read: a sentence that says which and why."""


@dataclass(frozen=True, slots=True)
class TableChunk:
    """Rows for ``QueueLogReader.row``, in their order. ``unreadable``: rows left out because their time is none."""

    rows: tuple[Row, ...]
    position: Position | None
    unreadable: int = 0


class QueueLogTable:
    """``engine`` may be of any database that Asterisk writes into; ``zone``: of Asterisk's local time, UTC with use_gmt.

    After a restart, and behind ``end``, some rows of before are read (again): apply their facts idempotently.
    """

    def __init__(self, engine: sql.Engine, name: str = "queue_log", zone: tzinfo = UTC) -> None:
        self._engine = engine
        self._name = name
        self._zone = zone
        self._table: sql.Table | None = None
        self._seen: dict[str, Any] = {}  # rows near the end, by their digest, with their key

    def read(self, position: Position | None) -> TableChunk:
        """The next rows, at most 2 000; none: there are no more now. None begins with the first. Blocks. Raises QueueLogTableError."""
        try:
            table = self._reflected()
            key = table.c.id if "id" in table.c else table.c.time
            again = self._again(key, position)
            found = self._select(table, key, again)
        except SQLAlchemyError as error:
            raise self._unreadable(error) from error
        rows: list[Row] = []
        unreadable, last = 0, None
        for record in found:
            digest = _digest(record)
            if digest in self._seen:
                continue
            self._seen[digest] = record[key.name]
            at = self._utc(record["time"])
            if at is None:
                unreadable += 1
                continue
            last = record[key.name]
            call, queue, agent, verb = (str(record[name] or "") for name in _NAMES)
            rows.append(Row(at, call, queue, agent, verb, _data(record)))
        if last is None:
            return TableChunk((), position)
        return TableChunk(tuple(rows), self._position(key, last), unreadable)

    def end(self) -> Position | None:
        """Behind the last row there is now: who begins there leaves out what was before. Blocks. Raises QueueLogTableError."""
        try:
            table = self._reflected()
            key = table.c.id if "id" in table.c else table.c.time
            with self._engine.connect() as connection:
                last = connection.execute(sql.select(sql.func.max(key))).scalar()
        except SQLAlchemyError as error:
            raise self._unreadable(error) from error
        return self._position(key, last) if last is not None else None

    def _unreadable(self, error: SQLAlchemyError) -> QueueLogTableError:
        return QueueLogTableError(f"the table {self._name} of queue_log can't be read: {type(error).__name__}")

    def _reflected(self) -> sql.Table:
        if self._table is None:
            try:
                table = sql.Table(self._name, sql.MetaData(), autoload_with=self._engine)
            except NoSuchTableError:
                raise QueueLogTableError(
                    f"the database has no table {self._name}: which one does extconfig.conf name for queue_log?"
                ) from None
            if missing := {"time", *_NAMES} - set(table.c.keys()):
                raise QueueLogTableError(f"the table {self._name} has no column {', '.join(sorted(missing))}; is it Asterisk's queue_log?")
            self._table = table
        return self._table

    def _select(self, table: sql.Table, key: sql.Column[Any], again: Any) -> Sequence[sql.RowMapping]:
        self._seen = {digest: value for digest, value in self._seen.items() if again is not None and value >= again}
        statement = sql.select(table).order_by(key).limit(ROWS_AT_ONCE + len(self._seen))
        if again is not None:
            statement = statement.where(key >= again)
        with self._engine.connect() as connection:
            return connection.execute(statement).mappings().all()

    def _again(self, key: sql.Column[Any], position: Position | None) -> Any:
        """From where to look, as the column has it."""
        if position is None:
            return None
        if key.name == "id":
            return position.offset - _IDS_AGAIN
        at = datetime.fromtimestamp(position.offset / 1e6 - _SECONDS_AGAIN, UTC).replace(tzinfo=None)
        if key.type.python_type is datetime:
            return at
        return at.strftime(_TIME_TEXT)

    def _position(self, key: sql.Column[Any], last: Any) -> Position:
        """``offset`` is the id, or the column's time in microseconds as if it were UTC."""
        if key.name == "id":
            return Position("table", int(last), "id")
        moment = _moment(last)
        return Position("table", round(moment.replace(tzinfo=UTC).timestamp() * 1e6) if moment else 0, "time")

    def _utc(self, told: Any) -> datetime | None:
        moment = _moment(told)
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)


def _moment(told: Any) -> datetime | None:
    if isinstance(told, datetime):
        return told
    try:
        return datetime.fromisoformat(str(told).strip())
    except ValueError:
        return None


def _data(record: sql.RowMapping) -> tuple[str, ...]:
    """Of five columns the last keeps what was too much, its ``|`` included."""
    if "data1" not in record:
        return tuple(str(record.get("data") or "").split("|"))
    *first, last = (str(record.get(f"data{number}") or "") for number in range(1, 6))
    fields = [*first, *last.split("|")]
    while fields and not fields[-1]:
        fields.pop()
    return tuple(fields)


def _digest(record: sql.RowMapping) -> str:
    return hashlib.sha256("\0".join(f"{name}={value}" for name, value in sorted(record.items())).encode()).hexdigest()

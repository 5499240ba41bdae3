"""Asterisk's queue_log in a database, whatever its columns are, gives every row once in its order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sql

from ami_bridge.facts import CallerQueued, QueueExited
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.queue_log_table import QueueLogTable, QueueLogTableError

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2026, 11, 22, 9, 0, 0, 123_456)  # noqa: DTZ001 - Asterisk's local time, without its zone
NAMES = ("callid", "queuename", "agent", "event")


class Written:
    """A table as somebody has made it for Asterisk, and what Asterisk puts into it."""

    def __init__(self, folder: Path, *, ids: bool, text: bool, five: bool) -> None:
        self.engine = sql.create_engine(f"sqlite:///{folder / 'asterisk.db'}")
        columns: list[sql.Column[Any]] = (
            [sql.Column("id", sql.BigInteger().with_variant(sql.Integer, "sqlite"), primary_key=True)] if ids else []
        )
        columns.append(sql.Column("time", sql.String(26) if text else sql.DateTime))
        columns += [sql.Column(name, sql.String(80)) for name in NAMES]
        columns += [sql.Column(name, sql.String(100)) for name in ([f"data{n}" for n in range(1, 6)] if five else ["data"])]
        self.table = sql.Table("queue_log", sql.MetaData(), *columns)
        self.table.metadata.create_all(self.engine)
        self.text, self.five = text, five

    def write(self, after: float, call: str, verb: str, *data: str) -> None:
        self.write_all([(after, call, verb, *data)])

    def write_all(self, rows: list[tuple[Any, ...]]) -> None:
        with self.engine.begin() as connection:
            connection.execute(self.table.insert(), [self._values(*row) for row in rows])

    def _values(self, after: float, call: str, verb: str, *data: str) -> dict[str, Any]:
        at = FIRST + timedelta(seconds=after)
        values: dict[str, Any] = {"time": at.strftime("%Y-%m-%d %H:%M:%S.%f") if self.text else at}
        values |= dict(zip(NAMES, (call, "hr", "NONE", verb), strict=True))
        return values | ({f"data{n}": value for n, value in enumerate(data, start=1)} if self.five else {"data": "|".join(data)})


@pytest.fixture(params=[(True, False, True), (True, True, False), (False, True, True), (False, False, True)], ids=str)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Written:
    ids, text, five = request.param
    return Written(tmp_path, ids=ids, text=text, five=five)


def test_rows_become_the_facts_of_the_file(written: Written) -> None:
    written.write(0, "1.1", "ENTERQUEUE", "", "13800138000", "2")
    written.write(5, "1.1", "ABANDON", "1", "2", "5")
    reader = QueueLogReader("table queue_log")
    chunk = QueueLogTable(written.engine, zone=SHANGHAI).read(None)
    at = FIRST.replace(tzinfo=SHANGHAI).astimezone(UTC)
    assert [fact for row in chunk.rows for fact in reader.row(row)] == [
        CallerQueued(at, "", "1.1", "hr", 2, "13800138000"),
        QueueExited(at + timedelta(seconds=5), "", "1.1", "hr", "HANGUP"),
    ]
    assert reader.counts == {}


def test_every_row_comes_once_and_late_ones_too(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ami_bridge.queue_log_table.ROWS_AT_ONCE", 3)
    table = QueueLogTable(written.engine)
    assert table.read(None).rows == ()
    written.write_all([(number // 3, str(number), "SYSCOMPAT") for number in range(8)])  # three in the same moment
    found, position = [], None
    while (chunk := table.read(position)).rows:
        assert len(chunk.rows) <= 3
        found += [row.call for row in chunk.rows]
        position = chunk.position
    assert found == [str(number) for number in range(8)]
    written.write(1.5, "late", "SYSCOMPAT")  # of another connection, committed after the others
    assert [row.call for row in table.read(position).rows] == ["late"]


def test_a_new_start_goes_on_near_where_it_was(written: Written) -> None:
    written.write_all([(number, str(number), "SYSCOMPAT") for number in range(300)])
    position = QueueLogTable(written.engine).read(None).position
    written.write(301, "new", "SYSCOMPAT")
    calls = [row.call for row in QueueLogTable(written.engine).read(position).rows]
    assert calls[-1] == "new"
    assert len(calls) <= 102


def test_one_may_begin_at_the_end(written: Written) -> None:
    assert QueueLogTable(written.engine).end() is None
    written.write_all([(number, str(number), "SYSCOMPAT") for number in range(300)])
    position = QueueLogTable(written.engine).end()
    written.write(301, "new", "SYSCOMPAT")
    calls = [row.call for row in QueueLogTable(written.engine).read(position).rows]
    assert calls[-1] == "new"
    assert len(calls) <= 102


def test_a_time_that_is_none_is_counted(tmp_path: Path) -> None:
    written = Written(tmp_path, ids=True, text=True, five=True)
    written.write(0, "1.1", "SYSCOMPAT")
    with written.engine.begin() as connection:
        connection.execute(written.table.update().values(time="soon"))
    written.write(1, "1.2", "SYSCOMPAT")
    chunk = QueueLogTable(written.engine).read(None)
    assert ([row.call for row in chunk.rows], chunk.unreadable) == (["1.2"], 1)


def test_what_is_too_much_for_five_columns_is_cut_again(tmp_path: Path) -> None:
    written = Written(tmp_path, ids=True, text=False, five=True)
    written.write(0, "1.1", "ATTENDEDTRANSFER", "LINK", "PJSIP/1", "PJSIP/2", "9", "60|2")
    assert QueueLogTable(written.engine).read(None).rows[0].data == ("LINK", "PJSIP/1", "PJSIP/2", "9", "60", "2")


def test_a_table_that_is_not_asterisks_is_said(tmp_path: Path) -> None:
    written = Written(tmp_path, ids=True, text=True, five=True)
    with pytest.raises(QueueLogTableError, match="no table other: which one does extconfig"):
        QueueLogTable(written.engine, "other").read(None)
    with written.engine.begin() as connection:
        connection.execute(sql.text("CREATE TABLE other (time TEXT, callid TEXT)"))
    with pytest.raises(QueueLogTableError, match="has no column agent, event, queuename"):
        QueueLogTable(written.engine, "other").read(None)
    gone = sql.create_engine(f"sqlite:///{tmp_path / 'absent' / 'x.db'}")
    with pytest.raises(QueueLogTableError, match="can't be read: OperationalError"):
        QueueLogTable(gone).read(None)

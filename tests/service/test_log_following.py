"""queue_log is followed from where it was left, each row exactly once, and what can't be read is said once."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs
from support.house import new_database
from support.one_call import ABANDONED, ANSWERED, CALL, FIRST_ROW, SEALER, Books, at, books, row

from ami_bridge import facts as a
from ami_bridge.queue_log_file import Position
from ivr.checking import faults_of
from ivr.ledger_pruning import LedgerPruning
from ivr.log_following import LogFollowing
from ivr.queue_log_source import LogUnreadableError, Rows, source_of
from ivr.settings import load
from ivr.store import ledger, link_gaps, log_positions
from ivr.store.database import Database, StoreError
from ivr.tracking import Tracker


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Books]:
    database = new_database(tmp_path)
    yield await books(database, tmp_path)
    database.close()


def logged(database: Database) -> list[str]:
    """What the ledger has of queue_log, in the order it was told."""
    with database.engine.connect() as connection:
        return list(connection.execute(text("SELECT kind FROM ledger WHERE source = 'queue_log' ORDER BY seq")).scalars())


def offset(house: Books) -> int:
    found = house.database.read_now(partial(log_positions.reached, pbx="main", path=str(house.log)))
    assert found is not None
    return found.position.offset


async def test_the_first_start_ever_begins_at_the_logs_end(house: Books) -> None:
    assert logged(house.database) == []
    assert offset(house) == len(FIRST_ROW)
    house.tell(row(1, "hr|NONE|ENTERQUEUE||13800138000|1"))
    await house.settle()
    assert logged(house.database) == ["CallerQueued"]


async def test_a_log_that_comes_later_is_read_from_its_beginning(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    house = Books(database, tmp_path / "queue_log")
    with capture_logs() as said:
        await house.start()
        for _ in range(3):
            await house.following.look()
    assert (house.following.status.trouble or "").startswith("there is none")
    assert [line["why"] for line in said if line["log_level"] == "warning"] == [house.following.status.trouble], "it is said once"
    house.tell(FIRST_ROW)
    await house.settle()
    assert house.following.status.trouble is None
    assert logged(database) == ["AsteriskStarted"]
    database.close()


async def test_rows_and_position_are_stored_together_or_not_at_all(house: Books) -> None:
    def full(_: object) -> None:
        raise OSError("disk full")

    house.tell(row(1, "hr|NONE|ENTERQUEUE||13800138000|1"))
    house.tracker.also(full)  # type: ignore[arg-type]
    await house.following.look()
    with pytest.raises((StoreError, OSError)):
        await house.tracker.flush()
    assert (logged(house.database), offset(house)) == ([], len(FIRST_ROW))
    await house.kill()
    await house.settle()
    assert (logged(house.database), offset(house)) == (["CallerQueued"], house.log.stat().st_size)


async def test_rows_read_again_are_known(house: Books) -> None:
    for step in ANSWERED:
        house.tell(step)
    await house.settle()
    before = logged(house.database)
    with house.database.engine.begin() as connection:
        connection.execute(text('UPDATE log_positions SET "offset" = :there'), {"there": len(FIRST_ROW)})
    await house.kill()
    await house.settle()
    assert logged(house.database) == before


async def test_it_goes_on_through_a_rotation(house: Books) -> None:
    house.tell(row(2, "hr|NONE|ENTERQUEUE||13800138000|1"))
    await house.settle()
    house.tell(row(5, "hr|NONE|ABANDON|1|1|3"))
    house.log.rename(house.log.with_name("queue_log.0"))
    house.log.write_text(f"{int(at(9).timestamp())}|NONE|NONE|NONE|CONFIGRELOAD|\n" + row(10, "hr|NONE|ENTERQUEUE||1|1", "main-8.1"))
    await house.settle()
    assert logged(house.database) == ["CallerQueued", "QueueExited", "CallerQueued"]


async def test_odd_rows_are_said_with_their_place_and_cost_nothing(house: Books) -> None:
    with capture_logs() as said:
        house.tell("nonsense\n")
        house.tell(row(2, "hr|NONE|ENTERQUEUE||13800138000|1"))
        await house.settle()
    assert any("queue_log:2: " in str(line.get("what")) for line in said)
    assert logged(house.database) == ["CallerQueued"]


async def test_a_log_that_was_cut_short_leaves_the_gap_unfilled(house: Books) -> None:
    for step in ANSWERED[:6]:
        house.tell(step)
    await house.settle()
    lost_at = house.now
    house.now = at(30)
    house.log.write_text(f"{int(at(28).timestamp())}|NONE|NONE|NONE|CONFIGRELOAD|\n")
    house.link_up(gap_from=lost_at)
    await house.settle()
    (gap,) = house.database.read_now(lambda session: link_gaps.between(session, at(-60), at(600)))
    assert (gap.began_at, gap.filled) == (lost_at, False)
    assert (await house.record()).visits[0].quality == "uncertain"


async def test_a_gap_that_lasted_through_a_kill_is_one_gap(house: Books) -> None:
    for step in ANSWERED[:6]:
        house.tell(step)
    lost_at = house.now
    house.tracker.apply(a.LinkLost(lost_at, "dropped"))
    await house.settle()
    for step in ANSWERED[6:]:
        house.log_only(step)
    await house.kill()
    assert house.tracker.unheard_since == lost_at
    house.link_up()
    await house.settle()
    (gap,) = house.database.read_now(lambda session: link_gaps.between(session, at(-60), at(600)))
    assert (gap.began_at, gap.filled) == (lost_at, True)


async def test_a_daemon_that_was_away_leaves_a_gap_since_its_last_sign_of_life(house: Books) -> None:
    house.now = at(100)
    await house.settle()  # nobody calls: the look into the log is the sign
    last = house.now
    house.now = at(500)
    await house.kill()
    house.link_up()
    await house.settle()
    (gap,) = house.database.read_now(lambda session: link_gaps.between(session, at(-60), at(900)))
    assert last - timedelta(seconds=31) <= gap.began_at <= last
    assert gap.ended_at == at(500)


class StuckSource:
    """A log on a file system that doesn't answer."""

    name = "/mnt/queue_log"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.readings = 0

    def end(self) -> Position | None:
        return Position("1:1", 0, "0::0")

    def read(self, position: Position | None) -> Rows:
        self.readings += 1
        self.let_go.wait(10)
        return Rows((), position, 0)


async def test_a_reading_that_hangs_is_given_no_second_thread(tmp_path: Path) -> None:
    database, source = new_database(tmp_path), StuckSource()
    tracker = Tracker(database, SEALER)
    following = LogFollowing(source, tracker, database, pbx="main", read_deadline_s=0.05)
    await following.open()
    try:
        for _ in range(3):
            await following.look()
        assert source.readings == 1
        assert following.status.trouble == "it can't be read within 0.05 s"
        assert not tracker.log_waiting.followed, "nothing waits for it"
    finally:
        source.let_go.set()
    database.close()


class ForbiddenSource(StuckSource):
    def end(self) -> Position | None:
        raise LogUnreadableError("/mnt/queue_log: Permission denied")

    read = None  # type: ignore[assignment]


async def test_a_log_that_may_not_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    following = LogFollowing(ForbiddenSource(), Tracker(database, SEALER), database, pbx="main")
    await following.open()
    assert following.status.trouble == "/mnt/queue_log: Permission denied"
    database.close()


async def test_nothing_is_read_while_the_database_refuses(house: Books) -> None:
    house.tracker.store_failing = "the database refused: disk full"
    house.tell(row(1, "hr|NONE|ENTERQUEUE||13800138000|1"))
    await house.following.look()
    house.tracker.store_failing = None
    await house.tracker.flush()
    assert logged(house.database) == []


async def test_late_facts_of_ami_recall_their_contact_and_those_of_strangers_cost_one_look(house: Books) -> None:
    for step in ABANDONED:
        house.tell(step)
    await house.settle()
    house.now = at(600)
    await house.tracker.flush()
    reads: list[object] = []
    read = house.database.read

    async def counted(work: object, *rest: object) -> object:
        reads.append(work)
        return await read(work, *rest)  # type: ignore[arg-type]

    house.database.read = counted  # type: ignore[assignment,method-assign]
    house.tracker.apply(a.CallEnded(at(600), CALL, "main-7.99", 16))
    assert house.tracker.get(CALL) is None, "the loop isn't held up"
    await house.tracker.flush()
    assert (await house.record()).path
    for number in range(5):
        house.tracker.apply(a.CallEnded(at(601 + number), "main-9.9", "main-9.9", 16))
        await house.tracker.flush()
    assert len(reads) == 3, "one for the late fact, one of this test, one for the stranger"


async def test_an_agents_state_is_told_when_it_changes(house: Books) -> None:
    def kinds() -> list[str]:
        with house.database.engine.connect() as connection:
            return list(connection.execute(text("SELECT body FROM ledger WHERE kind = 'AgentStateReported'")).scalars())

    for second, state in enumerate((1, 1, 2, 2, 1)):
        house.tracker.apply(a.AgentStateReported(at(second), "hr", "Li Na", state, paused=False))
    await house.tracker.flush()
    assert len(kinds()) == 3


async def test_what_was_kept_long_enough_goes(house: Books) -> None:
    for step in ABANDONED:
        house.tell(step)
    await house.settle()
    later = at(0) + timedelta(days=401)
    assert await LedgerPruning(house.database, 0, clock=lambda: later).prune() == 0
    assert await LedgerPruning(house.database, 400, clock=lambda: later).prune() > 0
    assert house.database.read_now(partial(ledger.of_contact, sealer=SEALER, contact_id=CALL)) == []
    assert (await house.record()).visits, "records stay"


async def test_a_log_without_the_right_to_read_it_degrades(house: Books) -> None:
    if os.geteuid() == 0:  # root may read everything: a folder in its place can't be read by anybody
        house.log.unlink()
        house.log.mkdir()
    else:
        house.log.chmod(0)
    await house.following.look()
    assert "queue_log" in (house.following.status.trouble or "")


def test_a_url_that_no_database_has_is_a_fault_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRD_ASTERISK__QUEUE_LOG", "foo://asterisk@db/asterisk")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    assert any("asterisk.queue_log" in fault for fault in faults_of(load()))


async def test_a_table_is_followed_as_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk on another machine, whose realtime engine writes queue_log into a database, in local time."""
    monkeypatch.setenv("IVRD_ASTERISK__QUEUE_LOG", f"sqlite:///{tmp_path / 'asterisk.db'}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    asterisk, database = create_engine(f"sqlite:///{tmp_path / 'asterisk.db'}"), new_database(tmp_path)
    columns = "time, callid, queuename, agent, event, data1, data2, data3, data4, data5"
    with asterisk.begin() as connection:
        connection.execute(text(f"CREATE TABLE queue_log (id INTEGER PRIMARY KEY, {columns.replace(',', ' TEXT,')} TEXT)"))

    def write(seconds: float, call: str, agent: str, event: str, *data: str) -> None:
        local = at(seconds).astimezone(ZoneInfo("Asia/Shanghai"))
        values = (f"{local:%Y-%m-%d %H:%M:%S.%f}", call, "hr", agent, event, *data, *([""] * (5 - len(data))))
        with asterisk.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO queue_log ({columns}) VALUES ({', '.join('?' * 10)})", values)  # noqa: S608

    write(-60, "NONE", "NONE", "CONFIGRELOAD")
    tracker = Tracker(database, SEALER, clock=lambda: at(100))
    following = LogFollowing(source_of(load()), tracker, database, pbx="main", clock=lambda: at(100))
    await following.open()
    write(2, CALL, "NONE", "ENTERQUEUE", "", "13800138000", "1")
    write(12, CALL, "NONE", "ABANDON", "1", "1", "10")
    for _ in range(4):
        await following.look()
        await tracker.flush()
    assert following.status.trouble is None
    contact = await tracker.recall(CALL)
    assert contact is not None
    assert (contact.visits[0].wait_s, contact.visits[0].joined_at, contact.caller) == (10.0, at(2), "+8613800138000")
    asterisk.dispose()
    database.close()

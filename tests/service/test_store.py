"""The store on a real SQLite file: exactly once, sealed, migrated, and honest when it can't."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from support.house import ZONE, new_database

from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.store import complaints, contacts
from ivr.store.complaints import NewComplaint, NewMessage
from ivr.store.database import Database, StoreError
from ivr.store.schema import Base, OutboxRow
from ivr.store.sealing import SealBrokenError, Sealer

NOW = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # 01:30 on the 21st in Shanghai
SEALER = Sealer("a secret for tests")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_database(tmp_path)


def new(key: str = "7.1-complaint", *, incomplete: bool = False, recording: str | None = "2026/x") -> NewComplaint:
    return NewComplaint(key, "7.1", "complaint", "1234", "+8613800138000", "王明", "+8613800138000", recording, 6.0, incomplete)


def file(database: Database, complaint: NewComplaint, now: datetime = NOW) -> str:
    return database.write_now(partial(complaints.file, sealer=SEALER, new=complaint, prefix="C", zone=ZONE, now=now))


def test_the_migrations_make_the_schema(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    assert not database.upgrade()


def test_a_newer_programs_schema_is_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="of a newer ivrd"):
        database.upgrade()


def test_r11_numbers_count_from_one_each_local_day(database: Database) -> None:
    assert [file(database, new(str(i))) for i in range(2)] == ["C2026112100001", "C2026112100002"]
    assert file(database, new("next"), NOW + timedelta(days=1)) == "C2026112200001"


def test_a_complaint_filed_again_is_the_same_one(database: Database) -> None:
    first = file(database, new(incomplete=True, recording=None))
    assert file(database, new()) == first
    (complaint,) = database.read_now(lambda session: complaints.latest(session, SEALER, 10))
    assert (complaint.incomplete, complaint.recording) == (False, "2026/x")
    assert file(database, new(incomplete=True)) == first
    (complaint,) = database.read_now(lambda session: complaints.latest(session, SEALER, 10))
    assert not complaint.incomplete
    topics = [row.topic for row in database.read_now(lambda session: session.query(OutboxRow).order_by(OutboxRow.id).all())]
    assert topics == ["complaint.filed", "complaint.updated"], "the CRM hears once of it, and once that it was told to its end"


def test_writers_in_many_threads_give_out_each_number_once(database: Database) -> None:
    """As two processes would: the command line and the daemon."""
    barrier = threading.Barrier(8)

    def race(i: int) -> str:
        barrier.wait()
        return file(database, new(f"race-{i}"))

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(race, range(8)))
    assert sorted(numbers) == [f"C20261121{i:05d}" for i in range(1, 9)]


def test_r60_numbers_and_names_dont_stand_in_the_file(database: Database, tmp_path: Path) -> None:
    file(database, new())
    contact = Contact("7.1", NOW, caller="+8613800138000", caller_name="王明")
    database.write_now(partial(contacts.save, sealer=SEALER, contacts=[contact]))
    database.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"13800138000" not in raw
    assert "王明".encode() not in raw


def test_a_contact_comes_back_as_it_was(database: Database) -> None:
    visit = Visit(
        "hr", NOW, [Ring("Li Na", "7.2", NOW, NOW)], NOW, NOW, NOW, NOW, "Li Na", "7.2", NOW, "agent", VisitOutcome.ANSWERED, True
    )
    contact = Contact(
        id="7.1", started_at=NOW, call="7.1", caller="+8613800138000", caller_name="王明", dialled="400", sip_call_id="a@b",
        line="hr", language="zh", flow_version="v", ended_at=NOW, path=[PathStep("menu", NOW, "1")], visits=[visit],
        complaint="C1", complaint_complete=True, left_message=True, found_closed=True, hung_up_in_flow=True, finished=True,
        failure="x", served_by="flow", resume={"frames": []},
    )  # fmt: skip
    database.write_now(partial(contacts.save, sealer=SEALER, contacts=[contact]))
    assert database.read_now(partial(contacts.load, sealer=SEALER, contact_id="7.1")) == contact
    assert database.read_now(partial(contacts.by_sip_call_id, sealer=SEALER, sip_call_id="a@b")) == contact
    assert database.read_now(partial(contacts.latest, sealer=SEALER, limit=5, caller="+8613800138000")) == [contact]
    assert database.read_now(partial(contacts.latest, sealer=SEALER, limit=5, line="course")) == []


def test_another_key_cant_open_what_was_sealed() -> None:
    sealed = SEALER.seal("+8613800138000")
    assert SEALER.open(sealed) == "+8613800138000"
    with pytest.raises(SealBrokenError, match="data_key"):
        Sealer("another").open(sealed)
    assert Sealer("another").index("+8613800138000") != SEALER.index("+8613800138000")


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match="zone"):
        file(database, new(), NOW.replace(tzinfo=None))


def test_a_message_is_kept_once(database: Database) -> None:
    message = NewMessage("k", "7.1", "hr", "", "2026/m", 3.0, False)
    for _ in range(2):
        database.write_now(partial(complaints.take_message, sealer=SEALER, new=message, now=NOW))
    assert len(database.read_now(partial(complaints.messages_of, contact="7.1"))) == 1


def test_a_folder_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="refused"):
        Database(f"sqlite:///{tmp_path / 'x.db'}").upgrade()


async def test_a_write_that_takes_too_long_is_given_up_on_but_may_commit(database: Database) -> None:
    started = threading.Event()

    def slow(session: object) -> None:
        started.set()
        threading.Event().wait(0.3)

    with pytest.raises(StoreError, match="did not answer"):
        await database.write(slow, timeout_s=0.05)
    assert started.is_set()
    await database.probe()

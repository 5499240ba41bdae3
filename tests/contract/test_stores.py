"""One suite over both databases: what is promised of SQLite holds on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from support.house import ZONE

from callflows.trial import TrialCall
from ivr import flow_service
from ivr.domain.contacts import Contact, PathStep, Visit, VisitOutcome
from ivr.store import complaints, contacts, flow_versions, totals
from ivr.store.complaints import NewComplaint
from ivr.store.database import Database, StoreError
from ivr.store.schema import Base
from ivr.store.sealing import Sealer

SEALER = Sealer("a secret for tests")
NOW = datetime(2026, 11, 20, 17, 30, 1, 250000, tzinfo=UTC)
WRITERS = 8


def file(database: Database, key: str) -> str:
    new = NewComplaint(key, "7.1", "complaint", "1234", "+8613800138000", "王明", "+8613800138000", "2026/x", 6.0, False)
    return database.write_now(partial(complaints.file, sealer=SEALER, new=new, prefix="C", zone=ZONE, now=NOW))


def at_once(database: Database, keys: list[str]) -> list[str]:
    barrier = threading.Barrier(len(keys))

    def race(key: str) -> str:
        barrier.wait()
        return file(database, key)

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(race, keys))


def test_the_migrations_make_the_schema(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    assert not database.upgrade()


def test_each_number_is_given_out_once_however_many_write(database: Database) -> None:
    numbers = at_once(database, [f"race-{i}" for i in range(WRITERS)])
    assert sorted(numbers) == [f"C20261121{i:05d}" for i in range(1, WRITERS + 1)]


def test_the_same_complaint_filed_at_once_is_one(database: Database) -> None:
    assert len(set(at_once(database, ["same"] * WRITERS))) == 1
    assert len(database.read_now(lambda session: complaints.latest(session, SEALER, 10))) == 1


def test_of_many_who_change_the_flows_in_service_at_once_one_is_first(database: Database) -> None:
    first = database.write_now(partial(flow_service.publish, version="v1", sources={"a.yaml": "一"}, by="lin", note="", now=NOW))
    database.write_now(partial(flow_versions.keep, version="v2", sources={"a.yaml": "二"}, by="lin", note="", now=NOW))
    change = flow_versions.Change(flow_versions.Step.PUBLISH, "v2", "at once")
    barrier = threading.Barrier(WRITERS)

    def race(_: int) -> bool:
        barrier.wait()
        try:
            database.write_now(partial(flow_versions.take, change=change, after=first.id, actor="mei", now=NOW))
        except flow_versions.OvertakenError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(race, range(WRITERS))) == 1
    served = database.read_now(flow_versions.history)
    assert [(step.version, step.actor, step.at) for step in served] == [("v1", "lin", NOW), ("v2", "mei", NOW)]
    kept = database.read_now(partial(flow_versions.load, version="v2"))
    assert kept is not None
    assert kept.sources == {"a.yaml": "二"}


def test_two_first_starts_at_once_publish_once(database: Database) -> None:
    barrier = threading.Barrier(WRITERS)

    def race(_: int) -> bool:
        barrier.wait()
        try:
            database.write_now(partial(flow_service.publish, version="v1", sources={}, by="ivrd", note="", now=NOW))
        except (flow_service.StepRefusedError, flow_versions.OvertakenError):
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(race, range(WRITERS))) == 1
    assert len(database.read_now(flow_versions.history)) == 1


def test_the_calls_and_paths_of_a_trial_are_found(database: Database) -> None:
    ended = [
        Contact("1.1", NOW, caller="+8613800138000", flow_version="v1", ended_at=NOW, path=[PathStep("menu", NOW)], finished=True),
        Contact("2.1", NOW, flow_version="v2", ended_at=NOW, path=[PathStep("menu", NOW)], hung_up_in_flow=True),
        Contact("3.1", NOW, flow_version="v2"),  # goes on
    ]
    database.write_now(partial(contacts.save, sealer=SEALER, contacts=ended))
    calls = database.read_now(partial(flow_versions.calls_of, versions=["v1", "v2"], since=NOW))
    assert calls == [TrialCall(SEALER.index("+8613800138000"), "v1", False), TrialCall("2.1", "v2", True)]
    paths = database.read_now(partial(flow_versions.paths_between, start=NOW, end=NOW + timedelta(days=1), version="v2"))
    assert paths == [flow_versions.WalkedPath(("menu",), True)]


def test_a_contact_comes_back_as_it_was(database: Database) -> None:
    visit = Visit("hr", NOW, picked_up_at=NOW, answered_at=NOW, agent="Li Na", outcome=VisitOutcome.ANSWERED)
    contact = Contact("7.1", NOW, caller="+8613800138000", caller_name="王明", path=[PathStep("menu", NOW, "1")], visits=[visit])
    for _ in range(2):
        database.write_now(partial(contacts.save, sealer=SEALER, contacts=[contact]))
    assert database.read_now(partial(contacts.load, sealer=SEALER, contact_id="7.1")) == contact
    assert database.read_now(partial(contacts.unfinished, sealer=SEALER)) == [contact]
    assert database.read_now(partial(contacts.latest, sealer=SEALER, limit=5, caller="+8613800138000")) == [contact]


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def half(session: object) -> None:
        contacts.save(session, SEALER, [Contact("7.9", NOW)])  # type: ignore[arg-type]
        session.execute(text("SELECT * FROM nowhere"))  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="refused"):
        await database.write(half)
    assert await asyncio.to_thread(database.read_now, partial(contacts.load, sealer=SEALER, contact_id="7.9")) is None
    await database.probe()


def test_counters_grow_together_and_begin_at_nothing(database: Database) -> None:
    first, second = ("contacts", ("hr", "answered")), ("answer_waits_sum", ("hr",))
    database.write_now(partial(totals.add, amounts={first: 1.0, second: 2.5}))
    database.write_now(partial(totals.add, amounts={first: 2.0}))
    assert database.read_now(totals.read) == {first: 3.0, second: 2.5}

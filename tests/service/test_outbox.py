"""The outbox: in order within a channel, for ever or until it is too late, under one key, whatever the other side answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from support.house import new_database
from support.outgoing import NOW, Clock, ScriptedCarrier, put, rows, run_for, until

from ivr.delivery import Delivered, Delivery, Disabled, NotYet, Rejected, RetryLater, Unknown
from ivr.outbox import STUBBORN_AFTER, Outbox, retry_delay_s
from ivr.store.database import Database, StoreError


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_database(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_retries_grow_to_the_longest() -> None:
    assert [retry_delay_s(n, 900.0) for n in (1, 2, 3, 8, 9, 10_000)] == [5, 10, 20, 640, 900, 900]


async def test_it_retries_until_delivered_and_no_longer(database: Database, clock: Clock) -> None:
    put(database, "a")
    carrier = ScriptedCarrier(RetryLater("down"), RetryLater("still down"), Delivered("case-1"))
    outbox = Outbox(database, [carrier], clock)
    await outbox.deliver_due("crm")
    assert await outbox.deliver_due("crm") == 5.0, "not before its time, and it says when"
    assert outbox.troubles == ["crm: down"]
    await run_for(outbox, clock, 3600)
    assert [parcel.attempts for parcel in carrier.seen] == [0, 1, 2]
    assert (rows(database), carrier.settled_keys, outbox.troubles) == ([("a", "done", 3)], ["a"], [])


async def test_what_was_delivered_long_ago_is_forgotten_and_nothing_else(database: Database, clock: Clock) -> None:
    for key in ("delivered", "rejected", "late"):
        put(database, key)
    outbox = Outbox(database, [ScriptedCarrier(Delivered(), Rejected("no"), *[RetryLater("down")] * 99)], clock, timedelta(days=2))
    await run_for(outbox, clock, 60)
    clock.now += timedelta(days=1)
    assert await outbox.forget_old() == 0, "two days are kept"
    clock.now += timedelta(days=1, minutes=1)
    assert await outbox.forget_old() == 1
    assert {key for key, *_ in rows(database)} == {"rejected", "late"}


async def test_nothing_overtakes_what_cant_be_delivered_now(database: Database, clock: Clock) -> None:
    for key in "abc":
        put(database, key)
    carrier = ScriptedCarrier(*[RetryLater("down")] * 5)
    await run_for(Outbox(database, [carrier], clock), clock, 600)
    assert [parcel.key for parcel in carrier.seen] == ["a"] * 6 + ["b", "c"]


ANSWERS = st.sampled_from([RetryLater("503"), Unknown("no answer"), ZeroDivisionError(), NotYet(2.0), RetryLater("429", 30.0), Delivered()])


@given(answers=st.lists(ANSWERS, max_size=20), restarts=st.sets(st.integers(0, 20)))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_answered_each_is_settled_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Delivery | NotYet | Exception], restarts: set[int]
) -> None:
    clock, database = Clock(), new_database(tmp_path_factory.mktemp("outbox"))
    for key in "abc":
        put(database, key)
    carrier = ScriptedCarrier(*answers)
    outbox = Outbox(database, [carrier], clock)
    for turn in range(100):
        if len(carrier.settled_keys) == 3:
            break
        if turn in restarts:
            outbox = Outbox(database, [carrier], clock)
        clock.pass_by(max(await outbox.deliver_due("crm"), carrier.longest_retry_s * (turn % 2)))
    assert carrier.settled_keys == ["a", "b", "c"]
    assert [key for key, _ in groupby(parcel.key for parcel in carrier.seen)] == ["a", "b", "c"]
    database.close()


async def test_a_channel_that_is_down_holds_up_no_other(database: Database, clock: Clock) -> None:
    put(database, "a", channel="crm")
    put(database, "b", channel="alert-x")
    down, up = ScriptedCarrier(RetryLater("down")), ScriptedCarrier(channel="alert-x")
    outbox = Outbox(database, [down, up], clock)
    await outbox.deliver_due("crm")
    await outbox.deliver_due("alert-x")
    assert up.settled_keys == ["b"]


async def test_one_row_that_always_fails_doesnt_stop_the_rest_for_ever(database: Database, clock: Clock) -> None:
    """A receiver that chokes on one complaint must still get the others, but not that complaint's later news before it."""
    for key, subject in (("poison", "C1"), ("poison-news", "C1"), ("good", "C2")):
        put(database, key, subject=subject)

    class Choking(ScriptedCarrier):
        async def carry(self, parcels):  # type: ignore[no-untyped-def]
            if parcels[0].key == "poison":
                self.answers = [RetryLater("500")]
            return await super().carry(parcels)

    carrier = Choking()
    outbox = Outbox(database, [carrier], clock)
    await run_for(outbox, clock, 2 * 3600)
    assert carrier.settled_keys == ["good"]
    assert [parcel.key for parcel in carrier.seen].index("good") == STUBBORN_AFTER


async def test_what_is_rejected_is_not_tried_again_and_lets_the_next_pass(database: Database, clock: Clock) -> None:
    put(database, "a")
    put(database, "b")
    carrier = ScriptedCarrier(Rejected("no such product"))
    outbox = Outbox(database, [carrier], clock)
    await run_for(outbox, clock, 60)
    assert outbox.troubles == ["crm: 1 rejected, to be looked at and sent again"]
    assert rows(database) == [("a", "rejected", 1), ("b", "done", 1)]
    error = await database.read(lambda session: session.execute(text("SELECT last_error FROM outbox WHERE key = 'a'")).scalar_one())
    assert error == "no such product"


async def test_a_lost_answer_is_tried_again_as_unsure_under_the_same_key(database: Database, clock: Clock) -> None:
    put(database, "complaint.filed:7.1-complaint")
    carrier = ScriptedCarrier(Unknown("no answer"))
    await run_for(Outbox(database, [carrier], clock), clock, 30)
    assert [(parcel.unsure, parcel.message_id) for parcel in carrier.seen] == [
        (False, "complaint-filed:7-1-complaint"),
        (True, "complaint-filed:7-1-complaint"),
    ]


async def test_a_receiver_that_wants_nothing_more_is_left_alone_until_a_restart(database: Database, clock: Clock) -> None:
    put(database, "a")
    carrier = ScriptedCarrier(Disabled("410"))
    outbox = Outbox(database, [carrier], clock)
    task = asyncio.create_task(outbox.run())
    await until(lambda: bool(outbox.troubles))
    put(database, "b")
    outbox.wake()
    await asyncio.sleep(0.05)
    task.cancel()
    assert (len(carrier.seen), outbox.troubles) == (1, ["crm: 410"])
    await run_for(Outbox(database, [carrier], clock), clock, 5)
    assert carrier.settled_keys == ["a", "b"], "nothing is lost: a restart tries again"


async def test_what_is_too_late_to_matter_is_given_up(database: Database, clock: Clock) -> None:
    put(database, "old", now=NOW - timedelta(hours=2))
    put(database, "new")
    carrier = ScriptedCarrier(keeps=timedelta(hours=1))
    await run_for(Outbox(database, [carrier], clock), clock, 2)
    assert rows(database) == [("old", "expired", 0), ("new", "done", 1)]
    put(database, "old, and still news", now=NOW - timedelta(hours=2))
    carrier.lasting = {"test": timedelta(hours=3)}
    await run_for(Outbox(database, [carrier], clock), clock, 2)
    assert rows(database)[2:] == [("old, and still news", "done", 1)]


async def test_a_clock_set_back_holds_nothing_up(database: Database, clock: Clock) -> None:
    put(database, "a")
    carrier = ScriptedCarrier(RetryLater("down"))
    outbox = Outbox(database, [carrier], clock)
    await outbox.deliver_due("crm")
    clock.pass_by(-86_400)
    await outbox.deliver_due("crm")
    assert carrier.settled_keys == ["a"]


async def test_the_channels_own_limit_is_waited_for_and_costs_no_attempt(database: Database, clock: Clock) -> None:
    put(database, "a")
    carrier = ScriptedCarrier(NotYet(3.5))
    outbox = Outbox(database, [carrier], clock)
    assert await outbox.deliver_due("crm") == 3.5
    assert rows(database) == [("a", "pending", 0)]


async def test_a_fault_of_an_adapter_loses_nothing_and_kills_nobody(database: Database, clock: Clock) -> None:
    put(database, "a")
    carrier = ScriptedCarrier(ZeroDivisionError())
    outbox = Outbox(database, [carrier], clock)
    await outbox.deliver_due("crm")
    assert outbox.troubles == ["crm: a fault of ours: ZeroDivisionError"]
    clock.pass_by(5)
    await outbox.deliver_due("crm")
    assert rows(database) == [("a", "done", 2)]


async def test_a_database_that_refuses_is_the_callers_to_wait_for(database: Database, clock: Clock) -> None:
    put(database, "a")
    outbox = Outbox(database, [ScriptedCarrier(StoreError("disk full"))], clock)
    with pytest.raises(StoreError):
        await outbox.deliver_due("crm")
    assert rows(database) == [("a", "pending", 0)]


async def test_while_the_database_refuses_nothing_is_delivered_a_second_time(database: Database, clock: Clock) -> None:
    """A full disk: what was delivered can't be noted, and must not be delivered over and over."""
    for key in "ab":
        put(database, key)
    refuse = [True]

    def checkout(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA query_only={'ON' if refuse[0] else 'OFF'}")

    event.listen(database.engine, "checkout", checkout)
    carrier = ScriptedCarrier()
    outbox = Outbox(database, [carrier], clock)
    for _ in range(5):
        with pytest.raises(StoreError):
            await outbox.deliver_due("crm")
    assert [parcel.key for parcel in carrier.seen] == ["a"]
    refuse[0] = False
    await run_for(outbox, clock, 5)
    assert [parcel.key for parcel in carrier.seen] == ["a", "b"]
    assert rows(database) == [("a", "done", 1), ("b", "done", 1)]


async def test_a_woken_worker_delivers_at_once(database: Database) -> None:
    carrier = ScriptedCarrier()
    outbox = Outbox(database, [carrier])
    task = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.05)
    put(database, "a")
    outbox.wake()
    await until(lambda: bool(carrier.settled_keys))
    names = {found.get_name() for found in asyncio.all_tasks()}
    task.cancel()
    assert "outbox-crm" in names


async def test_the_death_of_a_worker_ends_the_whole(database: Database) -> None:
    class Broken(ScriptedCarrier):
        @property
        def keeps(self) -> timedelta | None:  # type: ignore[override]
            raise ZeroDivisionError

        @keeps.setter
        def keeps(self, value: timedelta | None) -> None: ...

    put(database, "a")
    outbox = Outbox(database, [Broken(), ScriptedCarrier(channel="other")])
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(outbox.run(), 5)

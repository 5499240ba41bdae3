"""Who is promised a call, and who is not any more (R17, R31): by key, by giving up, by hand, by a complaint that was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from support.fake_agi_caller import FakeCaller
from support.house import ALLOWED, TERMS, inside, new_database

from callbacks.model import Reason, Result, State
from callbacks.policy import Policy
from ivr.callback_view import callback_as_json
from ivr.domain.contacts import Contact, ContactOutcome, Visit, VisitOutcome
from ivr.promises import Promises, RefusedError
from ivr.store import callbacks as store
from ivr.store.callback_claims import claim
from ivr.store.database import Database
from ivr.store.schema import CallbackRow
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
MOBILE = "+8613800138000"
SEALER = Sealer("a secret for tests")
PROMISES = Promises(SEALER, ALLOWED, TERMS)
POLICY = Policy()
TERMS_ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_database(tmp_path)


def contact(outcome: VisitOutcome | None = None, *, wait_s: float = 30.0, caller: str = MOBILE, name: str = "7.1") -> Contact:
    """An ended contact with one visit of the course queue."""
    left = NOW - timedelta(seconds=1)
    visit = Visit("course", left - timedelta(seconds=wait_s), left_at=left, outcome=outcome)
    if outcome is VisitOutcome.ANSWERED:
        visit.answered_at = left
    began = visit.joined_at - timedelta(seconds=10)
    return Contact(name, began, caller=caller, language="en", visits=[visit] if outcome else [], ended_at=NOW)


def end(database: Database, *contacts: Contact, promises: Promises = PROMISES) -> list[store.CallbackRecord]:
    def work(session: Session) -> None:
        for each in contacts:
            promises.when_a_contact_ends(session, each)

    database.write_now(work)
    return recorded(database)


def recorded(database: Database) -> list[store.CallbackRecord]:
    return list(database.read_now(lambda session: store.latest(session, SEALER, 100)))


def promise_by_hand(database: Database, number: str = MOBILE, *, key: str = "k", now: datetime = NOW) -> str:
    giving = partial(PROMISES.by_hand, number=number, now=now, key=key, line="hr", due_at=now, by="li")
    return database.write_now(giving)


@pytest.mark.parametrize(
    ("ended", "promised"),
    [
        (contact(VisitOutcome.ABANDONED_WAIT), True),
        (contact(VisitOutcome.ABANDONED_RING), True),
        (contact(VisitOutcome.FLOW_TIMEOUT), True),  # came back from the queue unserved, and left
        (contact(VisitOutcome.FULL, wait_s=0.0), True),
        (contact(VisitOutcome.JOIN_EMPTY, wait_s=0.0), True),
        (contact(VisitOutcome.ABANDONED_WAIT, wait_s=4.9), False),
        (contact(VisitOutcome.ABANDONED_WAIT, wait_s=5.0), True),
        (contact(VisitOutcome.ABANDONED_WAIT, caller=""), False),
        (contact(VisitOutcome.ABANDONED_WAIT, caller="110"), False),
        (contact(VisitOutcome.ABANDONED_WAIT, caller="+442079460000"), False),
        (contact(VisitOutcome.ANSWERED), False),
        (contact(None), False),  # hung up in the menus
        (replace(contact(VisitOutcome.FULL), left_message=True), False),
        (replace(contact(VisitOutcome.FLOW_KEY), callback="asked for already"), False),
    ],
)
def test_who_gave_up_is_promised_a_call(database: Database, ended: Contact, promised: bool) -> None:
    assert len(end(database, ended)) == promised


def test_the_promise_of_an_abandoned_caller(database: Database) -> None:
    (record,) = end(database, contact(VisitOutcome.ABANDONED_WAIT), contact(VisitOutcome.ABANDONED_WAIT))
    assert (record.reason, record.state, record.number, record.contact) == ("abandoned", "due", MOBILE, "7.1")
    assert (record.line, record.queue, record.language) == ("course", "course", "en"), "the line is the queue's where he chose none"
    assert (record.due_at, record.expires_at) == (NOW + timedelta(minutes=2), NOW + timedelta(minutes=2, hours=96))


def test_calling_back_who_gave_up_can_be_switched_off(database: Database) -> None:
    off = Promises(SEALER, ALLOWED, replace(TERMS, abandoned=False))
    assert end(database, contact(VisitOutcome.ABANDONED_WAIT), promises=off) == []


def test_one_person_is_called_once_however_often_he_gave_up(database: Database) -> None:
    calls = [contact(VisitOutcome.ABANDONED_WAIT, name=f"7.{number}") for number in range(3)]
    assert len(end(database, *calls)) == 1


def test_r31_whoever_was_served_meanwhile_is_not_called(database: Database) -> None:
    promised = promise_by_hand(database, now=NOW - timedelta(hours=1))
    other = promise_by_hand(database, "+8613800138001", key="k2", now=NOW - timedelta(hours=1))
    after = promise_by_hand(database, "+8613800138002", key="k3", now=NOW + timedelta(hours=1))
    end(database, contact(VisitOutcome.ANSWERED), contact(VisitOutcome.ANSWERED, caller="+8613800138002", name="7.2"))
    states = {record.id: (record.state, record.last_result) for record in recorded(database)}
    assert states == {promised: ("cancelled", "served"), other: ("due", None), after: ("due", None)}


def test_r17_a_follow_up_is_given_once_and_outlives_other_calls(database: Database) -> None:
    giving = partial(PROMISES.follow_up, complaint="C2026112000001", number=MOBILE, line="complaint", now=NOW - timedelta(hours=1), by="li")
    first = database.write_now(giving)
    assert database.write_now(giving) == first
    promise_by_hand(database)
    (follow_up,) = [record for record in end(database, contact(VisitOutcome.ANSWERED)) if record.id == first]
    assert (follow_up.reason, follow_up.state, follow_up.complaint) == ("follow_up", "due", "C2026112000001")
    assert follow_up.due_at == NOW + timedelta(hours=23)


def test_a_number_we_do_not_call_is_refused_and_nothing_is_kept(database: Database) -> None:
    with pytest.raises(RefusedError, match="belongs to GB"):
        promise_by_hand(database, "+442079460000")
    assert recorded(database) == []


def test_the_database_itself_refuses_a_second_live_call_to_a_number(database: Database) -> None:
    def both_live(session: Session) -> None:
        for number, state in enumerate((State.CLAIMED, State.DIALLING)):
            session.add(
                CallbackRow(
                    id=str(number), key=str(number), reason=Reason.FOLLOW_UP.value, queue="hr", language="zh", number="", number_index="i",
                    state=state.value, due_at=NOW, expires_at=NOW, attempts=0, created_at=NOW, created_by="li",
                )
            )  # fmt: skip
        session.flush()

    with Session(database.engine) as session, pytest.raises(IntegrityError):
        both_live(session)


def test_only_one_of_two_claims_and_only_the_claimer_dials(database: Database) -> None:
    promised = promise_by_hand(database)
    claims = [database.write_now(partial(claim, sealer=SEALER, owner=owner, now=NOW, policy=POLICY)) for owner in ("a", "b")]
    assert [claim.id if claim else None for claim in claims] == [promised, None]
    dials = [database.write_now(partial(store.begin_attempt, callback_id=promised, owner=owner, now=NOW)) for owner in ("b", "a", "a")]
    assert dials == [None, f"cb-{promised}-1", None]
    assert not database.write_now(partial(store.cancel, callback_id=promised, now=NOW)), "it rings already"


def test_an_end_told_twice_counts_once_and_a_talk_is_believed_late(database: Database) -> None:
    promised = promise_by_hand(database)
    database.write_now(partial(claim, sealer=SEALER, owner="a", now=NOW, policy=POLICY))
    channel = database.write_now(partial(store.begin_attempt, callback_id=promised, owner="a", now=NOW))
    assert channel is not None

    def settle(result: Result) -> bool:
        return database.write_now(partial(store.settle, name=channel, result=result, now=NOW, policy=POLICY))

    assert [settle(Result.UNCONFIRMED), settle(Result.BUSY)] == [True, False]
    assert settle(Result.BRIDGED), "he had talked after all: he must not be called again"
    (record,) = recorded(database)
    assert (record.state, record.last_result, record.attempts) == ("done", "bridged", 1)
    assert not database.write_now(partial(store.settle, name="cb-nobody-1", result=Result.BUSY, now=NOW, policy=POLICY))


def test_what_people_see_is_masked(database: Database) -> None:
    promised = promise_by_hand(database)
    record = database.read_now(lambda session: store.by_id(session, SEALER, promised))
    assert record is not None
    shown = callback_as_json(record, TERMS_ZONE)
    assert (shown["number"], shown["due_at"]) == ("+86138****8000", "2026-11-20T12:00:00.000+08:00")


async def test_the_key_promises_a_call_to_the_callers_own_number(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        await house.call(FakeCaller(["1"]))
        back = FakeCaller(arguments=("token", "queue", "hr", ""))  # the exit key: no QUEUESTATUS
        ended = await house.call(back)
        assert back.variables["IVR_NEXT"] == "hangup"
        assert any("hotline-callback-promised" in file for file in back.played)
        assert ended.outcome is ContactOutcome.CALLBACK_ACCEPTED
        (record,) = await house.database.read(lambda session: store.latest(session, house.sealer, 10))
        assert (record.id, record.reason, record.number, record.queue) == (ended.callback, "requested", MOBILE, "hr")


async def test_whoever_hides_his_number_is_asked_for_a_message_instead(tmp_path: Path) -> None:
    async with inside(tmp_path, closed=True) as house:
        caller = FakeCaller(["3", "1", "t4"], {"callerid": "anonymous"})
        ended = await house.call(caller)
        assert any("hotline-callback-refused" in file for file in caller.played)
        assert ended.outcome is ContactOutcome.VOICEMAIL


async def test_what_neither_database_nor_disk_takes_is_no_promise(tmp_path: Path) -> None:
    async with inside(tmp_path, closed=True) as house:
        house.refuse_writes(True)
        (tmp_path / "spool").write_text("no folder")
        caller = FakeCaller(["3", "1", "h"])
        await caller.call(house.port)
        assert any("hotline-callback-refused" in file for file in caller.played)
        house.refuse_writes(False)

"""Nothing a caller gave is lost or told wrongly, whatever the database does and whenever the daemon dies (R11, R63)."""

from __future__ import annotations

import asyncio
import struct
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from service.test_spool_import import importer, leave
from support.fake_agi_caller import FakeCaller
from support.house import ZONE, Inside, inside, new_database
from support.outgoing import until

from ami_bridge.facts import CallEnded
from ivr import filing
from ivr.domain.contacts import ContactOutcome
from ivr.kept_import import KeptImporter
from ivr.store import callbacks, complaints
from ivr.store.complaints import NewComplaint
from ivr.store.database import StoreError
from ivr.store.sealing import Sealer

COMPLAINS = ("4", "12345678#", "1", "1", "t6", "#", "2")
NEW = NewComplaint("7.1-complaint", "7.1", "complaint", None, "+8613800138000", "", "+8613800138000", None, None, True)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as found:
        yield found


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "HOLD_ON_AFTER_S", 0.02)
    monkeypatch.setattr(filing, "GIVE_UP_AFTER_S", 0.02)


async def take_in(house: Inside) -> int:
    shelf = house.house.shelf
    assert shelf is not None
    return await KeptImporter(house.house, shelf).import_all()


@asynccontextmanager
async def busy_writer(house: Inside) -> AsyncIterator[None]:
    """The one writer is at something else: what comes meanwhile is stored afterwards."""
    gate = threading.Event()
    busy = asyncio.create_task(house.database.write(lambda _: gate.wait(10)))
    try:
        yield
    finally:
        gate.set()
        await busy


def heard(caller: FakeCaller, *prompts: str) -> list[bool]:
    return [any(f"-{prompt}-" in file for file in caller.played) for prompt in prompts]


async def test_r11_a_commit_that_takes_a_while_is_waited_for_with_words_and_the_number_told(
    house: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "HOLD_ON_AFTER_S", 0.02)
    caller = FakeCaller(list(COMPLAINS))
    async with busy_writer(house):
        calling = asyncio.create_task(caller.call(house.port))
        await until(lambda: heard(caller, "file-hold-on")[0])
    await calling
    assert heard(caller, "tell-number", "tell-kept", "not-stored") == [True, False, False]
    assert await take_in(house) == 0


@pytest.mark.usefixtures("no_patience")
async def test_a_commit_too_late_for_the_caller_and_what_was_kept_are_one_complaint(house: Inside) -> None:
    caller = FakeCaller(list(COMPLAINS))
    async with busy_writer(house):
        await caller.call(house.port)
        assert heard(caller, "file-hold-on", "tell-number", "tell-kept", "not-stored") == [True, False, True, False]
    assert await take_in(house) == 1
    assert await take_in(house) == 0
    (complaint,) = await house.complaints()
    assert (complaint.serial, complaint.recording_s, complaint.incomplete) == ("12345678", 6.0, False)
    contact = await house.contact(caller.linkedid)
    assert (contact.complaint, contact.outcome) == (complaint.number, ContactOutcome.SELF_SERVED)


@pytest.mark.usefixtures("no_patience")
async def test_who_hangs_up_over_the_words_has_one_complete_complaint(house: Inside) -> None:
    async with busy_writer(house):
        await FakeCaller([*COMPLAINS[:6], "h"]).call(house.port)
    await take_in(house)
    (complaint,) = await house.complaints()
    assert not complaint.incomplete


async def test_a_database_that_refuses_has_the_complaint_as_soon_as_it_takes_it(house: Inside) -> None:
    house.refuse_writes(True)
    caller = FakeCaller(list(COMPLAINS))
    await caller.call(house.port)
    assert heard(caller, "tell-number", "tell-kept", "not-stored") == [False, True, False]
    with pytest.raises(StoreError):
        await take_in(house)
    house.refuse_writes(False)
    assert await take_in(house) == 1
    (complaint,) = await house.complaints()
    assert (await house.contact(caller.linkedid)).complaint == complaint.number


async def test_killed_before_anything_of_the_call_was_stored_its_complaint_is_there_with_its_record(tmp_path: Path) -> None:
    async with inside(tmp_path) as before:
        before.refuse_writes(True)
        caller = FakeCaller(list(COMPLAINS))
        await caller.call(before.port)
    async with inside(tmp_path) as after:
        assert await take_in(after) == 1
        (complaint,) = await after.complaints()
        contact = await after.contact(caller.linkedid)
        assert (contact.complaint, contact.caller, contact.line) == (complaint.number, "+8613800138000", "complaint")
        assert contact.path[-1].node == "complaint_intake.file"
        assert contact.ended_at is not None


async def test_messages_and_promises_are_kept_too_and_told_as_what_they_are(tmp_path: Path) -> None:
    async with inside(tmp_path, closed=True) as house:
        house.refuse_writes(True)
        leaves = FakeCaller(["3", "2", "t4"])
        asks = FakeCaller(["3", "1"], linkedid="1.2")
        hides = FakeCaller(["3", "1", "t4"], linkedid="1.3", environment={"callerid": "anonymous"})
        for caller in (leaves, asks, hides):
            await caller.call(house.port)
        assert heard(leaves, "thanks", "not-kept") == [True, False]
        assert heard(asks, "callback-promised", "callback-refused") == [True, False]
        assert heard(hides, "callback-promised", "callback-refused") == [False, True]
        house.refuse_writes(False)
        assert await take_in(house) == 3
        assert [message.line for message in await house.messages(leaves.linkedid)] == ["product"]
        contact = await house.contact("1.2")
        promised = await house.database.read(lambda session: callbacks.by_id(session, house.sealer, contact.callback or ""))
        assert promised is not None
        assert contact.outcome is ContactOutcome.CALLBACK_ACCEPTED


async def killed_while_recording(folder: Path, answers: list[str], seconds: float) -> FakeCaller:
    """The daemon is gone in the middle of the caller's words; Asterisk records on until he is silent."""
    caller = FakeCaller(answers, mute="RECORD")
    async with inside(folder, closed=answers[0] != "4") as house:
        calling = asyncio.create_task(caller.call(house.port))
        await until(lambda: bool(caller.commands) and caller.commands[-1].startswith("RECORD"))
        await house.tracker.flush()
    await calling
    with wave.open(f"{caller.commands[-1].split()[2].strip(chr(34))}.wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(struct.pack("<h", 4000) * int(seconds * 8000))
    return caller


async def test_r63_what_a_killed_daemon_was_being_told_is_filed_as_incomplete(tmp_path: Path) -> None:
    caller = await killed_while_recording(tmp_path, ["4", "12345678#", "1", "2", "02112345678#", "1"], 7.0)
    async with inside(tmp_path) as house:
        contact = await house.tracker.recall(caller.linkedid)
        assert contact is not None
        assert await take_in(house) == 0  # Asterisk may be recording yet: the file is young, and the call not over
        await end(house, caller)
        assert await take_in(house) == 1
        assert await take_in(house) == 0
        (complaint,) = await house.complaints()
        assert (complaint.serial, complaint.contact_number, complaint.recording_s) == ("12345678", "+862112345678", 7.0)
        assert complaint.incomplete
        assert (await house.contact(caller.linkedid)).complaint == complaint.number


async def test_r63_a_message_that_was_cut_off_is_kept_as_incomplete(tmp_path: Path) -> None:
    caller = await killed_while_recording(tmp_path, ["3", "2"], 3.0)
    async with inside(tmp_path) as house:
        await house.tracker.recall(caller.linkedid)
        await end(house, caller)
        assert await take_in(house) == 1
        (message,) = await house.messages(caller.linkedid)
        assert (message.recording_s, message.incomplete) == (3.0, True)


@pytest.mark.parametrize("spool_first", [True, False])
async def test_r63_what_he_then_tells_the_fallback_is_the_same_complaint_and_neither_recording_is_lost(
    tmp_path: Path, spool_first: bool
) -> None:
    caller = await killed_while_recording(tmp_path, ["4", "12345678#", "1", "1"], 7.0)
    leave(tmp_path / "fallback", "entry-0003", "complaint", contact=caller.linkedid, call=caller.linkedid)
    async with inside(tmp_path) as house:
        await house.tracker.recall(caller.linkedid)
        await end(house, caller)
        both = [importer(house, tmp_path / "fallback").import_all, lambda: take_in(house)]
        for each in both if spool_first else reversed(both):
            assert await each() == 1
        (complaint,) = await house.complaints()
        assert (complaint.serial, complaint.incomplete) == ("12345678", False)
        assert complaint.recording is not None
        assert complaint.recording.endswith("entry-0003")
        (message,) = await house.messages(caller.linkedid)
        assert (message.recording_s, message.incomplete) == (7.0, True)


async def end(house: Inside, caller: FakeCaller) -> None:
    house.tracker.apply(CallEnded(datetime.now(UTC), caller.linkedid, caller.linkedid, 16))


async def test_a_call_that_took_its_course_leaves_no_note(house: Inside, tmp_path: Path) -> None:
    await house.call(FakeCaller(list(COMPLAINS)))
    await house.call(FakeCaller(["4", "#", "1", "t5", "h"], linkedid="1.2"))
    assert not list((tmp_path / "spool" / "kept").glob("*"))


async def test_a_note_that_nobody_can_read_is_set_aside(house: Inside, tmp_path: Path) -> None:
    kept = tmp_path / "spool" / "kept"
    kept.mkdir(parents=True)
    for number, text in enumerate(("{", '{"version": 9, "sealed": ""}', '{"version": 1, "sealed": "x"}', "[]")):
        (kept / f"complaint-{number}.json").write_text(text)
    assert await take_in(house) == 0
    assert len(list((kept / "bad").iterdir())) == 4


@pytest.mark.parametrize("first", [0, 1])
def test_two_tellings_of_one_complaint_come_to_the_same_in_either_order(tmp_path: Path, first: int) -> None:
    half = replace(NEW, serial="1234", contact_number="+862112345678", recording="a", recording_s=7.0)
    whole = replace(NEW, recording="b", recording_s=4.0, incomplete=False)
    database, sealer, now = new_database(tmp_path), Sealer("a secret for tests"), datetime(2026, 11, 22, tzinfo=UTC)
    for new in ((half, whole), (whole, half))[first] * 2:
        database.write_now(lambda session, new=new: complaints.file(session, sealer, new, prefix="C", zone=ZONE, now=now))
    (found,) = database.read_now(lambda session: complaints.latest(session, sealer, 9))
    assert (found.serial, found.contact_number, found.recording, found.incomplete) == ("1234", "+862112345678", "b", False)
    assert [message.recording for message in database.read_now(lambda session: complaints.messages_of(session, "7.1"))] == ["a"]
    topics = [telling.topic for telling in database.read_now(lambda session: complaints.tellings(session, found.number))]
    assert topics == ["complaint.filed", "complaint.updated"]
    database.close()

"""Sessions driven over the real AGI server by a fake Asterisk, down to the rows in a real SQLite database."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.fake_agi_caller import FakeCaller
from support.house import Inside, inside

from callflows import loader
from ivr.domain.contacts import ContactOutcome
from ivr.intake import Intake
from ivr.store import contacts
from ivr.store.database import StoreError


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as found:
        yield found


async def test_a_line_is_chosen_and_the_dialplan_told_to_queue(house: Inside) -> None:
    caller = FakeCaller(["1"])
    contact = await house.call(caller)
    told = {name: caller.variables[name] for name in ("IVR_NEXT", "IVR_QUEUE", "IVR_QUEUE_WAIT", "IVR_DONE")}
    assert told == {"IVR_NEXT": "queue", "IVR_QUEUE": "hr", "IVR_QUEUE_WAIT": "45", "IVR_DONE": "1"}
    assert caller.commands[-1] == 'SET VARIABLE "IVR_DONE" "1"'
    assert [step.node for step in contact.path] == ["greeting", "caller", "menu", "hr", "hr_hours", "hr_wait", "hr_connect", "hr_queue"]
    assert contact.path[2].keys == "1"
    assert (contact.line, contact.caller, contact.sip_call_id) == ("hr", "+8613800138000", "abc@host")
    assert contact.ended_at is None


async def test_the_walk_goes_on_after_the_queue_in_another_process(tmp_path: Path) -> None:
    async with inside(tmp_path) as before:
        await before.call(FakeCaller(["* ".strip(), "1"]))
    async with inside(tmp_path) as after:
        back = FakeCaller(["2", "t3"], arguments=("token", "queue", "hr", "TIMEOUT"))
        contact = await after.call(back)
        assert (back.variables["IVR_NEXT"], contact.language) == ("hangup", "en")
        assert contact.path[-1].node == "goodbye"
        assert contact.outcome is ContactOutcome.VOICEMAIL
        assert [message.line for message in await after.messages(contact.id)] == ["hr"]


async def test_served_callers_hear_goodbye(house: Inside) -> None:
    await house.call(FakeCaller(["1"]))
    back = FakeCaller(arguments=("token", "queue", "hr", "CONTINUE"))
    await house.call(back)
    assert any(file.startswith("ivrd/hotline-goodbye-") for file in back.played)
    assert back.variables["IVR_NEXT"] == "hangup"


async def test_a_caller_the_daemon_never_queued_is_left_to_the_fallback(house: Inside) -> None:
    back = FakeCaller(arguments=("token", "queue", "hr", "TIMEOUT"), linkedid="99.1")
    await back.call(house.port)
    assert not back.done


@pytest.mark.parametrize("keys", ["h", "h1"])
async def test_hanging_up_in_the_greeting_leaves_a_record(house: Inside, keys: str) -> None:
    contact = await house.call(FakeCaller(list(keys)))
    assert contact.outcome is ContactOutcome.ABANDONED_IVR
    assert contact.path[-1].node == "greeting"


async def test_hanging_up_during_answer_leaves_a_record(house: Inside) -> None:
    contact = await house.call(FakeCaller(gone=True))
    assert (contact.outcome, contact.path) == (ContactOutcome.ABANDONED_IVR, [])


async def test_r11_the_number_is_stored_before_it_is_read_out(house: Inside) -> None:
    caller = FakeCaller(["4", "12345678#", "1", "1", "t6", "#", "2"])
    contact = await house.call(caller)
    (complaint,) = await house.complaints()
    spelled = [f"ivrd/number-{c}" if c.isdigit() else f"ivrd/letter-{c.lower()}" for c in complaint.number]
    assert "&".join(spelled) in "&".join(caller.played)
    assert (complaint.serial, complaint.contact_number, complaint.recording_s) == ("12345678", "+8613800138000", 6.0)
    assert not complaint.incomplete
    assert caller.recorded == [house.house.recordings / f"{complaint.recording}.wav"]
    assert (contact.complaint, contact.outcome) == (complaint.number, ContactOutcome.SELF_SERVED)


@pytest.mark.parametrize(
    ("answers", "incomplete", "recorded"),
    [
        (["4", "1234#", "h"], True, False),
        (["4", "#", "1", "t5", "h"], True, True),
        (["4", "#", "1", "t5", "h", "1"], True, True),
    ],
)
async def test_hanging_up_in_a_complaint_files_what_was_said(house: Inside, answers: list[str], incomplete: bool, recorded: bool) -> None:
    contact = await house.call(FakeCaller(answers))
    (complaint,) = await house.complaints()
    assert (complaint.incomplete, complaint.recording is not None) == (incomplete, recorded)
    assert contact.outcome is ContactOutcome.ABANDONED_IVR


async def test_hanging_up_while_the_number_is_read_out_leaves_one_complete_complaint(house: Inside) -> None:
    caller = FakeCaller(["4", "#", "1", "t5", "#", "h"])
    contact = await house.call(caller)
    (complaint,) = await house.complaints()
    assert not complaint.incomplete
    assert contact.outcome is ContactOutcome.SELF_SERVED


async def test_keys_pressed_ahead_skip_what_they_answer(house: Inside) -> None:
    """The greeting is broken by a key, and the key is the menu's answer."""
    caller = FakeCaller(["1"])

    class Early(FakeCaller):
        def _read(self, arguments: str) -> bytes:
            self.played += arguments.split(",")[1].split("&")
            first = len(self.played) == 1
            self.variables["IVR_KEYS"] = "1" if first else ""
            return b"200 result=0\n"

    caller = Early()
    contact = await house.call(caller)
    assert [step.node for step in contact.path][:4] == ["greeting", "caller", "menu", "hr"]
    assert not any("hotline-menu-" in file for file in caller.played)


async def test_a_missing_prompt_never_stops_a_call(house: Inside) -> None:
    whole = FakeCaller(["1"], linkedid="1.1")
    await house.call(whole)
    house.prompts.missing = {file.removeprefix("ivrd/") for file in whole.played}
    silent = FakeCaller(["1"], linkedid="1.2")
    await house.call(silent)
    assert silent.variables["IVR_QUEUE"] == "hr"
    assert silent.played == []


async def test_closed_lines_say_so_and_take_a_message(tmp_path: Path) -> None:
    async with inside(tmp_path, closed=True) as house:
        caller = FakeCaller(["3", "2", "t4"])
        contact = await house.call(caller)
        assert contact.outcome is ContactOutcome.VOICEMAIL
        assert any("hotline-closed-until" in file for file in caller.played)
        left = await house.call(FakeCaller(["3", "h"], linkedid="1.2"))
        assert left.outcome is ContactOutcome.AFTER_HOURS


async def test_what_neither_database_nor_disk_takes_is_told_to_the_caller_and_he_is_connected(house: Inside, tmp_path: Path) -> None:
    house.refuse_writes(True)
    (tmp_path / "spool").write_text("no folder")
    caller = FakeCaller(["4", "#", "1", "t5", "#"])
    await caller.call(house.port)
    assert any("not-stored" in file for file in caller.played)
    assert caller.variables["IVR_QUEUE"] == "complaint"
    with pytest.raises(StoreError):
        await house.tracker.flush()
    house.refuse_writes(False)
    contact = await house.call(FakeCaller(["h"], linkedid="1.9"))
    assert contact.path[-1].node == "greeting"
    kept = await house.database.read(partial(contacts.load, sealer=house.sealer, contact_id=caller.linkedid))
    assert kept is not None
    assert kept.line == "complaint"


async def test_a_fault_of_ours_ends_in_the_apology_and_the_lines_queue(tmp_path: Path) -> None:
    class BrokenIntake(Intake):
        async def file(self, *_: Any, **__: Any) -> str:
            raise ZeroDivisionError("a bug")

    async with inside(tmp_path) as house:
        broken = BrokenIntake(house.database, house.sealer, house.outbox, prefix="C", zone=house.house.zone, country="CN", area_code=None)
        object.__setattr__(house.house, "intake", broken)
        caller = FakeCaller(["4", "#", "1", "t5", "#"])
        contact = await house.call(caller)
        assert caller.played[-1] == "ivrd/fallback-apology"
        assert (caller.variables["IVR_NEXT"], caller.variables["IVR_QUEUE"], caller.done) == ("queue", "complaint", True)
        assert contact.failure == "ZeroDivisionError: a bug"


async def test_where_no_recording_can_be_kept_the_fallback_takes_what_is_said(house: Inside) -> None:
    shutil.rmtree(house.house.recordings, ignore_errors=True)
    house.house.recordings.touch()
    caller = FakeCaller(["4", "#", "1", "t5", "#"])
    contact = await house.call(caller)
    assert not caller.done
    assert "the folder for recordings can't be made" in (contact.failure or "")


async def test_when_asterisk_refuses_everything_the_fallback_gets_the_call(house: Inside) -> None:
    caller = FakeCaller(["1"], refuse={"EXEC": "510 Invalid or unknown command"})
    contact = await house.call(caller)
    assert not caller.done
    assert contact.failure is not None


async def test_many_calls_at_once_each_have_their_own_record(house: Inside) -> None:
    callers = [FakeCaller(["1"] if i % 2 else ["4", "#", "1", "t5", "#", "2"], linkedid=f"7.{i}") for i in range(40)]
    await asyncio.gather(*(caller.call(house.port) for caller in callers))
    numbers = [complaint.number for complaint in await house.complaints()]
    assert len(numbers) == len(set(numbers)) == 20


@pytest.mark.parametrize(
    "environment",
    [
        {"callerid": '"><script>'},
        {"calleridname": "${SHELL(touch /tmp/x)}"},
        {"calleridname": '王"小\\明; DROP TABLE contacts'},
        {"callerid": "anonymous"},
        {"uniqueid": "../../etc/passwd"},
    ],
)
async def test_hostile_values_are_kept_as_values(house: Inside, environment: dict[str, str]) -> None:
    caller = FakeCaller(["1"], environment=environment)
    contact = await house.call(caller)
    assert caller.done
    assert contact.caller_name in ("", environment.get("calleridname", ""))


async def test_an_id_that_could_lead_out_of_a_folder_is_refused(house: Inside) -> None:
    caller = FakeCaller(["1"], linkedid="../../x", environment={"uniqueid": "../../x"})
    await caller.call(house.port)
    assert not caller.done


def test_every_prompt_of_the_flow_has_a_speakable_name() -> None:
    book = loader.load(loader.read_folder(loader.SHIPPED_FLOWS))
    names = [prompt.name for prompt in book.prompts(("zh", "en"))]
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)

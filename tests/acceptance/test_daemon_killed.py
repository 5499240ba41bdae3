"""The daemon is killed in the middle of calls and stays away for a while: every caller is still served, and nothing is lost (R63).

One scene, played once: callers in a menu, in a recording, in a queue and in a talk lose the daemon; others call while it is down;
then it is started again, twice, and killed again in the middle of its import.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acceptance.hearing import load_wav, rms, was_heard
from acceptance.house import Called, House, of_call, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

AUDIBLE = 500.0
# From the first call until the kill, in s, on a machine that has nothing else to do; the calls begin so that each is then where it
# shall be. The kill itself waits for him who records: he talks for 5 s, and begins some 10 s after his prompt does.
KILL_AT = 42.0
INTO_THE_RECORDING_S = 12.5
SETUP = Setup(
    {
        "hr": Team("brisk", 4),
        "course": Team("deaf", 1, ring_s=120, max_wait_s=20),
        "product": Team("chatty", 4),
        "complaint": Team("brisk", 4),  # where the fallback sends callers
    }
)
CLONES = 60


@dataclass(frozen=True, slots=True)
class Script:
    """A call of the scene: when it begins (from the first call, or from the kill), and what the caller does."""

    at_s: float
    keys: str  # as in ``ivr.testbed.keys``; ``e`` hears a prompt to its end


IN_A_CALL = {
    "in the menu": Script(KILL_AT - 10, "w60"),
    # His recording goes on until he is silent; he is offered to record his complaint again.
    "in a recording": Script(0.0, "4e#e1et5e3et4#"),
    # He comes back after 20 s; all are busy, and he may leave a message.
    "in a queue": Script(KILL_AT - 26, "2e1w22et4#"),
    "in a talk": Script(KILL_AT - 15, "3w25h"),
}
WHILE_DOWN = {
    "no key": Script(3.0, ""),
    "message": Script(3.0, "e2et4#"),
    "complaint": Script(3.0, "e3et4#"),
    "hangs up in the apology": Script(3.0, "w2h"),
    "hangs up in his complaint": Script(3.0, "e3et4h"),
}


@dataclass
class Outage:
    """What has happened, and what the records said afterwards."""

    house: House
    called: dict[str, Called] = field(default_factory=dict)
    ended_at: dict[str, datetime] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    complaints_again: list[dict[str, Any]] = field(default_factory=list)
    spooled: int = 0

    def record(self, who: str) -> dict[str, Any]:
        found = of_call(self.records, self.called[who])
        assert len(found) == 1, found
        return found[0]

    def complaints_of(self, who: str) -> list[dict[str, Any]]:
        return [complaint for complaint in self.complaints if complaint["contact"] == self.record(who)["id"]]


@asynccontextmanager
async def killed(folder: Path, prompts: Path) -> AsyncIterator[Outage]:
    async with House(folder, prompts, SETUP) as house:
        played = Outage(house)

        async def play(who: str, script: Script) -> None:
            await asyncio.sleep(script.at_s)
            played.called[who] = await house.call(script.keys, before_keys_s=2.5)
            played.ended_at[who] = datetime.now(UTC)

        calls = [asyncio.create_task(play(who, script), name=who) for who, script in IN_A_CALL.items()]
        await until(lambda: '"complaint_intake.what_happened"' in house.log(), 2 * KILL_AT)
        await asyncio.sleep(INTO_THE_RECORDING_S)
        await house.kill_daemon()
        calls += [asyncio.create_task(play(who, script), name=who) for who, script in WHILE_DOWN.items()]
        await asyncio.gather(*calls)
        played.spooled = len(list(house.spool.glob("*.json")))
        await house.start_daemon()
        await spool_is_empty(house)
        played.records, played.complaints = await house.records(), await house.complaints()
        assert await house.stop_daemon() == 0
        await house.start_daemon()
        await spool_is_empty(house)
        played.again, played.complaints_again = await house.records(), await house.complaints()
        yield played


SCENES = (killed,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outage(scenes: Scenes) -> Outage:
    played: Outage = await scenes.outcome(killed)
    return played


async def spool_is_empty(house: House) -> None:
    """The daemon looks into the spool at its start and every 5 s."""
    await until(lambda: not any(house.spool.glob("*.json")), 20)
    await asyncio.sleep(1.0)  # the records behind it


@pytest.mark.parametrize("who", [*IN_A_CALL, *WHILE_DOWN])
async def test_every_caller_was_answered_and_heard(outage: Outage, who: str) -> None:
    result = outage.called[who].result
    assert result.answered
    assert result.heard.seconds > 2.0
    expected = "caller" if IN_A_CALL.get(who, WHILE_DOWN.get(who, Script(0, ""))).keys.endswith("h") else "system"
    assert result.ended_by == expected


@pytest.mark.parametrize("who", ["in the menu", "in a recording", *WHILE_DOWN])
async def test_the_fallback_apologised(outage: Outage, who: str) -> None:
    apology = outage.house.prompt("fallback-apology")
    heard = outage.called[who].result.heard.samples
    assert await was_heard(heard, apology) == (who != "hangs up in the apology")


@pytest.mark.parametrize("who", [*IN_A_CALL, *WHILE_DOWN])
async def test_every_call_has_one_record_with_its_end(outage: Outage, who: str) -> None:
    record = outage.record(who)
    assert record["outcome"]
    if who == "in a talk":  # nobody saw him go, but queue_log did
        assert record["visits"][0]["quality"] == "reconstructed"
    else:
        off = datetime.fromisoformat(record["ended_at"]) - outage.ended_at[who]
        assert abs(off) < timedelta(seconds=5), off


async def test_who_was_in_the_menu_got_an_agent(outage: Outage) -> None:
    record = outage.record("in the menu")
    nodes = [step["node"] for step in record["path"]]
    assert nodes == ["greeting", "caller", "menu", "fallback", "fallback_menu", "fallback_queue", "fallback_after_queue"]
    assert record["outcome"] == "answered"


async def test_who_was_recording_has_one_complaint(outage: Outage) -> None:
    record = outage.record("in a recording")
    (complaint,) = outage.complaints_of("in a recording")
    assert record["complaint"] == complaint["number"]
    assert complaint["incomplete"] is False
    assert_audible(complaint)
    ((said_before, incomplete),) = messages_of(outage.house, record["id"])
    assert incomplete == 1
    assert rms(load_wav(outage.house.settings.paths.recordings / f"{said_before}.wav")) > AUDIBLE
    assert [step["node"] for step in record["path"]][-4:] == [
        "complaint_intake.what_happened",
        "fallback",
        "fallback_menu",
        "fallback_record",
    ]


async def test_who_was_waiting_kept_his_place_and_left_a_message(outage: Outage) -> None:
    record = outage.record("in a queue")
    assert (record["outcome"], record["message"]) == ("voicemail", True)
    assert [visit["queue"] for visit in record["visits"]] == ["course"]
    assert outage.complaints_of("in a queue") == []


async def test_who_was_talking_was_not_disturbed(outage: Outage) -> None:
    record = outage.record("in a talk")
    assert record["outcome"] == "answered"
    assert record["visits"][0]["agent"].startswith("Agent ")
    assert not await was_heard(outage.called["in a talk"].result.heard.samples, outage.house.prompt("fallback-apology"))


async def test_new_calls_get_an_agent_leave_a_message_or_complain(outage: Outage) -> None:
    assert outage.record("no key")["outcome"] == "answered"
    message = outage.record("message")
    assert (message["outcome"], message["message"], message["served_by"]) == ("voicemail", True, "fallback")
    (complaint,) = outage.complaints_of("complaint")
    assert (complaint["incomplete"], complaint["caller"]) == (False, f"+86138****{outage.called['complaint'].caller[-4:]}")
    assert_audible(complaint)
    assert outage.record("complaint")["outcome"] == "self_served"


async def test_who_hangs_up_in_the_fallback_leaves_a_record_and_what_he_said(outage: Outage) -> None:
    gone = outage.record("hangs up in the apology")
    assert (gone["outcome"], [step["node"] for step in gone["path"]]) == ("abandoned_ivr", ["fallback"])
    (complaint,) = outage.complaints_of("hangs up in his complaint")
    assert complaint["incomplete"] is True
    assert_audible(complaint)


async def test_the_spool_comes_in_once_however_often_the_daemon_starts(outage: Outage) -> None:
    assert outage.spooled >= len(WHILE_DOWN) + 2
    assert outage.again == outage.records
    assert outage.complaints_again == outage.complaints
    assert len(outage.records) == len(IN_A_CALL) + len(WHILE_DOWN)
    assert len(outage.complaints) == 3
    assert not list(outage.house.spool.glob("bad/*"))


async def test_killed_in_the_middle_of_its_import_it_still_takes_each_entry_once(outage: Outage) -> None:
    house = outage.house
    contacts = await asyncio.to_thread(more_complaints, house)
    assert await house.stop_daemon() == 0
    for _ in range(3):
        left = len(list(house.spool.glob("*.json")))
        start = asyncio.create_task(house.start_daemon())
        some = max(0, left - CLONES // 5)
        await until(lambda some=some: len(list(house.spool.glob("*.json"))) <= some, 20, 0.005)  # type: ignore[misc]
        await house.kill_daemon()
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
    assert any(house.spool.glob("*.json")), "the import was over before it could be cut off"
    await house.start_daemon()
    await spool_is_empty(house)
    complaints = [complaint["contact"] for complaint in await house.complaints()]
    records = [record["id"] for record in await house.records()]
    assert sorted(contact for contact in complaints if contact in contacts) == sorted(contacts)
    assert sorted(record for record in records if record in contacts) == sorted(contacts)
    assert len(complaints) == len(outage.complaints) + CLONES


async def test_with_the_fallback_broken_too_asterisk_itself_apologises_and_queues(outage: Outage) -> None:
    house = outage.house
    script = house.system.plan.fallback_command
    assert script is not None
    whole = script.read_bytes()
    await house.kill_daemon()
    try:
        script.write_text("#!/bin/sh\nexit 1\n")
        called = await house.call("")
    finally:
        script.write_bytes(whole)
        await house.start_daemon()
    result = called.result
    assert (result.answered, result.ended_by) == (True, "system")
    assert await was_heard(result.heard.samples, house.prompt("fallback-apology"))
    assert await was_heard(result.heard.samples, house.prompt("fallback-goodbye"))
    assert result.duration_s > 8.0 + 2.0  # the apology, and the agent's talk


async def test_afterwards_the_daemon_serves_as_before(outage: Outage) -> None:
    record = await outage.house.record(await outage.house.call("1@survey h", before_keys_s=2.5))
    assert (record["served_by"], record["outcome"]) == ("flow", "answered")


def more_complaints(house: House) -> list[str]:
    """As many spool entries as an outage leaves, made from one that was real; tells their contacts."""
    done = house.spool / "done"
    entries = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in done.glob("*.json")]
    file, entry = next((file, entry) for file, entry in entries if entry["kind"] == "complaint")
    contacts = []
    for number in range(CLONES):
        name = f"20261121T000000Z-{number:016x}"
        contacts.append(f"1790000000.{number}")
        shutil.copyfile(file.with_suffix(".wav"), house.spool / f"{name}.wav")
        clone = {**entry, "id": name, "recording": f"{name}.wav", "contact": contacts[-1], "call": contacts[-1]}
        partial = house.spool / f".partial-{name}.json"
        partial.write_text(json.dumps(clone), encoding="utf-8")
        partial.rename(house.spool / f"{name}.json")
    return contacts


def messages_of(house: House, contact: str) -> list[tuple[str, int]]:
    """Recording and incompleteness of what is kept beside the complaint."""
    with closing(sqlite3.connect(house.settings.paths.database)) as database:
        return database.execute("SELECT recording, incomplete FROM messages WHERE contact = ?", (contact,)).fetchall()


def assert_audible(complaint: dict[str, Any]) -> None:
    sound = load_wav(Path(complaint["recording"]))
    assert rms(sound) > AUDIBLE
    assert 3.0 <= len(sound) / 8000 <= 9.0

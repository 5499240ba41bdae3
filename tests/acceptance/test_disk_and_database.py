"""The database refuses, the disk is full: the service is degraded, says so, and goes on speaking."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio

from acceptance.hearing import was_heard
from acceptance.house import Called, House, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team
from acceptance.test_hang_up_anywhere import RECORDING, REVIEW

# No agent has a phone: whoever calls is offered to leave a message.
LOCKED = Setup({line: Team(size=0) for line in ("hr", "course", "product", "complaint")})
# Nobody waits longer for a database than the words "please hold on" and 5 s.
LOCKED_AT_MOST_S = 90.0


@dataclass
class Refused:
    """A database that answers nobody: of one caller whose complaint is kept on disk; then, where the disk takes nothing either, of one
    whose complaint and one whose message it is, and of a supervisor who could not close a line.
    """

    house: House
    called: dict[str, Called] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def refused(folder: Path, prompts: Path) -> AsyncIterator[Refused]:
    async with House(folder, prompts, LOCKED) as house:
        played = Refused(house)

        assert (await house.ivrd("users", "add", "sue", "--role", "supervisor")).status == 0
        pin = json.loads((await house.ivrd("hours", "pin", "sue", "--json")).out)["pin"]

        async def play(who: str, keys: str) -> None:
            played.called[who] = await house.call(keys, before_keys_s=2.5)

        calls = [
            # He is told so 5 to 8 s after he has submitted it; the sentence takes 7 s.
            asyncio.create_task(play("kept", f"{REVIEW}e#w11h")),
            # These talk until he has been told; the sentences take 7 s and 5.5 s.
            asyncio.create_task(play("complaint", f"{RECORDING}et24#e#w11h")),
            asyncio.create_task(play("message", "3@offer e2et46#w10h")),
        ]
        await until(lambda: '"complaint_intake.what_happened"' in house.log(), 90)
        # She is asked for how long, and says so when the database has begun to refuse: it is given 3 s, and the sentence takes 4 s.
        keys = f"8@supervisor.pin {pin}#@supervisor.which 1@supervisor.what 1@supervisor.how_long w14 1w5.5h"
        calls.append(asyncio.create_task(play("supervisor", keys)))
        await until(lambda: all(f'"{node}"' in house.log() for node in ("complaint_intake.review", "supervisor.how_long")), 90)
        with closing(sqlite3.connect(house.settings.paths.database, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(3.0)
            played.ready = await house.readiness()
            await until(lambda: '"complaint_intake.tell_kept"' in house.log(), LOCKED_AT_MOST_S)
            kept = house.settings.paths.kept
            away = kept.rename(kept.with_name("away"))
            kept.write_text("no folder: nothing can be kept")
            refusals = ("complaint_intake.not_stored", "message.not_kept", "supervisor.not_stored")
            await until(lambda: all(f'"{node}"' in house.log() for node in refusals), LOCKED_AT_MOST_S)
            kept.unlink()
            away.rename(kept)
            database.execute("ROLLBACK")
        await asyncio.gather(*calls)
        await until(lambda: not any(kept.glob("*.json")), 60)
        yield played


@dataclass
class Full:
    """Two callers of a house whose disk was full until they had gone."""

    house: House
    served: Called
    complains: Called
    ready: dict[str, Any]


@asynccontextmanager
async def full(folder: Path, prompts: Path) -> AsyncIterator[Full]:
    with full_disks(folder / "state") as disk:
        async with House(folder, prompts, Setup({"hr": Team("brisk", 4), "complaint": Team("brisk", 4)})) as house:
            await asyncio.to_thread(disk.fill, house)
            served, complains = await asyncio.gather(house.call("1", before_keys_s=2.5), house.call(f"{REVIEW}w60", before_keys_s=2.5))
            ready = await house.readiness()
            await asyncio.to_thread(disk.empty, house)
            yield Full(house, served, complains, ready)


SCENES = (refused, full)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fullness(scenes: Scenes) -> Full:
    played: Full = await scenes.outcome(full)
    return played


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def refusal(scenes: Scenes) -> Refused:
    played: Refused = await scenes.outcome(refused)
    return played


async def test_r11_a_complaint_that_the_database_does_not_take_is_kept_and_gets_its_number_later(refusal: Refused) -> None:
    """Its caller is asked to hold on, told what is true, and hangs up meanwhile (place tell_kept of the hotline)."""
    called = refusal.called["kept"]
    heard = called.result.heard.samples
    assert await was_heard(heard, refusal.house.prompt("complaint-intake-file-hold-on-"))
    assert await was_heard(heard, refusal.house.prompt("complaint-intake-tell-kept-"), first_s=1.5)
    assert not await was_heard(heard, refusal.house.prompt("complaint-intake-tell-number-"))
    record = await refusal.house.record(called)
    assert (record["path"][-1]["node"], record["outcome"]) == ("complaint_intake.tell_kept", "self_served")
    (complaint,) = await complaints_of(refusal, record)
    assert (complaint["number"], complaint["incomplete"]) == (record["complaint"], False)


async def test_a_complaint_that_cannot_even_be_kept_is_not_given_a_number(refusal: Refused) -> None:
    """And what its caller said is filed all the same, once that is possible (place not_stored of the hotline)."""
    called = refusal.called["complaint"]
    record = await refusal.house.record(called)
    assert record["path"][-1]["node"] == "complaint_intake.not_stored"
    assert await was_heard(called.result.heard.samples, refusal.house.prompt("complaint-intake-not-stored-"), first_s=1.5)
    assert not await was_heard(called.result.heard.samples, refusal.house.prompt("complaint-intake-tell-number-"))
    (complaint,) = await complaints_of(refusal, record)
    # As what he had begun to tell; or as a whole one, where the transaction that was given up came through after all.
    assert record["outcome"] == ("abandoned_ivr" if complaint["incomplete"] else "self_served")
    assert complaint["recording_seconds"] > 20.0


async def test_a_message_that_cannot_be_kept_is_said_to_be_lost_but_is_not(refusal: Refused) -> None:
    called = refusal.called["message"]
    record = await refusal.house.record(called)
    assert record["path"][-1]["node"] == "message.not_kept"
    assert await was_heard(called.result.heard.samples, refusal.house.prompt("message-not-kept-"), first_s=1.0)
    assert record["message"] is True


async def complaints_of(refusal: Refused, record: dict[str, Any]) -> list[dict[str, Any]]:
    return [complaint for complaint in await refusal.house.complaints() if complaint["contact"] == record["id"]]


async def test_hours_that_cannot_be_stored_are_not_said_to_be_in_force(refusal: Refused) -> None:
    called = refusal.called["supervisor"]
    record = await refusal.house.record(called)
    assert record["path"][-1]["node"] == "supervisor.not_stored"
    assert await was_heard(called.result.heard.samples, refusal.house.prompt("supervisor-not-stored-"), first_s=1.5)
    assert not await was_heard(called.result.heard.samples, refusal.house.prompt("supervisor-in-force-"))


async def test_a_refusing_database_is_told_and_doesnt_keep_calls_out(refusal: Refused) -> None:
    assert refusal.ready["status"] == "ready"
    assert any("database" in sentence for sentence in refusal.ready["degraded"])
    assert (await refusal.house.readiness())["degraded"] == []


async def test_with_a_full_disk_calls_go_on(fullness: Full) -> None:
    for called in (fullness.served, fullness.complains):
        assert called.result.ended_by == "system"
        assert called.result.heard.seconds > 5.0
    assert await was_heard(fullness.served.result.heard.samples, fullness.house.prompt("hotline-goodbye-"))


async def test_a_full_disk_is_told_and_calls_are_still_taken(fullness: Full) -> None:
    assert fullness.ready["status"] == "ready"
    assert any("disk" in sentence or "database" in sentence for sentence in fullness.ready["degraded"]), fullness.ready


async def test_the_records_of_a_full_disk_come_later(fullness: Full) -> None:
    record = await fullness.house.record(fullness.served, deadline_s=30)
    assert (record["outcome"], record["served_by"]) == ("answered", "flow")
    assert (await fullness.house.record(fullness.complains))["outcome"] is not None
    assert (await fullness.house.readiness())["degraded"] == []
    assert fullness.house.daemon.running


class FullDisk:
    """A small file system of its own, filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, house: House) -> None:
        # Without a buffer: what didn't go in must not be tried again when the file is closed.
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65536):
                pass

    def empty(self, house: House) -> None:
        self._ballast.unlink()


class SmallFiles:
    """Where no file system can be mounted: no file of the daemon or of Asterisk may grow any more."""

    def fill(self, house: House) -> None:
        self._limit(house, 1)

    def empty(self, house: House) -> None:
        self._limit(house, resource.RLIM_INFINITY)

    def _limit(self, house: House, size: int) -> None:
        for child in house.system.children():
            resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def full_disks(folder: Path) -> Iterator[FullDisk | SmallFiles]:
    """A tmpfs at ``folder`` for root, limited files for everybody else."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        yield SmallFiles()
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(folder)], check=True)
    try:
        yield FullDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

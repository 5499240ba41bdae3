"""What leaves the house after a real call: the alert of an abandoned caller within a second, the complaint at a CRM behind a webhook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio
from support.fake_webhook import SECRET, FakeReceiver, fake_receiver
from support.fake_wecom import FakeWecom, fake_wecom

from acceptance.house import Called, House, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

# He hears a phone ring for seven seconds, and gives up.
GIVES_UP = "1@hr_queue w7h"
COMPLAINS = "4e12345678#e1e1et6#e#e2"


@dataclass
class Left:
    """What the calls were, and what came to those outside."""

    house: House
    robot: FakeWecom
    hook: FakeReceiver
    crm: FakeReceiver
    gave_up: list[Called] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    complaint: dict[str, Any] = field(default_factory=dict)
    recording: bytes = b""


def write_secrets(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


@asynccontextmanager
async def what_leaves(folder: Path, prompts: Path) -> AsyncIterator[Left]:
    async with fake_wecom(time.time) as robot, fake_receiver() as hook, fake_receiver(503, 200, "double") as crm:
        write_secrets(folder, {"robot": robot.url(), "hook": hook.url, "secret": SECRET})
        channels = (
            f'{{robot = {{kind = "wecom", url_file = "{folder / "robot"}"}}, '
            f'hook = {{kind = "webhook", url_file = "{folder / "hook"}", secret_file = "{folder / "secret"}"}}}}'
        )
        environment = {
            "IVRD_ALERTS__CHANNELS": channels,
            "IVRD_CRM__KIND": "webhook",
            "IVRD_CRM__URL": crm.url,
            "IVRD_CRM__SECRET_FILE": str(folder / "secret"),
        }
        setup = Setup({"hr": Team("deaf", 4, ring_s=60), "complaint": Team("brisk", 2)}, environment=environment)
        async with House(folder / "house", prompts, setup) as house:
            left = Left(house, robot, hook, crm)
            left.gave_up = list(await asyncio.gather(house.call(GIVES_UP), house.call(GIVES_UP), house.call(COMPLAINS)))[:2]
            left.records = [await house.record(called) for called in left.gave_up]
            await until(lambda: bool(crm.taken), 20)
            (left.complaint,) = await house.complaints()
            link = next(iter(crm.taken.values()))["data"]["recording"]["url"]
            async with aiohttp.ClientSession() as client, client.get(link) as answer:
                left.recording = await answer.read()
            yield left


SCENES = (what_leaves,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def left(scenes: Scenes) -> Left:
    found: Left = await scenes.outcome(what_leaves)
    return found


async def test_the_robot_tells_of_each_abandoned_caller_within_a_second(left: Left) -> None:
    ends = sorted(datetime.fromisoformat(record["ended_at"]).timestamp() for record in left.records)
    assert [record["outcome"] for record in left.records] == ["abandoned_ring"] * 2
    assert left.robot.refused == []
    assert len(left.robot.texts) == 2
    assert all(arrived - end <= 1.0 for end, arrived in zip(ends, sorted(left.robot.arrived), strict=True))


async def test_r60_no_whole_number_goes_to_the_robot(left: Left) -> None:
    told = "\n".join(left.robot.texts)
    for called in left.gave_up:
        assert called.caller not in told
        assert called.caller[-4:] in told


async def test_the_signed_hook_is_told_too(left: Left) -> None:
    assert left.hook.faults == []
    assert len(left.hook.taken) == 2


async def test_the_crm_gets_the_complaint_once_after_it_had_refused(left: Left) -> None:
    assert left.crm.faults == []
    (message,) = left.crm.taken.values()
    assert len({received.id for received in left.crm.received}) == 1
    assert len(left.crm.received) == 2
    data = message["data"]
    assert (data["number"], data["serial"], data["incomplete"]) == (left.complaint["number"], "12345678", False)


def test_the_link_in_it_opens_the_recording(left: Left) -> None:
    assert left.recording == Path(left.complaint["recording"]).read_bytes()
    assert left.recording[:4] == b"RIFF"

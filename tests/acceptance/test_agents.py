"""Agents on a real Asterisk: their states while calls ring, talk and end, through a daemon that is killed in the middle (R40).

One scene, played once: a caller talks to HR while the daemon dies and comes back; HR's second agent is paused on the telephone system.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest_asyncio

from acceptance.house import House
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

# Their phones ring for a second, and they talk until the caller hangs up.
SETUP = Setup({"hr": Team("slow", 2), "course": Team("brisk", 1), "product": Team("gone", 1), "complaint": Team("brisk", 1)})
TALK_S = 30
SEEN_WITHIN_S = 20.0


@dataclass
class Story:
    """What ``ivrd agents`` said, and when."""

    house: House
    talking: dict[str, Any] = field(default_factory=dict)
    paused: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    async def agent_in(self, state: str) -> dict[str, Any]:
        """The first agent of HR who is in this state, as soon as there is one."""
        async with asyncio.timeout(SEEN_WITHIN_S):
            while True:
                for agent in (await self.told("now"))["agents"]:
                    if agent["state"] == state and agent["agent"] in HR:
                        return dict(agent)
                await asyncio.sleep(0.5)

    async def told(self, *words: str) -> Any:
        answer = await self.house.ivrd("agents", *words, *(["--format"] if words[0] == "report" else []), JSON[words[0]])
        assert answer.status == 0, answer.err
        return json.loads(answer.out)


JSON = {"now": "--json", "intervals": "--json", "report": "json"}
HR = ("Agent 500", "Agent 501")


@asynccontextmanager
async def followed(folder: Path, prompts: Path) -> AsyncIterator[Story]:
    async with House(folder, prompts, SETUP) as house:
        story = Story(house)
        calling = asyncio.create_task(house.call(f"1@hr_queue w{TALK_S}h"), name="caller")
        story.talking = await story.agent_in("talking")
        await house.kill_daemon()
        await asyncio.sleep(2.0)
        await house.start_daemon()
        called = await calling
        story.record = await house.record(called)
        other = next(name for name in HR if name != story.talking["agent"])
        await house.system.asterisk.rx(f"queue pause member PJSIP/{other.split()[1]} queue hr reason 午饭")
        story.paused = await story.agent_in("on_break")
        story.report = await story.told("report")
        story.intervals = await story.told("intervals", story.talking["agent"])
        yield story


SCENES = (followed,)


@pytest_asyncio.fixture(loop_scope="session")
async def story(scenes: Scenes) -> Story:
    found: Story = await scenes.outcome(followed)
    return found


async def test_who_talks_is_seen_talking_with_whom_and_in_which_queue(story: Story) -> None:
    assert story.talking["queue"] == "hr"
    assert story.talking["call"] == story.record["id"]
    assert story.record["visits"][0]["agent"] == story.talking["agent"]


async def test_the_talk_is_one_stay_through_the_daemons_death_and_as_long_as_the_callers(story: Story) -> None:
    talks = [each for each in story.intervals if each["state"] == "talking"]
    assert [talk["call"] for talk in talks] == [story.record["id"]]
    assert abs(talks[0]["seconds"] - story.record["visits"][0]["talk"]) < 0.5
    for one, following in pairwise(story.intervals):
        assert one["to"] == following["from"], "no hole and no overlap"
    states = [each["state"] for each in story.intervals if each["seconds"] >= 0.1]
    assert states[-3:] == ["ringing", "talking", "available"]


async def test_a_pause_is_a_break_with_its_reason(story: Story) -> None:
    assert story.paused["agent"] != story.talking["agent"]
    assert story.paused["reason"] == "午饭"


async def test_the_report_counts_the_one_call(story: Story) -> None:
    rows = {row["agent"]: row for row in story.report["rows"]}
    mine = rows[story.talking["agent"]]
    assert (mine["offers"], mine["handled"], mine["refused"], mine["no_answer"]) == (1, 1, 0, 0)
    assert abs(mine["talk"] - story.record["visits"][0]["talk"]) < 0.5
    assert rows[None]["handled"] == 1

"""Several wait for one agent: each hears his place and how long it will take, may be called back instead, and goes first only so far (R2).

One scene, played once. One phone answers for courses and talks long; nobody picks up the others. The VIPs' numbers stand in a file.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acceptance.hearing import was_heard
from acceptance.house import Called, House, of_call, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team
from ivr.domain.queue_priority import CEILING_S

# The scene takes some three minutes, and who runs these tests alone waits for it.
pytestmark = pytest.mark.timeout(600)

VIP, LATE_VIP, ANNA = "13900000108", "13900000109", "13900000110"
# The agent for courses talks for 50 s. Products give up on a caller after 30 s.
TEAMS = {
    "hr": Team("deaf", 1, ring_s=120, max_wait_s=600),
    "course": Team("slow", 1, max_wait_s=600),
    "product": Team("deaf", 1, ring_s=120, max_wait_s=30),
    "complaint": Team("deaf", 1, ring_s=120, max_wait_s=600),
}
COURSE = "2@course_menu 1"
WAITS_ALL_THE_SAME = f"{COURSE}@long_wait.offer e2"
# Where a caller of this scene hangs up, and how he comes there. Somebody is in the queue already.
PLACES = {
    "hr_wait": "1@hr_wait w1h",
    "course_wait": f"{COURSE}@course_wait w1h",
    "product_wait": "3@product_wait w1h",
    "operator_wait": "0@operator_wait w1h",
    # Her complaint has been taken, and another call of hers waits for the desk.
    "complaint_wait": "@case_stands #@complaint_wait w1h",
    "long_wait.offer": f"{COURSE}@long_wait.offer w1h",
}
PRODUCT_CLOSES_IN_S = 25


@dataclass
class Crowd:
    """What has happened, and what was told of it afterwards."""

    house: House
    called: dict[str, Called] = field(default_factory=dict)
    going_on: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    promises: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)  # by queue

    def record(self, who: str) -> dict[str, Any]:
        found = of_call(self.records, self.called[who])
        assert len(found) == 1, f"one call left {len(found)} records: {found}"
        return found[0]

    def nodes(self, who: str) -> list[str]:
        return [step["node"] for step in self.record(who)["path"]]

    def visit(self, who: str) -> dict[str, Any]:
        (visit,) = self.record(who)["visits"]
        return dict(visit)

    async def heard(self, who: str, prompt: str) -> bool:
        return await was_heard(self.called[who].result.heard.samples, self.house.prompt(prompt))

    def calls(self, who: str, keys: str, caller: str | None = None) -> asyncio.Task[None]:
        """Begin a call."""

        async def call() -> None:
            script = {"caller": caller} if caller else {}
            self.called[who] = await self.house.call(keys, before_keys_s=2.5, **script)

        self.going_on[who] = asyncio.create_task(call(), name=who)
        return self.going_on[who]

    async def over(self) -> None:
        await asyncio.gather(*self.going_on.values())

    def at(self, node: str, number: int = 1) -> bool:
        """So many callers are at this node now."""
        query = "SELECT count(*) FROM contacts WHERE ended_at IS NULL AND json_extract(path, '$[#-1].node') = ?"
        with closing(sqlite3.connect(f"{self.house.settings.paths.database.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute(query, (node,)).fetchone()[0] >= number)


async def for_courses(crowd: Crowd) -> None:
    """One is served, and behind him wait an ordinary caller, a VIP who comes later, and much later another VIP."""
    crowd.calls("served first", f"{COURSE}@survey h")
    await until(lambda: crowd.at("course_queue"), 60)
    crowd.calls("ordinary", f"{WAITS_ALL_THE_SAME}@course_queue w100h")
    await until(lambda: crowd.at("course_queue", 2), 60)
    queued = asyncio.get_running_loop().time()
    crowd.calls("vip", f"{WAITS_ALL_THE_SAME}@survey h", VIP)
    await until(lambda: crowd.at("course_queue", 3), 60)
    for who in ("course_wait", "long_wait.offer"):
        crowd.calls(who, PLACES[who])
    crowd.calls("wants a call", f"{COURSE}@long_wait.offer e1")
    # From the ring to the queue it takes him some twelve seconds.
    await asyncio.sleep(max(0.0, queued + CEILING_S - 5.0 - asyncio.get_running_loop().time()))
    crowd.calls("late vip", f"{COURSE}@long_wait.offer 2@course_queue w45h", LATE_VIP)


async def for_the_others(crowd: Crowd) -> None:
    """One waits where nobody picks up, and another comes."""
    crowd.calls("waits for hr", "1@hr_queue w40h")
    crowd.calls("anna complains", "4e#e1et4#e#@complaint_intake.tell_number w1h", ANNA)
    await until(lambda: crowd.at("hr_queue"), 60)
    await crowd.calls("hr_wait", PLACES["hr_wait"])
    # Who waits for products is there when they close.
    now = datetime.now(UTC)
    closes, opens = now + timedelta(seconds=PRODUCT_CLOSES_IN_S), now + timedelta(hours=1)
    arguments = ("--line", "product", "--closed", "--reason", "stocktaking", "--from", closes.isoformat(), "--until", opens.isoformat())
    answer = await crowd.house.ivrd("hours", "set", *arguments)
    assert answer.status == 0, answer.err
    crowd.calls("sees it close", "3@offer e2et4#")
    await until(lambda: crowd.at("product_queue"), 60)
    for who in ("product_wait", "operator_wait"):
        crowd.calls(who, PLACES[who])
    await crowd.going_on["anna complains"]
    crowd.calls("anna waits", "@case_stands #@complaint_queue w40h", ANNA)
    await until(lambda: crowd.at("complaint_queue"), 60)
    crowd.calls("complaint_wait", PLACES["complaint_wait"], ANNA)


def write_vips(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    vips = folder / "vips.txt"
    vips.write_text(f"+86{VIP}  # of the board\n{LATE_VIP}\n", encoding="utf-8")
    return vips


@asynccontextmanager
async def a_crowd(folder: Path, prompts: Path) -> AsyncIterator[Crowd]:
    vips = write_vips(folder)
    environment = {
        "IVRD_CUSTOMERS__VIP_FILE": str(vips),
        "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "600",
        "IVRD_CALLBACKS__ABANDONED": "false",
    }
    async with House(folder / "house", prompts, Setup(TEAMS, environment=environment)) as house:
        crowd = Crowd(house)
        async with asyncio.TaskGroup() as group:
            group.create_task(for_courses(crowd), name="courses")
            group.create_task(for_the_others(crowd), name="the others")
        await crowd.over()
        crowd.records = await house.records_with(crowd.called["late vip"])
        crowd.promises = json.loads((await house.ivrd("callbacks", "list", "--json")).out)
        report = json.loads((await house.ivrd("report", "--format", "json")).out)
        crowd.figures = {row["queue"]: row for row in report["rows"]}
        yield crowd


SCENES = (a_crowd,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowd(scenes: Scenes) -> Crowd:
    played: Crowd = await scenes.outcome(a_crowd)
    return played


async def test_who_waits_hears_his_place_and_how_long_it_will_take(crowd: Crowd) -> None:
    """He who wants a call stands behind the ordinary caller and the VIP: third."""
    for part in ("position-", "position-2-", "wait-", "wait-2-", "wait-4-"):
        assert await crowd.heard("wants a call", f"hotline-course-wait-{part}"), part
    assert await crowd.heard("wants a call", "number-3")


async def test_who_is_next_hears_no_place_but_how_long_it_will_take(crowd: Crowd) -> None:
    for who in ("ordinary", "vip"):
        assert not await crowd.heard(who, "hotline-course-wait-position-"), who
        assert await crowd.heard(who, "hotline-course-wait-wait-"), who
    assert not await crowd.heard("served first", "hotline-course-wait-wait-")


async def test_who_would_wait_long_can_be_called_back_instead(crowd: Crowd) -> None:
    record = crowd.record("wants a call")
    asked = ["course_wait", "course_long", "long_wait.offer", "long_wait.callback"]
    assert crowd.nodes("wants a call")[-6:] == [*asked, "callback", "callback_promised"]
    assert (record["outcome"], record["visits"]) == ("callback_accepted", [])
    assert await crowd.heard("wants a call", "long-wait-offer-")
    assert await crowd.heard("wants a call", "hotline-callback-promised-")
    (promise,) = [promise for promise in crowd.promises if promise["id"] == record["callback"]]
    assert (promise["reason"], promise["line"], promise["queue"], promise["state"]) == ("requested", "course", "course", "due")


async def test_who_waits_all_the_same_is_served(crowd: Crowd) -> None:
    nodes = crowd.nodes("ordinary")
    assert nodes[-5:] == ["course_wait", "course_long", "long_wait.offer", "long_wait.wait", "course_queue"]
    assert crowd.record("ordinary")["outcome"] == "answered"


async def test_a_vip_goes_ahead_but_overtakes_nobody_who_has_waited_long(crowd: Crowd) -> None:
    joined = {who: datetime.fromisoformat(crowd.visit(who)["joined_at"]) for who in ("ordinary", "vip", "late vip")}
    answered = {who: joined[who] + timedelta(seconds=crowd.visit(who)["wait"]) for who in joined}
    assert joined["ordinary"] < joined["vip"] < joined["late vip"]
    assert joined["late vip"] - joined["ordinary"] > timedelta(seconds=CEILING_S)
    assert joined["late vip"] < answered["ordinary"]
    assert answered["vip"] < answered["ordinary"] < answered["late vip"]
    assert all(crowd.visit(who)["outcome"] == "answered" for who in joined)


async def test_who_waits_when_the_line_closes_is_told_so_and_is_not_counted_as_abandoned(crowd: Crowd) -> None:
    nodes = crowd.nodes("sees it close")
    assert nodes[nodes.index("product_queue") :][:5] == ["product_queue", "product_closes", "closed", "closed_until", "offer"]
    assert await crowd.heard("sees it close", "hotline-closed-until-")
    assert not await crowd.heard("sees it close", "hotline-all-busy-")
    assert crowd.visit("sees it close")["outcome"] == "flow_timeout"
    assert crowd.record("sees it close")["outcome"] == "voicemail"
    figures = crowd.figures["product"]
    assert (figures["offered"], figures["abandoned"], figures["flow_out"]) == (1, 0, 1)


@pytest.mark.parametrize("place", PLACES)
async def test_a_hang_up_leaves_one_record_that_says_where(crowd: Crowd, place: str) -> None:
    record = crowd.record(place)  # fails unless there is exactly one
    assert record["path"][-1]["node"] == place
    assert (record["outcome"], record["abandoned_at_node"]) == ("abandoned_ivr", place)
    assert crowd.called[place].result.ended_by == "caller"

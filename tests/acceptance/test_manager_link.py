"""The link to Asterisk's manager breaks in the middle of calls, and Asterisk itself goes away: the records stay right.

Each story needs a link, and the last one an Asterisk, to itself: they are told at the same time, in three houses.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.tcp_proxy import TcpProxy

from acceptance.house import Called, House, until
from acceptance.settings_file import Setup, Team

# Product: 4 s to the queue, the phone rings 4 s, then a talk until the caller hangs up. HR: a talk of 2 s, 4.5 s after the key.
SETUP = Setup({"hr": Team("brisk", 6), "product": Team("chatty", 8)})
CALLS = {
    "talks through the cut": "3w18h",  # answered at 10.5 s, cut at 14 s
    "is rung through the cut": "3w26h",  # begins at 5.5 s: in the queue at 12 s, answered at 16 s
    "hangs up in the menu meanwhile": "w7h",  # begins at 8 s
}


@dataclass
class Broken:
    """The calls around one break of the link, and their records."""

    house: House
    called: dict[str, Called] = field(default_factory=dict)

    async def record(self, who: str) -> dict[str, Any]:
        return await self.house.record(self.called[who])


async def play(broken: Broken, who: str, at_s: float, keys: str) -> None:
    await asyncio.sleep(at_s)
    broken.called[who] = await broken.house.call(keys, before_keys_s=2.5)


@asynccontextmanager
async def proxied(folder: Path, prompts: Path) -> AsyncIterator[tuple[House, TcpProxy]]:
    """A house whose daemon reaches the manager through a proxy."""
    house = House(folder, prompts, SETUP)
    async with AsyncExitStack() as parts:
        async with house.opening():
            await house.open()
            proxy = await parts.enter_async_context(TcpProxy(house.ami_port))
            house.system.environment["IVRD_AMI__PORT"] = str(proxy.port - house.offset)
            house.system.environment["IVRD_AMI__PING_INTERVAL_S"] = "2"
            await house.start()
        parts.push_async_callback(house.close)
        yield house, proxy


async def a_link_that_breaks_and_comes_back_in_calls(house: House, proxy: TcpProxy) -> None:
    broken = Broken(house)
    at_s = {"talks through the cut": 0.0, "is rung through the cut": 5.5, "hangs up in the menu meanwhile": 8.0}
    calls = [asyncio.create_task(play(broken, who, at_s[who], keys)) for who, keys in CALLS.items()]
    await asyncio.sleep(14.0)
    connections = proxy.connections
    proxy.cut()
    await until(lambda: proxy.connections > connections, 10)
    await asyncio.gather(*calls)
    talk = await broken.record("talks through the cut")
    (visit,) = talk["visits"]
    assert (talk["outcome"], visit["ended_by"]) == ("answered", "caller")
    assert abs(visit["talk"] - 10.3) < 2.0  # from the answer at 10.5 s to his hang-up at 20.8 s
    rung = await broken.record("is rung through the cut")
    (visit,) = rung["visits"]
    assert (rung["outcome"], visit["queue"], visit["ended_by"]) == ("answered", "product", "caller")
    assert abs(visit["wait"] - 4.0) < 1.5
    assert visit["agent"].startswith("Agent ")
    left = await broken.record("hangs up in the menu meanwhile")
    assert (left["outcome"], left["abandoned_at_node"]) == ("abandoned_ivr", "menu")


async def a_hang_up_that_nobody_saw_closes_the_record_when_the_link_is_back(house: House, proxy: TcpProxy) -> None:
    call = asyncio.create_task(house.call("3w14h", before_keys_s=2.5))
    await asyncio.sleep(14.0)  # in his talk
    proxy.stall()
    called = await call
    await asyncio.sleep(2.0)
    degraded = asyncio.create_task(wait_for_degraded(house))
    assert "manager" in await degraded
    proxy.cut()
    proxy.flow()
    record = await house.record(called, deadline_s=45)
    (visit,) = record["visits"]
    assert (record["outcome"], visit["outcome"]) == ("answered", "answered")
    assert 5.0 < visit["talk"] < 60.0
    assert (await house.readiness())["degraded"] == []


async def wait_for_degraded(house: House) -> str:
    """The sentence that /readyz says of a manager that doesn't answer; calls are still taken."""
    async with asyncio.timeout(20):
        while True:
            state = await house.readiness()
            assert state["status"] == "ready"
            if state["degraded"]:
                return str(state["degraded"][0])
            await asyncio.sleep(0.5)


async def a_session_kicked_by_the_administrator_comes_back(house: House, proxy: TcpProxy) -> None:
    asterisk = house.system.asterisk
    assert asterisk is not None
    call = asyncio.create_task(house.call("3w14h", before_keys_s=2.5))
    await asyncio.sleep(13.0)
    connections = proxy.connections
    shown = await asterisk.rx("manager show connected")
    (session,) = re.findall(r"^\s*ivrd\s+\S+\s+\d+\s+\d+\s+(\d+)", shown, re.MULTILINE)
    await asterisk.rx(f"manager kick session {session}")
    await until(lambda: proxy.connections > connections, 10)
    record = await house.record(await call)
    (visit,) = record["visits"]
    assert (record["outcome"], visit["ended_by"], visit["uncertain"]) == ("answered", "caller", False)
    assert abs(visit["talk"] - 6.3) < 2.0


async def asterisk_killed_and_started_again_under_the_daemon(house: House, _: TcpProxy) -> None:
    asterisk = house.system.asterisk
    assert asterisk is not None
    ids = {who: f"{uuid.uuid4()}@127.0.0.1" for who in ("menu", "talk")}
    calls = [
        asyncio.create_task(house.call("w60", call_id=ids["menu"], before_keys_s=2.5)),
        asyncio.create_task(house.call("3w60", call_id=ids["talk"], before_keys_s=2.5)),
    ]
    await asyncio.sleep(13.0)
    asterisk.kill()
    await house.system.stop_asterisk()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await asyncio.sleep(2.0)
    assert house.daemon.running
    await house.system.start_asterisk()
    called = await house.call("1@survey h", before_keys_s=2.5)
    record = await house.record(called)
    assert (record["outcome"], record["served_by"]) == ("answered", "flow")
    # The link may still wait for its next try; then the snapshot closes what ran.
    ended = await ended_records(house, set(ids.values()))
    assert ended[ids["menu"]]["path"][-1]["node"] == "menu"
    assert ended[ids["menu"]]["outcome"] in ("system_error", "abandoned_ivr")
    assert ended[ids["talk"]]["outcome"] == "answered"
    assert ended[ids["talk"]]["visits"][0]["uncertain"] is True


async def ended_records(house: House, call_ids: set[str]) -> dict[str, dict[str, Any]]:
    async with asyncio.timeout(45):
        while True:
            found = {record["sip_call_id"]: record for record in await house.records() if record["sip_call_id"] in call_ids}
            if len(found) == len(call_ids) and all(record["ended_at"] for record in found.values()):
                return found
            await asyncio.sleep(1.0)


Story = Callable[[House, TcpProxy], Coroutine[Any, Any, None]]
# House by house: what is told in one house is told one after the other.
STORIES: Mapping[str, tuple[Story, ...]] = {
    "broken": (a_link_that_breaks_and_comes_back_in_calls,),
    "unseen": (
        a_hang_up_that_nobody_saw_closes_the_record_when_the_link_is_back,
        a_session_kicked_by_the_administrator_comes_back,
    ),
    "killed": (asterisk_killed_and_started_again_under_the_daemon,),
}


async def tell(folder: Path, prompts: Path, stories: tuple[Story, ...]) -> Mapping[Story, asyncio.Task[None]]:
    """The stories of one house, all of them over; what went wrong in one keeps no other from being told."""
    over: dict[Story, asyncio.Task[None]] = {}
    async with proxied(folder, prompts) as (house, proxy):
        for story in stories:
            over[story] = asyncio.create_task(story(house, proxy), name=story.__name__)
            try:
                await asyncio.wait([over[story]])
            finally:
                over[story].cancel()
    return over


Houses = Mapping[str, asyncio.Task[Mapping[Story, asyncio.Task[None]]]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def houses(tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[Houses]:
    """By name; each done when its stories are over."""
    tasks = {
        name: asyncio.create_task(tell(tmp_path_factory.mktemp(name), prompts, stories), name=f"house {name}")
        for name, stories in STORIES.items()
    }
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize(("name", "story"), [(name, story) for name, stories in STORIES.items() for story in stories])
async def test_the_records_stay_right(name: str, story: Story, houses: Houses) -> None:
    told = await asyncio.shield(houses[name])
    told[story].result()

"""SIGTERM: running calls go on for the grace, then the fallback has them; new calls go to the fallback at once; nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acceptance.hearing import was_heard
from acceptance.house import Called, House, of_call, until
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

GRACE_S = 12.0
TERM_AT = 10.0
SETUP = Setup({"hr": Team("brisk", 4), "complaint": Team("brisk", 4)}, environment={"IVRD_SHUTDOWN__GRACE_S": f"{GRACE_S:g}"})
# All are in the menu when the signal comes, 10 s after the first call began.
CALLS = {
    "chooses in the grace": (2.0, "w7.5 1w45"),
    "hangs up in the grace": (2.0, "w9.5h"),
    "stays in the menu": (2.0, "w60"),
    "calls in the grace": (TERM_AT + 2.0, ""),
    "calls when it is gone": (TERM_AT + GRACE_S + 4.0, "w2h"),
}


@dataclass
class Drained:
    """How it ended, and what the records say after the next start."""

    house: House
    status: int | None = None
    lasted_s: float = 0.0
    called: dict[str, Called] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    def record(self, who: str) -> dict[str, Any]:
        found = of_call(self.records, self.called[who])
        assert len(found) == 1, found
        return found[0]


@asynccontextmanager
async def drained(folder: Path, prompts: Path) -> AsyncIterator[Drained]:
    async with House(folder, prompts, SETUP) as house:
        played = Drained(house)

        async def play(who: str, at_s: float, keys: str) -> None:
            await asyncio.sleep(at_s)
            played.called[who] = await house.call(keys, before_keys_s=2.5)

        calls = [asyncio.create_task(play(who, *call)) for who, call in CALLS.items()]
        await asyncio.sleep(TERM_AT)
        began = asyncio.get_running_loop().time()
        daemon = house.daemon
        daemon.process.send_signal(signal.SIGTERM)
        played.status = await asyncio.wait_for(daemon.process.wait(), GRACE_S + 15)
        played.lasted_s = asyncio.get_running_loop().time() - began
        await asyncio.gather(*calls)
        await house.start_daemon()
        await until(lambda: not any(house.spool.glob("*.json")), 20)
        await asyncio.sleep(1.0)
        played.records = await house.records()
        yield played


SCENES = (drained,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def drain(scenes: Scenes) -> Drained:
    played: Drained = await scenes.outcome(drained)
    return played


async def test_it_ends_well_and_in_time(drain: Drained) -> None:
    assert drain.status == 0
    assert GRACE_S - 1.0 <= drain.lasted_s <= GRACE_S + 5.0


async def test_who_chooses_in_the_grace_is_led_on(drain: Drained) -> None:
    record = drain.record("chooses in the grace")
    nodes = [step["node"] for step in record["path"]]
    assert nodes[:8] == ["greeting", "caller", "menu", "hr", "hr_hours", "hr_wait", "hr_connect", "hr_queue"]
    assert record["line"] == "hr"
    assert record["outcome"] == "answered"
    assert drain.called["chooses in the grace"].result.ended_by == "system"


async def test_who_hangs_up_in_the_grace_has_his_record(drain: Drained) -> None:
    record = drain.record("hangs up in the grace")
    assert (record["outcome"], record["abandoned_at_node"], record["served_by"]) == ("abandoned_ivr", "menu", "flow")


async def test_who_stays_longer_is_handed_to_the_fallback(drain: Drained) -> None:
    record = drain.record("stays in the menu")
    nodes = [step["node"] for step in record["path"]]
    assert nodes[:4] == ["greeting", "caller", "menu", "fallback"]
    assert record["outcome"] == "answered"
    assert await was_heard(drain.called["stays in the menu"].result.heard.samples, drain.house.prompt("fallback-apology"))


@pytest.mark.parametrize(("who", "outcome"), [("calls in the grace", "answered"), ("calls when it is gone", "abandoned_ivr")])
async def test_new_calls_go_to_the_fallback_at_once(drain: Drained, who: str, outcome: str) -> None:
    called = drain.called[who]
    assert (called.result.answered_after_s or 60.0) < 4.0
    record = drain.record(who)
    assert (record["served_by"], record["outcome"]) == ("fallback", outcome)
    assert record["path"][0]["node"] == "fallback"


async def test_every_call_has_one_record(drain: Drained) -> None:
    assert len(drain.records) == len(CALLS)

"""Promised calls, kept by real calls through a real Asterisk to a public network of its own (R17, R31)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest_asyncio

from acceptance.house import House
from acceptance.settings_file import Setup, Team
from ivr.calling_back import policy_of
from ivr.settings import DATA_KEY
from ivr.store import callbacks as store
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.public_network import SIP_PORT, PublicNetwork

POLL_S = 0.3
# Gaps of 3 s and 6 s, nobody too quick to be called back, ringing for 10 s.
BRISKLY = {
    "IVRD_CALLBACKS__FIRST_AFTER_MINUTES": "0",
    "IVRD_CALLBACKS__RETRY_MINUTES": "[0.05, 0.1]",
    "IVRD_CALLBACKS__RING_S": "10",
    "IVRD_CALLBACKS__CONCURRENT": "20",
    "IVRD_TARGETS__SHORT_S": "0",
}
SETUP = Setup(
    {
        "hr": Team("brisk", 6),
        "course": Team("deaf", 2, ring_s=120, max_wait_s=10),
        "product": Team("chatty", 8),
        "complaint": Team("gone", 1),
    },
    environment=BRISKLY,
)
ENDED = {"done", "failed", "cancelled", "expired"}


class Outside:
    """A house and the telephone network it calls into."""

    def __init__(self, house: House, network: PublicNetwork) -> None:
        self.house = house
        self.network = network

    async def promise(self, number: str, *more: str) -> str:
        answer = await self.house.ivrd("callbacks", "add", number, "--json", *more)
        assert answer.status == 0, answer.err
        return str(json.loads(answer.out)["id"])

    async def callbacks(self) -> list[dict[str, Any]]:
        answer = await self.house.ivrd("callbacks", "list", "--json")
        assert answer.status == 0, answer.err
        found: list[dict[str, Any]] = json.loads(answer.out)
        return found

    async def callback(self, promised: str) -> dict[str, Any]:
        answer = await self.house.ivrd("callbacks", "show", promised, "--json")
        assert answer.status == 0, answer.err
        shown: dict[str, Any] = json.loads(answer.out)
        return shown

    async def ended(self, promised: str, deadline_s: float = 90.0) -> dict[str, Any]:
        """The promise, once nothing more will come of it."""

        async def look() -> dict[str, Any] | None:
            callback = await self.callback(promised)
            return callback if callback["state"] in ENDED else None

        found: dict[str, Any] = await self.until(look, deadline_s)
        return found

    async def until(self, look: Callable[[], Any], deadline_s: float = 30.0) -> Any:
        deadline = asyncio.get_running_loop().time() + deadline_s
        while True:
            found = look()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"not within {deadline_s:g} s\n{self.house.log()[-4000:]}"
            await asyncio.sleep(POLL_S)

    def called(self, number: str) -> int:
        return self.network.times("called", number)

    def dials(self, callback: dict[str, Any]) -> list[str | None]:
        return [dial["result"] for dial in callback["dials"]]


@asynccontextmanager
async def outside(house: House) -> AsyncIterator[Outside]:
    async with house:
        network = await PublicNetwork.start(house.folder / "public-network", house.settings.shifted(SIP_PORT))
        try:
            yield Outside(house, network)
        finally:
            await network.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: Any, prompts: Path) -> AsyncIterator[Outside]:
    """One house and network for all tests that don't kill anything."""
    async with outside(House(tmp_path_factory.mktemp("callbacks"), prompts, SETUP)) as found:
        yield found


async def test_whoever_asks_by_key_in_the_queue_is_called_presses_1_and_talks_to_an_agent(town: Outside) -> None:
    called = await town.house.call("3w5 1w15", caller="13900000101")
    record = await town.house.record(called)
    assert (record["outcome"], [visit["outcome"] for visit in record["visits"]]) == ("callback_accepted", ["flow_key"])
    callback = await town.ended(record["callback"])
    assert (callback["reason"], callback["state"], callback["attempts"], town.dials(callback)) == ("requested", "done", 1, ["bridged"])
    assert (callback["line"], callback["queue"]) == ("product", "product")
    assert (town.called("13900000101"), town.network.times("pressed", "13900000101")) == (1, 1)
    # The call we made is no contact: nobody called us.
    assert [r["id"] for r in await town.house.records() if r["caller"] == record["caller"]] == [record["id"]]


async def test_who_gave_up_is_called_back(town: Outside) -> None:
    called = await town.house.call("3w6h", caller="13900000111")
    record = await town.house.record(called)
    assert record["outcome"] == "abandoned_ring"
    found = await town.until(lambda: _of_contact(town, record["id"]))
    callback = await town.ended(found["id"])
    assert (callback["reason"], callback["state"], town.dials(callback)) == ("abandoned", "done", ["bridged"])


async def _of_contact(town: Outside, contact: str) -> dict[str, Any] | None:
    return next((callback for callback in await town.callbacks() if callback["contact"] == contact), None)


async def test_who_cannot_be_reached_is_tried_three_times_with_growing_gaps(town: Outside) -> None:
    numbers = {
        "13900000203": "busy",
        "13900000202": "no_key",
        "13900000205": "no_key",
        "13900000206": "refused",
        "13900000204": "no_answer",
    }
    promised = {number: await town.promise(number, "--line", "hr") for number in numbers}
    for number, result in numbers.items():
        callback = await town.ended(promised[number], 150.0)
        assert (callback["state"], callback["attempts"], town.dials(callback)) == ("failed", 3, [result] * 3), number
        assert town.called(number) == 3
        first, second, third = callback["dials"]
        for earlier, later, gap_s in ((first, second, 3.0), (second, third, 6.0)):
            waited = datetime.fromisoformat(later["dialled_at"]) - datetime.fromisoformat(earlier["ended_at"])
            assert gap_s <= waited.total_seconds() < gap_s + 8.0


async def test_who_was_served_meanwhile_is_not_called(town: Outside) -> None:
    promised = await town.promise("13900000301", "--line", "hr", "--after", "30")
    record = await town.house.record(await town.house.call("1", caller="13900000301"))
    assert record["outcome"] == "answered"
    callback = await town.ended(promised)
    assert (callback["state"], callback["last_result"], town.called("13900000301")) == ("cancelled", "served", 0)


async def test_who_is_on_the_line_with_us_is_not_called_meanwhile(town: Outside) -> None:
    calling = asyncio.create_task(town.house.call("2 1w9h", caller="13900000311"))
    await asyncio.sleep(2.0)
    promised = await town.promise("13900000311", "--line", "hr")
    called = await calling
    assert town.called("13900000311") == 0
    record = await town.house.record(called)
    assert record["outcome"].startswith("abandoned")
    callback = await town.ended(promised)
    assert (callback["state"], town.called("13900000311")) == ("done", 1)
    assert len([one for one in await town.callbacks() if one["number"] == callback["number"]]) == 1, "one call to one person"


async def test_numbers_that_cost_us_are_refused_with_a_sentence(town: Outside) -> None:
    for number, why in {
        "+4420794600": "",
        "+442079460000": "belongs to GB",
        "110": "short",
        "4008123123": "",
        "+8616812345": "",
        "+882161234567": "",
    }.items():
        answer = await town.house.ivrd("callbacks", "add", number)
        assert answer.status == 1, number
        assert "is not called: " in answer.err
        assert why in answer.err


async def test_a_promise_can_be_taken_back_by_hand(town: Outside) -> None:
    promised = await town.promise("13900000321", "--line", "hr", "--after", "30")
    answer = await town.house.ivrd("callbacks", "cancel", promised)
    assert answer.status == 0, answer.err
    again = await town.house.ivrd("callbacks", "cancel", promised)
    assert (again.status, "it is cancelled" in again.err) == (1, True)


async def test_killed_while_it_rings_it_is_neither_dialled_twice_nor_lost(new_house: Callable[..., House]) -> None:
    async with outside(new_house(SETUP)) as town:
        promised = await town.promise("13900000404", "--line", "hr")  # lets it ring
        talking = await town.promise("13900000401", "--line", "product")  # presses 1; he talks when we are dead
        await town.until(lambda: town.called("13900000404") and town.called("13900000401"))
        await town.house.kill_daemon()
        await asyncio.sleep(12.0)  # the first has rung out, the second talks
        await town.house.start_daemon()
        done = await town.ended(talking)
        assert (done["state"], town.dials(done), town.called("13900000401")) == ("done", ["bridged"], 1)
        failed = await town.ended(promised, 120.0)
        assert (failed["state"], failed["attempts"], town.dials(failed)) == ("failed", 3, ["no_answer"] * 3)
        assert town.called("13900000404") == 3


async def test_killed_between_commit_and_dial_it_counts_as_an_attempt_and_is_not_lost(new_house: Callable[..., House]) -> None:
    async with outside(new_house(SETUP)) as town:
        house = town.house
        promised = await town.promise("13900000501", "--line", "hr", "--after", "30")
        await house.kill_daemon()
        committed = await asyncio.to_thread(_commit_an_attempt, house, promised)
        await house.start_daemon()
        patience_s = (policy_of(house.settings).ring + policy_of(house.settings).confirm_grace).total_seconds()
        await asyncio.sleep(patience_s - 5.0)
        waiting = await town.callback(promised)
        assert (waiting["state"], waiting["dials"][0]["channel"], town.called("13900000501")) == ("dialling", committed, 0)
        callback = await town.ended(promised)
        assert (callback["state"], town.dials(callback), town.called("13900000501")) == ("done", ["unconfirmed", "bridged"], 1)


def _commit_an_attempt(house: House, promised: str) -> str:
    """What a daemon leaves that dies right after its commit."""
    database = Database(house.settings.store_url)
    sealer = Sealer(house.settings.paths.secret(DATA_KEY))
    policy = policy_of(house.settings)
    try:
        now = datetime.now(UTC)
        record = database.read_now(lambda session: store.by_id(session, sealer, promised))
        assert record is not None
        claimed = database.write_now(partial(store.claim, sealer=sealer, owner="dead", now=record.due_at, policy=policy))
        assert claimed is not None
        channel_id = database.write_now(partial(store.begin_attempt, callback_id=promised, owner="dead", now=now))
        assert channel_id is not None
        return channel_id
    finally:
        database.close()

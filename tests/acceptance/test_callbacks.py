"""Promised calls, kept by real calls through a real Asterisk to a public network of its own (R17, R31)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from acceptance.house import House
from acceptance.settings_file import Setup, Team
from ivr.callback_view import callback_as_json
from ivr.calling_back import policy_of
from ivr.settings import DATA_KEY
from ivr.store import callbacks as store
from ivr.store import contacts
from ivr.store.callback_claims import claim
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.public_network import SIP_PORT, PublicNetwork

T = TypeVar("T")
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
        "product": Team("patient", 8),
        "complaint": Team("gone", 1),
    },
    environment=BRISKLY,
)
ENDED = {"done", "failed", "cancelled", "expired"}


class Outside:
    """A house and the telephone network it calls into; what was promised is read from the house's database."""

    def __init__(self, house: House, network: PublicNetwork) -> None:
        self.house = house
        self.network = network
        self._sealer = Sealer(house.settings.paths.secret(DATA_KEY))
        self._database = Database(house.settings.store_url)
        self._stories: dict[Story, asyncio.Task[None]] = {}
        self.aftermath: asyncio.Task[None]

    def begin(self, stories: tuple[Story, ...]) -> None:
        """All at the same time: each has telephone numbers of its own."""
        self._stories = {story: asyncio.create_task(story(self), name=story.__name__) for story in stories}

    async def told(self, story: Story) -> None:
        await asyncio.shield(self._stories[story])

    async def close(self) -> None:
        for task in self._stories.values():
            task.cancel()
        await asyncio.gather(*self._stories.values(), return_exceptions=True)
        await asyncio.to_thread(self._database.close)
        await self.network.stop()

    async def promise(self, number: str, *more: str) -> str:
        answer = await self.house.ivrd("callbacks", "add", number, "--json", *more)
        assert answer.status == 0, answer.err
        return str(json.loads(answer.out)["id"])

    async def callback(self, promised: str) -> dict[str, Any]:
        record = await self._database.read(partial(store.by_id, sealer=self._sealer, callback_id=promised))
        assert record is not None
        return callback_as_json(record, self.house.settings.zone)

    async def promised_to(self, number: str) -> list[str]:
        records = await self._database.read(partial(store.latest, sealer=self._sealer, limit=1000))
        return [record.id for record in records if record.number == f"+86{number}"]

    async def is_on_the_line(self, number: str) -> bool:
        """The daemon knows of a call of his that goes on."""
        live = await self._database.read(partial(contacts.unfinished, sealer=self._sealer))
        return any(contact.caller == f"+86{number}" for contact in live)

    async def ended(self, promised: str, deadline_s: float = 150.0) -> dict[str, Any]:
        """The promise, once nothing more will come of it."""

        async def look() -> dict[str, Any] | None:
            callback = await self.callback(promised)
            return callback if callback["state"] in ENDED else None

        found: dict[str, Any] = await self.until(look, deadline_s)
        return found

    async def until(self, look: Callable[[], Awaitable[T | None]], deadline_s: float = 60.0) -> T:
        deadline = asyncio.get_running_loop().time() + deadline_s
        while not (found := await look()):
            assert asyncio.get_running_loop().time() < deadline, f"not within {deadline_s:g} s\n{self.house.log()[-4000:]}"
            await asyncio.sleep(POLL_S)
        return found

    def called(self, number: str) -> int:
        return self.network.times("called", number)

    def commit_an_attempt(self, promised: str) -> str:
        """What a daemon leaves that dies right after its commit."""
        policy = policy_of(self.house.settings)
        claimed = None
        while claimed is None or claimed.id != promised:
            if claimed is not None:  # another one is due
                self._database.write_now(partial(store.release, callback_id=claimed.id, owner="dead", due_at=datetime.now(UTC)))
            claiming = partial(claim, sealer=self._sealer, owner="dead", now=datetime.now(UTC), policy=policy)
            claimed = self._database.write_now(claiming)
            assert claimed is not None
        channel = self._database.write_now(partial(store.begin_attempt, callback_id=promised, owner="dead", now=datetime.now(UTC)))
        assert channel is not None
        return channel


Story = Callable[[Outside], Coroutine[Any, Any, None]]


def results(callback: dict[str, Any]) -> list[str | None]:
    return [dial["result"] for dial in callback["dials"]]


@asynccontextmanager
async def outside(house: House) -> AsyncIterator[Outside]:
    async with house:
        network = await PublicNetwork.start(house.folder / "public-network", house.settings.shifted(SIP_PORT))
        town = Outside(house, network)
        try:
            yield town
        finally:
            await town.close()


async def whoever_asks_by_key_in_the_queue_is_called_presses_1_and_talks_to_an_agent(town: Outside) -> None:
    called = await town.house.call("3@product_queue w1 1w15", caller="13900000101")
    record = await town.house.record(called)
    assert (record["outcome"], [visit["outcome"] for visit in record["visits"]]) == ("callback_accepted", ["flow_key"])
    callback = await town.ended(record["callback"])
    assert (callback["reason"], callback["state"], callback["attempts"], results(callback)) == ("requested", "done", 1, ["bridged"])
    assert (callback["line"], callback["queue"]) == ("product", "product")
    assert (town.called("13900000101"), town.network.times("pressed", "13900000101")) == (1, 1)
    # The call we made is no contact: nobody called us.
    assert [r["id"] for r in await town.house.records() if r["caller"] == record["caller"]] == [record["id"]]


async def whoever_asks_by_key_when_all_are_away_is_called(town: Outside) -> None:
    called = await town.house.call("2@course_menu 1@offer 1w12", caller="13900000102")  # the phone rings 10 s in vain, then the offer
    record = await town.house.record(called)
    assert record["outcome"] == "callback_accepted"
    callback = await town.until(lambda: _dialled(town, record["callback"]))
    assert callback["reason"] == "requested"


async def _dialled(town: Outside, promised: str) -> dict[str, Any] | None:
    callback = await town.callback(promised)
    return callback if results(callback) else None


async def who_gave_up_is_called_back(town: Outside) -> None:
    called = await town.house.call("3@product_queue w1.5h", caller="13900000111")
    record = await town.house.record(called)
    assert record["outcome"] == "abandoned_ring"
    promised = await town.until(lambda: town.promised_to("13900000111"))
    callback = await town.ended(promised[0])
    assert (callback["reason"], callback["contact"]) == ("abandoned", record["id"])
    assert (callback["state"], results(callback)) == ("done", ["bridged"])


async def who_cannot_be_reached_is_tried_three_times_with_growing_gaps(town: Outside) -> None:
    habits = {"3": "busy", "4": "no_answer", "5": "no_key", "6": "refused"}
    promised = {digit: await town.promise(f"1390000020{digit}", "--line", "hr") for digit in habits}
    for digit, result in habits.items():
        callback = await town.ended(promised[digit])
        assert (callback["state"], callback["attempts"], results(callback)) == ("failed", 3, [result] * 3)
        assert town.called(f"1390000020{digit}") == 3
        first, second, third = callback["dials"]
        for earlier, later, gap_s in ((first, second, 3.0), (second, third, 6.0)):
            waited = datetime.fromisoformat(later["dialled_at"]) - datetime.fromisoformat(earlier["ended_at"])
            assert gap_s <= waited.total_seconds() < gap_s + 8.0


async def who_answers_and_presses_nothing_was_not_reached(town: Outside) -> None:
    """He hears all of the greeting, twice; what follows is as for others who weren't reached."""
    promised = await town.promise("13900000202", "--line", "hr")

    async def first_result() -> str | None:
        return next(iter(results(await town.callback(promised))), None)

    assert await town.until(first_result) == "no_key"


async def who_was_served_meanwhile_is_not_called(town: Outside) -> None:
    promised = await town.promise("13900000301", "--line", "hr", "--after", "30")
    record = await town.house.record(await town.house.call("1", caller="13900000301"))
    assert record["outcome"] == "answered"
    callback = await town.ended(promised)
    assert (callback["state"], callback["last_result"], town.called("13900000301")) == ("cancelled", "served", 0)


async def who_is_on_the_line_with_us_is_not_called_meanwhile(town: Outside) -> None:
    calling = asyncio.create_task(town.house.call("2@course_menu 1w30h", caller="13900000311"))
    await town.until(lambda: town.is_on_the_line("13900000311"))
    promised = await town.promise("13900000311", "--line", "hr")
    await asyncio.sleep(7.0)
    assert not calling.done()
    assert town.called("13900000311") == 0
    called = await calling
    record = await town.house.record(called)
    assert record["answered_at"] is None
    callback = await town.ended(promised)
    assert (callback["state"], town.called("13900000311")) == ("done", 1)
    assert await town.promised_to("13900000311") == [promised], "one call to one person"


async def a_promise_can_be_taken_back_and_a_costly_number_is_refused(town: Outside) -> None:
    promised = await town.promise("13900000321", "--line", "hr", "--after", "30")
    answers = [await town.house.ivrd("callbacks", "cancel", promised) for _ in range(2)]
    assert [answer.status for answer in answers] == [0, 1]
    assert "it is cancelled" in answers[1].err
    refused = await town.house.ivrd("callbacks", "add", "+442079460000")
    assert (refused.status, "belongs to GB" in refused.err) == (1, True)


async def after_a_kill(house: House) -> None:
    """SIGKILL while one rings, while one talks, and between the commit and the dial of a third."""
    ringing_out, talking, committed = "13900000404", "13900000401", "13900000411"
    async with outside(house) as town:
        promised = {number: await town.promise(number, "--line", "product") for number in (talking, ringing_out)}

        async def it_rings() -> int:
            return town.called(ringing_out)

        await town.until(it_rings)
        await town.house.kill_daemon()
        promised[committed] = await town.promise(committed, "--line", "hr")
        channel = await asyncio.to_thread(town.commit_an_attempt, promised[committed])
        await asyncio.sleep(12.0)  # the first has rung out, the second talks
        await town.house.start_daemon()

        served = await town.ended(promised[talking])
        assert (served["state"], results(served), town.called(talking)) == ("done", ["bridged"], 1)
        unreached = await town.ended(promised[ringing_out])
        assert (unreached["state"], results(unreached), town.called(ringing_out)) == ("failed", ["no_answer"] * 3, 3)
        waiting = await town.callback(promised[committed])
        assert (waiting["state"], waiting["dials"][0]["channel"], town.called(committed)) == ("dialling", channel, 0)
        kept = await town.ended(promised[committed])
        assert (kept["state"], results(kept), town.called(committed)) == ("done", ["unconfirmed", "bridged"], 1)


STORIES: tuple[Story, ...] = (
    whoever_asks_by_key_in_the_queue_is_called_presses_1_and_talks_to_an_agent,
    whoever_asks_by_key_when_all_are_away_is_called,
    who_gave_up_is_called_back,
    who_cannot_be_reached_is_tried_three_times_with_growing_gaps,
    who_answers_and_presses_nothing_was_not_reached,
    who_was_served_meanwhile_is_not_called,
    who_is_on_the_line_with_us_is_not_called_meanwhile,
    a_promise_can_be_taken_back_and_a_costly_number_is_refused,
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[Outside]:
    """One house and network for all stories in which nobody is killed, and another beside it for the one in which somebody is."""
    killed = asyncio.create_task(after_a_kill(House(tmp_path_factory.mktemp("killed"), prompts, SETUP)), name="after_a_kill")
    try:
        async with outside(House(tmp_path_factory.mktemp("callbacks"), prompts, SETUP)) as found:
            found.begin(STORIES)
            found.aftermath = killed
            yield found
    finally:
        killed.cancel()
        await asyncio.gather(killed, return_exceptions=True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_a_promised_call(story: Story, town: Outside) -> None:
    await town.told(story)


async def test_after_a_kill_nobody_is_dialled_twice_and_no_promise_is_lost(town: Outside) -> None:
    await asyncio.shield(town.aftermath)

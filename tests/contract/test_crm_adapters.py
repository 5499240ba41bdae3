"""One suite over every CRM adapter: whatever happens between us, each complaint is there once, in order, with its state.

The receiver behind the webhook keeps the ids it took, as docs/webhooks.md asks of it. Time is set; the kill is a real SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.fake_webhook import KEY, FakeReceiver, Received, fake_receiver
from support.house import ZONE, new_database
from support.outgoing import SEALER, Clock, file_complaint, rows, run_for, until

from ivr.cases import Cases
from ivr.crm.carrier import CrmCarrier
from ivr.crm.port import Crm
from ivr.crm.register import BuiltInRegister
from ivr.crm.webhook import WebhookCrm
from ivr.domain.cases import Finding, Step, StepTaken
from ivr.outbox import Outbox
from ivr.posting import Poster
from ivr.store import complaints
from ivr.store.database import Database
from ivr.webhook import Webhook


@dataclass
class Bench:
    """An adapter with what is behind it; ``cases`` tells what the other side holds: (number, state) in the order they came."""

    database: Database
    clock: Clock
    crm: Crm
    receiver: FakeReceiver | None

    @property
    def outbox(self) -> Outbox:
        """Made anew each time, as after a restart."""
        return Outbox(self.database, [CrmCarrier(self.database, SEALER, self.crm)], self.clock)

    def cases(self) -> list[tuple[str, str]]:
        if self.receiver is None:
            held = self.database.read_now(lambda session: complaints.latest(session, SEALER, 100))
            return [(complaint.number, complaint.state) for complaint in reversed(held) if complaint.crm_reference]
        held_by_number: dict[str, str] = {}
        for message in self.receiver.taken.values():
            if message["type"] == "complaint.filed":
                assert message["data"]["number"] not in held_by_number, "the same complaint opened twice"
            held_by_number[message["data"]["number"]] = message["data"]["state"]
        return list(held_by_number.items())

    def open_rows(self) -> list[str]:
        return [key for key, state, _ in rows(self.database) if state != "done"]


@asynccontextmanager
async def bench_of(kind: str, folder: Path) -> AsyncIterator[Bench]:
    database, clock = new_database(folder), Clock()
    try:
        if kind == "register":
            yield Bench(database, clock, BuiltInRegister(), None)
            return
        poster = Poster()
        async with fake_receiver(clock=clock) as receiver:
            webhook = Webhook(poster, receiver.url, [KEY], clock, deadline_s=0.3)
            yield Bench(database, clock, WebhookCrm(webhook, "http://127.0.0.1/recordings", "s", ZONE, clock), receiver)
            assert receiver.faults == []
        await poster.close()
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture(params=["register", "webhook"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture
async def webhook_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of("webhook", tmp_path) as found:
        yield found


async def test_a_complaint_is_there_once_and_has_a_reference_or_was_taken(bench: Bench) -> None:
    number = file_complaint(bench.database, "7.1")
    assert file_complaint(bench.database, "7.1") == number
    await run_for(bench.outbox, bench.clock, 30)
    assert (bench.cases(), bench.open_rows()) == ([(number, "open")], [])


async def test_complaints_come_in_the_order_they_were_filed(bench: Bench) -> None:
    numbers = [file_complaint(bench.database, f"7.{i}") for i in range(20)]
    await run_for(bench.outbox, bench.clock, 30)
    assert [number for number, _ in bench.cases()] == numbers


async def test_r16_the_other_side_follows_the_case_to_its_end(bench: Bench) -> None:
    number = file_complaint(bench.database, "7.1")
    service = Cases(bench.database, SEALER, clock=bench.clock)
    for steps, state in (((Step.VERIFY, Step.SOLVE, Step.INFORM, Step.CLOSE), "closed"), ((Step.REOPEN,), "verified")):
        for step in steps:
            await service.take_step(number, StepTaken(step, "Li Na", "done", Finding.ORDINARY if step is Step.VERIFY else None))
        await run_for(bench.outbox, bench.clock, 30)
        assert (bench.cases(), bench.open_rows()) == ([(number, state)], [])


async def test_a_restart_in_the_middle_changes_nothing(bench: Bench) -> None:
    numbers = [file_complaint(bench.database, f"7.{i}") for i in range(3)]
    for _ in range(3):
        await bench.outbox.deliver_due("crm")
    assert [number for number, _ in bench.cases()] == numbers


def hostile_minutes(receiver: FakeReceiver, clock: Clock) -> None:
    """Ten minutes without a 2xx, a different trouble each time, then for ten answers each is given twice, or given and lost."""
    start = clock.now
    troubles: list[Any] = [503, "nothing", 500, 429, 502, b"HTTP/1.1 200 OK", b"<html>down for maintenance</html>\r\n\r\n", 504]
    doubled: list[Any] = ["double", "drop"] * 5

    def decide(_: Received) -> None:
        if (clock.now - start).total_seconds() < 600:
            receiver.answers = [troubles[len(receiver.received) % len(troubles)]]
        else:
            receiver.answers = [doubled.pop(0)] if doubled else []

    receiver.on_request = decide


async def test_down_for_ten_minutes_then_doubled_answers_each_complaint_arrives_once_in_order(webhook_bench: Bench) -> None:
    bench, receiver = webhook_bench, webhook_bench.receiver
    assert receiver is not None
    hostile_minutes(receiver, bench.clock)
    outbox, numbers = bench.outbox, []
    for minute in range(12):
        numbers.append(file_complaint(bench.database, f"7.{minute}", now=bench.clock.now))
        await run_for(outbox, bench.clock, 60)
        if minute < 9:
            assert bench.cases() == [], "it was down"
    await run_for(outbox, bench.clock, 1800)
    assert [number for number, _ in bench.cases()] == numbers
    assert bench.open_rows() == []
    ids = [received.id for received in receiver.received]
    assert len(set(ids)) == 12
    assert len(ids) > 12 + 5, "there were attempts that failed, and answers that were lost"
    assert list(dict.fromkeys(ids)) == [f"complaint-filed:7-{i}-complaint" for i in range(12)]


async def test_a_refused_connection_for_ten_minutes_then_all_in_order(webhook_bench: Bench) -> None:
    bench, receiver = webhook_bench, webhook_bench.receiver
    assert receiver is not None
    port, receiver.port = receiver.port, 1
    poster = Poster()
    closed = WebhookCrm(Webhook(poster, receiver.url, [KEY], bench.clock), "http://127.0.0.1/recordings", "s", ZONE, bench.clock)
    numbers = [file_complaint(bench.database, f"7.{i}") for i in range(5)]
    await run_for(Outbox(bench.database, [CrmCarrier(bench.database, SEALER, closed)], bench.clock), bench.clock, 600)
    await poster.close()
    receiver.port = port
    attempts = [count for _, _, count in rows(bench.database)]
    assert attempts == [7, 0, 0, 0, 0], "5 + 10 + 20 + 40 + 80 + 160 + 320 s: it waits longer each time, and hammers nobody"
    await run_for(bench.outbox, bench.clock, 900)
    assert [number for number, _ in bench.cases()] == numbers
    complaint = await bench.database.read(partial(complaints.by_number, sealer=SEALER, number=numbers[0]))
    assert complaint is not None


DELIVER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from ivr.crm.carrier import CrmCarrier
from ivr.crm.webhook import WebhookCrm
from ivr.outbox import Outbox
from ivr.posting import Poster
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.webhook import Webhook

async def main(file, url, key):
    clock = lambda: datetime.now(UTC)
    database, sealer = Database("sqlite:///" + file), Sealer("a secret for tests")
    crm = WebhookCrm(Webhook(Poster(), url, [bytes.fromhex(key)], clock), "http://127.0.0.1/r", "s", ZoneInfo("Asia/Shanghai"), clock)
    await Outbox(database, [CrmCarrier(database, sealer, crm)], clock).run()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_between_delivery_and_settling_the_same_message_comes_again(tmp_path: Path) -> None:
    """A real process and a real SIGKILL, when the receiver has taken the complaint and its answer is on the way."""
    database = new_database(tmp_path)
    number = file_complaint(database, "7.1")
    processes: list[asyncio.subprocess.Process] = []

    def kill_the_first(_: Received) -> None:
        if len(receiver.received) == 1:
            os.kill(processes[0].pid, signal.SIGKILL)

    async with fake_receiver() as receiver:
        receiver.on_request = kill_the_first
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", DELIVER, str(tmp_path / "ivrd.db"), receiver.url, KEY.hex(), stdout=asyncio.subprocess.DEVNULL
            )
            processes.append(process)
            if len(processes) == 1:
                assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGKILL
                assert rows(database) == [("complaint.filed:7.1-complaint", "pending", 0)], "nobody noted that it was taken"
        await until(lambda: rows(database)[0][1] == "done", within_s=20)
        processes[1].terminate()
        await processes[1].wait()
    assert [received.id for received in receiver.received] == ["complaint-filed:7-1-complaint"] * 2
    assert [message["data"]["number"] for message in receiver.taken.values()] == [number]
    assert receiver.faults == []
    await asyncio.to_thread(database.close)

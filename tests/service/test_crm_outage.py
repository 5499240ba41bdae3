"""The complaints' receiver is down for ten minutes and then answers twice: each message arrives once, in the order of the events.

Real HTTP on loopback, the outbox's own schedule of retries, and a set clock: ten minutes pass in a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.fake_webhook import KEY, FakeReceiver, free_port_that_refuses, response
from support.house import ZONE, new_database
from support.outgoing import SEALER, Clock, file_complaint, rows, run_for

from ivr.cases import Cases
from ivr.crm.carrier import CrmCarrier
from ivr.crm.webhook import WebhookCrm
from ivr.domain.cases import Finding, Step, StepTaken
from ivr.outbox import Outbox
from ivr.posting import Poster
from ivr.store.database import Database
from ivr.webhook import Webhook

DOWN_S = 600.0
REFUSED_AND_TAKEN = response(503) + response(200)
# The second 200 is no answer to whatever comes next; what got none is sent again, and the receiver knows its id.
UNKIND: dict[str, list[int | bytes | str]] = {
    "every answer doubled": ["double"] * 4,
    "doubled, and the next is refused": ["double", 503, "double", 503, "double", "double"],
    "doubled, and the next answer is lost": ["double", "drop", "double", "drop", "double", "double"],
    "refused, and taken in the second answer": [REFUSED_AND_TAKEN, "double", REFUSED_AND_TAKEN, "double", "double", "double"],
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = new_database(tmp_path)
    yield store
    store.close()


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    found = Poster()
    yield found
    await found.close()


@asynccontextmanager
async def listening(receiver: FakeReceiver) -> AsyncIterator[None]:
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", receiver.port)
    try:
        yield
    finally:
        server.close()


def outbox_to(url: str, database: Database, poster: Poster, clock: Clock) -> Outbox:
    crm = WebhookCrm(Webhook(poster, url, [KEY], clock, deadline_s=2.0), "https://hotline.example.com/r", "link secret", ZONE, clock)
    return Outbox(database, [CrmCarrier(database, SEALER, crm)], clock)


async def ten_minutes(database: Database, outbox: Outbox, clock: Clock) -> list[tuple[str, str]]:
    """Three complaints are filed and one is verified, and nobody listens; tells (type, number) in the order of the events."""
    first = file_complaint(database, "7.1", now=clock.now)
    await run_for(outbox, clock, 200)
    second = file_complaint(database, "7.2", now=clock.now)
    await run_for(outbox, clock, 100)
    await Cases(database, SEALER, clock=clock).take_step(first, StepTaken(Step.VERIFY, "Li Na", "wrong part", Finding.ORDINARY))
    await run_for(outbox, clock, 290)
    third = file_complaint(database, "7.3", now=clock.now)
    await run_for(outbox, clock, DOWN_S - 590)
    return [("complaint.filed", first), ("complaint.filed", second), ("complaint.updated", first), ("complaint.filed", third)]


def told(message: dict[str, Any]) -> tuple[str, str]:
    return message["type"], message["data"]["number"]


@pytest.mark.parametrize("answers", UNKIND.values(), ids=UNKIND.keys())
@pytest.mark.parametrize("restarted", [False, True], ids=["the same daemon", "a daemon started since"])
async def test_after_ten_minutes_each_complaint_arrives_once_and_in_order(
    answers: list[int | bytes | str], restarted: bool, database: Database, poster: Poster
) -> None:
    clock = Clock()
    receiver = FakeReceiver(free_port_that_refuses(), [*answers], clock=clock)
    outbox = outbox_to(receiver.url, database, poster, clock)
    events = await ten_minutes(database, outbox, clock)
    assert (receiver.received, [state for _, state, _ in rows(database)]) == ([], ["pending"] * len(events))
    assert "can't be reached" in outbox.troubles[0]
    if restarted:
        outbox = outbox_to(receiver.url, database, poster, clock)
    async with listening(receiver):
        await run_for(outbox, clock, 1200)
    assert receiver.faults == []
    assert [told(message) for message in receiver.taken.values()] == events
    # In order at every attempt, too: nothing overtakes what has to be sent again.
    assert list(dict.fromkeys(told(received.message) for received in receiver.received)) == events
    assert ([state for _, state, _ in rows(database)], outbox.troubles) == (["done"] * len(events), [])
    await run_for(outbox, clock, 1800)
    assert len(receiver.received) == len(answers), "nothing is sent any more"

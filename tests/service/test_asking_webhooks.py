"""Webhooks that flows ask: what leaves, what may come back, and how long anybody waits for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.fake_webhook import KEY, SECRET, fake_receiver, free_port_that_refuses, response

from callflows.nodes.variables import Secret
from callflows.outcomes import WebhookAnswered, WebhookFailed
from ivr.asking_webhooks import LONGEST_VALUE, Asked, FlowWebhooks
from ivr.circuit_breaker import FAILURES, REST_S
from ivr.domain.contacts import Contact
from ivr.outgoing import flow_webhooks_from, outgoing_faults
from ivr.posting import Poster
from ivr.settings import FlowWebhook, Settings, SettingsError

CONTACT = Contact("1795.1", datetime(2026, 11, 22, tzinfo=UTC))
GOOD = response(200, b'{"state": "sent", "more": "no"}')


class Running:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def asking(url: str, running: Callable[[], float] = time.monotonic, **settings: Any) -> AsyncIterator[FlowWebhooks]:
    poster = Poster()
    given = {"timeout_s": 1.0, "sends": ("order",), "sets": ("state", "place"), **settings}
    webhook = FlowWebhook(url=url, secret_file=Path("/none"), **given)
    try:
        yield FlowWebhooks(poster, {"orders": Asked(webhook, [KEY])}, ZoneInfo("Asia/Shanghai"), lambda: datetime.now(UTC), running)
    finally:
        await poster.close()


async def ask(webhooks: FlowWebhooks, order: str = "42") -> WebhookAnswered | WebhookFailed:
    return await webhooks.ask("orders", (("order", order), ("contact_number", "13800138000")), CONTACT)


async def test_only_what_the_settings_let_leave_leaves_and_only_what_they_let_in_comes() -> None:
    async with fake_receiver(GOOD) as receiver, asking(receiver.url) as webhooks:
        assert await ask(webhooks) == WebhookAnswered((("state", "sent"),))
        (received,) = receiver.received
        assert (receiver.faults, received.message["type"]) == ([], "flow.asked")
        assert received.message["data"] == {"webhook": "orders", "contact": "1795.1", "values": {"order": "42"}}


@pytest.mark.parametrize(
    "answer",
    [
        response(200, b""),
        response(200, b"[]"),
        response(200, b'"sent"'),
        response(200, b'{"state": 1}'),
        response(200, b'{"state": {"state": "sent"}}'),
        response(200, b'{"state": "sent"'),
        response(200, b"[" * 60_000),
        response(200, b"\xff\xfe"),
        response(302, GOOD, "Location: http://127.0.0.1:1/\r\n"),
        404,
        500,
        "drop",
        "nothing",
    ],
)
async def test_what_is_no_answer_fails(answer: int | bytes | str) -> None:
    async with fake_receiver(answer) as receiver, asking(receiver.url, timeout_s=0.3) as webhooks:
        assert await ask(webhooks) == WebhookFailed()


async def test_an_answer_without_the_values_is_one() -> None:
    async with fake_receiver(response(200, b"{}")) as receiver, asking(receiver.url) as webhooks:
        assert await ask(webhooks) == WebhookAnswered(())


async def test_values_are_short_and_printable() -> None:
    body = json.dumps({"state": "a\r\nb\x00" + "x" * 1000, "place": "上海"}).encode()
    async with fake_receiver(response(200, body)) as receiver, asking(receiver.url) as webhooks:
        answered = await ask(webhooks)
        assert answered == WebhookAnswered((("state", ("ab" + "x" * 1000)[:LONGEST_VALUE]), ("place", "上海")))


async def test_nobody_waits_beyond_the_time_given() -> None:
    async with fake_receiver("nothing") as receiver, asking(receiver.url, timeout_s=0.3) as webhooks:
        began = time.monotonic()
        assert await ask(webhooks) == WebhookFailed()
        assert time.monotonic() - began < 0.8


async def test_the_same_question_is_answered_from_memory_for_a_while() -> None:
    running = Running()
    async with fake_receiver(GOOD, GOOD, GOOD) as receiver, asking(receiver.url, running, cache_s=60) as webhooks:
        for _ in range(3):
            assert await ask(webhooks) == WebhookAnswered((("state", "sent"),))
        assert len(receiver.received) == 1
        await ask(webhooks, "43")
        assert len(receiver.received) == 2
        running.now = 61
        await ask(webhooks)
        assert len(receiver.received) == 3


async def test_without_cache_s_it_is_asked_each_time_and_so_is_what_was_typed_unseen() -> None:
    async with fake_receiver(*[GOOD] * 4) as receiver:
        async with asking(receiver.url) as webhooks:
            await asyncio.gather(ask(webhooks), ask(webhooks))
        async with asking(receiver.url, cache_s=60) as webhooks:
            for _ in range(2):
                await webhooks.ask("orders", (("order", Secret("42")),), CONTACT)
        assert len(receiver.received) == 4


async def test_who_keeps_failing_rests_and_is_tried_again_by_one() -> None:
    running = Running()
    async with fake_receiver(*[500] * FAILURES, 500, GOOD, GOOD) as receiver, asking(receiver.url, running) as webhooks:
        for _ in range(FAILURES + 3):
            assert await ask(webhooks) == WebhookFailed()
        assert (len(receiver.received), webhooks.resting) == (FAILURES, {"orders"})
        running.now = REST_S + 1
        assert await ask(webhooks) == WebhookFailed()
        assert await ask(webhooks) == WebhookFailed()
        assert len(receiver.received) == FAILURES + 1
        running.now = 2 * REST_S + 2
        assert await ask(webhooks) == WebhookAnswered((("state", "sent"),))
        assert webhooks.resting == frozenset()


async def test_a_refusal_is_an_answer_of_somebody_alive() -> None:
    async with fake_receiver(*[404] * FAILURES, GOOD) as receiver, asking(receiver.url) as webhooks:
        for _ in range(FAILURES):
            assert await ask(webhooks) == WebhookFailed()
        assert isinstance(await ask(webhooks), WebhookAnswered)


async def test_nobody_there() -> None:
    async with asking(f"http://127.0.0.1:{free_port_that_refuses()}/") as webhooks:
        assert await ask(webhooks) == WebhookFailed()
        assert await webhooks.ask("unknown", (), CONTACT) == WebhookFailed()


async def test_no_answer_and_no_value_reaches_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    async with fake_receiver(response(500, b"Wang Wei"), response(200, b"Wang Wei")) as receiver, asking(receiver.url) as webhooks:
        await ask(webhooks, "SO-1")
        await ask(webhooks, "SO-1")
    told = capsys.readouterr()
    assert "Wang Wei" not in told.out + told.err
    assert "SO-1" not in told.out + told.err


def test_secrets_that_cant_be_read_are_told_by_their_setting(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    names = {"a": secret, "b": tmp_path / "absent"}
    webhooks = {name: {"url": "https://shop.example.com/", "secret_file": file} for name, file in names.items()}
    settings = Settings.model_validate({"state": tmp_path, "webhooks": webhooks})
    with pytest.raises(SettingsError) as refused:
        flow_webhooks_from(settings, Poster())
    assert (
        refused.value.problems
        == outgoing_faults(settings)
        == [f"webhooks.b.secret_file: {tmp_path / 'absent'} can't be read: No such file or directory"]
    )


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x/"}, {"url": "file:///etc/passwd"}, {"url": "https://a b/"}, {"timeout_s": 30}, {"sets": ["Bad Name"]}],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FlowWebhook.model_validate({"url": "https://x/", "secret_file": "/x", **wrong})


async def test_a_receiver_that_answers_twice_is_heard_once() -> None:
    async with fake_receiver(GOOD + GOOD) as receiver, asking(receiver.url) as webhooks:
        assert await ask(webhooks) == WebhookAnswered((("state", "sent"),))

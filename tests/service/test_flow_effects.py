"""What the flow language's further nodes do in a real session: telephones, priorities, closing time, secrets, and ports that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.fake_agi_caller import FakeCaller
from support.house import inside

from ami_bridge.facts import CallEnded, CallerQueued, DialExited
from callflows import loader
from callflows.effects import OverrideHours
from callflows.flow import FlowBook
from callflows.outcomes import CustomerKnown, QueueEnd, QueueOutlook, WebhookAnswered
from ivr.domain.contacts import Contact, ContactOutcome

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BYE = "bye: {hang_up: {zh: 再见, en: Goodbye}}"


def flow(*nodes: str) -> FlowBook:
    """A flow that begins at its first node; every node stands on one line."""
    start = nodes[0].partition(":")[0]
    lines = "\n".join(f"  {node}" for node in (*nodes, BYE))
    return loader.load({"hotline.yaml": f"flow: hotline\nstart: {start}\nnodes:\n{lines}\n"})


def ends(*names: str) -> tuple[str, ...]:
    """Nodes that can be told apart in a path."""
    return tuple(f"{name}: {{say: {{zh: 好, en: Good}}, next: bye}}" for name in names)


def back(step: str, name: str, status: str) -> FakeCaller:
    return FakeCaller(arguments=("token", step, name, status))


def path(contact: Contact) -> list[str]:
    return [step.node for step in contact.path]


DIAL = (
    "line: {line: hr, next: porter}",
    "porter: {dial: reception, ring_s: 12, served: served, busy: busy, no_answer: nobody, failed: failed, _: failed}",
    *ends("served", "busy", "nobody", "failed"),
)


async def test_the_dialplan_is_told_which_telephone_to_ring(tmp_path: Path) -> None:
    async with inside(tmp_path, book=flow(*DIAL)) as house:
        caller = FakeCaller()
        contact = await house.call(caller)
        told = {name: caller.variables[name] for name in ("IVR_NEXT", "IVR_PHONE", "IVR_RING", "IVR_DONE")}
        assert told == {"IVR_NEXT": "dial", "IVR_PHONE": "reception", "IVR_RING": "12", "IVR_DONE": "1"}
        assert contact.ended_at is None


@pytest.mark.parametrize(
    ("status", "node"),
    [("ANSWER", "served"), ("BUSY", "busy"), ("NOANSWER", "nobody"), ("CHANUNAVAIL", "failed"), ("CONGESTION", "failed"), ("", "failed")],
)
async def test_the_walk_goes_on_after_a_telephone_in_another_process(tmp_path: Path, status: str, node: str) -> None:
    async with inside(tmp_path, book=flow(*DIAL)) as before:
        await before.call(FakeCaller())
    async with inside(tmp_path, book=flow(*DIAL)) as after:
        contact = await after.call(back("dial", "reception", status))
        assert path(contact)[-2:] == [node, "bye"]


@pytest.mark.parametrize(("status", "outcome"), [("ANSWER", ContactOutcome.ANSWERED), ("CANCEL", ContactOutcome.ABANDONED_IVR)])
async def test_who_talked_on_a_telephone_was_answered(tmp_path: Path, status: str, outcome: ContactOutcome) -> None:
    async with inside(tmp_path, book=flow(*DIAL)) as house:
        contact = await house.call(FakeCaller())
        house.tracker.apply(DialExited(NOW, contact.id, contact.call, "reception", status))
        house.tracker.apply(CallEnded(NOW, contact.id, contact.call, 16))
        await house.tracker.flush()
        assert (await house.contact(contact.id)).outcome is outcome


class Ceiling:
    """An outlook that grants no more than 3."""

    def __init__(self) -> None:
        self.looked: list[tuple[str, int, str]] = []

    async def look(self, queue: str, priority: int, *, contact: str) -> QueueOutlook:
        self.looked.append((queue, priority, contact))
        return QueueOutlook(4, 60.0, 400.0, staffed=True)

    def grant(self, queue: str, wished: int, *, contact: str) -> int:
        return min(wished, 3)


@pytest.mark.parametrize(("priority", "ceiling", "told"), [("normal", False, "0"), ("7", False, "7"), ("7", True, "3"), ("2", True, "2")])
async def test_a_priority_as_far_as_the_ceiling_lets_it(tmp_path: Path, priority: str, ceiling: bool, told: str) -> None:
    book = flow(f"hr: {{queue: hr, priority: {priority}, served: bye, _: bye}}")
    async with inside(tmp_path, book=book, outlooks=Ceiling() if ceiling else None) as house:
        caller = FakeCaller()
        await house.call(caller)
        assert caller.variables["IVR_QUEUE_PRIO"] == told


async def test_the_outlook_of_a_queue_reaches_the_flow(tmp_path: Path) -> None:
    look = "look: {expect_wait: hr, priority: 5, long_above_s: 180, short: short, long: long, unknown: unknown}"
    async with inside(tmp_path, book=flow(look, *ends("short", "long", "unknown")), outlooks=(outlooks := Ceiling())) as house:
        contact = await house.call(FakeCaller())
        assert (path(contact)[1], outlooks.looked) == ("long", [("hr", 5, contact.id)])


class ClosesAt:
    """``ivr.house.Closing`` of queues that close at one time; who joins may wait so long."""

    def __init__(self, closes_at: datetime, longest_s: int | None = 45) -> None:
        self.closes_at = closes_at
        self.longest_s = longest_s
        self.asked: list[tuple[str | None, str, int, datetime]] = []

    def __call__(self, line: str | None, queue: str, wait_s: int, now: datetime) -> int | None:
        self.asked.append((line, queue, wait_s, now))
        return self.longest_s

    def end_of_wait(self, end: QueueEnd, queue: str, *, joined_at: datetime, now: datetime) -> QueueEnd:
        closed = joined_at < self.closes_at <= now and queue == "hr"
        return QueueEnd.CLOSED if closed and end in (QueueEnd.TIMEOUT, QueueEnd.EMPTY) else end


QUEUE = ("line: {line: hr, next: hr}", "hr: {queue: hr, served: served, timeout: timeout, closed: closed, _: other}")


@pytest.mark.parametrize(
    ("status", "closes_after_s", "node"),
    [("TIMEOUT", 60, "closed"), ("TIMEOUT", 600, "timeout"), ("LEAVEEMPTY", 60, "closed"), ("CONTINUE", 60, "served"), ("", 60, "other")],
)
async def test_closing_time_came_while_he_waited(tmp_path: Path, status: str, closes_after_s: int, node: str) -> None:
    book = flow(*QUEUE, *ends("served", "timeout", "closed", "other"))
    closing = ClosesAt(NOW + timedelta(seconds=closes_after_s))
    async with inside(tmp_path, book=book, closing=closing, now=NOW) as house:
        contact = await house.call(FakeCaller())
        house.tracker.apply(CallerQueued(NOW, contact.id, contact.call, "hr", 1))
        await house.tracker.flush()
    async with inside(tmp_path, book=book, closing=closing, now=NOW + timedelta(seconds=120)) as later:
        contact = await later.call(back("queue", "hr", status))
        assert path(contact)[2] == node


async def test_how_long_he_may_wait_is_the_houses(tmp_path: Path) -> None:
    closing = ClosesAt(NOW + timedelta(hours=1), longest_s=17)
    book = flow(*QUEUE, *ends("served", "timeout", "closed", "other"))
    async with inside(tmp_path, book=book, closing=closing, now=NOW) as house:
        caller = FakeCaller()
        await house.call(caller)
        assert (closing.asked, caller.variables["IVR_QUEUE_WAIT"]) == ([("hr", "hr", 45, NOW)], "17")


async def test_nobody_is_queued_on_a_line_that_has_closed(tmp_path: Path) -> None:
    book = flow(*QUEUE, *ends("served", "timeout", "closed", "other"))
    async with inside(tmp_path, book=book, closing=ClosesAt(NOW, longest_s=None)) as house:
        caller = FakeCaller()
        assert path(await house.call(caller))[-2:] == ["closed", "bye"]
        assert caller.variables["IVR_NEXT"] == "hangup"


SECRET = "90210744"
MASKED = (
    "secret: {collect: {zh: 密码, en: PIN}, into: code, longest: 8, masked: true, no_input: {then: bye}, wrong_key: {then: bye}, next: hr}",
    "hr: {queue: hr, served: compare, _: compare}",
    f'compare: {{switch: code, cases: {{"{SECRET}": right, _: wrong}}}}',
    *ends("right", "wrong"),
)


def database_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("ivrd.db*"))


async def test_what_a_caller_types_unseen_is_nowhere_in_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with inside(tmp_path, book=flow(*MASKED)) as house:
        caller = FakeCaller([SECRET])
        contact = await house.call(caller)
        assert contact.path[0].keys == "•" * len(SECRET)
        assert caller.variables["IVR_KEYS"] == ""
    stored = database_bytes(tmp_path)
    assert contact.id.encode() in stored
    assert SECRET.encode() not in stored
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    async with inside(tmp_path, book=flow(*MASKED)) as after:
        assert path(await after.call(back("queue", "hr", "TIMEOUT")))[-2:] == ["right", "bye"]


class Hanging:
    """Every port, and none of them ever answers."""

    async def look_up(self, contact: Contact) -> Any:
        await asyncio.sleep(60)

    async def remember(self, contact: Contact, name: str, value: str) -> None:
        await asyncio.sleep(60)

    async def look(self, queue: str, priority: int, *, contact: str) -> Any:
        await asyncio.sleep(60)

    async def ask(self, webhook: str, values: Sequence[tuple[str, str]], contact: Contact) -> Any:
        await asyncio.sleep(60)

    async def offered(self, contact: Contact, question: str) -> None:
        await asyncio.sleep(60)

    async def rated(self, contact: Contact, question: str, rating: int) -> None:
        await asyncio.sleep(60)

    async def check_pin(self, pin: str, contact: str) -> Any:
        await asyncio.sleep(60)

    async def set_by_phone(self, wish: OverrideHours) -> Any:
        await asyncio.sleep(60)


class Faulty(Hanging):
    """Every port, and each has a bug."""

    def __getattribute__(self, name: str) -> Any:
        async def fail(*_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("a bug")

        return fail


ASKING = {
    "customers": ("ask: {look_up: customer, known: good, unknown: without}",),
    "outlooks": ("ask: {expect_wait: hr, short: good, long: good, unknown: without}",),
    "webhooks": ("ask: {webhook: orders, answered: good, failed: without}",),
    "pins": ("ask: {check_pin: {zh: 密码, en: PIN}, tries: 1, accepted: good, refused: without}",),
    "ratings": ("ask: {survey: {zh: 满意吗, en: Satisfied}, answered: without, _: good}",),
}


@pytest.mark.parametrize("port", ASKING)
@pytest.mark.parametrize("how", [None, Hanging(), Faulty()], ids=["absent", "hanging", "faulty"])
async def test_a_port_that_fails_never_holds_a_caller_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str, how: Hanging | None
) -> None:
    for limit in ("LOOK_UP_S", "OUTLOOK_S", "NOTE_S", "PIN_S", "OVERRIDE_S", "WEBHOOK_S"):
        monkeypatch.setattr(f"ivr.errands.{limit}", 0.1)
    async with inside(tmp_path, book=flow(*ASKING[port], *ends("good", "without")), **{port: how}) as house:
        caller = FakeCaller(["5"])
        contact = await house.call(caller)
        assert path(contact)[-2:] == ["without", "bye"]
        assert (contact.failure, caller.variables["IVR_NEXT"]) == (None, "hangup")


class Knowing:
    """Customers, webhooks, PINs and overrides that know one of each."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def look_up(self, contact: Contact) -> CustomerKnown:
        return CustomerKnown((("customer_last_line", "hr"),), priority=6)

    async def remember(self, contact: Contact, name: str, value: str) -> None:
        self.asked.append((name, value))

    async def ask(self, webhook: str, values: Sequence[tuple[str, str]], contact: Contact) -> WebhookAnswered:
        self.asked.append((webhook, tuple(values)))
        return WebhookAnswered((("state", "sent"),))

    async def check_pin(self, pin: str, contact: str) -> str | None:
        return "li.na" if pin == "4711" else None

    async def set_by_phone(self, wish: OverrideHours) -> bool:
        self.asked.append(wish)
        return True


async def test_a_customers_priority_leads_to_the_queue(tmp_path: Path) -> None:
    book = flow("who: {look_up: customer, known: hr, unknown: bye}", "hr: {queue: hr, priority: customer, served: bye, _: bye}")
    async with inside(tmp_path, book=book, customers=Knowing()) as house:
        caller = FakeCaller()
        await house.call(caller)
        assert (caller.variables["IVR_QUEUE"], caller.variables["IVR_QUEUE_PRIO"]) == ("hr", "6")


async def test_a_supervisor_closes_a_line_from_the_telephone(tmp_path: Path) -> None:
    book = flow(
        "pin: {check_pin: {zh: 密码, en: PIN}, tries: 2, accepted: close, refused: bye}",
        "close: {override_hours: hr, state: closed, minutes: 30, done: good, not_stored: bad}",
        *ends("good", "bad"),
    )
    async with inside(tmp_path, book=book, pins=(knowing := Knowing()), overrides=knowing) as house:
        contact = await house.call(FakeCaller(["1234#", "4711#"]))
        assert knowing.asked == [OverrideHours("hr", "closed", 30, "li.na")]
        assert path(contact) == ["pin", "close", "good", "bye"]
        assert contact.path[0].keys == "•••• ••••"


async def test_a_webhook_is_sent_what_the_flow_gives_and_its_answer_decides(tmp_path: Path) -> None:
    book = flow(
        "number: {set: {order: '42'}, next: ask}",
        "ask: {webhook: orders, send: [order, contact_number], answered: which, failed: bye}",
        "which: {switch: state, cases: {sent: good, _: bad}}",
        *ends("good", "bad"),
    )
    async with inside(tmp_path, book=book, webhooks=(knowing := Knowing())) as house:
        assert path(await house.call(FakeCaller()))[-2] == "good"
        assert knowing.asked == [("orders", (("order", "42"), ("contact_number", "13800138000")))]

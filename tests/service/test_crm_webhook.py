"""The complaint webhook: what is in it, what an answer means, and that the published schemas and the example receiver agree with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.fake_webhook import KEY, SECRET, fake_receiver, free_port_that_refuses, response
from support.house import ZONE, new_database
from support.outgoing import NOW, SEALER, Clock, file_complaint, rows, run_for

from ivr import recording_links
from ivr.alerts.messages import BooksAlert, CaseAlert, LossAlert
from ivr.alerts.texts import Wording
from ivr.alerts.webhook import AlertWebhook
from ivr.cases import Cases
from ivr.crm.carrier import CrmCarrier
from ivr.crm.webhook import WebhookCrm
from ivr.delivery import Delivered, Delivery, Disabled, Rejected, RetryLater, Unknown
from ivr.domain.alert_rules import AbandonedCall, LossTurn, Turn, Where, Why
from ivr.domain.case_deadlines import Level
from ivr.domain.cases import Finding, Step, StepTaken
from ivr.outbox import Outbox
from ivr.posting import LARGEST_ANSWER, Answer, Poster
from ivr.store import complaints
from ivr.store.complaints import NewComplaint
from ivr.store.database import Database
from ivr.webhook import Webhook, excerpt, meaning

DOCS = Path(__file__).parents[2] / "docs"
RECORDINGS = "https://hotline.example.com/api/v1/recordings"


def schema(name: str) -> jsonschema.Draft202012Validator:
    document = json.loads((DOCS / "schemas" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = new_database(tmp_path)
    yield store
    store.close()


def outbox_to(url: str, database: Database, poster: Poster, clock: Clock) -> Outbox:
    crm = WebhookCrm(Webhook(poster, url, [KEY], clock, deadline_s=2.0), RECORDINGS, "link secret", ZONE, clock)
    return Outbox(database, [CrmCarrier(database, SEALER, crm)], clock)


async def sent(database: Database, clock: Clock) -> list[dict[str, Any]]:
    """Everything that waits, as a receiver takes it."""
    poster = Poster()
    async with fake_receiver(clock=clock) as receiver:
        await run_for(outbox_to(receiver.url, database, poster, clock), clock, 1)
    await poster.close()
    assert receiver.faults == []
    return list(receiver.taken.values())


async def test_r11_a_filed_complaint_as_the_crm_gets_it(database: Database) -> None:
    number, clock = file_complaint(database, "7.1"), Clock()
    (message,) = await sent(database, clock)
    schema("complaint-webhook.json").validate(message)
    url = message["data"]["recording"].pop("url")
    assert message == {
        "type": "complaint.filed",
        "timestamp": "2026-11-21T10:00:00.000+08:00",
        "data": {
            "number": number,
            "contact": "7.1",
            "line": "complaint",
            "serial": "1234",
            "caller": "+86138****8000",
            "contact_number": "+8613900139000",
            "recording": {"expires_at": "2026-11-28T10:00:00.000+08:00", "seconds": 6.0},
            "incomplete": False,
            "state": "open",
            "verdict": None,
            "filed_at": "2026-11-21T10:00:00.000+08:00",
        },
    }
    address, _, token = url.partition("?token=")
    assert address == f"{RECORDINGS}/{number}"
    recording_links.verify("link secret", number, token, now=NOW + timedelta(days=6))


def test_r60_the_outbox_itself_knows_no_number_and_no_name(database: Database, tmp_path: Path) -> None:
    file_complaint(database, "7.1")
    database.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("ivrd.db*"))
    assert b"13900139000" not in raw
    assert b"13800138000" not in raw


async def test_r16_each_step_reaches_the_crm_with_who_and_when(database: Database) -> None:
    number, clock = file_complaint(database, "7.1", recording=None), Clock()
    clock.pass_by(60)
    await Cases(database, SEALER, clock=clock).take_step(number, StepTaken(Step.VERIFY, "Li Na", "wrong part", Finding.SERIOUS))
    filed, updated = await sent(database, clock)
    for message in (filed, updated):
        schema("complaint-webhook.json").validate(message)
    assert (filed["type"], filed["data"]["recording"]) == ("complaint.filed", None)
    assert (updated["type"], updated["data"]["state"], updated["data"]["verdict"]) == ("complaint.updated", "verified", "serious")
    assert updated["data"]["step"] == {"action": "verify", "at": "2026-11-21T10:01:00.000+08:00", "by": "Li Na", "note": "wrong part"}


async def test_a_complaint_told_to_its_end_later_is_told_again(database: Database) -> None:
    clock = Clock()
    file_complaint(database, "7.1", incomplete=True, recording=None)
    (first,) = await sent(database, clock)
    new = NewComplaint("7.1-complaint", "7.1", "complaint", "1234", "", "", "+8613900139000", "2026/y", 9.0, False)
    database.write_now(partial(complaints.file, sealer=SEALER, new=new, prefix="C", zone=ZONE, now=clock.now))
    (second,) = await sent(database, clock)
    schema("complaint-webhook.json").validate(second)
    assert (first["data"]["incomplete"], second["data"]["incomplete"], second["data"]["step"]) == (True, False, None)
    assert second["data"]["recording"]["seconds"] == 9.0


async def test_the_receivers_name_for_the_case_is_kept(database: Database) -> None:
    number, clock, poster = file_complaint(database, "7.1"), Clock(), Poster()
    async with fake_receiver(response(201, b'{"reference": "CASE-7\\u001b[2J"}'), clock=clock) as receiver:
        await run_for(outbox_to(receiver.url, database, poster, clock), clock, 1)
    await poster.close()
    complaint = await database.read(partial(complaints.by_number, sealer=SEALER, number=number))
    assert complaint is not None
    assert complaint.crm_reference == "CASE-7[2J", "control characters don't reach our terminals"


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, {}, Delivered()),
        (204, {}, Delivered()),
        (409, {}, Delivered()),
        (410, {}, Disabled("the receiver answers 410 Gone")),
        (400, {}, Rejected("the receiver answers 400: no serial")),
        (404, {}, Rejected("the receiver answers 404: no serial")),
        (422, {}, Rejected("the receiver answers 422: no serial")),
        (302, {}, RetryLater("the receiver answers 302, and redirects are not followed: correct the address")),
        (408, {}, RetryLater("the receiver answers 408: no serial")),
        (429, {"retry-after": "30"}, RetryLater("the receiver answers 429: no serial", 30.0)),
        (503, {"retry-after": "Sat, 21 Nov 2026 02:01:00 GMT"}, RetryLater("the receiver answers 503: no serial", 60.0)),
        (503, {"retry-after": "soon"}, RetryLater("the receiver answers 503: no serial")),
        (503, {"retry-after": "Sat, 21 Nov 2026 02:01:00"}, RetryLater("the receiver answers 503: no serial")),
        (500, {}, RetryLater("the receiver answers 500: no serial")),
    ],
)
def test_what_an_answer_means(status: int, headers: dict[str, str], wanted: Delivery) -> None:
    assert meaning(Answer(status, headers, b"<p>no\x00 serial</p>"), NOW) == wanted


def test_an_answer_in_a_log_is_one_short_line() -> None:
    assert excerpt(b"<html>\n<b>Bad</b>\x1b[31m " + b"x" * 5000).startswith("Bad [31m xxx")
    assert len(excerpt(b"x" * 5000)) == 200
    assert excerpt("数".encode()[:2]) == "\ufffd"


HUGE = b"HTTP/1.1 200 X\r\nContent-Length: 999999999\r\n\r\n" + b"x" * (LARGEST_ANSWER * 2)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (HUGE, Delivered),
        (b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf", Delivered),  # the status was said
        (response(200, b"[" * 60_000), Delivered),
        (b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", RetryLater),
        (b"\x00\xff nonsense\r\n\r\n", Unknown),
        (b"HTTP/1.1 200 X\r\nX-Big: " + b"x" * 100_000 + b"\r\n\r\n", Unknown),
        ("nothing", Unknown),
        ("drop", Unknown),
    ],
)
async def test_a_receiver_that_speaks_badly(answer: bytes | str, wanted: type[Delivery]) -> None:
    poster, clock = Poster(), Clock()
    async with fake_receiver(answer, clock=clock) as receiver:
        delivery = await Webhook(poster, receiver.url, [KEY], clock, deadline_s=0.3).send("id", {})
    await poster.close()
    assert isinstance(delivery, wanted)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://127.0.0.1:1/", "http://[::1", "http://"],
)
async def test_who_cant_be_reached_got_nothing(url: str) -> None:
    poster, clock = Poster(), Clock()
    delivery = await Webhook(poster, url, [KEY], clock, deadline_s=5.0).send("id", {})
    await poster.close()
    assert isinstance(delivery, RetryLater)
    assert not re.search(r"errno|Errno|Error|\(", delivery.reason), "a sentence, not Python"


async def test_a_certificate_nobody_vouches_for_is_not_spoken_to(tmp_path: Path) -> None:
    """TLS is verified: a self-signed receiver gets nothing of the customer."""
    import ssl

    from support.certificates import self_signed

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    poster, clock = Poster(), Clock()
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    delivery = await Webhook(poster, url, [KEY], clock, deadline_s=5.0).send("id", {})
    await poster.close()
    server.close()
    assert delivery == RetryLater("the certificate of 127.0.0.1 is not valid")
    assert heard in ([], [b""])


def alerts_as_sent() -> list[tuple[str, Any]]:
    call = AbandonedCall("7.1", None, "", Where.MENU, "menu", 3.0, NOW)
    return [
        ("send", call),
        ("send_collected", [call, AbandonedCall("7.2", "hr", "+86138****8000", Where.REFUSED, None, 0.0, NOW)]),
        ("send", LossAlert("hr", NOW, LossTurn(Turn.HIGH, Why.CROSSED, 4, 10, 0.4), 30, 0.3)),
        ("send", LossAlert("hr", NOW, LossTurn(Turn.RECOVERED, Why.TOO_FEW_CALLS, 0, 0, None), 30, 0.3)),
        ("send", BooksAlert(NOW, False, 2, "hr: 2 entered by queue_log and have no visit", (("hr", "log_only", 2),))),
        ("send", CaseAlert("C1", None, NOW, Level.REMINDER, "open", NOW)),
        ("send", CaseAlert("C1", "hr", NOW, Level.MANAGER, "verified", NOW, 3)),
    ]


async def test_every_alert_is_what_the_schema_says() -> None:
    poster, clock = Poster(), Clock()
    async with fake_receiver(clock=clock) as receiver:
        sink = AlertWebhook(Webhook(poster, receiver.url, [KEY], clock), Wording("en", ZONE, {}), ZONE, clock)
        for i, (method, alert) in enumerate(alerts_as_sent()):
            assert await getattr(sink, method)(f"id-{i}", alert) == Delivered()
    await poster.close()
    types = [message["type"] for message in receiver.taken.values()]
    assert types == [
        "call.abandoned",
        "calls.abandoned",
        "loss_rate.high",
        "loss_rate.recovered",
        "books.drift",
        "case.due",
        "case.rejected",
    ]
    for message in receiver.taken.values():
        schema("alert-webhook.json").validate(message)


def test_the_schemas_refuse_what_they_should() -> None:
    for name in ("alert-webhook.json", "complaint-webhook.json"):
        for message in ({}, {"type": "call.abandoned"}, {"type": "complaint.filed", "timestamp": "2026-11-21T10:00:00Z", "data": {}}):
            assert not schema(name).is_valid(message)


async def test_the_example_receiver_takes_each_message_once_and_no_forged_one(database: Database, tmp_path: Path) -> None:
    """docs/examples/receiver.py as a customer would run it: a process of its own, of thirty lines."""
    source = (DOCS / "examples" / "receiver.py").read_text()
    assert sum(1 for line in source.splitlines() if line.strip()) <= 30
    file_complaint(database, "7.1")
    port = free_port_that_refuses()
    environment = {**os.environ, "SECRET": SECRET, "DB": str(tmp_path / "taken.db")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(DOCS / "examples" / "receiver.py"), str(port), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        clock, poster, url = Clock(), Poster(), f"http://127.0.0.1:{port}/"
        clock.now = _really_now()
        for _ in range(100):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        await run_for(outbox_to(url, database, poster, clock), clock, 1)
        assert [state for _, state, _ in rows(database)] == ["done"]
        genuine = Webhook(poster, url, [KEY], clock)
        assert [await genuine.send("twice", {"type": "t", "data": {}}) for _ in range(2)] == [Delivered(), Delivered()]
        assert isinstance(await Webhook(poster, url, [b"x" * 32], clock).send("forged", {"type": "t", "data": {}}), Rejected)
        clock.pass_by(-301)
        assert isinstance(await genuine.send("old", {"type": "t", "data": {}}), Rejected)
        await poster.close()
    finally:
        process.kill()
        await process.wait()
    with sqlite3.connect(tmp_path / "taken.db") as taken:
        assert [row[0] for row in taken.execute("SELECT id FROM taken")] == ["complaint-filed:7-1-complaint", "twice"]


def _really_now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)

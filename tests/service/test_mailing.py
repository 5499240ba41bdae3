"""Alerts and reports by mail, to a real SMTP server: what arrives, what each answer means, and that nobody gets it twice for others."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from support import reported
from support.certificates import self_signed
from support.fake_smtp import PASSWORD, FakeSmtp, fake_smtp
from support.fake_webhook import free_port_that_refuses
from support.house import ZONE, new_database
from support.outgoing import NOW, SEALER, Clock, rows, run_for
from support.tcp_proxy import TcpProxy

from ivr.alerts.email import EmailAlerts, plain
from ivr.alerts.texts import Wording
from ivr.delivery import Delivered, Delivery, Rejected, RetryLater, Unknown
from ivr.domain.alert_rules import AbandonedCall, Where
from ivr.mailing import Attachment, Mailer, MailServer
from ivr.outgoing import outbox_from, outgoing_faults
from ivr.posting import Poster
from ivr.report_clock import ReportClock
from ivr.reports.making import ReportMaker
from ivr.settings import Settings, load

TO = ("sue@example.com", "max@example.com")
CALL = AbandonedCall("7.1", "hr", "+86138****8000", Where.WAITING, "wait", 23.4, NOW)


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    async with fake_smtp() as found:
        yield found


def mailer(port: int, **more: object) -> Mailer:
    told = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "hotline@example.com", **more}
    return Mailer(MailServer(**told), deadline_s=2.0)  # type: ignore[arg-type]


async def send(found: Mailer, to: Sequence[str] = TO, key: str = "alert:1") -> Delivery:
    return await found.send(found.message(key, to, "呼损率过高\r\nBcc: evil@example.com", "正文", NOW), to)


async def test_a_message_arrives_whole_with_its_attachments(server: FakeSmtp) -> None:
    found = mailer(server.port)
    body = bytes(range(256)) * 2000
    attachments = [Attachment("日报.xlsx", "application/vnd.ms-excel", body), Attachment("a.html", "text/html", b".\r\n.leading dot\n")]
    message = found.message("report.made:x:1", TO, "400 热线日报", "第一行\n.\n末行\n", NOW, attachments)
    assert await found.send(message, TO) == Delivered()
    [(to, taken)] = server.taken
    assert (to, taken["From"], taken["To"]) == (list(TO), "hotline@example.com", ", ".join(TO))
    assert (taken["Subject"], taken["Message-ID"]) == ("400 热线日报", "<report-made-x-1@example.com>")
    assert taken["Auto-Submitted"] == "auto-generated"
    text = taken.get_body(("plain",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == "第一行\n.\n末行\n"
    parts = list(taken.iter_attachments())
    assert [part.get_filename() for part in parts] == ["日报.xlsx", "a.html"]
    assert [part.get_payload(decode=True) for part in parts] == [body, b".\r\n.leading dot\n"]


async def test_nothing_in_a_subject_becomes_a_header(server: FakeSmtp) -> None:
    assert await send(mailer(server.port)) == Delivered()
    [(to, taken)] = server.taken
    assert (to, taken["Bcc"], taken["Subject"]) == (list(TO), None, "呼损率过高 Bcc: evil@example.com")


@pytest.mark.parametrize(
    ("answer", "fate"),
    [("450 greylisted", RetryLater), ("452 full", RetryLater), ("550 policy", Rejected), ("554 spam", Rejected), ("250 OK", Delivered)],
)
async def test_what_the_server_says_to_the_message(server: FakeSmtp, answer: str, fate: type[Delivery]) -> None:
    server.data = [answer]
    found = await send(mailer(server.port))
    assert isinstance(found, fate)
    if isinstance(found, RetryLater | Rejected):
        assert answer.split()[0] in found.reason


@pytest.mark.parametrize(("answer", "fate"), [("450 later", RetryLater), ("553 not yours", Rejected)])
async def test_what_the_server_says_to_the_sender(server: FakeSmtp, answer: str, fate: type[Delivery]) -> None:
    server.sender = answer
    assert isinstance(await send(mailer(server.port)), fate)


@pytest.mark.parametrize(("answers", "fate"), [(("550 nobody", "551 gone"), Rejected), (("550 nobody", "450 later"), RetryLater)])
async def test_nobody_takes_it(server: FakeSmtp, answers: Sequence[str], fate: type[Delivery]) -> None:
    server.recipients = {address: [answer] for address, answer in zip(TO, answers, strict=True)}
    assert isinstance(await send(mailer(server.port)), fate)
    assert server.taken == []


async def test_who_has_it_is_not_sent_it_again_for_those_who_have_not(server: FakeSmtp) -> None:
    server.recipients = {TO[1]: ["450 greylisted", "451 still", "250 OK"]}
    found = mailer(server.port)
    fates = [await send(found) for _ in range(3)]
    assert [type(fate) for fate in fates] == [RetryLater, RetryLater, Delivered]
    assert [to for to, _ in server.taken] == [[TO[0]], [TO[1]]]
    assert await send(found, key="alert:2") == Delivered()
    assert server.taken[-1][0] == list(TO), "another message is another matter"


async def test_an_address_refused_for_good_keeps_nobody_else_from_it(server: FakeSmtp) -> None:
    server.recipients = {TO[0]: ["550 no such user"]}
    assert await send(mailer(server.port)) == Delivered()
    assert [to for to, _ in server.taken] == [[TO[1]]]


async def test_no_answer_to_the_message_may_be_either(server: FakeSmtp) -> None:
    server.data = [None]
    found = await send(mailer(server.port))
    assert isinstance(found, Unknown)
    assert isinstance(await send(mailer(server.port)), Delivered)


async def test_a_server_that_is_not_there_or_says_nothing_is_tried_later(server: FakeSmtp) -> None:
    assert isinstance(await send(mailer(free_port_that_refuses())), RetryLater)
    async with TcpProxy(server.port) as proxy:
        proxy.stall()
        found = await send(mailer(proxy.port))
        assert isinstance(found, RetryLater)
    assert server.taken == []


async def test_starttls_is_demanded_and_the_certificate_looked_at(tmp_path: Path) -> None:
    file = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    trusting, strange = ssl.create_default_context(cafile=str(file)), ssl.create_default_context()
    trusting.check_hostname = False  # its name is localhost, our address 127.0.0.1
    log_in = {"security": "starttls", "user": "hotline", "password": PASSWORD}
    async with fake_smtp(starttls=context, log_in=True) as server:
        assert await send(mailer(server.port, **log_in, context=trusting)) == Delivered()
        assert (server.over_tls, server.logged_in) == ([True], [True])
        assert isinstance(await send(mailer(server.port, **log_in, context=strange)), RetryLater)
        wrong = await send(mailer(server.port, **{**log_in, "password": "wrong"}, context=trusting))
        assert isinstance(wrong, RetryLater)
        assert "log-in" in wrong.reason
        assert "wrong" not in wrong.reason
    async with fake_smtp() as plain_server:
        found = await send(mailer(plain_server.port, **log_in, context=trusting))
        assert isinstance(found, RetryLater), "never in clear where TLS is wanted"
        assert plain_server.taken == []
    async with fake_smtp(tls=context) as server:
        assert await send(mailer(server.port, security="tls", context=trusting)) == Delivered()
        assert server.over_tls == [True]


async def test_alerts_by_mail_say_what_robots_say(server: FakeSmtp) -> None:
    sink = EmailAlerts(mailer(server.port), TO, Wording("zh", ZONE, {"hr": "人力资源"}), lambda: NOW)
    assert await sink.send("call-abandoned:7-1", CALL) == Delivered()
    assert await sink.send_collected("call-abandoned:7-1-and-1", [CALL, CALL]) == Delivered()
    subjects = [message["Subject"] for _, message in server.taken]
    assert subjects == ["放弃来电 人力资源", "过去 1 秒放弃 2 通，最长等待 23 秒"]
    body = server.taken[0][1].get_body(("plain",))
    assert body is not None
    assert "主叫：+86138****8000" in body.get_content()
    assert plain("**a** x\n>b 138****8000") == "a x\nb 138****8000"


def settings_for(folder: Path, port: int) -> Settings:
    told = load(None, {"STATE": str(folder)}).model_dump()
    mail = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "hotline@example.com"}
    reports = {"kinds": ["day"], "to": {"leaders": {"mail": ["gm@example.com"], "language": "zh"}}}
    return Settings.model_validate({**told, "mail": mail, "reports": reports})


async def test_a_report_goes_from_the_clock_to_the_mailbox(server: FakeSmtp, tmp_path: Path) -> None:
    database, clock, poster = new_database(tmp_path), Clock(reported.local(reported.DAY + timedelta(days=1), 9)), Poster()
    reported.keep(database, reported.fixture())
    settings = settings_for(tmp_path, server.port)
    maker = ReportMaker.of(settings, database, clock)
    assert await ReportClock(maker, database, settings.reports, settings.zone, clock=clock).strike() == 1
    outbox = outbox_from(settings, database, SEALER, poster, clock)
    server.data = ["451 later"]
    await run_for(outbox, clock, 30, ["report-leaders"])
    assert rows(database) == [("report.made:leaders:day:2026-11-18", "done", 2)]
    [(to, message)] = server.taken
    assert (to, message["Subject"]) == (["gm@example.com"], "400 热线日报 2026-11-18 星期三")
    body = message.get_body(("plain",))
    assert body is not None
    assert "呼损率：46.7 %" in body.get_content()
    assert "http://127.0.0.1:8400/reports/day/2026-11-18/zh.html" in body.get_content()
    names = [part.get_filename() for part in message.iter_attachments()]
    assert names == ["hotline-day-2026-11-18.zh.html", "hotline-day-2026-11-18.zh.xlsx"]
    assert "13800138000" not in message.as_string()
    await poster.close()
    await asyncio.to_thread(database.close)


async def test_a_report_whose_file_is_gone_is_rejected_with_what_to_do(server: FakeSmtp, tmp_path: Path) -> None:
    database, clock, poster = new_database(tmp_path), Clock(reported.local(reported.DAY + timedelta(days=1), 9)), Poster()
    reported.keep(database, reported.fixture())
    settings = settings_for(tmp_path, server.port)
    maker = ReportMaker.of(settings, database, clock)
    await ReportClock(maker, database, settings.reports, settings.zone, clock=clock).strike()
    for path in (tmp_path / "reports").rglob("*.xlsx"):
        path.unlink()
    outbox = outbox_from(settings, database, SEALER, poster, clock)
    await run_for(outbox, clock, 5, ["report-leaders"])
    assert rows(database) == [("report.made:leaders:day:2026-11-18", "rejected", 1)]
    assert "ivrd reports make day 2026-11-18" in outbox.troubles[0]
    await poster.close()
    await asyncio.to_thread(database.close)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"alerts": {"channels": {"mail": {"kind": "email", "to": ["a@b.c"]}}}}, "mail.host must name a mail server"),
        ({"reports": {"to": {"x": {"mail": ["a@b.c"]}}}}, "mail.host must name a mail server"),
        ({"alerts": {"channels": {"mail": {"kind": "email"}}}}, "needs to"),
        ({"alerts": {"channels": {"robot": {"kind": "wecom"}}}}, "needs url_file"),
        ({"alerts": {"channels": {"mail": {"kind": "email", "to": ["a@b\r\nBcc: c"]}}}}, "pattern"),
        ({"reports": {"to": {"x": {"channel": "nobody"}}}}, "no channel of alerts; there is none"),
        ({"reports": {"to": {"x": {}}}}, "give either mail"),
        ({"reports": {"to": {"x": {"mail": ["a@b.c"], "language": "en"}}, "languages": ["zh"]}}, "not in languages"),
        ({"mail": {"host": "mail.example.com", "user": "x", "password_file": "/x", "security": "none"}}, "in clear"),
        ({"mail": {"user": "x"}}, "belong together"),
    ],
)
def test_what_can_not_be_sent_is_said_before_the_start(wrong: dict[str, object], why: str) -> None:
    told = load(None, {}).model_dump()
    with pytest.raises(ValueError, match=why):
        Settings.model_validate({**told, **wrong})


def test_files_that_can_not_be_read_are_said_with_their_setting(tmp_path: Path) -> None:
    told = load(None, {}).model_dump()
    mail = {"host": "mail.example.com", "user": "x", "password_file": str(tmp_path / "gone")}
    assert outgoing_faults(Settings.model_validate({**told, "mail": mail})) == [
        f"mail.password_file: {tmp_path / 'gone'} can't be read: No such file or directory"
    ]
    (tmp_path / "ca").write_text("no certificate")
    [fault] = outgoing_faults(Settings.model_validate({**told, "mail": {"host": "mail.example.com", "ca_file": str(tmp_path / "ca")}}))
    assert fault.startswith(f"mail.ca_file: {tmp_path / 'ca'} can't be used")

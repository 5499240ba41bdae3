"""Dialling by AMI, and finding out what became of it from events, channels and queue_log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from support.house import new_database

from ami_bridge.ami_session import AmiRefused, AmiTimeout, AmiUnavailable, Response
from ami_bridge.ami_wire import parse
from ami_bridge.facts import AgentAnswered, AgentStateReported, CallbackReported, Fact, SnapshotComplete
from ami_bridge.requests import Request
from callbacks.model import Callback, Dial, NewPromise, Reason, Result, State
from callbacks.ports import Sent
from callflows.calendar import AlwaysOpen
from ivr.callback_dialler import AmiDialler
from ivr.calling_back import CallingBack
from ivr.settings import Settings
from ivr.store import callbacks as store
from ivr.store.callback_claims import claiming
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")
CALLBACK = Callback("7", "+861062345678", "hr", "hr", "zh", 0, NOW, NOW + timedelta(hours=1))
CHANNELS = """Event: CoreShowChannel\r\nUniqueid: {unique}\r\nLinkedid: {linked}\r\nApplication: {app}\r\nChannelStateDesc: {state}"""


@dataclass
class FakeLink:
    """Answers every request alike, and keeps what was asked."""

    answer: Response | Exception = field(default_factory=lambda: Response(parse(b"Response: Success")))
    connected: bool = True
    asked: list[Request] = field(default_factory=list)

    async def request(self, request: Request, timeout_s: float | None = None) -> Response:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def dialler(link: FakeLink, queue_log: Path = Path("/nowhere/queue_log")) -> AmiDialler:
    return AmiDialler(link, queue_log, caller_id="4001234567", country="CN", ring=timedelta(seconds=50), queue_waits={"hr": 45})


def channel(unique: str, linked: str, app: str, state: str) -> bytes:
    return CHANNELS.format(unique=unique, linked=linked, app=app, state=state).encode()


async def test_originate_names_digits_and_contexts_alone() -> None:
    link = FakeLink()
    assert await dialler(link).dial(Dial("cb-7-1", CALLBACK)) is Sent.ACCEPTED
    (request,) = link.asked
    headers = dict(request.headers[:8])
    assert (request.action, headers["Channel"]) == ("Originate", "Local/01062345678@ivrd-callback/n")
    assert (headers["Context"], headers["Exten"], headers["ChannelId"]) == ("ivrd-callback-answered", "s", "cb-7-1")
    assert (headers["Timeout"], headers["Async"], headers["CallerID"]) == ("50000", "true", "<4001234567>")
    assert [value for name, value in request.headers if name == "Variable"] == [
        "IVR_LANGUAGE=zh", "IVR_QUEUE=hr", "IVR_QUEUE_WAIT=45", "IVR_CUSTOMER=01062345678"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (AmiRefused("Extension does not exist."), Sent.REFUSED),
        (AmiTimeout("no answer"), Sent.UNKNOWN),
        (AmiUnavailable("lost", sent=True), Sent.UNKNOWN),
        (AmiUnavailable("down"), Sent.REFUSED),
    ],
)
async def test_only_what_certainly_was_not_dialled_counts_as_refused(answer: Exception, sent: Sent) -> None:
    link = FakeLink(answer)
    assert await dialler(link).dial(Dial("cb-7-1", CALLBACK)) is sent
    assert len(link.asked) == 1, "never asked for twice"


async def test_living_calls_are_found_by_their_ids_and_talking_ones_by_the_agents_leg() -> None:
    items = [
        channel("cb-7-1", "cb-7-1", "Queue", "Up"),
        channel("cb-7-1;2", "cb-7-1", "Dial", "Up"),
        channel("17.5", "cb-7-1", "AppQueue", "Up"),
        channel("cb-8-2", "cb-8-2", "Read", "Up"),
        channel("17.6", "cb-8-2", "AppQueue", "Ringing"),
        channel("17.7", "17.7", "AppQueue", "Up"),
    ]
    link = FakeLink(Response(parse(b"Response: Success"), tuple(parse(item) for item in items)))
    assert await dialler(link).living() == {"cb-7-1": True, "cb-8-2": False}


async def test_an_asterisk_that_cannot_be_asked_is_no_asterisk_without_calls() -> None:
    assert await dialler(FakeLink(AmiUnavailable("down"))).living() is None


@pytest.mark.parametrize(
    ("rows", "result"),
    [
        ("", None),
        ("1|cb-7-1;2|NONE|NONE|CALLBACK|BUSY|017", Result.BUSY),
        ("1|cb-7-2;2|NONE|NONE|CALLBACK|BUSY|017", None),
        ("1|cb-7-1|NONE|NONE|CALLBACK|KEY|0\n2|cb-7-1|hr|Li Na|CONNECT|3|17.5|2\n9|cb-7-1|NONE|NONE|CALLBACK|LEFT|0", Result.BRIDGED),
        ("1|cb-7-1|NONE|NONE|CALLBACK|KEY|0\n9|cb-7-1|NONE|NONE|CALLBACK|LEFT|0", Result.REACHED),
        ("1|cb-7-1|NONE|NONE|CALLBACK|KEY|0", Result.REACHED),
        ("garbage\n1|cb-7-1\n1|cb-7-1|NONE|NONE|CALLBACK\n1|cb-7-1|NONE|NONE|CALLBACK|NOANSWER|x", Result.NO_ANSWER),
    ],
)
async def test_queue_log_tells_what_nobody_listened_to(rows: str, result: Result | None, tmp_path: Path) -> None:
    (tmp_path / "queue_log").write_text(f"{rows}\n", encoding="utf-8")
    assert await dialler(FakeLink(), tmp_path / "queue_log").found_out("cb-7-1") is result


async def test_the_log_before_the_rotation_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "queue_log.0").write_bytes(b"1|cb-7-1;2|NONE|NONE|CALLBACK|BUSY|017\n")
    assert await dialler(FakeLink(), tmp_path / "queue_log").found_out("cb-7-1") is Result.BUSY


@pytest.mark.parametrize(
    ("facts", "state", "result"),
    [
        ([AgentAnswered(NOW, "cb", "{}", "hr", "Li Na", "17.5")], State.DONE, "bridged"),
        ([CallbackReported(NOW, "{}", "KEY", 0), CallbackReported(NOW, "{}", "LEFT", 0)], State.DUE, "reached"),
        ([CallbackReported(NOW, "{}", "BUSY", 17), CallbackReported(NOW, "{}", "CANCEL", 0)], State.DUE, "busy"),
        ([CallbackReported(NOW, "{}", "FORBIDDEN", 0)], State.FAILED, "forbidden"),
    ],
)
async def test_from_the_promise_to_its_end_by_facts(facts: list[Fact], state: State, result: str, tmp_path: Path) -> None:
    database, link = new_database(tmp_path), FakeLink()
    new = NewPromise("k", Reason.REQUESTED, "+8613800138000", "hr", "zh", NOW, NOW + timedelta(hours=9), "li", "hr")
    promised = await database.write(lambda session: store.promise(session, SEALER, new, NOW))
    calling = CallingBack(
        Settings(state=tmp_path),
        database,
        SEALER,
        link,
        {"hr": AlwaysOpen()},
        queue_log=tmp_path / "queue_log",
        tick_s=0.02,
        clock=lambda: NOW,
    )
    task = asyncio.create_task(calling.run())
    try:
        await until(lambda: any(request.action == "Originate" for request in link.asked))
        calling.on_fact(SnapshotComplete(NOW))
        calling.on_fact(CallbackReported(NOW, "17.5", "BUSY", 17))  # not one of ours
        for fact in facts:
            filled = {name: getattr(fact, name) for name in fact.__slots__} | {"at": NOW, "call": f"cb-{promised}-1"}
            calling.on_fact(type(fact)(**filled))

        async def ended() -> bool:
            record = await database.read(lambda session: store.by_id(session, SEALER, promised))
            return record is not None and (record.state, record.last_result) == (state, result)

        for _ in range(300):
            if await ended():
                break
            await asyncio.sleep(0.01)
        assert await ended()
        assert sum(request.action == "Originate" for request in link.asked) == 1
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        database.close()


async def test_nobody_is_called_while_no_agent_is_there_to_talk(tmp_path: Path) -> None:
    database, link = new_database(tmp_path), FakeLink()
    new = NewPromise("k", Reason.REQUESTED, "+8613800138000", "hr", "zh", NOW, NOW + timedelta(hours=9), "li", "hr")
    promised = await database.write(lambda session: store.promise(session, SEALER, new, NOW))
    calling = CallingBack(
        Settings(state=tmp_path), database, SEALER, link, {"hr": AlwaysOpen()}, queue_log=tmp_path / "queue_log", clock=lambda: NOW
    )
    calling.on_fact(AgentStateReported(NOW, "hr", "Li Na", 5, paused=False))
    calling.on_fact(AgentStateReported(NOW, "hr", "Wang Wu", 1, paused=True))
    await calling.keeper.tick()
    assert [request.action for request in link.asked] == []
    record = await database.read(lambda session: store.by_id(session, SEALER, promised))
    assert record is not None
    assert (record.state, record.attempts, record.due_at > NOW) == ("due", 0, True)
    database.close()


async def until(holds: object) -> None:
    assert callable(holds)
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in 3 s")


def test_the_claim_is_one_statement_for_postgresql_too() -> None:
    text = str(claiming().compile(dialect=postgresql.dialect()))
    assert text.startswith("UPDATE callbacks SET")
    assert "FOR UPDATE SKIP LOCKED" in text
    assert "RETURNING callbacks.id" in text

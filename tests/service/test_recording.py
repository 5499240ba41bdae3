"""``ivrd record``: a manager session of its own and the log beside it, written disguised, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_ami import FakeAmi, channel, event, joined
from typer.testing import CliRunner

from ami_bridge.disguise import Disguise
from ami_bridge.link_state import AmiAddress
from ami_bridge.recording import Recorder, RecordingError
from ivr.cli import app
from ivr.replaying import replay

DEADLINE_S = 10.0
ROW = b"1795296079|1.1|hr|NONE|ENTERQUEUE||13800138000|1\n"


def recorder(ami: FakeAmi, log: Path | None, secret: str = "s3cret") -> Recorder:  # noqa: S107
    return Recorder(AmiAddress("127.0.0.1", ami.port, "ivrd", secret), log, Disguise())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - of a file, and of a fake
            await asyncio.sleep(0.01)


async def test_the_stream_and_the_log_are_written_as_they_come(tmp_path: Path) -> None:
    log, to, stop = tmp_path / "queue_log", tmp_path / "new" / "recording", asyncio.Event()
    log.write_bytes(ROW)
    async with FakeAmi() as ami:
        working = recorder(ami, log)
        task = asyncio.create_task(working.run(to, stop), name="recorder under test")
        await until(lambda: len(ami.named("CoreShowChannels")) == 1)
        await ami.send(joined("1.1") + joined("1.2")[:-30])
        await until(lambda: b"QueueCallerJoin" in (to / "stream.ami").read_bytes())
        await ami.send(joined("1.2")[-30:] + event("Hangup", *channel("1.1"), ("Cause", "16")))
        with log.open("ab") as rows:
            rows.write(ROW.replace(b"1.1", b"1.2"))
        await until(lambda: working.recorded.rows == 1)
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await task
        login = ami.named("Login")[0]
    stream = (to / "stream.ami").read_bytes()
    assert login["Events"] == "on"
    assert stream.startswith(b"Asterisk Call Manager/11.0.0\r\n")
    assert stream.count(b"Event: QueueCallerJoin") == 2
    assert b"Challenge" not in stream
    assert b"13800138000" not in stream + (to / "queue_log").read_bytes()
    assert (to / "queue_log").read_bytes().startswith(b"1795296079|1.2|hr|NONE|ENTERQUEUE||1")
    assert [(to / name).stat().st_mode & 0o777 for name in ("stream.ami", "queue_log")] == [0o600, 0o600]
    assert {contact.id for contact in replay([to / "stream.ami", to / "queue_log"]).contacts} == {"1.1", "1.2"}


async def test_a_connection_that_breaks_ends_the_recording(tmp_path: Path) -> None:
    async with FakeAmi() as ami:
        task = asyncio.create_task(recorder(ami, None).run(tmp_path / "to", asyncio.Event()), name="recorder under test")
        await until(lambda: len(ami.named("CoreShowChannels")) == 1)
        ami.drop()
        with pytest.raises(RecordingError, match="what came before is recorded"):
            await task


async def test_what_can_be_wrong_is_said(tmp_path: Path) -> None:
    async with FakeAmi() as ami:
        with pytest.raises(RecordingError, match="refused the log-in: Authentication failed"):
            await recorder(ami, None, secret="wrong").run(tmp_path / "a", asyncio.Event())
        with pytest.raises(RecordingError, match="is there already"):
            await recorder(ami, None).run(tmp_path / "a", asyncio.Event())
        with pytest.raises(RecordingError, match="can't be read"):
            await recorder(ami, tmp_path).run(tmp_path / "b", asyncio.Event())
        port = ami.port
    nobody = Recorder(AmiAddress("127.0.0.1", port, "ivrd", "x"), None, Disguise())
    with pytest.raises(RecordingError, match="no connection to Asterisk's manager at"):
        await nobody.run(tmp_path / "c", asyncio.Event())


def test_the_command_says_what_is_wrong_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PORT_OFFSET", "1400")
    result = CliRunner().invoke(app, ["record", "--to", str(tmp_path / "to")])
    assert result.exit_code == 1
    assert "no connection to Asterisk's manager" in result.stderr
    result = CliRunner().invoke(app, ["record", "--to", str(tmp_path / "to"), "--user", "all"])
    assert (result.exit_code, "belong together" in result.stderr) == (1, True)

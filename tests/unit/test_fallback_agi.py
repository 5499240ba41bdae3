"""The fallback script against a scripted Asterisk: every way through it, every moment of hang-up, every form of reply."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asterisk.agi import AGIAppError, AGIHangup, AGIInvalidCommand, AGIUnknownError, AGIUsageError

from ami_bridge.fallback_agi import FallbackCall, Task, parse
from ami_bridge.hardened_agi import LONGEST_COMMAND, HardenedAGI, NotCarriedError, Reply
from ami_bridge.spool import SpoolEntry, read_entries

GREETING = {
    "agi_request": "fallback",
    "agi_channel": "PJSIP/ivrd-trunk-00000000",
    "agi_language": "zh",
    "agi_uniqueid": "1795300405.0",
    "agi_callerid": "13800001111",
    "agi_calleridname": "王小明",
    "agi_extension": "4001234567",
}


@pytest.fixture(autouse=True)
def _signals_restored() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


class ScriptedAsterisk:
    """Both ends of the AGI stream. ``answers`` maps the beginning of a command to its reply; the rest succeeds.

    The caller hangs up during command number ``hang_up_at`` (from 0); from then on Asterisk behaves as 22.10.1 does.
    """

    def __init__(self, answers: dict[str, str] | None = None, hang_up_at: int | None = None, greeting: dict[str, str] | None = None):
        self.answers = {"GET FULL VARIABLE": "200 result=1 (1795300400.7)", **(answers or {})}
        self.hang_up_at = hang_up_at
        self.commands: list[str] = []
        self.seconds_recorded = 3.0
        self.scripted: list[str] = []  # lines sent after the next command instead of a reply of our own
        lines = [f"{key}: {value}" for key, value in (greeting or GREETING).items()]
        self.waiting = [*(line.encode() + b"\n" for line in lines), b"\n"]

    def readline(self, _size: int = -1) -> bytes:
        return self.waiting.pop(0) if self.waiting else b""

    def write(self, data: bytes) -> None:
        assert data.count(b"\n") == 1, "one command is one line"
        assert data.endswith(b"\n")
        command = data.decode()[:-1]
        number = len(self.commands)
        self.commands.append(command)
        self.waiting += [line.encode() + b"\n" for line in self._reply(command, number).split("\n")]

    def flush(self) -> None:
        pass

    def _reply(self, command: str, number: int) -> str:
        if self.scripted:
            lines, self.scripted = self.scripted, []
            return "\n".join(lines)
        if self.hang_up_at is not None and number >= self.hang_up_at:
            if number > self.hang_up_at:
                dead = not command.startswith(("EXEC", "SET VARIABLE", "GET FULL VARIABLE"))
                return "511 Command Not Permitted on a dead channel or intercept routine" if dead else "200 result=0"
            if command.startswith("RECORD FILE"):
                self._record(command)
                return "200 result=-1 (hangup) endpos=24000\nHANGUP"
            return "200 result=-1 endpos=0\nHANGUP" if command.startswith(("STREAM", "GET DATA", "ANSWER")) else "HANGUP\n200 result=1"
        if command.startswith("RECORD FILE") and "RECORD FILE" not in self.answers:
            self._record(command)
            return "200 result=35 (dtmf) endpos=24000"
        return next((reply for start, reply in self.answers.items() if command.startswith(start)), "200 result=0 endpos=4800")

    def _record(self, command: str) -> None:
        with wave.open(command.split('"')[1] + ".wav", "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(b"\0\0" * int(8000 * self.seconds_recorded))

    @property
    def variables(self) -> dict[str, str]:
        pairs = [command.split('"') for command in self.commands if command.startswith("SET VARIABLE")]
        return {pair[1]: pair[3] for pair in pairs}

    @property
    def said(self) -> list[str]:
        return [
            command.split()[2].removeprefix("ivrd/fallback-") for command in self.commands if command.startswith(("STREAM", "GET DATA"))
        ]


def serve(spool: Path, asterisk: ScriptedAsterisk, *event: str) -> SpoolEntry:
    task = parse(["--spool", str(spool), "--queue", "complaint", "--wait", "90", *(event or ("start",))])
    FallbackCall(HardenedAGI(asterisk, asterisk), task).serve()  # type: ignore[arg-type]
    return only_entry(spool)


def only_entry(spool: Path) -> SpoolEntry:
    (entry,) = read_entries(spool, datetime.now(UTC))
    assert isinstance(entry, SpoolEntry), entry
    assert not list(spool.glob(".partial-*"))
    return entry


def steps(entry: SpoolEntry) -> list[tuple[str, str]]:
    return [(step.node, step.keys) for step in entry.path]


def test_a_caller_who_presses_nothing_is_queued(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk({"GET DATA": "200 result= (timeout)"})
    entry = serve(tmp_path, asterisk)
    assert asterisk.said == ["apology", "menu", "queueing"]
    assert asterisk.variables == {"IVR_QUEUE": "complaint", "IVR_QUEUE_WAIT": "90", "IVR_NEXT": "queue", "IVR_DONE": "1"}
    assert asterisk.commands[-1] == 'SET VARIABLE "IVR_DONE" "1"'
    assert (entry.kind, entry.incomplete, entry.recording) == ("contact", False, None)
    assert (entry.contact, entry.call, entry.caller, entry.caller_name) == ("1795300400.7", "1795300405.0", "13800001111", "王小明")
    assert (entry.dialled, entry.language, entry.line) == ("4001234567", "zh", None)
    assert steps(entry) == [("fallback", ""), ("fallback_menu", ""), ("fallback_queue", "")]
    assert entry.started_at <= entry.path[0].at <= entry.ended_at


@pytest.mark.parametrize(("key", "kind"), [("2", "message"), ("3", "complaint")])
def test_a_recording_is_kept_with_its_data(tmp_path: Path, key: str, kind: str) -> None:
    asterisk = ScriptedAsterisk({"GET DATA": f"200 result={key}"})
    entry = serve(tmp_path, asterisk)
    assert asterisk.said == ["apology", "menu", f"record-{kind}", "thanks", "goodbye"]
    assert asterisk.variables == {"IVR_NEXT": "hangup", "IVR_DONE": "1"}
    assert (entry.kind, entry.seconds, entry.incomplete) == (kind, 3.0, False)
    assert entry.recording == tmp_path / f"{entry.id}.wav"
    assert steps(entry) == [("fallback", ""), ("fallback_menu", key), ("fallback_record", "")]
    assert entry.recorded_at is not None
    assert entry.started_at <= entry.recorded_at <= entry.ended_at


def test_a_wrong_key_is_asked_once_more(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk({"GET DATA": "200 result=7"})
    assert steps(serve(tmp_path, asterisk)) == [("fallback", ""), ("fallback_menu", "7"), ("fallback_menu", "7"), ("fallback_queue", "")]


@pytest.mark.parametrize("status", ["TIMEOUT", "JOINEMPTY", "LEAVEEMPTY", "FULL", ""])
def test_after_a_queue_without_answer_a_message_is_taken(tmp_path: Path, status: str) -> None:
    asterisk = ScriptedAsterisk()
    entry = serve(tmp_path, asterisk, "queue", "complaint", status)
    assert asterisk.said == ["all-busy", "record-message", "thanks", "goodbye"]
    assert asterisk.variables == {"IVR_NEXT": "hangup", "IVR_DONE": "1"}
    assert entry.kind == "message"


def test_a_caller_whom_an_agent_served_is_not_queued_again(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk()
    entry = serve(tmp_path, asterisk, "queue", "complaint", "CONTINUE")
    assert asterisk.said == ["goodbye"]
    assert asterisk.variables["IVR_NEXT"] == "hangup"
    assert (entry.kind, steps(entry)) == ("contact", [("fallback_after_queue", "")])


def test_a_caller_who_talked_on_a_telephone_is_not_asked_anything(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk()
    entry = serve(tmp_path, asterisk, "dial", "reception", "ANSWER")
    assert (asterisk.variables, asterisk.said) == ({"IVR_NEXT": "hangup", "IVR_DONE": "1"}, ["goodbye"])
    assert (steps(entry), entry.to_queue, entry.left_queue) == ([("fallback_after_talk", "")], None, None)


@pytest.mark.parametrize("status", ["BUSY", "NOANSWER", "CHANUNAVAIL", ""])
def test_a_caller_who_reached_nobody_is_asked_what_he_wants(tmp_path: Path, status: str) -> None:
    asterisk = ScriptedAsterisk()
    entry = serve(tmp_path, asterisk, "dial", "reception", status)
    assert (asterisk.variables["IVR_NEXT"], entry.to_queue) == ("queue", "complaint")
    assert asterisk.said[:2] == ["apology", "menu"]


# Commands of each way, in order; a hang-up up to the recording leaves the entry incomplete, afterwards all has been said.
WAYS = {
    ("start",): ["GET FULL VARIABLE", "ANSWER", "apology", "menu", "record-complaint", "RECORD FILE", "thanks", "goodbye"],
    ("queue", "hr", "TIMEOUT"): ["GET FULL VARIABLE", "all-busy", "record-message", "RECORD FILE", "thanks", "goodbye"],
}


@pytest.mark.parametrize(("event", "hang_up_at"), [(event, number) for event, way in WAYS.items() for number in range(len(way))])
def test_a_hang_up_at_any_moment_leaves_one_entry(
    tmp_path: Path, event: tuple[str, ...], hang_up_at: int, capfd: pytest.CaptureFixture[str]
) -> None:
    way = WAYS[event]
    asterisk = ScriptedAsterisk({"GET DATA": "200 result=3"}, hang_up_at)
    entry = serve(tmp_path, asterisk, *event)
    assert way[hang_up_at] in asterisk.commands[hang_up_at]
    assert entry.incomplete is (hang_up_at <= way.index("RECORD FILE"))
    assert (entry.recording is not None) is (hang_up_at >= way.index("RECORD FILE"))
    assert asterisk.variables == {}
    assert capfd.readouterr().err == "", "a hang-up is nothing to complain about"


def test_a_caller_who_hangs_up_on_his_way_to_the_queue_is_noted(tmp_path: Path) -> None:
    entry = serve(tmp_path, ScriptedAsterisk({"GET DATA": "200 result=1"}, hang_up_at=4))
    assert (entry.incomplete, steps(entry)[-1]) == (True, ("fallback_queue", ""))


def test_a_hang_up_while_recording_keeps_what_was_said(tmp_path: Path) -> None:
    entry = serve(tmp_path, ScriptedAsterisk({"GET DATA": "200 result=2"}, hang_up_at=5))
    assert (entry.kind, entry.seconds, entry.incomplete) == ("message", 3.0, True)
    assert entry.recording is not None
    assert entry.recording.stat().st_size == 48044


def test_a_recording_without_sound_is_an_entry_without_recording(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk({"GET DATA": "200 result=2"})
    asterisk.seconds_recorded = 0
    entry = serve(tmp_path, asterisk)
    assert (entry.kind, entry.recording, entry.seconds) == ("message", None, 0.0)
    assert [file.name for file in tmp_path.iterdir()] == [f"{entry.id}.json"]


def test_a_spool_that_cannot_be_written_still_serves_the_caller(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gone = tmp_path / "gone"
    asterisk = ScriptedAsterisk({"GET DATA": "200 result=2", "RECORD FILE": "200 result=-1 (writefile)"})
    FallbackCall(HardenedAGI(asterisk, asterisk), Task(gone, "hr", 30, False, "")).serve()  # type: ignore[arg-type]
    assert asterisk.variables == {"IVR_QUEUE": "hr", "IVR_QUEUE_WAIT": "30", "IVR_NEXT": "queue", "IVR_DONE": "1"}
    told = capfd.readouterr().err
    assert f"couldn't be noted in {gone}: No such file or directory" in told
    assert "13800001111" not in told
    assert any(command.startswith('EXEC Log "ERROR,ivrd fallback: ') for command in asterisk.commands)


def test_after_a_queue_an_unwritable_spool_ends_in_goodbye(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk({"RECORD FILE": "200 result=-1 (writefile)"})
    FallbackCall(HardenedAGI(asterisk, asterisk), Task(tmp_path / "gone", "hr", 30, True, "TIMEOUT")).serve()  # type: ignore[arg-type]
    assert asterisk.said == ["all-busy", "record-message", "goodbye"]
    assert asterisk.variables == {"IVR_NEXT": "hangup", "IVR_DONE": "1"}


def test_missing_prompts_do_not_end_the_call(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk({"STREAM FILE": "200 result=-1 endpos=0", "GET DATA": "200 result=-1"})
    entry = serve(tmp_path, asterisk)
    assert asterisk.variables["IVR_NEXT"] == "queue"
    assert not entry.incomplete


@pytest.mark.parametrize("reply", ["510 Invalid or unknown command", "nonsense", "", "200 what", "200 result=\x80"])
def test_a_reply_nobody_foresaw_leaves_the_call_to_the_dialplan(tmp_path: Path, reply: str) -> None:
    asterisk = ScriptedAsterisk({"ANSWER": reply})
    if reply.startswith("200 result="):
        asterisk.answers["SET VARIABLE"] = "520 Invalid command syntax.  Proper usage not available."
    entry = serve(tmp_path, asterisk)
    assert entry.kind == "contact"
    assert "IVR_DONE" not in asterisk.variables


def test_hostile_caller_data_is_made_harmless_and_kept(tmp_path: Path) -> None:
    greeting = {**GREETING, "agi_callerid": "unknown", "agi_calleridname": 'a"; \x1b[31m\u200b\u85cf' + "x" * 500}
    entry = serve(tmp_path, ScriptedAsterisk({"GET DATA": "200 result="}, greeting=greeting))
    assert entry.caller is None
    assert entry.caller_name == ('a";  [31m \u85cf' + "x" * 500)[:200]


def test_the_greeting_cannot_be_forged(tmp_path: Path) -> None:
    asterisk = ScriptedAsterisk()
    asterisk.waiting[-1:] = [b"agi_uniqueid: 666\n", b"no header\n", b"AGI_X: 1\n", b"agi_bad\xff: 1\n", b"\n"]
    agi = HardenedAGI(asterisk, asterisk)  # type: ignore[arg-type]
    assert agi.env == GREETING


def test_a_greeting_without_end_is_refused() -> None:
    asterisk = ScriptedAsterisk()
    asterisk.waiting = [b"agi_x: 1\n"] * 5000
    with pytest.raises(AGIHangup):
        HardenedAGI(asterisk, asterisk)  # type: ignore[arg-type]


def agi_with(*replies: str) -> HardenedAGI:
    asterisk = ScriptedAsterisk()
    asterisk.scripted = list(replies)
    return HardenedAGI(asterisk, asterisk)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("200 result=1", Reply("1", "", 0)),
        ("200 result=0 endpos=4800", Reply("0", "", 4800)),
        ("200 result=-1 (hangup) endpos=24000", Reply("-1", "hangup", 24000)),
        ("200 result= (timeout)", Reply("", "timeout", 0)),
        ("200 result=12 (timeout)", Reply("12", "timeout", 0)),
        ("200 result=", Reply("", "", 0)),
        ("200 result=1 (a) b)", Reply("1", "a) b", 0)),
        ("HANGUP\n200 result=1", Reply("1", "", 0)),
        ("100 Trying...\n200 result=1", Reply("1", "", 0)),
    ],
)
def test_every_form_of_success(line: str, expected: Reply) -> None:
    agi = agi_with(line)
    agi.send_command("NOOP")
    assert agi.reply() == expected


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("510 Invalid or unknown command", AGIInvalidCommand),
        ("511 Command Not Permitted on a dead channel or intercept routine", AGIHangup),
        ("520 Invalid command syntax.  Proper usage not available.", AGIUsageError),
        ("520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER\n\n520 End of proper usage.", AGIUsageError),
        ("520-Invalid command syntax.  Proper usage follows:\nUsage: ANSWER", AGIHangup),
        ("200 result=-1", AGIAppError),
        ("200 result=-1 (hangup)", AGIHangup),
        ("999 what", AGIUnknownError),
    ],
)
def test_every_form_of_failure(lines: str, error: type[Exception]) -> None:
    agi = agi_with(*lines.split("\n"))
    with pytest.raises(error) as raised:
        agi.execute("ANSWER")
    assert isinstance(raised.value, AGIHangup) is (error is AGIHangup)


def test_after_the_usage_text_the_stream_is_in_step_again() -> None:
    agi = agi_with("520-Invalid command syntax.  Proper usage follows:", "Usage: X", "520 End of proper usage.", "200 result=7")
    with pytest.raises(AGIUsageError):
        agi.execute("X")
    assert agi.reply() == Reply("7", "", 0)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_a_line_end_never_reaches_asterisk(value: str) -> None:
    asterisk = ScriptedAsterisk()
    agi = HardenedAGI(asterisk, asterisk)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [lambda: agi.set_variable("X", value), lambda: agi.stream_file(value), lambda: agi.execute(value)]
    for call in calls:
        with pytest.raises(NotCarriedError):
            call()
    assert asterisk.commands == []


def test_a_command_too_long_for_asterisk_is_refused_whole() -> None:
    asterisk = ScriptedAsterisk()
    agi = HardenedAGI(asterisk, asterisk)  # type: ignore[arg-type]
    with pytest.raises(NotCarriedError):
        agi.set_variable("X", "长" * (LONGEST_COMMAND // 3))
    assert asterisk.commands == []


def test_quotes_and_backslashes_round_trip() -> None:
    asterisk = ScriptedAsterisk()
    HardenedAGI(asterisk, asterisk).set_variable("X", 'a" b\\')  # type: ignore[arg-type]
    assert asterisk.commands == [r'SET VARIABLE "X" "a\" b\\"']


def script(spool: Path) -> subprocess.Popen[bytes]:
    arguments = ["--spool", str(spool), "--queue", "hr", "--wait", "90", "start"]
    return subprocess.Popen(
        [sys.executable, "-m", "ami_bridge.fallback_agi", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_sighup_in_a_real_process_is_a_hang_up(tmp_path: Path) -> None:
    with script(tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"".join(f"{key}: {value}\n".encode() for key, value in GREETING.items()) + b"\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"GET FULL VARIABLE")
        process.send_signal(signal.SIGHUP)
        process.stdin.write(b"200 result=1 (77.1)\nHANGUP\n")
        process.stdin.close()
        process.stdin = None
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, b"", b"")
    entry = only_entry(tmp_path)
    assert (entry.contact, entry.incomplete, steps(entry)) == ("77.1", True, [("fallback", "")])


def test_sigterm_and_a_closed_stream_leave_the_entry_too(tmp_path: Path) -> None:
    for number, how in enumerate(("SIGTERM", "closed")):
        spool = tmp_path / str(number)
        spool.mkdir()
        with script(spool) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"agi_uniqueid: 1.1\nagi_callerid: 138\n\n")
            process.stdin.flush()
            assert process.stdout.readline()
            if how == "SIGTERM":
                process.terminate()
            else:
                process.stdin.close()
            assert process.wait(timeout=20) == 0
        assert json.loads(only_entry(spool).file.read_text())["caller"] == "138"


def test_wrong_arguments_are_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--queue", "hr", "start"])
    assert "--spool" in capsys.readouterr().err

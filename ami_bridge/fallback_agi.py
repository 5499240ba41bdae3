"""The script Asterisk runs by itself when the daemon is down: an apology, an agent or a recording, and a note for later.

Run as ``python -m ami_bridge.fallback_agi --spool DIR --queue NAME --wait S start|queue|dial [WHERE STATUS]`` by the dialplan alone.
It keeps the daemon's contract (``dialplan``), imports the standard library and pyst2 only, and leaves one entry in the spool for
every call it touches (``spool`` reads them), a hang-up at any moment included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from asterisk.agi import AGIAppError, AGIError, AGIHangup

from ami_bridge.hardened_agi import HardenedAGI

LONGEST_RECORDING_MS = 180_000
SILENCE_ENDS_S = 5  # a caller thinks for a moment; who says nothing for this long has finished
KEY_WAIT_MS = 5_000
MENU_TRIES = 2
LONGEST_WORD = 200  # characters, as in ``spool``
KEPT_SILENCE_S = 1.1
WAV_HEADER_BYTES, WAV_BYTES_PER_S = 44, 16_000  # 8 kHz, 16 bits, mono

Kind = Literal["message", "complaint", "contact"]


@dataclass(frozen=True, slots=True)
class Task:
    """What the dialplan asks for. ``queue`` and ``wait_s``: where a caller is sent; ``status``: how his last queue ended."""

    spool: Path
    queue: str
    wait_s: int
    after_queue: bool
    status: str
    left_queue: str = ""
    after_talk: bool = False  # with a telephone that a flow had dialled


@dataclass(slots=True)
class Entry:
    """What is left in the spool about this call; times are aware UTC."""

    id: str
    started_at: datetime
    contact: str
    call: str
    caller: str | None
    caller_name: str | None
    dialled: str
    language: str
    kind: Kind = "contact"
    recorded_at: datetime | None = None
    seconds: float = 0.0
    recording: str | None = None
    path: list[dict[str, str]] = field(default_factory=list)
    to_queue: str | None = None  # where he was sent in the end
    left_queue: str | None = None  # where he came back from, and how that ended (QUEUESTATUS)
    queue_status: str | None = None
    incomplete: bool = True  # until the caller has been taken to the end

    def at(self, node: str) -> dict[str, str]:
        """Noted before anything is said there, so that a hang-up in it shows; keys are filled in when they are known."""
        self.path.append({"node": node, "at": stamp(datetime.now(UTC)), "keys": ""})
        return self.path[-1]


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0 whatever happens to the call: the dialplan goes by IVR_DONE alone."""
    task = parse(sys.argv[1:] if arguments is None else arguments)
    with os.fdopen(0, "rb", closefd=False) as stdin, os.fdopen(1, "wb", buffering=0, closefd=False) as stdout:
        try:
            agi = HardenedAGI(stdin, stdout)
        except AGIHangup:
            return 0  # Asterisk itself is gone: nothing is known that could be written down
        FallbackCall(agi, task).serve()
    return 0


def parse(arguments: list[str]) -> Task:
    """Raises SystemExit with a usage line on stderr, as argparse does."""
    parser = argparse.ArgumentParser(prog="ami_bridge.fallback_agi")
    parser.add_argument("--spool", type=Path, required=True)
    parser.add_argument("--queue", required=True, help="where a caller goes who wants an agent")
    parser.add_argument("--wait", type=int, required=True, help="seconds he waits there at most")
    parser.add_argument("event", choices=("start", "queue", "dial"))
    parser.add_argument("left", nargs="?", default="", help="the queue or telephone he comes back from")
    parser.add_argument("status", nargs="?", default="")
    given = parser.parse_args(arguments)
    if given.event == "dial":  # nobody there: he is asked anew what he wants
        return Task(given.spool, given.queue, given.wait, False, given.status, after_talk=given.status == "ANSWER")
    return Task(given.spool, given.queue, given.wait, given.event == "queue", given.status, given.left)


class FallbackCall:
    """One call: talks to the caller, then leaves the entry, then tells the dialplan what comes next."""

    def __init__(self, agi: HardenedAGI, task: Task) -> None:
        self.agi = agi
        self.task = task
        now = datetime.now(UTC)
        env = agi.env
        call = _clean(env.get("agi_uniqueid", ""))
        self.entry = Entry(
            id=f"{now:%Y%m%dT%H%M%S%f}Z-{os.urandom(8).hex()}",
            started_at=now,
            contact=call,
            call=call,
            caller=_known(env.get("agi_callerid", "")),
            caller_name=_known(env.get("agi_calleridname", "")),
            dialled=_clean(env.get("agi_extension", "")),
            language=_clean(env.get("agi_language", "")),
        )

    def serve(self) -> None:
        to_queue = False
        try:
            self.entry.contact = _clean(self.agi.get_full_variable("${CHANNEL(linkedid)}")) or self.entry.call
            to_queue = self._after_queue() if self.task.after_queue else self._start()
            self.entry.incomplete = False
        except AGIHangup:
            self._leave()
            return
        except AGIError as error:
            # A reply nobody foresaw: without IVR_DONE the dialplan's static apology takes the caller, if he is still there.
            self._leave()
            if not self.agi.caller_gone():
                self._complain(f"a command failed ({type(error).__name__}); the dialplan goes on by itself")
            return
        self._leave()
        self._tell_dialplan(to_queue)

    def _start(self) -> bool:
        """True when the caller wants an agent."""
        if self.task.after_talk:
            self.entry.at("fallback_after_talk")
            self._say("fallback-goodbye")
            return False
        self.entry.at("fallback")
        self.agi.answer()
        self._say("fallback-apology")
        for _ in range(MENU_TRIES):
            step = self.entry.at("fallback_menu")
            key = step["keys"] = self._ask("fallback-menu")
            if key in ("2", "3"):
                return not self._record("message" if key == "2" else "complaint")
            if key in ("", "1"):
                break
        self.entry.at("fallback_queue")
        self._say("fallback-queueing")
        self.entry.to_queue = self.task.queue
        return True

    def _after_queue(self) -> bool:
        self.entry.at("fallback_after_queue")
        self.entry.left_queue, self.entry.queue_status = _clean(self.task.left_queue), _clean(self.task.status)
        if self.task.status == "CONTINUE":  # an agent has served him
            self._say("fallback-goodbye")
        else:
            self._say("fallback-all-busy")
            if not self._record("message"):
                self._say("fallback-goodbye")
        return False

    def _record(self, kind: Kind) -> bool:
        """False when nothing can be recorded at all: the disk is full or the spool can't be written."""
        entry = self.entry
        entry.kind = kind
        entry.at("fallback_record")
        self._say(f"fallback-record-{kind}")
        partial = self.task.spool / f".partial-{entry.id}"
        reply = self.agi.record(str(partial), LONGEST_RECORDING_MS, SILENCE_ENDS_S)
        entry.recorded_at = datetime.now(UTC)
        hung_up = reply.data == "hangup"
        try:
            entry.seconds = round(max(0, partial.with_suffix(".wav").stat().st_size - WAV_HEADER_BYTES) / WAV_BYTES_PER_S, 2)
        except OSError as error:
            self._complain(f"nothing could be recorded into {self.task.spool}: {error.strerror}")
            entry.kind = "contact"
            return False
        # Asterisk leaves the last second of the silence that ended a recording (res_agi.c): that alone is no message.
        said = entry.seconds - KEPT_SILENCE_S if reply.data == "timeout" else entry.seconds
        if said > 0:
            entry.recording = f"{entry.id}.wav"
        if hung_up:
            raise AGIHangup("while recording")
        entry.incomplete = False
        self._say("fallback-thanks")
        self._say("fallback-goodbye")
        return True

    def _say(self, prompt: str) -> None:
        """A missing sound must not end the call: what it would have said is left out."""
        try:
            self.agi.stream_file(f"ivrd/{prompt}")
        except AGIHangup:
            raise
        except AGIAppError:
            self._not_played(prompt)

    def _ask(self, prompt: str) -> str:
        try:
            keys: str = self.agi.get_data(f"ivrd/{prompt}", KEY_WAIT_MS, 1)
        except AGIHangup:
            raise
        except AGIAppError:
            self._not_played(prompt)
            return ""
        return keys

    def _not_played(self, prompt: str) -> None:
        if self.agi.caller_gone():
            raise AGIHangup(prompt)
        self._complain(f"the prompt ivrd/{prompt} can't be played")

    def _leave(self) -> None:
        """Written under another name, then renamed, the sound first: an entry is there whole or not at all."""
        try:
            leave(self.entry, self.task.spool, datetime.now(UTC))
        except OSError as error:
            self._complain(f"the call couldn't be noted in {self.task.spool}: {error.strerror}")

    def _tell_dialplan(self, to_queue: bool) -> None:
        try:
            if to_queue:
                self.agi.set_variable("IVR_QUEUE", self.task.queue)
                self.agi.set_variable("IVR_QUEUE_WAIT", self.task.wait_s)
            self.agi.set_variable("IVR_NEXT", "queue" if to_queue else "hangup")
            self.agi.set_variable("IVR_DONE", "1")
        except AGIError:
            pass  # he has hung up in the last moment, or the dialplan's static apology takes him

    def _complain(self, sentence: str) -> None:
        """To Asterisk's log, and to stderr for the case that Asterisk no longer listens."""
        print(f"ivrd fallback: {sentence}", file=sys.stderr)  # noqa: T201
        try:
            self.agi.send_command("EXEC", "Log", self.agi._quote(f"ERROR,ivrd fallback: {sentence}"))
            self.agi.reply()
        except (AGIError, ValueError):
            pass


def leave(entry: Entry, spool: Path, now: datetime) -> None:
    """Put the entry into the spool. Raises OSError; the sound then stays under its ``.partial-`` name."""
    values = {
        "version": 1,
        "id": entry.id,
        "kind": entry.kind,
        "contact": entry.contact,
        "call": entry.call,
        "caller": entry.caller,
        "caller_name": entry.caller_name,
        "dialled": entry.dialled,
        "language": entry.language,
        "line": None,  # only a flow knows lines
        "started_at": stamp(entry.started_at),
        "recorded_at": stamp(entry.recorded_at) if entry.recorded_at else None,
        "ended_at": stamp(now),
        "seconds": entry.seconds,
        "recording": entry.recording,
        "path": entry.path,
        "to_queue": entry.to_queue,
        "left_queue": entry.left_queue,
        "queue_status": entry.queue_status,
        "incomplete": entry.incomplete,
    }
    partial = spool / f".partial-{entry.id}"
    written = partial.with_suffix(".json")
    with written.open("w", encoding="utf-8") as file:
        json.dump(values, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    if entry.recording:
        _sync(partial.with_suffix(".wav"))
        partial.with_suffix(".wav").rename(spool / entry.recording)
        _sync(spool)
    else:
        partial.with_suffix(".wav").unlink(missing_ok=True)  # a recording of nothing
    written.rename(spool / f"{entry.id}.json")
    _sync(spool)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clean(value: str) -> str:
    """What a caller or trunk may have filled in, as the spool's reader takes it: printable, of bounded length."""
    return "".join(char if char.isprintable() else " " for char in value).strip()[:LONGEST_WORD]


def _known(value: str) -> str | None:
    cleaned = _clean(value)
    return None if cleaned in ("", "unknown") else cleaned


if __name__ == "__main__":
    sys.exit(main())

"""A fake Asterisk with one caller on it, as a FastAGI server sees them: sends the environment, answers commands, presses keys.

Hand-written after the wire log of a real Asterisk 22.10.1; the acceptance tests put the same session before a real one.
"""

from __future__ import annotations

import asyncio
import base64
import re
import shlex
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HANG_UP = "h"
SILENCE = "p"
HASH = ord("#")


@dataclass
class FakeCaller:
    """``answers``: what the caller does at each Read that waits for him and each recording: keys, ``p`` or ``h``.

    After the last answer he is silent. ``played`` are the files he heard, ``variables`` what the server set.
    """

    answers: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("token", "start")
    linkedid: str = "1795300000.1"
    refuse: Mapping[str, str] = field(default_factory=dict)  # command's beginning → the reply it gets instead
    mute: str = "\0"  # a command that begins so is never answered
    commands: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    recorded: list[Path] = field(default_factory=list)
    gone: bool = False
    closed_by_server: bool = False

    @property
    def done(self) -> bool:
        """Did the server come to an end, so that the dialplan goes on as told?"""
        return self.variables.get("IVR_DONE") == "1"

    async def call(self, port: int, timeout_s: float = 10.0) -> None:
        """One AGI request, until the server closes it."""
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(self._environment())
            try:
                while line := await reader.readline():
                    words = shlex.split(line.decode())
                    command = line.decode().rstrip("\n")
                    self.commands.append(command)
                    if command.startswith(self.mute):
                        continue
                    writer.write(self._reply(command, words))
                    await writer.drain()
            except ConnectionError:
                pass
            self.closed_by_server = True
            writer.close()

    def _environment(self) -> bytes:
        lines = {
            "network": "yes",
            "network_script": "call",
            "channel": "PJSIP/ivrd-trunk-00000001",
            "language": "zh",
            "type": "PJSIP",
            "uniqueid": self.linkedid,
            "version": "22.10.1",
            "callerid": "13800138000",
            "calleridname": "unknown",
            "dnid": "4001234567",
            "extension": "4001234567",
            **self.environment,
        }
        arguments = [f"agi_arg_{i}: {value}\n" for i, value in enumerate(self.arguments, start=1)]
        return ("".join(f"agi_{name}: {value}\n" for name, value in lines.items()) + "".join(arguments) + "\n").encode()

    def _reply(self, command: str, words: list[str]) -> bytes:
        for beginning, reply in self.refuse.items():
            if command.startswith(beginning):
                return f"{reply}\n".encode()
        needs_caller = words[0] in ("ANSWER", "STREAM", "RECORD", "CHANNEL", "WAIT", "SAY")
        if self.gone and needs_caller:
            return b"511 Command Not Permitted on a dead channel or intercept routine\n"
        match words:
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                return b"200 result=1\n"
            case ["GET", "FULL", "VARIABLE", expression]:
                return f"200 result=1 ({self._value(expression)})\n".encode()
            case ["EXEC", "Playback", files]:
                self.played += files.split("&")
                return self._line("0")
            case ["EXEC", "Read", arguments]:
                return self._read(arguments)
            case ["GOSUB", "ivrd-ask", _, "1", arguments]:
                return b"100 result=0 Trying...\n" + self._ask(arguments)
            case ["RECORD", "FILE", target, "wav", *_]:
                return self._record(Path(f"{target}.wav"))
            case ["CHANNEL", "STATUS"]:
                return b"200 result=6\n"
            case _:
                return self._line("0")

    def _line(self, result: str) -> bytes:
        return b"200 result=-1\n" if self.gone else f"200 result={result}\n".encode()

    def _value(self, expression: str) -> str:
        if expression == "${CHANNEL(linkedid)}":
            return self.linkedid
        if expression == "${IVR_KEYS}":
            return self.variables.get("IVR_KEYS", "")
        if expression == "${IVR_ASKED}${IVR_KEYS}":
            return self.variables.get("IVR_ASKED", "") + self.variables.get("IVR_KEYS", "")
        if "call-id" in expression:
            return base64.b64encode(b"abc@host").decode()
        raise AssertionError(f"nobody taught me {expression}")

    def _read(self, arguments: str) -> bytes:
        _, files, longest, *rest = arguments.split(",")
        self.played += [file for file in files.split("&") if file]
        waits = len(rest) < 3  # a Read with a time-out of its own is a prompt that can be broken, not a question
        answer = self.answers[0] if self.answers else SILENCE
        self.variables["IVR_KEYS"] = ""
        if answer == HANG_UP:
            self.answers.pop(0)
            return self._hang_up(b"200 result=-1\n")
        if waits:
            answer = self.answers.pop(0) if self.answers else SILENCE
            if answer != SILENCE:
                limit = int(longest)
                pressed = answer[:limit]
                keys, hash_key, _ = pressed.partition("#")
                self.variables["IVR_KEYS"] = keys or hash_key
                if rest_of_it := answer[limit:].removeprefix("#"):
                    self.answers.insert(0, rest_of_it)
        return self._line("0")

    def _ask(self, arguments: str) -> bytes:
        """The dialplan's question: it answers 0 whatever happens, and IVR_ASKED says that it came to its end."""
        heard, cut_short, longest, *_ = arguments.split(",")
        self.variables["IVR_ASKED"] = ""
        self.played += [file for file in heard.split("&") if file]
        reply = self._read(f"IVR_KEYS,{cut_short},{longest},e")
        if not self.gone:
            self.variables["IVR_ASKED"] = "1"
        return b"200 result=0 Gosub complete\n" + (b"HANGUP\n" if b"HANGUP" in reply else b"")

    def _record(self, target: Path) -> bytes:
        answer = self.answers.pop(0) if self.answers else SILENCE
        seconds = float(match[1]) if (match := re.match(r"t([0-9.]+)", answer)) else 0.0
        target.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(target), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(struct.pack("<h", 4000) * int(seconds * 8000))
        self.recorded.append(target)
        end = int(seconds * 8000)
        if self.answers and self.answers[0] == HANG_UP and answer != SILENCE:
            self.answers.pop(0)
            return self._hang_up(f"200 result=-1 (hangup) endpos={end}\n".encode())
        return f"200 result={HASH if seconds else 0} ({'dtmf' if seconds else 'timeout'}) endpos={end}\n".encode()

    def _hang_up(self, reply: bytes) -> bytes:
        self.gone = True
        return reply + b"HANGUP\n"

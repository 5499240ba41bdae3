"""FastAGI's wire without I/O: the environment a call arrives with, the commands sent, the replies read. Used by ``agi`` alone.

Every byte from the other side is hostile: anybody who reaches the port can speak first, and a caller's number may carry a newline.
Protocol facts are measured on Asterisk 22.10.1 (``tests/golden/captures/fastagi_wire.txt``) and read in its res_agi.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

ENVIRONMENT_LINES = 100  # Asterisk sends 22 and one per argument
ENVIRONMENT_BYTES = 64 * 1024
REPLY_BYTES = 64 * 1024
# Asterisk reads a command into a buffer of this size and would run the rest as the next command: 2047 before 20.16 / 22.6.
COMMAND_BYTES = 2047
# Quoted arguments beyond 127 overrun a stack array of Asterisk (asterisk#2069); ours have a handful.
COMMAND_WORDS = 20

_ENVIRONMENT_LINE = re.compile(rb"(agi_[a-z0-9_]+): ?(.*)\Z", re.DOTALL)
_RESULT = re.compile(r"200 result=(?P<result>-?\d*[^\s(]*)(?P<rest>.*)\Z", re.DOTALL)
_ENDPOS = re.compile(r"endpos=(\d+)")


class AgiProtocolError(Exception):
    """The other side does not speak AGI as Asterisk does; the connection is of no more use."""


class HostileEnvironmentError(AgiProtocolError):
    """The first lines are no environment that Asterisk sends: malformed, doubled, too many or too long."""


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """The ``agi_…`` lines of one request. ``arguments`` are agi_arg_1…n in order."""

    variables: Mapping[str, str]

    @property
    def arguments(self) -> tuple[str, ...]:
        found: list[str] = []
        while (value := self.variables.get(f"agi_arg_{len(found) + 1}")) is not None:
            found.append(value)
        return tuple(found)

    def get(self, name: str) -> str:
        """The value without its prefix, empty where Asterisk says ``unknown``."""
        value = self.variables.get(f"agi_{name}", "")
        return "" if value == "unknown" else value


class EnvironmentReader:
    """Feed bytes until ``environment`` is there. Raises HostileEnvironmentError; never keeps more than ENVIRONMENT_BYTES."""

    def __init__(self) -> None:
        self._buffer = b""
        self._variables: dict[str, str] = {}
        self._bytes = 0
        self.environment: AgiEnvironment | None = None

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the environment and return what follows it (none yet: the empty bytes)."""
        self._bytes += len(data)
        self._buffer += data
        while self.environment is None:
            line, found, rest = self._buffer.partition(b"\n")
            if not found:
                if self._bytes > ENVIRONMENT_BYTES:
                    raise HostileEnvironmentError(f"more than {ENVIRONMENT_BYTES} bytes and no end")
                return b""
            self._buffer = rest
            if line:
                self._take(line)
            else:
                self.environment = AgiEnvironment(self._variables)
        rest, self._buffer = self._buffer, b""
        return rest

    def _take(self, line: bytes) -> None:
        match = _ENVIRONMENT_LINE.match(line)
        if not match:
            raise HostileEnvironmentError(f"a line is not 'agi_name: value': {line[:40]!r}")
        name = match[1].decode("ascii")
        if name in self._variables:
            raise HostileEnvironmentError(f"{name} is given twice")
        if len(self._variables) >= ENVIRONMENT_LINES or self._bytes > ENVIRONMENT_BYTES:
            raise HostileEnvironmentError(f"more than {ENVIRONMENT_LINES} lines or {ENVIRONMENT_BYTES} bytes")
        self._variables[name] = match[2].decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``result`` is the text after ``result=``; ``note`` what stands in parentheses; ``end_position`` in samples (8 kHz)."""

    code: int
    result: str = ""
    note: str = ""
    end_position: int | None = None
    text: str = ""

    @property
    def succeeded(self) -> bool:
        return self.code == 200


@dataclass(frozen=True, slots=True)
class HungUp:
    """The out-of-band ``HANGUP`` line: it answers nothing and may come at any time, twice too."""


class ReplyReader:
    """Feed bytes, get replies and hang-ups in order. Raises AgiProtocolError on what is neither."""

    def __init__(self) -> None:
        self._buffer = b""
        self._usage: list[str] | None = None  # the lines of a 520- block so far

    def feed(self, data: bytes) -> list[Reply | HungUp]:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if len(self._buffer) > REPLY_BYTES:
            raise AgiProtocolError(f"a reply is longer than {REPLY_BYTES} bytes")
        found: list[Reply | HungUp] = []
        for raw in lines:
            line = raw.decode("utf-8", errors="replace").rstrip("\r")
            if line == "HANGUP":
                found.append(HungUp())
            elif reply := self._line(line):
                found.append(reply)
        return found

    def _line(self, line: str) -> Reply | None:
        if self._usage is not None:
            self._usage.append(line)
            if len(self._usage) > ENVIRONMENT_LINES:
                raise AgiProtocolError("a 520 usage text has no end")
            if not line.startswith("520 "):
                return None
            text, self._usage = "\n".join(self._usage), None
            return Reply(520, text=text)
        if line.startswith("100 "):
            return None  # GOSUB has begun; what it comes to follows (res_agi.c)
        if line.startswith("520-"):
            self._usage = [line]
            return None
        return parse_reply(line)


def parse_reply(line: str) -> Reply:
    """One reply line. Raises AgiProtocolError."""
    code, _, text = line.partition(" ")
    if code in ("510", "511", "520"):
        return Reply(int(code), text=text)
    match = _RESULT.match(line)
    if not match:
        raise AgiProtocolError(f"not a reply of AGI: {line[:60]!r}")
    rest = match["rest"].strip()
    note = rest
    end_position = None
    if found := _ENDPOS.search(rest):
        end_position = int(found[1])
        note = rest[: found.start()].strip()
    if note.startswith("(") and note.endswith(")"):
        note = note[1:-1]
    return Reply(200, match["result"], note, end_position, line)


def command(*words: str) -> bytes:
    """One command line; every word after the first is quoted so that nothing in it can end the word or the line.

    The first word is ours and may hold spaces (``GET FULL VARIABLE``). Raises ValueError on a control character, a word too many or a
    line too long. AGI has no escape for a newline: a value that holds one can't be sent, and is refused.
    """
    verb, *arguments = words
    if len(arguments) > COMMAND_WORDS:
        raise ValueError(f"{verb}: more than {COMMAND_WORDS} arguments")
    for argument in arguments:
        if any(character in argument for character in "\r\n\0"):
            raise ValueError(f"{verb}: a value holds a line break or a NUL")
    quoted = ['"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"' for argument in arguments]
    line = " ".join((verb, *quoted)).encode() + b"\n"
    if len(line) > COMMAND_BYTES:
        raise ValueError(f"{verb}: the command has {len(line)} bytes, Asterisk takes {COMMAND_BYTES}")
    return line

"""pyst2's AGI made safe: quoting that can't be broken out of, every reply form of Asterisk 20/22, no caller's data on stderr.

For the fallback script only, the one user of pyst2. What pyst2 0.5.1 does wrong by itself was measured: its ``_quote`` escapes
nothing, a ``HANGUP`` line or the end of the stream is a ValueError, 511 and the one-line 520 aren't known, and it writes the
whole environment to stderr.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import IO, Any

from asterisk.agi import (
    AGI,
    AGIAppError,
    AGIError,
    AGIHangup,
    AGIInvalidCommand,
    AGIResultHangup,
    AGIUnknownError,
    AGIUsageError,
)

# Asterisk before 20.16 and 22.6 cuts a line here and runs the rest as the next command (res_agi.c AGI_BUF_LEN).
LONGEST_COMMAND = 2047
# What Asterisk sends in its greeting is some 25 lines; a forged one can be any length.
MOST_ENVIRONMENT_LINES = 200
LONGEST_LINE = 65536
MOST_USAGE_LINES = 200
_ENVIRONMENT = re.compile(r"(agi_[a-z0-9_]+): ?(.*)")
_REPLY = re.compile(r"(?P<code>[0-9]{3})(?P<dash>-)?[ ]?(?P<text>.*)", re.DOTALL)
# "result=1", "result= (timeout)", "result=12 (timeout)", "result=-1 (hangup) endpos=800", "result=0 endpos=800"
_RESULT = re.compile(r"result=(?P<result>[^\s(]*)(?: \((?P<data>.*)\))?(?: endpos=(?P<endpos>[0-9]+))?\s*", re.DOTALL)


class NotCarriedError(ValueError):
    """An argument that an AGI command can't carry: the protocol is one line and has no escape for its end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A ``200`` reply. ``data`` is what stands in parentheses; ``endpos`` counts samples (8000 a second)."""

    result: str
    data: str
    endpos: int


class _Silence:
    def write(self, _text: str) -> None:
        """pyst2 tells its stderr every command, with the caller's number and name."""


class HardenedAGI(AGI):  # type: ignore[misc]
    """An AGI session over two byte streams. ``env`` holds the greeting: of a repeated key the first line counts.

    Every command raises AGIHangup when the caller has gone, be it told by SIGHUP, ``HANGUP``, 511 or the end of the stream.
    Only in the main thread: pyst2 installs a SIGHUP handler.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        super().__init__(stdin, stdout, _Silence())
        signal.signal(signal.SIGTERM, self._handle_sigterm)

    def _handle_sigterm(self, _signal: int, _frame: Any) -> None:
        """Asterisk or the system is going down: leave at once, by the way a hang-up takes."""
        self._got_sighup = True
        raise AGIHangup("SIGTERM")

    def _get_agi_env(self) -> None:
        for _ in range(MOST_ENVIRONMENT_LINES):
            line = self._line()
            if not line:
                return
            if match := _ENVIRONMENT.fullmatch(line):
                self.env.setdefault(match[1], match[2].strip())
        raise AGIHangup("the greeting doesn't end")

    def _line(self) -> str:
        raw = self.stdin.readline(LONGEST_LINE)
        if not raw.endswith(b"\n"):
            raise AGIHangup("Asterisk closed the stream")
        return str(raw[:-1].decode("utf-8", "replace"))

    def _quote(self, string: object) -> str:
        text = str(string)
        if re.search(r"[\r\n\0]", text):
            raise NotCarriedError("an AGI argument can't hold a line end or NUL")
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def send_command(self, command: str, *args: object) -> None:
        line = " ".join([command, *(str(arg) for arg in args)]).strip()
        data = line.encode("utf-8", "replace")
        if re.search(r"[\r\n\0]", line) or len(data) > LONGEST_COMMAND:
            raise NotCarriedError(f"{command.split()[0]}: a command is one line of at most {LONGEST_COMMAND} bytes")
        try:
            self.stdout.write(data + b"\n")
            self.stdout.flush()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise AGIHangup("Asterisk closed the stream") from error

    def reply(self) -> Reply:
        """The reply to the command just sent. A result of −1 is not judged here: its meaning is the command's."""
        while (line := self._line()) == "HANGUP" or line.startswith("100"):
            self._got_sighup = self._got_sighup or line == "HANGUP"  # told out of band, between or before replies
        match = _REPLY.fullmatch(line)
        code = match["code"] if match else ""
        text = match["text"] if match else line
        if code == "200" and (found := _RESULT.match(text)):
            return Reply(found["result"], found["data"] or "", int(found["endpos"] or 0))
        if code == "511":
            raise AGIHangup("the channel is dead")
        if code == "510":
            raise AGIInvalidCommand(text)
        if code == "520":
            if match and match["dash"]:
                self._skip_usage()
            raise AGIUsageError(text)
        raise AGIUnknownError(code, text)

    def _skip_usage(self) -> None:
        for _ in range(MOST_USAGE_LINES):
            if self._line().startswith("520 "):
                return
        raise AGIUnknownError("520", "the usage text doesn't end")

    def get_result(self, stdin: object = None) -> dict[str, tuple[str, str]]:
        """pyst2's form of a reply, which its own commands read."""
        reply = self.reply()
        if reply.data == "hangup":
            raise AGIResultHangup("hang-up")
        if reply.result == "-1":
            self.test_hangup()
            raise AGIAppError("the command failed, or the caller hung up")
        return {"result": (reply.result, reply.data), "endpos": (str(reply.endpos), "")}

    def caller_gone(self) -> bool:
        """To be asked after a result of −1, which alone doesn't tell a hang-up from a missing sound (22.10.1)."""
        try:
            self.execute("CHANNEL STATUS")
            self.test_hangup()
        except AGIHangup:
            return True
        except AGIError:
            return False
        return False

    def record(self, path: str, longest_ms: int, silence_s: int) -> Reply:
        """RECORD FILE into ``path``.wav after a beep; ends with ``#``, silence, its length or a hang-up, which is no error here."""
        self.test_hangup()
        self.send_command("RECORD FILE", self._quote(path), "wav", self._quote("#"), longest_ms, "0", "BEEP", f"s={silence_s}")
        return self.reply()

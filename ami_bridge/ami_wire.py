"""AMI's framing without any I/O: bytes in, whole messages out, however the network cut them.

Used by the link, by ``ivrd replay`` and by tests; what a message means is none of its business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BANNER_START = b"Asterisk Call Manager/"
# A CoreSettings or QueueMember message has under 2 KiB; a megabyte in one message is a fault or an attack.
MAX_MESSAGE_BYTES = 256 * 1024
# An empty line ends a message. Asterisk writes \r\n\r\n; CoreShowChannelMap wrote \r\n\n until 20.9 (asterisk #761).
_END = re.compile(rb"\n\r?\n")
# Asterisk writes these once per channel variable or output line; any other header stands at most once in a message.
_REPEATABLE = frozenset({"Variable", "Output"})
_CHANNEL_VARIABLE = "ChanVariable"  # with Dest, Transferer … before it


class MessageTooLong(Exception):  # noqa: N818 - it is what happened
    """A message passed the size cap: the stream can't be followed further and the connection must be dropped."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an AMI message is longer than {limit} bytes; is this really Asterisk's manager port?")


@dataclass(frozen=True, slots=True)
class AmiMessage:
    """Headers in the order they were sent, their names as Asterisk spells them.

    ``stray`` holds lines that are no ``Name: value``; ``bare_newlines`` says that a line ended without ``\\r``.
    Asterisk produces neither in an event: both hint at a newline inside somebody's caller ID.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    stray: tuple[str, ...] = ()
    bare_newlines: bool = False

    def get(self, name: str, default: str = "") -> str:
        """The first value under this name."""
        try:
            return self.values[self.keys.index(name)]
        except ValueError:
            return default

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in zip(self.keys, self.values, strict=True) if key == name)

    @property
    def event(self) -> str:
        return self.values[0] if self.keys and self.keys[0] == "Event" else ""

    @property
    def response(self) -> str:
        return self.values[0] if self.keys and self.keys[0] == "Response" else ""

    @property
    def repeated(self) -> tuple[str, ...]:
        """Names that stand twice though Asterisk writes them once."""
        if len(set(self.keys)) == len(self.keys):
            return ()
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for key in self.keys:
            if key in seen and key not in _REPEATABLE and not key.endswith(_CHANNEL_VARIABLE):
                twice[key] = None
            seen.add(key)
        return tuple(twice)


def parse(raw: bytes) -> AmiMessage:
    """One message without its final empty line. Decoding happens here, on the whole, so that no character is cut."""
    text = raw.decode("utf-8", "replace")
    bare = text.count("\n") != text.count("\r\n")
    keys: list[str] = []
    values: list[str] = []
    stray: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n") if bare else text.split("\r\n"):
        key, separator, value = line.partition(": ")
        if separator:
            keys.append(key)
            values.append(value)
        else:
            stray.append(line)
    return AmiMessage(tuple(keys), tuple(values), tuple(stray), bare)


class AmiFraming:
    """Collects bytes and cuts them into messages, in time linear in the bytes fed.

    ``feed`` returns raw messages, so that the caller can look at a name before paying for ``parse``.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = max_message_bytes
        self._buffer = bytearray()
        self._searched = 0  # no message ends before this place: never look there again
        self._at_start = True
        self.banner: str | None = None  # "Asterisk Call Manager/11.0.0", once it has been read

    def feed(self, data: bytes) -> list[bytes]:
        """Take a chunk and return every message it completed. Raises MessageTooLong."""
        buffer = self._buffer
        buffer += data
        if self._at_start and not self._read_banner():
            return []
        messages: list[bytes] = []
        start = 0
        end = _END.search(buffer, self._searched)
        while end is not None:
            raw = bytes(buffer[start : end.start()]).strip(b"\r\n")
            if len(raw) > self._limit:
                raise MessageTooLong(self._limit)
            if raw:
                messages.append(raw)
            start = end.end()
            end = _END.search(buffer, start)
        if start:
            del buffer[:start]
        if len(buffer) > self._limit:
            raise MessageTooLong(self._limit)
        self._searched = max(0, len(buffer) - 2)  # "\n\r" may wait for its last "\n"
        return messages

    def _read_banner(self) -> bool:
        """The banner is one line without an empty line after it. False: not enough bytes to know."""
        buffer = self._buffer
        if not buffer.startswith(BANNER_START[: len(buffer)]):
            self._at_start = False
            return True
        line_end = buffer.find(b"\n")
        if line_end < 0:
            if len(buffer) > self._limit:
                raise MessageTooLong(self._limit)
            return False
        self.banner = buffer[:line_end].decode("utf-8", "replace").rstrip("\r")
        del buffer[: line_end + 1]
        self._at_start = False
        return True

"""Files that somebody recorded: AMI streams and queue_logs, told apart by what stands in them, packed by gzip or not.

For ``replaying`` alone. A file is read once, line by line; what is odd in it is said with its place.
"""

from __future__ import annotations

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO, cast

from ami_bridge.ami_wire import BANNER_START, MAX_MESSAGE_BYTES, AmiMessage, parse

_GZIP = b"\x1f\x8b"
_LOOK_AT = 256 * 1024  # bytes at a file's beginning that tell what it is
_ROW = re.compile(rb"^\d{1,11}\|[^|\n]*\|[^|\n]*\|[^|\n]*\|[A-Z]", re.MULTILINE)
_HEADER = re.compile(rb"^(?:Event|Response): [A-Za-z]", re.MULTILINE)


class RecordingError(Exception):
    """The file can't be read, or is no recording; the message is a sentence with its name."""


class Kind(Enum):
    AMI = auto()
    QUEUE_LOG = auto()


def kind_of(file: Path) -> Kind:
    """What stands in the file, whatever its name. Raises RecordingError when it is neither."""
    try:
        with _opened(file) as stream:
            head = stream.read(_LOOK_AT)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from error
    rows, headers = len(_ROW.findall(head)), len(_HEADER.findall(head))
    if rows > headers:
        return Kind.QUEUE_LOG
    if headers or head.startswith(BANNER_START):
        return Kind.AMI
    if not head and file.name.startswith("queue_log"):
        return Kind.QUEUE_LOG  # of an hour in which no queue was used
    what = "it is empty" if not head else "no line of its beginning is `Event: …` or `time|call|queue|agent|VERB…`"
    raise RecordingError(f"{file}: this is neither an AMI stream nor a queue_log: {what}")


def lines(file: Path) -> Iterator[bytes]:
    """Lines with their ends. Raises RecordingError."""
    try:
        with _opened(file) as stream:
            while line := stream.readline(MAX_MESSAGE_BYTES):
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from error


def messages(file: Path) -> Iterator[tuple[int, AmiMessage]]:
    """The messages of an AMI stream, each with the line it begins at; a banner, too, is one (``is_banner``). Raises RecordingError.

    A stream whose lines all end in LF went through an editor or a terminal, one with CR CR LF was written by a program that took it for
    text: that is put right, so that a lone LF goes on meaning a line break in somebody's caller ID.
    """
    converted = _converted(file)
    collected: list[bytes] = []
    begins, size = 1, 0
    for number, line in enumerate(lines(file), 1):
        text = line.rstrip(b"\r\n")
        if not text or (not collected and line.startswith(BANNER_START)):
            if collected:
                yield begins, parse(b"".join(collected).rstrip(b"\r\n"))
            collected, size = [], 0
            if text:
                yield number, parse(text)
            continue
        if not collected:
            begins = number
        collected.append(text + b"\r\n" if converted else line)
        size += len(line)
        if size > MAX_MESSAGE_BYTES:
            raise RecordingError(f"{file}:{begins}: this is no AMI stream: a message is longer than {MAX_MESSAGE_BYTES} bytes")
    if collected and collected[-1].endswith(b"\n"):  # whole lines: perhaps all of them
        yield begins, parse(b"".join(collected).rstrip(b"\r\n"))


def is_banner(message: AmiMessage) -> bool:
    """Here a connection with Asterisk's manager begins."""
    return not message.keys and message.stray[:1] != () and message.stray[0].encode().startswith(BANNER_START)


def _converted(file: Path) -> bool:
    """Whether no line ends as Asterisk ends it."""
    with _opened(file) as stream:
        head = stream.read(_LOOK_AT)
    return head.count(b"\r\n") == head.count(b"\r\r\n")


def _opened(file: Path) -> BinaryIO:
    """Unpacked, and behind the mark that Windows' editors put before a text."""
    stream = _unpacked(file)
    if stream.read(len(BOM_UTF8)) != BOM_UTF8:
        stream.seek(0)
    return stream


def _unpacked(file: Path) -> BinaryIO:
    with file.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(file)) if packed else file.open("rb")


def _unreadable(file: Path, error: Exception) -> RecordingError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return RecordingError(f"{file}: can't be read: {why}")

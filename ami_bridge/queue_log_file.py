"""Follows a queue_log file: whole lines from where one left off, through rotation, truncation, replacement and restarts of ours.

For the task that keeps the ledger and for imports; reading blocks, so they call it in a thread. What the lines mean, ``queue_log`` knows.

A file is known again by a digest of its beginning, which starts with the second of its first row: an inode is used again as soon as
its file is gone, and copies and compressed files have another. The inode decides only between files that begin alike. So the rest of
the old file is read first, whether it was renamed (logger.conf's sequential, rotate and timestamp, logrotate), copied and truncated, or
compressed. Rows that logrotate's copytruncate drops between copy and truncation are lost for everybody.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

CHUNK_BYTES = 1024 * 1024
_HEAD_BYTES = 1024
_ROW = re.compile(rb"\d{1,11}\|")
_COMPRESSED = ".gz"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log has been read. ``inode``: device and inode; ``offset``: bytes of whole lines read.

    ``head`` is how the file is known again, ``bytes:digest:second``: so many first bytes, their digest, and when the file had last been
    written to (Unix time).
    """

    inode: str
    offset: int
    head: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole lines, newlines included, of one file. ``first_line`` is the number of the first, counted from 1.

    ``position``: what to read on from; None while there never was a file. ``notices``: what happened to the file, in sentences, each said
    once if the position is kept.
    """

    file: Path
    first_line: int
    lines: tuple[bytes, ...]
    position: Position | None
    notices: tuple[str, ...] = ()


class LogFollower:
    """Reads ``path`` and what it was rotated into: files beside it whose names begin with its own."""

    def __init__(self, path: Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._path = path
        self._chunk_bytes = chunk_bytes
        self._counted: tuple[str, int, int] = ("", 0, 0)  # of this inode, so many bytes are so many lines

    def read(self, position: Position | None) -> Chunk:
        """The next lines, at most ``chunk_bytes`` of them; no lines: there are no more now. None begins with the file as it is.

        Blocks. Raises OSError when the file is there and can't be read.
        """
        with ExitStack() as opened:
            here = opened.enter_context(_source(self._path))
            if here is not None and (position is None or here.goes_on(position)):
                return self._chunk(here, position.offset if position else 0)
            if position is None:
                return Chunk(self._path, 1, (), None)
            return self._elsewhere(position, here, opened)

    def end(self) -> Position | None:
        """Behind the last whole line of the file as it is now: who begins there leaves out what was before. None: there is no file.

        Blocks. Raises OSError when the file is there and can't be read.
        """
        with _source(self._path) as here:
            if here is None:
                return None
            at = here.size
            while at and (last := here.read_at(max(0, at - self._chunk_bytes), min(at, self._chunk_bytes)).rfind(b"\n")) < 0:
                at = max(0, at - self._chunk_bytes)
            end = max(0, at - self._chunk_bytes) + last + 1 if at else 0
            return Position(here.inode, end, here.head(end))

    def _elsewhere(self, position: Position, here: _Source | None, opened: ExitStack) -> Chunk:
        """The file of this position isn't at the path any more: its rest, else what was written after it."""
        beside = [source for path in self._rotated() if (source := opened.enter_context(_readable(path))) is not None]
        beside.sort(key=lambda source: source.modified_ns)
        known = [source for source in beside if source.goes_on(position)]
        known.sort(key=lambda source: source.inode != position.inode)
        if known:
            old = known[0]
            rest = self._chunk(old, position.offset)
            if rest.lines:
                return rest
            later = [source for source in beside if source.modified_ns >= old.modified_ns and not source.goes_on(position)]
            # Seen before the rest was read: Asterisk has let go of the old file.
            following = [source for source in (*later, here) if source is not None and source.holds_a_line]
            return self._chunk(following[0], 0, _unended(old, position)) if following else rest
        if here is None:
            return Chunk(self._path, 1, (), position)
        seen = _last_written(position.head)
        later = [source for source in beside if source.modified_ns // 10**9 >= seen and source.holds_a_line]
        return self._chunk(later[0] if later else here, 0, (_gone(self._path, here, position),))

    def _chunk(self, source: _Source, offset: int, notices: tuple[str, ...] = ()) -> Chunk:
        data = source.read_at(offset, self._chunk_bytes)
        whole = data.rfind(b"\n") + 1
        first_line = self._line_number(source, offset)
        if whole:
            # Not splitlines(): a carriage return within a row is part of it.
            lines = tuple(line + b"\n" for line in data[: whole - 1].split(b"\n"))
        elif len(data) == self._chunk_bytes:  # no line is that long: it is passed on to be counted, and passed by
            whole, lines = len(data), (data + b"\n",)
        else:
            lines = ()
        end = offset + whole
        self._counted = (source.inode, end, first_line - 1 + len(lines))
        return Chunk(source.path, first_line, lines, Position(source.inode, end, source.head(end)), notices)

    def _line_number(self, source: _Source, offset: int) -> int:
        inode, bytes_, lines = self._counted
        if (inode, bytes_) != (source.inode, offset):
            lines, at = 0, 0
            while at < offset and (data := source.read_at(at, min(self._chunk_bytes, offset - at))):
                lines += data.count(b"\n")
                at += len(data)
        return lines + 1

    def _rotated(self) -> list[Path]:
        try:
            return [path for path in self._path.parent.iterdir() if path.name.startswith(self._path.name) and path != self._path]
        except FileNotFoundError:
            return []


class _Source:
    """One open file, plain or compressed."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        status = os.fstat(stream.fileno())
        self.inode = f"{status.st_dev:x}:{status.st_ino:x}"
        self.modified_ns = status.st_mtime_ns
        self.size = status.st_size  # packed, where it is compressed
        self._stream = stream if path.suffix != _COMPRESSED else cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        self.broken = False  # compressed, and what is compressed ends before its end
        self._head = self._stream.read(_HEAD_BYTES)

    def read_at(self, offset: int, size: int) -> bytes:
        try:
            self._stream.seek(offset)
            return self._stream.read(size)
        except (EOFError, zlib.error):
            self.broken = True
            return b""

    @property
    def holds_a_line(self) -> bool:
        return b"\n" in self._head or len(self._head) == _HEAD_BYTES

    @property
    def is_a_log(self) -> bool:
        return _ROW.match(self._head) is not None

    def head(self, offset: int) -> str:
        """The head of a position at this offset."""
        known = min(offset, _HEAD_BYTES)
        return f"{known}:{_digest(self._head[:known])}:{self.modified_ns // 10**9}"

    def goes_on(self, position: Position) -> bool:
        """Whether this is the file of that position, and not shorter."""
        known, digest = _known(position.head)
        if not known:
            return self.inode == position.inode
        if len(self._head) < known or _digest(self._head[:known]) != digest:
            return False
        return known == position.offset or bool(self.read_at(position.offset - 1, 1))


@contextmanager
def _source(path: Path) -> Iterator[_Source | None]:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with stream:
        yield _Source(path, stream)


@contextmanager
def _readable(path: Path) -> Iterator[_Source | None]:
    """A file beside the log, if it is one too: somebody's other files are left alone."""
    with ExitStack() as opened:
        try:
            source = opened.enter_context(_source(path)) if path.is_file() else None
            source = source if source is not None and source.is_a_log else None
        except (OSError, EOFError, zlib.error):
            source = None
        yield source


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _known(head: str) -> tuple[int, str]:
    bytes_, _, rest = head.partition(":")
    return (int(bytes_) if bytes_.isdecimal() else 0), rest.partition(":")[0]


def _last_written(head: str) -> int:
    second = head.rpartition(":")[2]
    return int(second) if second.isdecimal() else 0


def _unended(old: _Source, position: Position) -> tuple[str, ...]:
    """What of a file that is over wasn't read."""
    rest = len(old.read_at(position.offset, CHUNK_BYTES))
    if old.broken:
        return (f"{old.path}: can't be unpacked behind byte {position.offset}; rows may be missing",)
    return (f"{old.path}: its last {rest} bytes are no whole line, and were left out",) if rest else ()


def _gone(path: Path, here: _Source, position: Position) -> str:
    if here.inode == position.inode:
        return f"{path}: was cut short or written anew since byte {position.offset}, and is read from its beginning; rows may be missing"
    return f"{path}: the file read last, to byte {position.offset}, is gone; what came after it is read, rows between may be missing"

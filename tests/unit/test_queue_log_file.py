"""A queue_log is followed line by line whatever becomes of its file: every whole line once, in its order, and losses are said once."""

from __future__ import annotations

import gzip
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge.queue_log_file import LogFollower, Position

LOG = "queue_log"


def rows(*seconds: int) -> bytes:
    return b"".join(f"{1_795_296_000 + second}|NONE|NONE|NONE|QUEUESTART|\n".encode() for second in seconds)


class Reader:
    """Follows as the daemon does: a new follower each time, the position kept; remembers lines and notices."""

    def __init__(self, path: Path, chunk_bytes: int = 1000) -> None:
        self.path = path
        self.chunk_bytes = chunk_bytes
        self.position: Position | None = None
        self.notices: list[str] = []

    def read(self) -> bytes:
        found: list[bytes] = []
        while True:
            chunk = LogFollower(self.path, self.chunk_bytes).read(self.position)
            self.position = chunk.position
            self.notices += chunk.notices
            if not chunk.lines:
                return b"".join(found)
            found += chunk.lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / LOG
    path.write_bytes(rows(1, 2, 3))
    return path


@pytest.fixture
def reader(log: Path) -> Reader:
    reader = Reader(log)
    assert reader.read() == rows(1, 2, 3)
    return reader


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_what_was_appended_is_read_and_half_a_line_waits(log: Path, reader: Reader) -> None:
    whole = rows(4, 5)
    append(log, whole[:-7])
    assert reader.read() == rows(4)
    assert reader.read() == b""
    append(log, whole[-7:])
    assert reader.read() == rows(5)
    assert reader.notices == []


@pytest.mark.parametrize("chunk_bytes", [7, 40, 1000])
def test_one_may_begin_at_the_end(log: Path, chunk_bytes: int) -> None:
    follower = LogFollower(log, chunk_bytes)
    reader = Reader(log)
    reader.position = follower.end()
    assert reader.read() == b""
    append(log, rows(4)[:-30])
    assert follower.end() == reader.position
    append(log, rows(4)[-30:])
    assert reader.read() == rows(4)
    assert reader.notices == []


def test_the_end_of_no_file_and_of_an_empty_one(tmp_path: Path) -> None:
    log = tmp_path / LOG
    assert LogFollower(log).end() is None
    log.write_bytes(b"1795")
    position = LogFollower(log).end()
    assert position is not None
    assert position.offset == 0
    log.write_bytes(rows(1))
    assert LogFollower(log).read(position).lines == (rows(1),)


def test_a_chunk_is_bounded_and_says_where_its_lines_stand(log: Path) -> None:
    follower = LogFollower(log, chunk_bytes=80)
    first = follower.read(None)
    assert (first.file, first.first_line, b"".join(first.lines)) == (log, 1, rows(1, 2))
    for after_restart in (follower, LogFollower(log, chunk_bytes=80)):
        second = after_restart.read(first.position)
        assert (second.first_line, b"".join(second.lines)) == (3, rows(3))


def test_a_line_without_end_is_passed_by(log: Path) -> None:
    log.write_bytes(b"1" * 5000 + b"\n" + rows(1))
    reader = Reader(log, chunk_bytes=1000)
    assert reader.read().endswith(rows(1))
    assert reader.position is not None
    assert reader.position.offset == log.stat().st_size


def test_a_carriage_return_or_anything_else_ends_no_line(log: Path) -> None:
    log.write_bytes(b"1|a\rb\x0b\x0c\x1c\xe2\x80\xa8|\n" + rows(1))
    assert [len(LogFollower(log).read(None).lines)] == [2]


@pytest.mark.parametrize("name", [f"{LOG}.0", f"{LOG}.1", f"{LOG}.1795296004", f"{LOG}-20261122"])
def test_the_old_file_is_finished_first_whatever_it_is_called_now(log: Path, reader: Reader, name: str) -> None:
    append(log, rows(4))
    log.rename(log.with_name(name))
    assert Reader.read(reader) == rows(4)  # Asterisk hasn't made a new one yet
    append(log.with_name(name), rows(5))  # nor let go of the old one
    log.write_bytes(b"")
    assert reader.read() == rows(5)
    log.write_bytes(rows(6))
    assert reader.read() == rows(6)
    assert reader.notices == []


def test_several_rotations_while_we_were_away(log: Path, reader: Reader) -> None:
    """rotatestrategy=rotate: .0 becomes .1, .1 becomes .2; the newest has the lowest number."""
    append(log, rows(4))
    log.rename(log.with_name(f"{LOG}.2"))
    for second, name in ((5, f"{LOG}.1"), (6, f"{LOG}.0"), (7, LOG)):
        log.with_name(name).write_bytes(rows(second))
    for second, name in ((4, f"{LOG}.2"), (5, f"{LOG}.1"), (6, f"{LOG}.0"), (7, LOG)):
        os.utime(log.with_name(name), (second, second))
    assert reader.read() == rows(4, 5, 6, 7)
    assert reader.notices == []


def test_sequential_rotation_grows_upwards(log: Path, reader: Reader) -> None:
    log.rename(log.with_name(f"{LOG}.0"))
    for second, name in ((5, f"{LOG}.1"), (6, f"{LOG}.2"), (7, LOG)):
        log.with_name(name).write_bytes(rows(second))
    for second, name in ((4, f"{LOG}.0"), (5, f"{LOG}.1"), (6, f"{LOG}.2"), (7, LOG)):
        os.utime(log.with_name(name), (second, second))
    assert reader.read() == rows(5, 6, 7)


def test_a_compressed_file_is_finished_too(log: Path, reader: Reader) -> None:
    append(log, rows(4))
    log.with_name(f"{LOG}.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.write_bytes(rows(5))
    assert reader.read() == rows(4, 5)
    assert reader.notices == []


def test_a_compressed_file_that_was_cut_is_said(log: Path, reader: Reader) -> None:
    append(log, b"".join(rows(4 + second)[:-1] + os.urandom(20).hex().encode() + b"\n" for second in range(200)))
    whole = gzip.compress(log.read_bytes())
    log.with_name(f"{LOG}.1.gz").write_bytes(whole[: len(whole) // 2])
    log.unlink()
    log.write_bytes(rows(5))
    assert reader.read().endswith(rows(5))
    assert len(reader.notices) == 1


def test_copied_and_truncated(log: Path, reader: Reader) -> None:
    append(log, rows(4))
    shutil.copy(log, log.with_name(f"{LOG}.1"))
    log.write_bytes(rows(5))
    assert reader.read() == rows(4, 5)
    assert reader.notices == []


@pytest.mark.parametrize("then", [b"", rows(5), rows(5, 6, 7, 8, 9)])
def test_truncated_without_a_copy_is_said_once(log: Path, reader: Reader, then: bytes) -> None:
    log.write_bytes(then)
    assert reader.read() == then
    assert reader.read() == b""
    assert len(reader.notices) == 1
    assert "was cut short" in reader.notices[0]
    append(log, rows(10))
    assert reader.read() == rows(10)


def test_replaced_by_another_file_is_said_once(log: Path, reader: Reader) -> None:
    other = log.with_name("other")
    other.write_bytes(rows(5))
    other.rename(log)
    assert reader.read() == rows(5)
    assert reader.read() == b""
    assert len(reader.notices) == 1
    assert "is gone" in reader.notices[0]


def test_a_reused_inode_is_told_apart(log: Path, reader: Reader) -> None:
    inode = reader.position.inode if reader.position else ""
    log.write_bytes(rows(11, 12, 13))  # the same inode, the same length
    assert reader.read() == rows(11, 12, 13)
    assert reader.position is not None
    assert reader.position.inode == inode
    assert len(reader.notices) == 1


def test_a_file_on_a_device_of_another_number_is_the_same(log: Path, reader: Reader) -> None:
    assert reader.position is not None
    reader.position = replace(reader.position, inode="ffff:1")
    append(log, rows(4))
    assert reader.read() == rows(4)
    assert reader.notices == []


def test_what_was_rotated_after_the_lost_file_is_read(log: Path, reader: Reader) -> None:
    log.unlink()
    log.with_name(f"{LOG}.0").write_bytes(rows(5))
    log.write_bytes(rows(6))
    assert reader.read() == rows(5, 6)
    assert len(reader.notices) == 1


def test_files_beside_it_that_are_no_logs_are_left_alone(log: Path, reader: Reader) -> None:
    log.with_name(f"{LOG}.bak").write_bytes(b"hello\n" * 100)
    log.with_name(f"{LOG}.gz").write_bytes(b"\x1f\x8bnot really")
    log.with_name(f"{LOG}.d").mkdir()
    shutil.copy(log, log.with_name(f"{LOG}.copy"))
    log.rename(log.with_name(f"{LOG}.0"))
    log.write_bytes(rows(4))
    assert reader.read() == rows(4)


def test_no_file_yet(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "absent" / LOG)
    assert reader.read() == b""
    assert reader.position is None
    reader.path.parent.mkdir()
    reader.path.write_bytes(b"")
    assert reader.read() == b""
    reader.path.write_bytes(rows(1))
    assert reader.read() == rows(1)
    reader.path.unlink()
    assert reader.read() == b""
    assert reader.notices == []


def test_a_file_that_was_empty_when_it_was_rotated(tmp_path: Path) -> None:
    reader = Reader(tmp_path / LOG)
    reader.path.write_bytes(b"")
    reader.read()
    reader.path.rename(tmp_path / f"{LOG}.0")
    append(tmp_path / f"{LOG}.0", rows(1))
    reader.path.write_bytes(rows(2))
    assert reader.read() == rows(1, 2)


def test_the_last_half_line_of_an_old_file_is_said(log: Path, reader: Reader) -> None:
    append(log, b"17952")
    log.rename(log.with_name(f"{LOG}.0"))
    log.write_bytes(rows(4))
    assert reader.read() == rows(4)
    assert ["5 bytes" in notice for notice in reader.notices] == [True]


def test_a_position_of_no_version_of_ours_begins_anew(log: Path, reader: Reader) -> None:
    reader.position = Position("x", 5, "rubbish")
    assert reader.read() == rows(1, 2, 3)
    assert len(reader.notices) == 1


@given(st.lists(st.sampled_from(["row", "half", "rotate", "copytruncate", "read"]), max_size=25), st.integers(40, 200))
def test_every_line_once_in_its_order(tmp_path_factory: pytest.TempPathFactory, deeds: list[str], chunk_bytes: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    reader = Reader(folder / LOG, chunk_bytes)
    written, pending = [rows(0)], b""
    reader.path.write_bytes(rows(0))
    found = [reader.read()]
    for second, deed in enumerate(deeds, start=1):
        match deed:
            case "row":
                append(reader.path, pending or rows(second))
                written.append(b"" if pending else rows(second))
                pending = b""
            case "half" if not pending:
                append(reader.path, rows(second)[:9])
                pending = rows(second)[9:]
                written.append(rows(second))
            case "rotate" if not pending and reader.path.stat().st_size:
                kept = folder / f"{LOG}.{second}"
                reader.path.rename(kept)
                os.utime(kept, (second, second))
                reader.path.write_bytes(b"")
            case "copytruncate" if not pending and reader.path.stat().st_size:
                kept = folder / f"{LOG}.{second}"
                shutil.copy(reader.path, kept)
                os.utime(kept, (second, second))
                reader.path.write_bytes(b"")
            case "read":
                found.append(reader.read())
    append(reader.path, pending + rows(99))
    found.append(reader.read())
    assert b"".join(found) == b"".join(written) + rows(99)
    assert reader.notices == []

"""The spool is read as if a stranger had written it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ami_bridge.spool import LARGEST_RECORDING, LONGEST_ENTRY, SpoolEntry, SpoolProblem, SpoolStep, forget_retired, read_entries, retire

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ID = "20261121T100000Z-0123456789abcdef"
ENTRY: dict[str, Any] = {
    "version": 1,
    "id": ID,
    "kind": "complaint",
    "contact": "1795300400.7",
    "call": "1795300405.0",
    "caller": "13800001111",
    "caller_name": "王小明",
    "dialled": "4001234567",
    "language": "zh",
    "line": None,
    "started_at": "2026-11-21T18:00:00.500+08:00",
    "recorded_at": "2026-11-21T10:00:20.000+00:00",
    "ended_at": "2026-11-21T10:00:22.000+00:00",
    "seconds": 3.82,
    "recording": f"{ID}.wav",
    "path": [{"node": "fallback_menu", "at": "2026-11-21T10:00:05+00:00", "keys": "3"}],
    "incomplete": True,
}


def put(spool: Path, sound: bytes | None = b"RIFF", name: str = ID, **changes: Any) -> Path:
    if sound is not None:
        (spool / f"{name}.wav").write_bytes(sound)
    file = spool / f"{name}.json"
    file.write_text(json.dumps({**ENTRY, **changes}), encoding="utf-8")
    return file


def problem(spool: Path) -> str:
    (item,) = read_entries(spool, NOW)
    assert isinstance(item, SpoolProblem), item
    return item.reason


def test_an_entry_is_read_whole(tmp_path: Path) -> None:
    file = put(tmp_path)
    assert list(read_entries(tmp_path, NOW)) == [
        SpoolEntry(
            file=file,
            id=ID,
            kind="complaint",
            contact="1795300400.7",
            call="1795300405.0",
            caller="13800001111",
            caller_name="王小明",
            dialled="4001234567",
            language="zh",
            line=None,
            started_at=datetime(2026, 11, 21, 10, 0, 0, 500000, tzinfo=UTC),
            recorded_at=datetime(2026, 11, 21, 10, 0, 20, tzinfo=UTC),
            ended_at=datetime(2026, 11, 21, 10, 0, 22, tzinfo=UTC),
            seconds=3.82,
            recording=tmp_path / f"{ID}.wav",
            path=(SpoolStep("fallback_menu", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC), "3"),),
            incomplete=True,
        )
    ]


def test_a_spool_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(read_entries(tmp_path / "gone", NOW)) == []


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    names = [f"2026112{day}T100000Z-0123456789abcdef" for day in (3, 1, 2)]
    for name in names:
        put(tmp_path, None, name, id=name, recording=None)
    assert [item.file.stem for item in read_entries(tmp_path, NOW)] == sorted(names)


def test_what_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    for name in (f".partial-{ID}.wav", f".partial-{ID}.json", f"{ID}.wav", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert list(read_entries(tmp_path, datetime.now(UTC))) == []


@pytest.mark.parametrize("name", [f".partial-{ID}.wav", f".partial-{ID}.json", f"{ID}.wav"])
def test_what_a_dead_script_left_is_a_problem_and_not_lost(tmp_path: Path, name: str) -> None:
    left = tmp_path / name
    left.write_bytes(b"RIFF")
    long_ago = (NOW - timedelta(hours=5)).timestamp()
    os.utime(left, (long_ago, long_ago))
    (item,) = read_entries(tmp_path, NOW)
    assert isinstance(item, SpoolProblem)
    assert retire(item) == tmp_path / "bad" / left.name
    assert (tmp_path / "bad" / left.name).read_bytes() == b"RIFF"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "version"),
        ({"id": "../../etc/passwd"}, "its id"),
        ({"id": "another-id-than-the-file"}, "its id"),
        ({"id": None}, "id is no"),
        ({"kind": "order"}, "kind"),
        ({"kind": ["complaint"]}, "kind"),
        ({"caller": 138}, "caller is no"),
        ({"caller": "1" * 201}, "caller is no"),
        ({"caller_name": "a\nb"}, "caller_name is no"),
        ({"caller_name": "\ud800"}, "caller_name is no"),
        ({"contact": ""}, None),
        ({"contact": "../../x"}, "contact is no id"),
        ({"contact": "1" * 151}, "contact is no id"),
        ({"language": "x" * 9}, "language is no"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"started_at": "2026-11-21T10:00:00"}, "started_at"),
        ({"ended_at": 5}, "ended_at"),
        ({"ended_at": "0001-01-01T00:00:00+14:00"}, "ended_at"),
        ({"recorded_at": "x" * 300}, "recorded_at"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"seconds": "3"}, "seconds"),
        ({"recording": "../other.wav"}, "recording"),
        ({"recording": 7}, "recording"),
        ({"incomplete": 1}, "incomplete"),
        ({"path": {}}, "path"),
        ({"path": [1]}, "path"),
        ({"path": [{"node": "x"}]}, "path"),
        ({"path": ENTRY["path"] * 201}, "path"),
    ],
)
def test_every_field_is_checked(tmp_path: Path, changes: dict[str, Any], reason: str | None) -> None:
    put(tmp_path, **changes)
    if reason is None:
        assert isinstance(next(read_entries(tmp_path, NOW)), SpoolEntry)
    else:
        assert reason in problem(tmp_path)


def test_a_missing_field_is_a_problem(tmp_path: Path) -> None:
    file = put(tmp_path)
    for field in ENTRY.keys() - {"line", "caller", "caller_name", "recorded_at", "recording"}:
        file.write_text(json.dumps({key: value for key, value in ENTRY.items() if key != field}))
        assert problem(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 60000, b"9" * 5000, b" " * (LONGEST_ENTRY + 1)])
def test_what_is_no_entry_is_a_problem(tmp_path: Path, content: bytes) -> None:
    put(tmp_path).write_bytes(content)
    assert problem(tmp_path)


def test_links_and_folders_are_no_entries(tmp_path: Path) -> None:
    real = put(tmp_path).rename(tmp_path / "elsewhere")
    (tmp_path / f"{ID}.json").symlink_to(real)
    assert problem(tmp_path) == "it is no plain file"
    (tmp_path / f"{ID}.json").unlink()
    (tmp_path / f"{ID}.json").mkdir()
    assert problem(tmp_path) == "it is no plain file"


def test_a_recording_that_is_missing_a_link_or_too_large_is_a_problem(tmp_path: Path) -> None:
    put(tmp_path, None)
    assert problem(tmp_path) == "its recording is not there"
    sound = tmp_path / f"{ID}.wav"
    sound.symlink_to("/etc/hostname")
    assert problem(tmp_path) == "its recording is not there"
    sound.unlink()
    with sound.open("wb") as file:
        file.truncate(LARGEST_RECORDING + 1)
    assert "larger than" in problem(tmp_path)


def test_a_reason_tells_nothing_of_the_caller(tmp_path: Path) -> None:
    put(tmp_path, caller="13800001111\n")
    assert "138" not in problem(tmp_path)


def test_retiring_is_done_once_and_may_be_repeated(tmp_path: Path) -> None:
    put(tmp_path)
    (entry,) = read_entries(tmp_path, NOW)
    assert retire(entry) == tmp_path / "done" / f"{ID}.json"
    assert retire(entry) == tmp_path / "done" / f"{ID}.json"
    assert sorted(file.name for file in (tmp_path / "done").iterdir()) == [f"{ID}.json", f"{ID}.wav"]
    assert list(read_entries(tmp_path, NOW)) == []


def test_a_crash_between_the_two_moves_is_made_good(tmp_path: Path) -> None:
    put(tmp_path)
    (entry,) = read_entries(tmp_path, NOW)
    (tmp_path / "done").mkdir()
    (tmp_path / f"{ID}.wav").rename(tmp_path / "done" / f"{ID}.wav")
    retire(entry)
    assert sorted(file.name for file in (tmp_path / "done").iterdir()) == [f"{ID}.json", f"{ID}.wav"]


def test_r60_what_was_imported_long_ago_is_deleted(tmp_path: Path) -> None:
    done = tmp_path / "done"
    done.mkdir()
    for name, days in (("old.json", 8), ("old.wav", 8), ("young.json", 6)):
        (done / name).write_text("{}")
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(done / name, (at, at))
    assert forget_retired(tmp_path, NOW) == 2
    assert [file.name for file in done.iterdir()] == ["young.json"]
    assert forget_retired(tmp_path / "nowhere", NOW) == 0

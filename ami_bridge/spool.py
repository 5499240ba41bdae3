"""What the fallback script left while the daemon was down, read as if a stranger had written it.

For the daemon's importer, which puts an entry into the store under its ``id`` (so that twice is once) and then retires it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

FORMAT = 1
DONE, BAD = "done", "bad"
LONGEST_ENTRY = 64 * 1024  # bytes; a whole call with every retry is 2 KB
LARGEST_RECORDING = 64 * 1024 * 1024  # bytes; 180 s of 8 kHz 16-bit sound are 2.9 MB
LONGEST_WORD = 200
LONGEST_LANGUAGE, LONGEST_LINE = 8, 32  # as the database takes them: one row that it refuses would keep all others out
LONGEST_PATH = 200
LONGEST_CALL_S = 4 * 3600
# A ``.partial-`` file older than any call can be: its script died before it could finish the entry.
PARTIAL_AGE = timedelta(seconds=LONGEST_CALL_S)
# What has been imported stays for somebody to look at, should the import have gone wrong. What couldn't be imported stays for good.
RETIRED_KEPT = timedelta(days=7)
# Also the file's name: nothing that could lead out of the folder or hide a file.
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{7,99}")
_CONTACT = re.compile(r"[A-Za-z0-9._-]{1,150}")
_PARTIAL = ".partial-"

Kind = Literal["message", "complaint", "contact"]


@dataclass(frozen=True, slots=True)
class SpoolStep:
    """A place the caller reached, when (UTC), and what he pressed there."""

    node: str
    at: datetime
    keys: str


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One call the fallback served. Times are aware UTC; ``id`` is the idempotency key.

    ``contact`` is the linkedid of the whole call, ``call`` the caller's channel. ``recording`` lies in the spool until
    ``retire``; ``incomplete`` says that the caller hung up before the end.
    """

    file: Path
    id: str
    kind: Kind
    contact: str
    call: str
    caller: str | None
    caller_name: str | None
    dialled: str
    language: str
    line: str | None
    started_at: datetime
    recorded_at: datetime | None
    ended_at: datetime
    seconds: float
    recording: Path | None
    path: tuple[SpoolStep, ...]
    incomplete: bool
    to_queue: str | None = None  # where the caller was sent in the end
    left_queue: str | None = None  # where he came back from, and how that had ended (QUEUESTATUS)
    queue_status: str | None = None


@dataclass(frozen=True, slots=True)
class SpoolProblem:
    """A file that can't be imported, and why, in one sentence without anything the caller gave."""

    file: Path
    reason: str


class _UnusableError(Exception):
    """Why an entry can't be imported; ends in a SpoolProblem."""


def read_entries(directory: Path, now: datetime) -> Iterator[SpoolEntry | SpoolProblem]:
    """All of them, oldest name first. ``now`` (aware) tells a recording in progress from one left behind.

    A spool that doesn't exist is empty. Raises OSError when it can't be listed.
    """
    try:
        files = sorted(directory.iterdir(), key=lambda file: file.name)
    except FileNotFoundError:
        return
    for file in files:
        if file.name.startswith(_PARTIAL):
            if _age(file, now) > PARTIAL_AGE:
                yield SpoolProblem(file, "the fallback script died before it had finished this file")
        elif file.suffix == ".wav":
            if not file.with_suffix(".json").exists() and _age(file, now) > PARTIAL_AGE:
                yield SpoolProblem(file, "a recording without its data: the machine stopped between the two")
        elif file.suffix == ".json":
            try:
                yield _entry(file, directory)
            except _UnusableError as error:
                yield SpoolProblem(file, str(error))
            except OSError as error:
                yield SpoolProblem(file, f"it can't be read: {error.strerror}")


def retire(item: SpoolEntry | SpoolProblem) -> Path:
    """Move what has been imported to ``done/``, what can't be to ``bad/``, the sound first; gives the new place.

    Done again after a crash in between, it ends in the same state. Raises OSError.
    """
    target = item.file.parent / (DONE if isinstance(item, SpoolEntry) else BAD)
    target.mkdir(mode=0o750, exist_ok=True)
    sounds = [item.file.with_suffix(".wav")] if item.file.suffix == ".json" else []
    for file in (*sounds, item.file):
        if file.exists() or file.is_symlink():
            file.rename(target / file.name)
    return target / item.file.name


def forget_retired(directory: Path, now: datetime) -> int:
    """Delete what was imported long ago: it holds numbers and voices, and is kept elsewhere since. Tells how many files. Raises OSError."""
    done = directory / DONE
    old = [file for file in done.iterdir() if _age(file, now) > RETIRED_KEPT] if done.is_dir() else []
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _age(file: Path, now: datetime) -> timedelta:
    try:
        return now - datetime.fromtimestamp(file.lstat().st_mtime, UTC)
    except OSError:
        return timedelta()  # finished, and renamed, in this moment


def _entry(file: Path, directory: Path) -> SpoolEntry:
    values = _values(file)
    identity = _text(values, "id")
    if not _ID.fullmatch(identity) or f"{identity}.json" != file.name:
        raise _UnusableError("its id is not the file's name")
    incomplete = values.get("incomplete")
    if not isinstance(incomplete, bool):
        raise _UnusableError("incomplete is no boolean")
    started, ended = _moment(values.get("started_at"), "started_at"), _moment(values.get("ended_at"), "ended_at")
    recorded = values.get("recorded_at")
    return SpoolEntry(
        file=file,
        id=identity,
        kind=_kind(values.get("kind")),
        contact=_contact(values, identity),
        call=_text(values, "call"),
        caller=_text_or_none(values, "caller"),
        caller_name=_text_or_none(values, "caller_name"),
        dialled=_text(values, "dialled"),
        language=_text(values, "language", LONGEST_LANGUAGE),
        line=_text_or_none(values, "line", LONGEST_LINE),
        started_at=started,
        recorded_at=None if recorded is None else _moment(recorded, "recorded_at"),
        ended_at=ended,
        seconds=_seconds(values.get("seconds")),
        recording=_recording(values.get("recording"), identity, directory),
        path=_path(values.get("path")),
        incomplete=incomplete,
        to_queue=_text_or_none(values, "to_queue"),
        left_queue=_text_or_none(values, "left_queue"),
        queue_status=_text_or_none(values, "queue_status"),
    )


def _contact(values: dict[str, Any], identity: str) -> str:
    contact = _text(values, "contact") or identity  # Asterisk couldn't say which call it was: it is one of its own
    if not _CONTACT.fullmatch(contact):
        raise _UnusableError("contact is no id of a channel")
    return contact


def _kind(value: object) -> Kind:
    kinds: tuple[Kind, ...] = get_args(Kind)
    for kind in kinds:
        if value == kind:
            return kind
    raise _UnusableError(f"kind is none of {', '.join(kinds)}")


def _values(file: Path) -> dict[str, Any]:
    if file.is_symlink() or not file.is_file():
        raise _UnusableError("it is no plain file")
    with file.open("rb") as stream:
        raw = stream.read(LONGEST_ENTRY + 1)
    if len(raw) > LONGEST_ENTRY:
        raise _UnusableError(f"it is longer than {LONGEST_ENTRY} bytes")
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _UnusableError("it is no JSON") from error
    if not isinstance(values, dict) or values.get("version") != FORMAT:
        raise _UnusableError(f"it is not of version {FORMAT}")
    return values


def _text(values: dict[str, Any], key: str, longest: int = LONGEST_WORD) -> str:
    value = values.get(key)
    # Half a surrogate pair passes JSON and breaks every later encoding; control characters have no business in any of these.
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise _UnusableError(f"{key} is no printable text of at most {longest} characters")
    return value


def _text_or_none(values: dict[str, Any], key: str, longest: int = LONGEST_WORD) -> str | None:
    return None if values.get(key) is None else _text(values, key, longest)


def _moment(value: object, key: str) -> datetime:
    try:
        if isinstance(value, str) and len(value) <= LONGEST_WORD:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _UnusableError(f"{key} is no time with a zone")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_CALL_S:
        raise _UnusableError(f"seconds is no number between 0 and {LONGEST_CALL_S}")
    return float(value)


def _recording(value: object, identity: str, directory: Path) -> Path | None:
    if value is None:
        return None
    if value != f"{identity}.wav":
        raise _UnusableError("recording is not the file beside it")
    file = directory / f"{identity}.wav"
    if file.is_symlink() or not file.is_file():
        raise _UnusableError("its recording is not there")
    if file.stat().st_size > LARGEST_RECORDING:
        raise _UnusableError(f"its recording is larger than {LARGEST_RECORDING} bytes")
    return file


def _path(value: object) -> tuple[SpoolStep, ...]:
    if not isinstance(value, list) or len(value) > LONGEST_PATH or not all(isinstance(step, dict) for step in value):
        raise _UnusableError(f"path is no list of at most {LONGEST_PATH} steps")
    return tuple(SpoolStep(_text(step, "node"), _moment(step.get("at"), "path"), _text(step, "keys")) for step in value)

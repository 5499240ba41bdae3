"""What callers gave us and the database hasn't taken, as files that outlive a killed daemon: sealed (R60), there whole or not at all.

Four kinds: a complaint, a message, a promise to call back, each waiting for the database (``ivr.kept_import`` brings it in, once), and
what a caller has begun to tell (``ivr.half_told``), which is thrown away when the call took its course. Used by sessions and those two.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import structlog

from ivr.domain.call_facts import DERIVED, SessionFact
from ivr.domain.ledger import Entry, decoded, encoded
from ivr.store.sealing import SealBrokenError, Sealer

log = structlog.get_logger(__name__)

T = TypeVar("T")
FORMAT = 1
BAD = "bad"
# A disk that doesn't answer within this is as good as none.
DISK_S = 3.0


class Kind(StrEnum):
    COMPLAINT = "complaint"
    MESSAGE = "message"
    CALLBACK = "callback"
    BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Kept:
    """``key`` makes it once: the same key is the same file, and the same row later. ``at``: when it was given, aware UTC.

    ``told`` is what the session knew of the contact, for a daemon that was killed before any of it was stored.
    """

    kind: Kind
    key: str
    contact: str
    at: datetime
    values: Mapping[str, Any]
    told: Sequence[tuple[str, Mapping[str, Any]]] = ()

    @property
    def incomplete(self) -> bool:
        return bool(self.values.get("incomplete"))


def told(entries: Sequence[Entry]) -> list[tuple[str, Mapping[str, Any]]]:
    """The sessions' own part of a contact's facts: Asterisk's come again by queue_log and by its snapshot."""
    return [
        (entry.kind, encoded(entry.fact))
        for entry in entries
        if isinstance(entry.fact, SessionFact) and not isinstance(entry.fact, DERIVED)
    ]


def facts(kept: Kept) -> list[SessionFact]:
    """Raises UnknownFactError."""
    return [fact for kind, values in kept.told if isinstance(fact := decoded(kind, values), SessionFact)]


class Shelf:
    """The folder. One daemon writes it; its threads one after the other."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer
        self._lock = threading.Lock()

    async def keep(self, kept: Kept) -> None:
        """Once this returns it survives a kill and a power cut. What was told to the end stays so. Raises OSError."""
        await self._in_time(lambda: self._write(kept))

    async def pending(self) -> Sequence[Kept]:
        """All there is, in no order. What can't be read is set aside in ``bad/``, and said. Raises OSError."""
        return await self._in_time(self._read_all)

    async def forget(self, kept: Kept) -> None:
        """It is safe elsewhere. What has come under its key since stays. Raises OSError."""
        await self._in_time(lambda: self._remove(kept))

    async def set_aside(self, kept: Kept) -> None:
        """Nothing can be done with it: a person must look. Raises OSError."""
        await self._in_time(lambda: self._to_bad(self._file(kept)))

    @staticmethod
    async def _in_time(work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(DISK_S):
                return await asyncio.to_thread(work)
        except TimeoutError as error:
            raise OSError(f"the disk did not answer within {DISK_S:g} s") from error

    def _file(self, kept: Kept) -> Path:
        return self._folder / f"{kept.kind.value}-{self._sealer.index(kept.key)}.json"

    def _write(self, kept: Kept) -> None:
        file = self._file(kept)
        with self._lock:
            if kept.incomplete and (before := self._read(file)) and not before.incomplete:
                return
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            unfinished = file.with_name(f".{file.name}.part")
            sealed = self._sealer.seal(json.dumps({**asdict(kept), "at": kept.at.isoformat()}, ensure_ascii=False))
            with unfinished.open("w", encoding="utf-8") as writing:
                json.dump({"version": FORMAT, "sealed": sealed}, writing)
                writing.flush()
                os.fsync(writing.fileno())
            unfinished.replace(file)
            _sync(self._folder)

    def _read_all(self) -> list[Kept]:
        with self._lock:
            files = sorted(self._folder.glob("[!.]*.json"))
            return [kept for file in files if (kept := self._read(file))]

    def _read(self, file: Path) -> Kept | None:
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            outside = json.loads(text)
            if outside["version"] != FORMAT:
                raise ValueError(f"it is not of version {FORMAT}")
            inside = json.loads(self._sealer.open(outside["sealed"]))
            return Kept(
                Kind(inside["kind"]),
                str(inside["key"]),
                str(inside["contact"]),
                datetime.fromisoformat(inside["at"]),
                dict(inside["values"]),
                tuple((str(kind), dict(values)) for kind, values in inside["told"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, SealBrokenError) as error:
            log.error("what was kept can't be read and is set aside in bad/", file=str(file), reason=str(error) or type(error).__name__)
            self._to_bad(file)
            return None

    def _remove(self, kept: Kept) -> None:
        file = self._file(kept)
        with self._lock:
            found = self._read(file)
            if found and (found.at, found.incomplete) == (kept.at, kept.incomplete):
                file.unlink()

    @staticmethod
    def _to_bad(file: Path) -> None:
        bad = file.parent / BAD
        bad.mkdir(mode=0o750, exist_ok=True)
        file.replace(bad / file.name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

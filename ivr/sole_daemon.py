"""One daemon for one state folder, and one for one database: a second would deliver everything twice. For ``ivr.app``.

Here what a file can hold: the folder, and an SQLite database. PostgreSQL's own lock is in ``ivr.database_hold``.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

LOCK = "ivrd.lock"
_WRITTEN = re.compile(r"(\d{1,10}) ([\w.-]{1,64}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00)")


class AnotherDaemonError(Exception):
    """Somebody holds it; the message says who, as far as he wrote it down."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs ivrd with something; ``since`` is aware UTC."""

    pid: int
    host: str
    since: datetime

    @classmethod
    def me(cls) -> Holder:
        return cls(os.getpid(), re.sub(r"[^\w.-]", "-", socket.gethostname())[:24] or "localhost", datetime.now(UTC).replace(microsecond=0))

    @classmethod
    def written(cls, text: str) -> Holder | None:
        """What ``line`` gave; None for anything else."""
        found = _WRITTEN.fullmatch(text.strip())
        return cls(int(found[1]), found[2], datetime.fromisoformat(found[3])) if found else None

    @property
    def line(self) -> str:
        return f"{self.pid} {self.host} {self.since.isoformat()}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since.astimezone():%Y-%m-%d %H:%M:%S %z},"


SOMEBODY = "another process"


def hold(folder: Path) -> IO[str]:
    """Hold the folder until the file is closed or the process ends, however it ends. Raises AnotherDaemonError, OSError."""
    file = take(folder / LOCK)
    if isinstance(file, Holder | None):
        raise AnotherDaemonError(f"{folder}: {file or SOMEBODY} runs ivrd with this STATE already: stop it, or set another STATE")
    return file


def take(path: Path) -> IO[str] | Holder | None:
    """The file, held until it is closed, or who holds it (None: he has not said). Raises OSError."""
    file = path.open("a+", encoding="utf-8", errors="replace")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            return _told(file)
    file.truncate(0)
    file.write(f"{Holder.me().line}\n")
    file.flush()
    return file


def is_held(path: Path) -> tuple[bool, Holder | None]:
    """Whether somebody holds it, and who. Raises OSError."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True, _told(file)
    except FileNotFoundError:
        pass
    return False, None


def _told(file: IO[str]) -> Holder | None:
    file.seek(0)
    return Holder.written(file.read(200))

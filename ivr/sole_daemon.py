"""One daemon for one state folder: a second would deliver everything twice. For ``ivr.app``."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

LOCK = "ivrd.lock"


class AnotherDaemonError(Exception):
    """Somebody holds the folder; the message says who, as far as he wrote it down."""


def hold(folder: Path) -> IO[str]:
    """Hold the folder until the file is closed or the process ends, however it ends. Raises AnotherDaemonError, OSError."""
    file = (folder / LOCK).open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read(20).strip()
        file.close()
        who = f"process {holder}" if holder.isdecimal() else "another process"
        raise AnotherDaemonError(f"{folder}: {who} runs ivrd with this STATE already: stop it, or set another STATE") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file

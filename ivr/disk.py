"""Whether the disk has room left and takes what calls leave. For the daemon and ``ivrd doctor``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ivr.settings.paths import StatePaths

# Less than this and recordings will soon fail: a start is refused, and /readyz complains.
LEAST_FREE_BYTES = 50 * 1024 * 1024
_MIB = 1024 * 1024


def disk_trouble(folder: Path) -> str | None:
    """A sentence when the disk under ``folder`` is nearly full. Raises OSError when there is no such folder."""
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE_BYTES:
        return None
    return f"{folder}: the disk has {free // _MIB} MiB left, at least {LEAST_FREE_BYTES // _MIB} are needed: free some space"


def folder_trouble(paths: StatePaths) -> str | None:
    """A sentence when what callers say could not be kept: a folder that isn't there, isn't one, or isn't ours to write."""
    for folder in (paths.recordings, paths.spool):
        if not folder.is_dir():
            return f"{folder}: there is no such folder, so what callers say can't be kept: make it, or restart ivrd"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder}: user {os.geteuid()} may not write there, so what callers say can't be kept: give it to whom ivrd runs as"
    return None

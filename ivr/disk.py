"""Whether the disk has room left. For the daemon and ``ivrd doctor``."""

from __future__ import annotations

import shutil
from pathlib import Path

# Less than this and recordings will soon fail: a start is refused, and /readyz complains.
LEAST_FREE_BYTES = 50 * 1024 * 1024
_MIB = 1024 * 1024


def disk_trouble(folder: Path) -> str | None:
    """A sentence when the disk under ``folder`` is nearly full. Raises OSError when there is no such folder."""
    free = shutil.disk_usage(folder).free
    if free >= LEAST_FREE_BYTES:
        return None
    return f"{folder}: the disk has {free // _MIB} MiB left, at least {LEAST_FREE_BYTES // _MIB} are needed: free some space"

"""The link's address, its times, what it says of itself, and its two small decisions: how long to wait, which Asterisk is too old.

Plain values and pure functions: for ``link``, for whoever configures it and for whoever shows its status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# The first releases with the fixes of June 2026 (GHSA-3rhj, GHSA-vrfp, GHSA-wcvv), by major version.
_OLDEST_SAFE = {20: (20, 20, 1), 22: (22, 10, 1)}
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class AmiAddress:
    host: str
    port: int
    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Times in seconds. ``inbox_limit`` counts events that wait for the consumer; beyond it the link starts afresh."""

    connect_timeout_s: float = 5.0
    action_timeout_s: float = 5.0
    ping_interval_s: float = 10.0
    pong_timeout_s: float = 5.0
    boot_wait_s: float = 1.0
    fact_timeout_s: float = 30.0
    close_grace_s: float = 2.0
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 30.0
    inbox_limit: int = 10_000


class LinkState(StrEnum):
    IDLE = "idle"  # run() hasn't been called
    CONNECTING = "connecting"
    SYNCHRONISING = "synchronising"  # logged in, reading the snapshot
    UP = "up"
    WAITING = "waiting"  # before the next try
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the link is doing. ``since`` is when ``state`` began; ``gap_seconds`` sums the times in which events were missed."""

    state: LinkState
    since: datetime
    asterisk_version: str = ""
    last_heard: datetime | None = None
    reconnects: int = 0
    gap_seconds: float = 0.0
    clock_ahead_s: float = 0.0  # Asterisk's clock minus ours, at the last snapshot
    suspicions: int = 0
    trouble: str = ""  # why the link was last lost or couldn't be made


def backoff_s(failures: int, first_s: float, cap_s: float, chance: float) -> float:
    """Seconds before the next try: exponential with full jitter. ``chance`` is drawn from [0, 1)."""
    return chance * min(cap_s, first_s * 2.0 ** min(failures, 32))


def outdated(version: str) -> str | None:
    """A sentence when this Asterisk lacks known security fixes or isn't supported, else None."""
    found = _VERSION.search(version)
    if found is None:
        return f"Asterisk calls its version {version!r}, which says nothing about its age"
    number = tuple(int(part or 0) for part in found.groups())
    oldest = _OLDEST_SAFE.get(number[0])
    if oldest is not None:
        if number >= oldest:
            return None
        return f"Asterisk {version} lacks security fixes: upgrade to {'.'.join(map(str, oldest))} or later"
    if number[0] > max(_OLDEST_SAFE):
        return None
    return f"Asterisk {version} isn't supported: use 20.20.1 or later, or 22.10.1 or later"

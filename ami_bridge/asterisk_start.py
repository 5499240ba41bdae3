"""When Asterisk itself was started, and whether that was since we last heard it. Pure; used by ``link`` alone.

CoreStatus tells its start to the second, in Asterisk's local time, and doesn't say which zone that is; FullyBooted, which follows a
login, tells for how many seconds it has been up. The two together make a moment that is the same however often it is asked. A caller's
number can forge a FullyBooted, but not CoreStatus' answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ami_bridge.ami_wire import AmiMessage

_ZONES = timedelta(minutes=15)  # all differ from UTC by a multiple of it
_UPTIME_IS_WITHIN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Start:
    """``at`` is aware UTC by Asterisk's clock; ``words`` what CoreStatus said, empty if only the uptime is known."""

    at: datetime
    words: str = ""

    def is_of_the_same_run(self, other: Start) -> bool:
        if self.words and other.words:
            return self.words == other.words
        return abs(self.at - other.at) < _UPTIME_IS_WITHIN


def start_of(core_status: AmiMessage | None, uptime_s: int | None, at: datetime) -> Start | None:
    """Asterisk's start, from what it answered ``at``, aware UTC by its clock. None when it told nothing of it."""
    by_uptime = at - timedelta(seconds=uptime_s) if uptime_s is not None else None
    words = ""
    if core_status is not None:
        words = f"{core_status.get('CoreStartupDate')} {core_status.get('CoreStartupTime')}".strip()
    try:
        local = datetime.strptime(words, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - its zone is found out below
    except ValueError:
        return Start(by_uptime) if by_uptime is not None else None
    if by_uptime is None:
        return Start(local.astimezone(UTC), words)  # on our machine, usually: our zone is its zone
    ahead = local - by_uptime.replace(tzinfo=None)
    return Start((local - round(ahead / _ZONES) * _ZONES).replace(tzinfo=UTC), words)


class StartWatch:
    """Remembers which run of Asterisk we are connected with. ``heard_until``: when a process before us last heard it, by our clock."""

    def __init__(self, heard_until: datetime | None = None) -> None:
        self._heard_until = heard_until
        self._known: Start | None = None

    def started_since(self, start: Start | None, gap_from: datetime | None, ahead_s: float) -> datetime | None:
        """When Asterisk was started, if that was after we last heard it. ``gap_from`` is by our clock, which it is ``ahead_s`` of."""
        known = self._known
        if start is None or (known is not None and known.is_of_the_same_run(start)):
            return None
        self._known = start
        heard = gap_from or self._heard_until
        if known is None and (heard is None or start.at <= heard + timedelta(seconds=ahead_s)):
            return None
        return start.at

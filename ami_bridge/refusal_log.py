"""Says who was refused at the FastAGI server, but no more of it than anybody reads: a scanner must not fill the log. For ``agi``."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)

# So many are told one by one within so many seconds; of the others the next period's first line tells how many they were.
TOLD_EACH_PERIOD = 20
PERIOD_S = 60.0


class RefusalLog:
    """``count`` is of all."""

    def __init__(self) -> None:
        self.count = 0
        self._began = float("-inf")
        self._told = 0
        self._untold = 0

    def tell(self, reason: str, peer: object, now: float, *, mere_knock: bool = False) -> None:
        """``now``: seconds by a clock that doesn't jump. ``mere_knock``: nothing to warn of, somebody looked whether we listen."""
        self.count += 1
        if now - self._began > PERIOD_S:
            if self._untold:
                log.warning("more agi connections were refused than were told one by one", refused=self._untold)
            self._began, self._told, self._untold = now, 0, 0
        if self._told >= TOLD_EACH_PERIOD:
            self._untold += 1
            return
        self._told += 1
        say = log.info if mere_knock else log.warning
        say("agi connection refused", reason=reason, peer=peer[0] if isinstance(peer, tuple) else None)

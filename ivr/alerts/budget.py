"""How many messages a channel may send: at most so many in any minute, the last third kept for collected ones. Pure but for its memory.

A plain token bucket of 18 lets 36 out within its first minute, and WeCom's robot refuses the 21st: so the sends of the last minute
are counted themselves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent for ``seconds``."""

    seconds: float


class MinuteBudget:
    """Times are monotonic seconds, so that a clock that jumps neither floods a robot nor silences it."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._reserve = max(1, a_minute // 3)
        self._sent: deque[float] = deque()

    def ask(self, now: float, waiting: int) -> Literal["single", "collected"] | Wait:
        """One message alone, while all of the ``waiting`` can go so; or all that waits collected into one, at even distances; or wait."""
        self._forget(now)
        room = self._a_minute - self._reserve - len(self._sent)
        if waiting <= room:
            return "single"
        if room > 0:
            return "collected"
        if len(self._sent) >= self._a_minute:
            return Wait(self._sent[0] + MINUTE_S - now)
        gap_s = MINUTE_S / self._reserve
        since_s = now - self._sent[-1] if self._sent else gap_s
        return "collected" if since_s >= gap_s else Wait(gap_s - since_s)

    def spend(self, now: float) -> None:
        """A message was sent, whatever became of it."""
        self._sent.append(now)

    def exhaust(self, now: float) -> None:
        """The other side says that it was too much: a minute's rest."""
        self._sent = deque([now] * self._a_minute)

    def _forget(self, now: float) -> None:
        while self._sent and now - self._sent[0] >= MINUTE_S:
            self._sent.popleft()

"""One queue visit as the figures count it: what its row in the store holds, durations in whole milliseconds, rounded up.

Pure. ``ivr.store`` writes rows from it and reads them into it; the tally, the definitions and ``ivrd explain`` know no other form.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from ivr.domain.contacts import Quality, Visit, VisitOutcome

_MILLISECOND = timedelta(milliseconds=1)
REFUSED = frozenset({VisitOutcome.FULL, VisitOutcome.JOIN_EMPTY})


class VisitRecord(NamedTuple):
    """Times are aware UTC. ``left_at`` is the end of the wait: picked up, or out of the queue. ``talk_ms`` includes ``held_ms``.

    ``line`` is "" for a caller who chose none; ``outcome`` None while he waits. What isn't known is None.
    A tuple, for they are counted by the million and a dataclass takes five times as long to make.
    """

    contact: str
    number: int
    pbx: str
    queue: str
    line: str
    agent: str | None
    joined_at: datetime
    left_at: datetime | None
    talk_ended_at: datetime | None
    outcome: VisitOutcome | None
    wait_ms: int | None
    ring_ms: int | None
    talk_ms: int | None
    held_ms: int | None
    ended_by: str | None
    quality: Quality

    @property
    def exited_at(self) -> datetime | None:
        """When it stopped being a wait, never before it began; an exit nobody saw counts where he joined. None while he waits."""
        return None if self.outcome is None else max(self.left_at or self.joined_at, self.joined_at)

    @property
    def wait_tenths(self) -> int | None:
        """The wait in tenths of a second, rounded up, so that "within T" is never granted by rounding."""
        return None if self.wait_ms is None else -(-self.wait_ms // 100)


def record_of(visit: Visit, contact: str, number: int, *, pbx: str, line: str | None) -> VisitRecord:
    """``number``: its place among the contact's visits, from 1."""
    refused = visit.outcome in REFUSED
    left_at = visit.picked_up_at or visit.answered_at or visit.left_at or (visit.joined_at if refused else None)
    return VisitRecord(
        contact=contact,
        number=number,
        pbx=pbx,
        queue=visit.queue,
        line=line or "",
        agent=visit.agent,
        joined_at=visit.joined_at,
        left_at=left_at,
        talk_ended_at=visit.talk_ended_at,
        outcome=visit.outcome,
        wait_ms=milliseconds(left_at - visit.joined_at) if left_at and visit.outcome else None,
        ring_ms=_ms(visit.ring_s),
        talk_ms=_ms(visit.talk_s),
        held_ms=_ms(visit.held_s) if visit.talk_s is not None else None,
        ended_by=visit.ended_by,
        quality=visit.quality,
    )


def milliseconds(duration: timedelta) -> int:
    """Whole milliseconds, rounded up; a clock that was set back makes 0, not less."""
    return max(0, -(-duration // _MILLISECOND))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else milliseconds(timedelta(seconds=seconds))

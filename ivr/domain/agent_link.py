"""When a PBX's manager was listened to and when not, what queue_log told meanwhile, and so how well an agent's intervals are known. Pure.

For ``ivr.domain.agent_book`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ami_bridge import facts as asterisk
from ivr.domain.agent_states import Interval, Quality
from ivr.domain.agent_tiling import Tiling

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# A row of queue_log has whole seconds, cut off.
_LOG_GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody listened to AMI from ``begin`` until ``end``; None: still so."""

    begin: datetime
    end: datetime | None = None

    def told_until(self, log_until: datetime) -> datetime | None:
        """How far queue_log has told of it; None: to its end. While it lasts, whoever reads the log reads all of it."""
        if log_until <= self.begin:
            return self.begin
        return None if self.end is None or log_until >= self.end else log_until


@dataclass(slots=True)
class Link:
    """``snapshot``: what one told so far that is coming in. ``ami_at``, ``log_until``: the latest that either told of."""

    gaps: list[Gap] = field(default_factory=lambda: [Gap(BEGINNING)])
    log_until: datetime = BEGINNING
    ami_at: datetime = BEGINNING
    snapshot: list[asterisk.Fact] | None = None

    @property
    def listening(self) -> bool:
        return self.gaps[-1].end is not None if self.gaps else True

    def gap_at(self, at: datetime) -> bool:
        """May a row of queue_log with this time tell what AMI didn't?"""
        return any(at > gap.begin - _LOG_GRAIN and (gap.end is None or at <= gap.end) for gap in reversed(self.gaps))

    def close(self, at: datetime) -> None:
        """AMI is listened to again."""
        if self.gaps and self.gaps[-1].end is None:
            self.gaps[-1] = Gap(self.gaps[-1].begin, max(at, self.gaps[-1].begin))

    def open(self, begin: datetime) -> None:
        """It isn't any more, since then; said again, the earlier moment counts."""
        if self.listening:
            self.gaps.append(Gap(begin))
        else:
            self.gaps[-1] = Gap(min(begin, self.gaps[-1].begin))

    def told_by_log(self, at: datetime) -> bool:
        """queue_log tells of ``at``; does that fill a gap further?"""
        before, self.log_until = self.log_until, max(at, self.log_until)
        return any(gap.told_until(before) != gap.told_until(self.log_until) for gap in self.gaps)


def qualified(tiling: Tiling, link: Link) -> Iterable[Interval]:
    """The pieces as intervals, cut where what is known of them changes."""
    for index, piece in enumerate(tiling.pieces):
        end = tiling.pieces[index + 1].at if index + 1 < len(tiling.pieces) else None
        for begin, until, quality in _parts(piece.at, end, link):
            yield Interval(piece.state, begin, until, piece.reason, piece.queue, piece.call, quality)


def _parts(begin: datetime, end: datetime | None, link: Link) -> list[tuple[datetime, datetime | None, Quality]]:
    marks = {begin}
    for gap in link.gaps:
        marks |= {mark for mark in (gap.begin, gap.told_until(link.log_until), gap.end) if mark is not None}
    inside = sorted(mark for mark in marks if mark >= begin and (end is None or mark < end))
    parts: list[tuple[datetime, datetime | None, Quality]] = []
    for index, mark in enumerate(inside):
        until = inside[index + 1] if index + 1 < len(inside) else end
        quality = _quality(mark, link)
        if parts and parts[-1][2] is quality:
            parts[-1] = (parts[-1][0], until, quality)
        else:
            parts.append((mark, until, quality))
    return parts


def _quality(at: datetime, link: Link) -> Quality:
    for gap in link.gaps:
        if gap.begin <= at and (gap.end is None or at < gap.end):
            told_until = gap.told_until(link.log_until)
            return Quality.RECONSTRUCTED if told_until is None or at < told_until else Quality.UNCERTAIN
    return Quality.EXACT

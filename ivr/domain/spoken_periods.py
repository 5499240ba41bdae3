"""Periods as people say them: today, yesterday, this-week, last-month, or a moment in ISO 8601. Pure; for the command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.domain.intervals import Grain, floor

_GRAINS = {"day": Grain.DAY, "week": Grain.WEEK, "month": Grain.MONTH}
_DAYS = {"today": "this-day", "yesterday": "last-day"}
WORDS = ("today", "yesterday", "this-week", "last-week", "this-month", "last-month")


class UnknownPeriodError(ValueError):
    """Neither a word we know nor a moment; the message says so."""


def period(from_: str, to: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) in aware UTC. A word as ``from_`` is its beginning, as ``to`` its end; alone it is that whole period.

    ``from_`` left out is today; what isn't over yet ends now. A moment without offset is of ``zone``. Raises UnknownPeriodError.
    """
    now_too = now + timedelta(seconds=1)  # what happened just now belongs to it
    began = _word(from_ or "today", now, zone)
    start = began[0] if began else _moment(from_, zone)
    ended = _word(to, now, zone) if to else None
    if ended:
        end = min(ended[1], now_too)
    elif to:
        end = _moment(to, zone)
    else:
        end = min(began[1], now_too) if began else now_too
    if start >= end:
        raise UnknownPeriodError("--from must be before --to")
    return start, end


def _word(text: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    which, _, name = _DAYS.get(text, text).partition("-")
    grain = _GRAINS.get(name)
    if grain is None or which not in ("this", "last"):
        return None
    start = floor(now, grain, zone)
    if which == "last":
        return floor(start - timedelta(seconds=1), grain, zone), start
    # From a mark so far on lands within the next one, whether the clocks change or not.
    further = {Grain.DAY: timedelta(hours=30), Grain.WEEK: timedelta(days=8), Grain.MONTH: timedelta(days=33)}[grain]
    return start, floor(start + further, grain, zone)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnknownPeriodError(f"{text!r} is no time: write 2026-11-21, 2026-11-21T08:30, or one of {', '.join(WORDS)}") from error
    return at if at.tzinfo else at.replace(tzinfo=zone)

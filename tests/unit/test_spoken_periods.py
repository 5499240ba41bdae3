"""Periods in words: whole days of 23 and 25 hours too, and what isn't over ends now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.spoken_periods import WORDS, UnknownPeriodError, period

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)  # Sunday, 13:30 in Shanghai
SOON = NOW + timedelta(seconds=1)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("from_", "to", "expected"),
    [
        ("", "", (local(2026, 11, 22), SOON)),
        ("today", "", (local(2026, 11, 22), SOON)),
        ("yesterday", "", (local(2026, 11, 21), local(2026, 11, 22))),
        ("yesterday", "today", (local(2026, 11, 21), SOON)),
        ("this-week", "", (local(2026, 11, 16), SOON)),
        ("last-week", "", (local(2026, 11, 9), local(2026, 11, 16))),
        ("this-month", "", (local(2026, 11, 1), SOON)),
        ("last-month", "", (local(2026, 10, 1), local(2026, 11, 1))),
        ("last-month", "yesterday", (local(2026, 10, 1), local(2026, 11, 22))),
        ("2026-11-20", "", (local(2026, 11, 20), SOON)),
        ("2026-11-20T08:30", "2026-11-20T09:00+00:00", (local(2026, 11, 20, 8, 30), local(2026, 11, 20, 17))),
    ],
)
def test_what_people_say(from_: str, to: str, expected: tuple[datetime, datetime]) -> None:
    assert period(from_, to, NOW, SHANGHAI) == expected


@pytest.mark.parametrize(("today", "hours"), [(datetime(2026, 3, 30, 9, tzinfo=UTC), 23), (datetime(2026, 10, 26, 9, tzinfo=UTC), 25)])
def test_days_on_which_clocks_change(today: datetime, hours: int) -> None:
    start, end = period("yesterday", "", today, BERLIN)
    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    "now", [datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 28, 1, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)]
)
@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_a_period_before_now(word: str, now: datetime) -> None:
    start, end = period(word, "", now, SHANGHAI)
    assert start < end <= now + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("from_", "to", "sentence"), [("soon", "", "'soon' is no time"), ("", "never", "'never'"), ("today", "yesterday", "before --to")]
)
def test_what_is_none(from_: str, to: str, sentence: str) -> None:
    with pytest.raises(UnknownPeriodError, match=sentence):
        period(from_, to, NOW, SHANGHAI)

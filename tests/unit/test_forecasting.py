"""From tallies to a planner's forecast: which days resemble each other, what is left out, what is told."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callflows.calendar import AlwaysOpen, Calendar
from ivr.domain.contacts import VisitOutcome
from ivr.domain.erlang import Target
from ivr.domain.tally import Tally
from ivr.domain.workload import Slot
from ivr.forecasting import Wish, as_records, back_test_as_json, forecast, kinds, known_since, slots_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 16)  # a Monday
WISH = Wish(date(2026, 11, 17), days=1, weeks=8, target=Target())
OFFICE = Calendar.model_validate({"weekdays": [{"from": "09:00", "to": "18:00"}]})


def quarter(minute: int) -> tuple[datetime, Tally]:
    tally = Tally(
        entered=4,
        outcomes=Counter({VisitOutcome.ANSWERED: 3, VisitOutcome.ABANDONED_RING: 1}),
        wait_ms=Counter({VisitOutcome.ANSWERED: 9000, VisitOutcome.ABANDONED_RING: 21_000}),
        talks=3,
        talk_ms=500_000,
        wrap_ms=40_000,
    )
    return datetime(2026, 11, 10, 1, minute, tzinfo=UTC), tally


def test_two_quarters_are_one_half_hour() -> None:
    found = forecast("hr", slots_of([quarter(0), quarter(15)]), kinds(OFFICE), WISH, TODAY, SHANGHAI)
    assert [(slot.start, slot.calls, round(slot.handling_s)) for slot in found.expected] == [
        (datetime(2026, 11, 17, 1, 0, tzinfo=UTC), 8.0, 180),
    ]
    assert found.known_days == 6
    assert found.agent_hours == 1.5  # 0.8 erlang: three agents for half an hour


def test_what_a_tally_says_of_patience_and_handling() -> None:
    start, tally = quarter(0)
    assert slots_of([(start, tally)]) == [Slot(start, calls=4, handled=3, handling_s=540.0, abandoned=1, waited_s=30.0)]


def test_nothing_known_is_told_as_nothing() -> None:
    found = forecast("hr", [], kinds(OFFICE), WISH, TODAY, SHANGHAI)
    assert (found.expected, found.known_days, found.agent_hours) == ((), 0, 0.0)
    assert back_test_as_json(found)["error"] is None
    assert as_records([found], SHANGHAI) == []


def test_seldom_calls_need_no_row() -> None:
    """One in eleven Tuesdays, of which one was a holiday: shown while it is fresh, left out when it is old."""

    def expected(day: date) -> list[int]:
        slots = [Slot(datetime(2026, 9, 1, 1, tzinfo=UTC), 0), Slot(datetime(day.year, day.month, day.day, 1, tzinfo=UTC), 1)]
        wish = Wish(date(2026, 11, 17), days=1, weeks=52, target=Target())
        return [slot.days for slot in forecast("hr", slots, kinds(OFFICE), wish, TODAY, SHANGHAI).expected]

    assert expected(date(2026, 11, 10)) == [10]
    assert expected(date(2026, 9, 8)) == []


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 11, 17), "workday"),
        (date(2026, 11, 21), "weekend"),
        (date(2026, 10, 1), "holiday"),
        (date(2026, 10, 10), "workday"),  # a Saturday worked for National Day
    ],
)
def test_days_resemble_each_other_as_the_notice_has_them(day: date, kind: str) -> None:
    assert kinds(OFFICE)(day) == kind


def test_a_house_without_hours_knows_weekends() -> None:
    assert [kinds(AlwaysOpen())(day) for day in (date(2026, 10, 1), date(2026, 10, 10))] == ["workday", "weekend"]


def test_the_back_test_is_given_its_own_past() -> None:
    since = known_since(WISH, TODAY, SHANGHAI)
    assert since.astimezone(SHANGHAI).date() == TODAY - timedelta(days=28 + 56)


def test_rows_are_local_and_shares_small() -> None:
    found = forecast("hr", slots_of([quarter(0)]), kinds(OFFICE), WISH, TODAY, SHANGHAI)
    (row,) = as_records([found], SHANGHAI)
    assert row["start"] == "2026-11-17T09:00:00+08:00"
    assert row["patience_s"] is None  # one who gave up tells nothing
    assert 0.8 <= row["answered_in_time"] <= 1.0

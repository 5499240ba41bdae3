"""Forecasts of half hours: days of one kind, weights, patience, and the error that a back-test shows."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.domain.erlang import Target
from ivr.domain.workload import History, Slot, staffed

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2026, 9, 7), date(2026, 11, 2)  # Mondays; eight weeks


def kind(day: date) -> str:
    return "workday" if day.weekday() < 5 else "weekend"


def slot(
    day: date, number: int, calls: int, *, handled: int = 0, handling_s: float = 0.0, abandoned: int = 0, waited_s: float = 0.0
) -> Slot:
    start = datetime.combine(day, time(number // 2, number % 2 * 30), SHANGHAI).astimezone(UTC)
    return Slot(start, calls, handled, handling_s, abandoned, waited_s)


def history(calls_of: Callable[[date, int], int]) -> History:
    days = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days)]
    slots = [
        slot(day, number, count, handled=count, handling_s=180.0 * count, abandoned=0, waited_s=5.0 * count)
        for day in days
        for number in range(48)
        if (count := calls_of(day, number))
    ]
    return History(slots, SHANGHAI, FIRST, LAST)


def test_a_monday_is_forecast_from_mondays() -> None:
    known = history(lambda day, number: 20 if day.weekday() == 0 and number == 18 else 2)
    expected = known.expect(date(2026, 11, 2), kind, before=LAST, weeks=8)
    assert [round(each.calls, 6) for each in expected] == [20.0 if number == 18 else 2.0 for number in range(48)]
    assert expected[18].start == datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
    assert expected[18].days == 8


def test_later_weeks_count_more() -> None:
    known = history(lambda day, _: 10 if day >= date(2026, 10, 26) else 0)
    assert known.expect(date(2026, 11, 2), kind, before=LAST, weeks=2)[0].calls == pytest.approx(10 * 0.8 / (0.8 + 0.8**2))


def test_a_holiday_is_forecast_from_holidays_of_any_weekday() -> None:
    holidays = {date(2026, 10, 1), date(2026, 10, 2)}

    def with_holidays(day: date) -> str:
        return "holiday" if day in holidays or day == date(2026, 11, 2) else kind(day)

    known = history(lambda day, _: 1 if day in holidays else 9)
    assert known.expect(date(2026, 11, 2), with_holidays, before=LAST, weeks=8)[20].calls == pytest.approx(1.0)


def test_a_kind_of_day_never_seen_is_forecast_from_its_weekday() -> None:
    known = history(lambda day, _: 7 if day.weekday() == 5 else 1)
    expected = known.expect(date(2026, 11, 7), lambda day: "make_up_day" if day == date(2026, 11, 7) else kind(day), before=LAST, weeks=8)
    assert expected[20].calls == pytest.approx(7.0)


def test_without_a_past_there_is_no_forecast() -> None:
    assert History([], SHANGHAI, LAST, LAST).expect(LAST, kind, before=LAST, weeks=8) == []


def test_few_calls_take_the_queues_usual_time_and_many_their_own() -> None:
    slots = [slot(FIRST, 0, 1, handled=1, handling_s=1000.0), slot(FIRST, 1, 500, handled=500, handling_s=100.0 * 500)]
    known = History(slots, SHANGHAI, FIRST, FIRST + timedelta(days=1))
    expected = known.expect(FIRST + timedelta(days=7), kind, before=FIRST + timedelta(days=1), weeks=1)
    usual = (1000.0 + 100.0 * 500) / 501
    assert expected[0].handling_s == pytest.approx((1000 + 20 * usual) / 21)
    assert expected[1].handling_s == pytest.approx(100.0, rel=0.01)


def test_patience_is_all_waiting_for_each_who_gave_up_and_unknown_of_few() -> None:
    def of(abandoned: int) -> float | None:
        known = History([slot(FIRST, 0, 100, abandoned=abandoned, waited_s=1200.0)], SHANGHAI, FIRST, FIRST + timedelta(days=1))
        return known.expect(FIRST + timedelta(days=7), kind, before=FIRST + timedelta(days=1), weeks=1)[0].patience_s

    assert (of(12), of(9)) == (100.0, None)


def test_a_steady_past_is_forecast_without_error() -> None:
    found = history(lambda day, number: day.weekday() + number).back_test(kind, days=28, weeks=4)
    assert found.days == 28
    assert found.error == pytest.approx(0.0)
    assert found.bias == pytest.approx(0.0)
    assert (found.naive_error, found.kept) == (0.0, 1.0)


def test_the_back_test_knows_nothing_of_the_day_it_forecasts() -> None:
    """A jump on the last day is an error in full, and "high" is not kept."""
    known = history(lambda day, _: 40 if day == LAST - timedelta(days=1) else 4)
    found = known.back_test(kind, days=1, weeks=4)
    assert found.error == pytest.approx(0.9)
    assert found.bias == pytest.approx(-0.9)
    assert found.kept == 0.0


def test_of_calls_at_random_it_beats_last_week_and_keeps_its_word() -> None:
    chance = random.Random(7)
    known = history(
        lambda day, number: sum(chance.random() < 0.1 for _ in range(100)) if kind(day) == "workday" and 16 <= number < 36 else 0
    )
    found = known.back_test(kind, days=28, weeks=8)
    assert found.error is not None
    assert found.naive_error is not None
    assert found.error < found.naive_error
    assert found.kept is not None
    assert 0.65 < found.kept < 0.9


def test_the_doubled_hour_is_one_place_and_the_missing_one_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    both = [datetime(2026, 10, 25, hour, 0, tzinfo=UTC) for hour in (0, 1)]  # 2 o'clock, twice
    known = History([Slot(at, 3) for at in both], berlin, date(2026, 10, 25), date(2026, 10, 26))
    assert known.calls(date(2026, 10, 25), 4) == 6
    spring = known.expect(date(2027, 3, 28), kind, before=date(2026, 10, 26), weeks=1)
    assert len({each.start for each in spring}) == 46


def test_staff_is_told_where_calls_are_expected() -> None:
    expected = history(lambda _, number: 80 if number == 20 else 0).expect(LAST, kind, before=LAST, weeks=8)
    plain, cautious = staffed(expected, Target()), staffed(expected, Target(), cautious=True)
    assert plain[0].staff is None
    assert plain[20].staff is not None
    assert cautious[20].staff is not None
    assert plain[20].staff.agents == 11  # eight erlangs
    assert cautious[20].staff.agents > plain[20].staff.agents

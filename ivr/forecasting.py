"""The shift planner's forecast: measured half hours of each queue, its calendar's kinds of days, and the agents they need. Pure.

``ivrd forecast`` reads the figures and shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callflows.calendar import Calendar, Why
from ivr.domain.contacts import VisitOutcome
from ivr.domain.erlang import Target
from ivr.domain.tally import Tally
from ivr.domain.workload import BackTest, Expected, History, KindOf, Slot, staffed

# Fewer calls than this in half an hour are shown as none: one in a working week of such half hours.
SELDOM = 0.1
BACK_TEST_DAYS = 28
_WEEKEND = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """Which days, from how many weeks of the past, for which target; ``cautious``: staff for the busier of four such half hours."""

    first: date
    days: int
    weeks: int
    target: Target
    cautious: bool = False


@dataclass(frozen=True, slots=True)
class QueueForecast:
    """``expected`` is empty where nothing is known of such days; ``known_days`` is what there was to go by."""

    queue: str
    expected: tuple[Expected, ...]
    back_test: BackTest
    known_days: int

    @property
    def agent_hours(self) -> float:
        return sum(slot.staff.agents for slot in self.expected if slot.staff) / 2


def forecast(queue: str, slots: Iterable[Slot], kind_of: KindOf, wish: Wish, today: date, zone: ZoneInfo) -> QueueForecast:
    """From all days before ``today``, the first of which any slot is known being the first. Raises ValueError, see ``agents_needed``."""
    known = list(slots)
    first = min((slot.start.astimezone(zone).date() for slot in known), default=today)
    history = History(known, zone, first, today)
    expected = [
        slot
        for number in range(wish.days)
        for slot in history.expect(wish.first + timedelta(days=number), kind_of, before=today, weeks=wish.weeks)
        if slot.calls >= SELDOM
    ]
    tested = history.back_test(kind_of, days=BACK_TEST_DAYS, weeks=wish.weeks)
    return QueueForecast(queue, tuple(staffed(expected, wish.target, cautious=wish.cautious)), tested, (today - first).days)


def slots_of(tallies: Iterable[tuple[datetime, Tally]]) -> list[Slot]:
    """Half hours or quarters (``History`` adds up what is one half hour) from their cohorts' tallies."""
    return [
        Slot(
            start,
            calls=tally.entered,
            handled=tally.talks,
            handling_s=(tally.talk_ms + tally.wrap_ms) / 1000,
            abandoned=tally.outcomes[VisitOutcome.ABANDONED_WAIT] + tally.outcomes[VisitOutcome.ABANDONED_RING],
            waited_s=sum(tally.wait_ms.values()) / 1000,
        )
        for start, tally in tallies
    ]


def kinds(calendar: object) -> KindOf:
    """Which days resemble each other: a make-up Saturday is a working day, a day closed by its date like no other."""

    def kind(day: date) -> str:
        if isinstance(calendar, Calendar):
            plan = calendar.plan(day)
            if plan.is_holiday:
                return "holiday"
            if plan.why is Why.MAKE_UP_DAY:
                return "workday"
        return "weekend" if day.weekday() >= _WEEKEND else "workday"

    return kind


def known_since(wish: Wish, today: date, zone: ZoneInfo) -> datetime:
    """The earliest moment whose calls matter: the weeks before the first day of the back-test."""
    return datetime.combine(today - timedelta(days=BACK_TEST_DAYS, weeks=wish.weeks), time(), zone).astimezone(UTC)


def as_records(forecasts: Sequence[QueueForecast], zone: ZoneInfo) -> list[dict[str, Any]]:
    """One row for each half hour, as JSON and CSV have it. Shares are from 0 to 1."""
    return [
        {
            "queue": each.queue,
            "start": slot.start.astimezone(zone).isoformat(),
            "calls": round(slot.calls, 2),
            "high": round(slot.high, 2),
            "handling_s": round(slot.handling_s, 1),
            "patience_s": None if slot.patience_s is None else round(slot.patience_s, 1),
            "agents": slot.staff.agents if slot.staff else None,
            "answered_in_time": round(slot.staff.answered_in_time, 4) if slot.staff else None,
            "abandoned": round(slot.staff.abandoned, 4) if slot.staff else None,
            "occupancy": round(slot.staff.occupancy, 4) if slot.staff else None,
            "days": slot.days,
        }
        for each in forecasts
        for slot in each.expected
    ]


def back_test_as_json(each: QueueForecast) -> Mapping[str, Any]:
    tested = each.back_test
    return {
        "queue": each.queue, "known_days": each.known_days, "days": tested.days, "calls": tested.calls, "error": tested.error,
        "day_error": tested.day_error, "bias": tested.bias, "naive_error": tested.naive_error, "kept": tested.kept,
    }  # fmt: skip

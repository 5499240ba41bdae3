"""What will come, half hour by half hour, from what has come: for the shift planner. Pure.

A day is forecast from the days of its kind in the last weeks, the later ones counting more; how good that is, ``back_test`` says by
forecasting days that are known, from nothing but what was before them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ivr.domain.erlang import Load, Service, Target, agents_needed

SLOT = timedelta(minutes=30)
_SLOTS_A_DAY = 48
# A week ago counts so much of the week after it. With 0.8 half of the weight lies in the last three weeks.
DECAY = 0.8
# A slot's own handling time is trusted as far as it has calls; before, the queue's counts as so many of them.
PRIOR_CALLS = 20
# Of four planned half hours three hold no more calls than "high": the quantile 0.75 of a bell curve lies 0.674 deviations up.
HIGH_DEVIATIONS = 0.674
# Fewer callers than this who gave up don't tell how patient callers are.
LEAST_ABANDONED = 10


@dataclass(frozen=True, slots=True)
class Slot:
    """Half an hour of one queue as it was; ``start`` aware UTC, sums in seconds. ``handled`` calls took ``handling_s`` in all;
    all ``calls`` together waited ``waited_s``, and ``abandoned`` of them gave up."""

    start: datetime
    calls: int
    handled: int = 0
    handling_s: float = 0.0
    abandoned: int = 0
    waited_s: float = 0.0


# A slot's place in the year: its local day and number, 0 to 47; the hour that clocks show twice is one place.
_Place = tuple[date, int]
# What kind of day it is: days of one kind resemble each other.
KindOf = Callable[[date], str]


@dataclass(frozen=True, slots=True)
class Expected:
    """``calls`` in the half hour from ``start``, in three cases of four no more than ``high``; ``days`` is how many it is drawn from.
    ``staff``: the fewest agents for the target, None where nobody is known to call."""

    start: datetime
    calls: float
    high: float
    handling_s: float
    patience_s: float | None
    days: int
    staff: Service | None = None


@dataclass(frozen=True, slots=True)
class BackTest:
    """Forecasts of known days. Errors are shares of all calls, None without any: ``error`` of the half hours (WAPE), ``day_error`` of
    whole days, ``bias`` what was forecast too many, ``naive_error`` of taking the same half hour a week before; ``kept`` is how often
    no more came than ``high``."""

    days: int
    calls: int
    error: float | None
    day_error: float | None
    bias: float | None
    naive_error: float | None
    kept: float | None


class History:
    """The slots of one queue. ``known_from`` and ``known_to`` are local days, the last not included; a day between them that has no slots
    had no calls."""

    def __init__(self, slots: Iterable[Slot], zone: ZoneInfo, known_from: date, known_to: date) -> None:
        self.known_from, self.known_to, self._zone = known_from, known_to, zone
        self._slots: dict[_Place, Slot] = {}
        for slot in slots:
            place = self._place(slot.start)
            there = self._slots.get(place)
            self._slots[place] = _together(there, slot) if there else slot

    def _place(self, start: datetime) -> _Place:
        local = start.astimezone(self._zone)
        return local.date(), local.hour * 2 + local.minute // 30

    def calls(self, day: date, number: int) -> int:
        slot = self._slots.get((day, number))
        return slot.calls if slot else 0

    def expect(self, day: date, kind_of: KindOf, *, before: date, weeks: int) -> list[Expected]:
        """The 48 half hours of a day, from days before ``before`` and at most ``weeks`` old; none where no such day is known."""
        first = max(self.known_from, before - timedelta(weeks=weeks))
        last = min(self.known_to, before)
        past = [first + timedelta(days=number) for number in range(max(0, (last - first).days))]
        alike = _alike(day, past, kind_of)
        if not alike:
            return []
        weights = {past_day: DECAY ** ((before - past_day).days / 7) for past_day in alike}
        usual, patience = self._usual_handling_s(past), self._patience_s(past)
        return [self._expected(day, number, weights, usual, patience) for number in range(_SLOTS_A_DAY)]

    def _expected(self, day: date, number: int, weights: Mapping[date, float], usual_s: float, patience_s: float | None) -> Expected:
        total = sum(weights.values())
        mean = sum(weight * self.calls(past, number) for past, weight in weights.items()) / total
        spread = sum(weight * (self.calls(past, number) - mean) ** 2 for past, weight in weights.items()) / total
        # Calls that come at random vary as much as they are; few days can't show it.
        high = mean + HIGH_DEVIATIONS * math.sqrt(max(mean, spread))
        slots = [slot for past in weights if (slot := self._slots.get((past, number)))]
        handled, handling = sum(slot.handled for slot in slots), sum(slot.handling_s for slot in slots)
        handling_s = (handling + PRIOR_CALLS * usual_s) / (handled + PRIOR_CALLS)
        start = datetime.combine(day, time(number // 2, number % 2 * 30), self._zone).astimezone(UTC)
        return Expected(start, mean, high, handling_s, patience_s, len(weights))

    def _usual_handling_s(self, days: Sequence[date]) -> float:
        slots = self._of(days)
        handled = sum(slot.handled for slot in slots)
        return sum(slot.handling_s for slot in slots) / handled if handled else 0.0

    def _patience_s(self, days: Sequence[date]) -> float | None:
        """The waiting of all for each who gave up: the likeliest mean of exponential patience, most of which answers cut off."""
        slots = self._of(days)
        abandoned = sum(slot.abandoned for slot in slots)
        return sum(slot.waited_s for slot in slots) / abandoned if abandoned >= LEAST_ABANDONED else None

    def _of(self, days: Sequence[date]) -> list[Slot]:
        wanted = set(days)
        return [slot for (day, _), slot in self._slots.items() if day in wanted]

    def back_test(self, kind_of: KindOf, *, days: int, weeks: int) -> BackTest:
        """Forecast each of the last ``days`` known days from what was before it."""
        forecast = actual = error = naive = day_error = 0.0
        slots = kept = tested = 0
        for ago in range(days, 0, -1):
            day = self.known_to - timedelta(days=ago)
            expected = self.expect(day, kind_of, before=day, weeks=weeks) if day - timedelta(days=7) >= self.known_from else []
            if not expected:
                continue
            tested += 1
            came = [self.calls(day, number) for number in range(_SLOTS_A_DAY)]
            week_ago = [self.calls(day - timedelta(days=7), number) for number in range(_SLOTS_A_DAY)]
            forecast += sum(slot.calls for slot in expected)
            actual += sum(came)
            error += sum(abs(slot.calls - real) for slot, real in zip(expected, came, strict=True))
            naive += sum(abs(was - real) for was, real in zip(week_ago, came, strict=True))
            day_error += abs(sum(slot.calls for slot in expected) - sum(came))
            lived = [(slot, real) for slot, real in zip(expected, came, strict=True) if slot.calls or real]
            slots += len(lived)
            kept += sum(1 for slot, real in lived if real <= slot.high)
        bias = forecast - actual
        return BackTest(
            tested, int(actual), _share(error, actual), _share(day_error, actual), _share(bias, actual), _share(naive, actual),
            kept / slots if slots else None,
        )  # fmt: skip


def staffed(expected: Sequence[Expected], target: Target, *, cautious: bool = False) -> list[Expected]:
    """With the agents each half hour needs: for the calls expected, or if ``cautious`` for "high". Raises ValueError, see agents_needed."""
    return [replace(slot, staff=_staff(slot, slot.high if cautious else slot.calls, target)) for slot in expected]


def _staff(slot: Expected, calls: float, target: Target) -> Service | None:
    if calls <= 0 or slot.handling_s <= 0:
        return None
    return agents_needed(Load(calls * 2, slot.handling_s), target, slot.patience_s)


def _alike(day: date, past: Sequence[date], kind_of: KindOf) -> list[date]:
    """Days of its kind and weekday; else of its kind; else of its weekday."""
    kind = kind_of(day)
    of_kind = [other for other in past if kind_of(other) == kind]
    of_both = [other for other in of_kind if other.weekday() == day.weekday()]
    return of_both or of_kind or [other for other in past if other.weekday() == day.weekday()]


def _together(one: Slot, other: Slot) -> Slot:
    return Slot(
        min(one.start, other.start),
        one.calls + other.calls,
        one.handled + other.handled,
        one.handling_s + other.handling_s,
        one.abandoned + other.abandoned,
        one.waited_s + other.waited_s,
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None

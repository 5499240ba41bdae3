"""Priority with a ceiling: nobody who has waited long is overtaken, shown in a simulated queue that is full of privileged callers. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.queue_priority import CEILING_S, HIGHEST, WaitingCaller, position_on_joining, priority_to_grant

CALLERS = st.lists(st.builds(WaitingCaller, st.floats(0, 600), st.integers(0, HIGHEST)), max_size=12)


@dataclass
class Caller:
    number: int
    joined_at: float
    service_s: float
    wished: int
    granted: int = 0
    began_at: float = -1.0
    overtaken_by: list[Caller] = field(default_factory=list)


def day(seed: int, *, ceiling_s: float, calls: int = 600, privileged: float = 0.7, load: float = 1.05) -> list[Caller]:
    """One agent, more calls than he can take, most of them privileged; the queue's order is app_queue's."""
    chance = random.Random(seed)
    now, callers = 0.0, []
    for number in range(calls):
        now += chance.expovariate(load / 60.0)
        callers.append(Caller(number, now, chance.expovariate(1 / 60.0), 5 if chance.random() < privileged else 0))
    line: list[Caller] = []
    free_at, arriving = 0.0, list(reversed(callers))
    while arriving or line:
        if line and (not arriving or free_at <= arriving[-1].joined_at):
            first = line.pop(0)
            first.began_at = max(free_at, first.joined_at)
            free_at = first.began_at + first.service_s
            continue
        caller = arriving.pop()
        free_at = max(free_at, caller.joined_at) if not line else free_at
        waiting = [WaitingCaller(caller.joined_at - other.joined_at, other.granted) for other in line]
        caller.granted = priority_to_grant(waiting, caller.wished, ceiling_s=ceiling_s)
        place = next((place for place, other in enumerate(line) if other.granted < caller.granted), len(line))
        assert place + 1 == position_on_joining(waiting, caller.granted)
        for other in line[place:]:
            other.overtaken_by.append(caller)
        line.insert(place, caller)
    return callers


@pytest.mark.parametrize("seed", range(3))
def test_an_ordinary_caller_s_extra_delay_is_bounded(seed: int) -> None:
    callers = day(seed, ceiling_s=CEILING_S)
    ordinary = [caller for caller in callers if caller.wished == 0]
    for caller in callers:
        assert all(other.joined_at - caller.joined_at <= CEILING_S for other in caller.overtaken_by)
        rivals = [r for r in callers if r.wished and 0 < r.joined_at - caller.joined_at <= CEILING_S]
        # What he waits beyond those who were there before him is the work that came within the ceiling, and no more.
        assert sum(other.service_s for other in caller.overtaken_by) <= sum(rival.service_s for rival in rivals) + 1e-9
    waits = [caller.began_at - caller.joined_at for caller in ordinary]
    starved = [caller.began_at - caller.joined_at for caller in day(seed, ceiling_s=float("inf")) if caller.wished == 0]
    first_come = [caller.began_at - caller.joined_at for caller in day(seed, ceiling_s=-1.0) if caller.wished == 0]
    assert max(starved) > 1.3 * max(first_come), "without the ceiling this very day starves somebody"
    most_work_within = max(sum(r.service_s for r in callers if 0 <= r.joined_at - c.joined_at <= CEILING_S) for c in callers)
    assert max(waits) <= max(first_come) + most_work_within


def test_priority_is_worth_something_on_an_ordinary_day() -> None:
    callers = [caller for seed in range(3) for caller in day(seed, ceiling_s=CEILING_S, privileged=0.2, load=0.75)]

    def mean_wait(wished: int) -> float:
        waits = [caller.began_at - caller.joined_at for caller in callers if caller.wished == wished]
        return sum(waits) / len(waits)

    assert mean_wait(5) < 0.9 * mean_wait(0)


def test_the_wished_priority_is_granted_where_it_hurts_nobody_who_waited_long() -> None:
    assert priority_to_grant([], 5) == 5
    assert priority_to_grant([WaitingCaller(60.0, 0), WaitingCaller(300.0, 7)], 5) == 5
    assert priority_to_grant([WaitingCaller(60.1, 0)], 5) == 0
    assert priority_to_grant([WaitingCaller(90.0, 3), WaitingCaller(10.0, 0)], 5) == 3
    assert priority_to_grant([], 99) == HIGHEST
    assert priority_to_grant([], -1) == 0


@given(CALLERS, st.integers(-3, 15))
def test_nobody_beyond_the_ceiling_is_ever_overtaken(waiting: list[WaitingCaller], wished: int) -> None:
    granted = priority_to_grant(waiting, wished)
    assert 0 <= granted <= HIGHEST
    assert all(granted <= caller.priority for caller in waiting if caller.waited_s > CEILING_S)
    line = sorted(waiting, key=lambda caller: -caller.priority)
    behind = line[position_on_joining(waiting, granted) - 1 :]
    assert all(caller.waited_s <= CEILING_S for caller in behind)

"""Erlang C and A: against printed values, against each other where they must agree, and against a simulated queue."""

from __future__ import annotations

import heapq
import math
import random

import pytest

from ivr.domain.erlang import Load, Target, agents_needed, erlang_a, erlang_b, erlang_c


def test_erlang_b_as_its_tables_print_it() -> None:
    assert erlang_b(10.0, 10) == pytest.approx(0.2146, abs=5e-5)
    assert erlang_b(5.0, 11) == pytest.approx(0.0083, abs=5e-5)


def test_erlang_c_of_a_worked_example() -> None:
    """The example of the widely printed tutorial: 0.2 calls a second of 240 s (48 erlangs), 55 agents, 15 s."""
    service = erlang_c(Load(720, 240), 55, 15)
    assert service.occupancy == pytest.approx(0.873, abs=5e-4)
    assert service.answered_in_time == pytest.approx(0.846, abs=5e-4)
    assert service.mean_wait_s == pytest.approx(8.2, abs=0.05)


def test_without_enough_agents_erlang_c_never_catches_up() -> None:
    service = erlang_c(Load(60, 180), 3, 20)
    assert (service.answered_in_time, service.mean_wait_s) == (0.0, math.inf)


def test_with_endless_patience_a_is_c() -> None:
    load = Load(120, 180)
    patient, endless = erlang_a(load, 8, 20, 1e7), erlang_c(load, 8, 20)
    assert patient.answered_in_time == pytest.approx(endless.answered_in_time, abs=1e-3)
    assert patient.mean_wait_s == pytest.approx(endless.mean_wait_s, rel=1e-2)


def test_without_agents_everybody_gives_up_after_his_patience() -> None:
    service = erlang_a(Load(100, 180), 0, 20, 90)
    assert (service.answered_in_time, service.abandoned) == (0.0, pytest.approx(1.0))
    assert service.mean_wait_s == pytest.approx(90.0)


@pytest.mark.parametrize(("agents", "within_s"), [(4, 20.0), (6, 5.0), (8, 20.0)])
def test_erlang_a_is_what_a_simulated_queue_does(agents: int, within_s: float) -> None:
    load, patience_s, calls = Load(120, 180), 120.0, 60_000
    service = erlang_a(load, agents, within_s, patience_s)
    chance, now, in_time, abandoned = random.Random(4), 0.0, 0, 0
    free = [0.0] * agents
    for _ in range(calls):
        now += chance.expovariate(load.calls_an_hour / 3600)
        begins = max(now, free[0])
        if begins - now > chance.expovariate(1 / patience_s):
            abandoned += 1
        else:
            heapq.heapreplace(free, begins + chance.expovariate(1 / load.handling_s))
            in_time += begins - now <= within_s
    assert service.answered_in_time == pytest.approx(in_time / calls, abs=0.015)
    assert service.abandoned == pytest.approx(abandoned / calls, abs=0.015)


@pytest.mark.parametrize("patience_s", [None, 60.0])
@pytest.mark.parametrize("calls", [3.0, 40.0, 900.0])
def test_one_agent_fewer_would_not_do(calls: float, patience_s: float | None) -> None:
    load, target = Load(calls, 180), Target()

    def reached(agents: int) -> bool:
        service = erlang_a(load, agents, target.within_s, patience_s) if patience_s else erlang_c(load, agents, target.within_s)
        return service.answered_in_time >= target.share and service.occupancy <= target.most_busy

    needed = agents_needed(load, target, patience_s).agents
    assert reached(needed)
    assert needed == 0 or not reached(needed - 1)


def test_nobody_calls_nobody_is_needed() -> None:
    assert agents_needed(Load(0, 180), Target(), None).agents == 0


def test_a_thousand_agents_are_no_trouble() -> None:
    service = erlang_a(Load(20_000, 180), 1000, 20, 120)
    assert 0.98 < service.answered_in_time < 1.0


def test_what_no_floor_could_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="look at the calls"):
        agents_needed(Load(1e6, 600), Target(), None)

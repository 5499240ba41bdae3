"""How many agents answer so many calls in time: Erlang C, whose callers wait for ever, and Erlang A, whose callers give up.

Pure. Both take calls that come at random (Poisson) and work of exponential length; patience in Erlang A is exponential too.
Sources: A. K. Erlang (1917) for C; C. Palm (1957), and Mandelbaum and Zeltyn, "Service engineering in action: the Palm/Erlang-A
queue" (2007), for A.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

# States this much less likely than the likeliest can't be seen in any figure.
_NEGLIGIBLE = 1e-13
# Beyond so many agents in one queue the answer is a mistake in what was asked.
MOST_AGENTS = 5000


@dataclass(frozen=True, slots=True)
class Load:
    """What comes and how long it takes: calls in an hour, seconds of handling each (talk, hold and wrap-up)."""

    calls_an_hour: float
    handling_s: float

    @property
    def erlangs(self) -> float:
        """Agents' hours of work in an hour."""
        return self.calls_an_hour * self.handling_s / 3600.0


@dataclass(frozen=True, slots=True)
class Target:
    """``share`` of the offered calls answered within ``within_s``, and nobody busier than ``most_busy`` of his time."""

    share: float = 0.8
    within_s: float = 20.0
    most_busy: float = 0.85


@dataclass(frozen=True, slots=True)
class Service:
    """What so many agents give. ``answered_in_time`` and ``abandoned`` are shares of the offered; ``mean_wait_s`` of all, infinite where
    the work outgrows the agents."""

    agents: int
    answered_in_time: float
    abandoned: float
    mean_wait_s: float
    occupancy: float


def erlang_b(erlangs: float, agents: int) -> float:
    """The share of calls that find all of them busy when nobody may wait."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = erlangs * blocked / (number + erlangs * blocked)
    return blocked


def erlang_c(load: Load, agents: int, within_s: float) -> Service:
    """Nobody gives up: the queue grows for ever where the work fills the agents' time."""
    work = load.erlangs
    if work <= 0:
        return Service(agents, 1.0, 0.0, 0.0, 0.0)
    if agents <= work:
        return Service(agents, 0.0, 0.0, math.inf, 1.0)
    blocked = erlang_b(work, agents)
    waits = blocked / (1.0 - work / agents * (1.0 - blocked))
    spare = agents - work
    in_time = 1.0 - waits * math.exp(-spare * within_s / load.handling_s)
    return Service(agents, in_time, 0.0, waits * load.handling_s / spare, work / agents)


def erlang_a(load: Load, agents: int, within_s: float, patience_s: float) -> Service:
    """Callers give up after ``patience_s`` on average. Without agents nobody is answered.

    A caller who finds ``ahead`` others waiting is reached after a sum of exponential times whose rates grow in even steps: so the
    factor by which his patience has shrunk by then is Beta distributed, and his chance of an answer in time is a finite sum.
    """
    arrivals, served, leaves = load.calls_an_hour / 3600.0, 1.0 / load.handling_s, 1.0 / patience_s
    if arrivals <= 0:
        return Service(agents, 1.0, 0.0, 0.0, 0.0)
    free, queues = _states(arrivals, served, leaves, agents)
    in_time = sum(free) + sum(share * chance for share, chance in zip(queues, _in_time(agents * served, leaves, within_s), strict=False))
    waiting = sum(ahead * share for ahead, share in enumerate(queues))
    abandoned = min(1.0, leaves * waiting / arrivals)
    busy = (arrivals * (1.0 - abandoned)) / (served * agents) if agents else 0.0
    return Service(agents, in_time, abandoned, waiting / arrivals, min(1.0, busy))


def agents_needed(load: Load, target: Target, patience_s: float | None) -> Service:
    """The fewest who reach the target, by Erlang A where the patience is known, else by C. Raises ValueError beyond MOST_AGENTS."""

    def serves(agents: int) -> Service:
        return erlang_a(load, agents, target.within_s, patience_s) if patience_s else erlang_c(load, agents, target.within_s)

    if load.erlangs <= 0:
        return serves(0)
    return _fewest(lambda service: service.answered_in_time >= target.share and service.occupancy <= target.most_busy, serves)


def _fewest(enough: Callable[[Service], bool], serves: Callable[[int], Service]) -> Service:
    most = 1
    while not enough(serves(most)):
        most *= 2
        if most > MOST_AGENTS:
            raise ValueError(f"more than {MOST_AGENTS} agents would be needed; look at the calls and the handling time given")
    least = most // 2 + 1 if most > 1 else 1
    while least < most:  # more agents never serve worse
        middle = (least + most) // 2
        if enough(serves(middle)):
            most = middle
        else:
            least = middle + 1
    return serves(most)


def _states(arrivals: float, served: float, leaves: float, agents: int) -> tuple[list[float], list[float]]:
    """How likely: 0 … agents - 1 callers in all (an agent is free), and from there 0, 1, 2 … waiting."""
    weights, weight, highest = [1.0], 1.0, 1.0
    number = 0
    while number < agents or weight > highest * _NEGLIGIBLE:
        number += 1
        weight *= arrivals / (min(number, agents) * served + max(0, number - agents) * leaves)
        highest = max(highest, weight)
        weights.append(weight)
        if weight > 1e200:  # scaled, or many agents would overflow
            weights = [each / 1e200 for each in weights]
            weight, highest = weight / 1e200, highest / 1e200
    total = math.fsum(weights)
    return [weight / total for weight in weights[:agents]], [weight / total for weight in weights[agents:]]


def _in_time(all_busy: float, leaves: float, within_s: float) -> list[float]:
    """For a caller with 0, 1, 2 … ahead of him, all agents busy: the chance that he is reached within ``within_s`` and hasn't given up.

    With c = all_busy/leaves the remaining patience at that moment is Beta(c, ahead + 1), so the chance is
    c/(c + ahead + 1) * (1 - I_x(c + 1, ahead + 1)), x = exp(-leaves*within); I with a whole second argument is a sum of so many terms.
    """
    ratio, kept = all_busy / leaves, math.exp(-leaves * within_s)
    if ratio <= 0:
        return []
    chances: list[float] = []
    term = kept ** (ratio + 1)  # x^a Γ(a+i)/(Γ(a) i!) (1-x)^i, i = 0
    below = 0.0
    for ahead in range(MOST_AGENTS):
        below += term
        chances.append(ratio / (ratio + ahead + 1) * max(0.0, 1.0 - below))
        term *= (ratio + 1 + ahead) / (ahead + 1) * (1.0 - kept)
        if chances[-1] < _NEGLIGIBLE and ahead > ratio:
            break
    return chances

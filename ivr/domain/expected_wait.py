"""How long will a caller wait who is the n-th in line? An interval drawn from what was measured, and wide where that is little.

Pure. ``ivr.queue_outlook`` asks it with what ``ivr.queue_work`` has measured. The figure that app_queue announces isn't used anywhere:
it is an average of past waits that knows nothing of the caller's position, nor of who is there to answer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

# The promise: half of the callers wait less than the first, four of five less than the second. Futures made of what was measured lack
# what has not happened yet, so the second aims further: at 0.8, simulated queues with long-tailed calls kept 70 % of their promises.
SHORTER_QUANTILE, LONGER_QUANTILE = 0.5, 0.86
# Beyond it nobody's estimate is worth saying, and Asterisk sends the caller back (LONGEST_WAIT_S of the dialplan).
HORIZON_S = 3600.0
# What we believe before anything is measured: 15 customers an hour at 80 % occupancy (R44) leave 192 s for each.
USUAL_HANDLING_S = 150.0
# From the moment caller and agent are both there to the answer: the phone rings, somebody reaches for it.
USUAL_PICKUP_S = 5.0
# The prior is worth this many calls. Its spread is that of handling times everywhere (lognormal, sigma 0.8: its octiles 1, 3, 5, 7).
_SPREAD = (0.4, 0.77, 1.29, 2.5)
# A look is worth a few milliseconds of one core; half of the paths come out within 2 % of all of them.
_STEPS, _LEAST_PATHS, _MOST_PATHS = 4000, 60, 200


@dataclass(frozen=True, slots=True)
class Interval:
    """Seconds from joining to the answer: half wait less than ``shortest_s``, four of five less than ``longest_s``."""

    shortest_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Agent:
    """One who is there to answer, now or when he has done what he does.

    ``busy_s`` is how long he has had his present call, wrap-up included; None when he is free. ``now_handling`` are the handling times
    of the queue that call came from, where it isn't ours. An agent of several queues comes to ours with ``first_share`` when he is
    next free and with ``share`` from then on; meanwhile he handles what ``elsewhere`` tells of.
    """

    busy_s: float | None = None
    now_handling: Sequence[float] | None = None
    first_share: float = 1.0
    share: float = 1.0
    elsewhere: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Overtaking:
    """Callers of a higher priority arrive at this rate, and go first as long as ours has waited less than ``ceiling_s``."""

    per_s: float = 0.0
    ceiling_s: float = 0.0


NOBODY_OVERTAKES = Overtaking()


class _Urn:
    """Times to draw from: those measured, a few of the prior, and, as each path's own luck goes on, what that path has drawn.

    Putting each draw back twice (Pólya's urn) is the posterior of a Dirichlet process: with three calls measured the paths disagree
    about how long calls are, with a hundred they don't, and no shape of the distribution is assumed.
    """

    def __init__(self, measured: Sequence[float], usual_s: float, chance: random.Random) -> None:
        logs = [math.log(max(seconds, 0.5)) for seconds in measured]
        # The prior's place moves towards what is measured; what stays of it is its spread.
        centre = math.exp((sum(logs) + len(_SPREAD) * math.log(usual_s)) / (len(logs) + len(_SPREAD)))
        self._times = [*measured, *(centre * factor for factor in _SPREAD)]
        self._own = len(self._times)
        self._random = chance.random

    def begin(self) -> None:
        """A new path."""
        del self._times[self._own :]

    def draw(self) -> float:
        seconds = self._times[int(self._random() * len(self._times))]
        self._times.append(seconds)
        return seconds

    def longer_than(self, elapsed_s: float) -> list[float]:
        """Those of its times that are longer than what has elapsed."""
        return [seconds for seconds in self._times[: self._own] if seconds > elapsed_s]

    def rest(self, elapsed_s: float, longer: Sequence[float]) -> float:
        """What is left of a call, from ``longer_than``: one that outlasts all we know goes on as if it had just begun.

        Its length goes into the urn as well: calls that go on tell of long ones, and those ended so far alone would be too short.
        """
        chosen = int(self._random() * (len(longer) + 1))
        if chosen == len(longer):
            return self.draw()
        self._times.append(longer[chosen])
        return longer[chosen] - elapsed_s


def expected_wait(
    position: int,
    agents: Sequence[Agent],
    handling: Sequence[float],
    pickups: Sequence[float] = (),
    *,
    overtaking: Overtaking = NOBODY_OVERTAKES,
    seed: int = 0,
) -> Interval | None:
    """The wait of who is ``position``-th in line, 1 = next; None when nobody answers here, or it may well exceed an hour.

    ``handling`` are the queue's recent handling times (answer to free again), ``pickups`` the times from caller and agent both being
    there to the answer, all in s. Futures are drawn and the caller's answer looked up in each: the agents finish what they have, then
    take whoever is first. Those ahead who give up aren't foreseen; they only make it shorter. The same arguments give the same answer.
    """
    there = [agent for agent in agents if agent.share > 0.0]
    if not there or position < 1:
        return None
    paths = _Paths(position, there, handling, pickups, overtaking, random.Random(seed))  # noqa: S311 - futures, not secrets
    each = position / (sum(agent.share for agent in there) / len(there)) + len(there)
    number = max(_LEAST_PATHS, min(_MOST_PATHS, int(_STEPS / each)))
    waits = sorted(paths.one() for _ in range(number))
    shortest_s, longest_s = (waits[math.ceil(quantile * number) - 1] for quantile in (SHORTER_QUANTILE, LONGER_QUANTILE))
    return Interval(shortest_s, longest_s) if longest_s < HORIZON_S else None


class _Paths:
    """Possible futures of one queue."""

    def __init__(
        self,
        position: int,
        agents: Sequence[Agent],
        handling: Sequence[float],
        pickups: Sequence[float],
        overtaking: Overtaking,
        chance: random.Random,
    ) -> None:
        self._position = position
        self._agents = agents
        self._overtaking = overtaking
        self._chance = chance
        self._urns: dict[tuple[int, float], _Urn] = {}  # by the list of times: whoever draws from it draws from one urn
        self._handling = self._urn(handling, USUAL_HANDLING_S)
        self._pickup = self._urn(pickups, USUAL_PICKUP_S)
        self._elsewhere = [self._urn(agent.elsewhere, USUAL_HANDLING_S) for agent in agents]
        self._now: list[tuple[_Urn, float, list[float]] | None] = []
        for agent in agents:
            urn = self._handling if agent.now_handling is None else self._urn(agent.now_handling, USUAL_HANDLING_S)
            self._now.append(None if agent.busy_s is None else (urn, agent.busy_s, urn.longer_than(agent.busy_s)))

    def _urn(self, measured: Sequence[float], usual_s: float) -> _Urn:
        key = (id(measured), usual_s)
        if key not in self._urns:
            self._urns[key] = _Urn(measured, usual_s, self._chance)
        return self._urns[key]

    def one(self) -> float:
        """The caller's wait in one future, at most HORIZON_S."""
        for urn in self._urns.values():
            urn.begin()
        chance, overtaking = self._chance.random, self._overtaking
        free = [
            (now[0].rest(now[1], now[2]) if now else 0.0, number, agent.first_share)
            for number, (agent, now) in enumerate(zip(self._agents, self._now, strict=True))
        ]
        heapify(free)
        ahead_or_he = self._position
        overtaker = self._next_overtaker(0.0)
        while (at := free[0][0]) < HORIZON_S:
            _, number, share = free[0]
            if share >= 1.0 or chance() < share:
                while overtaker <= min(at, overtaking.ceiling_s):
                    ahead_or_he += 1
                    overtaker = self._next_overtaker(overtaker)
                ahead_or_he -= 1
                if ahead_or_he == 0:
                    return at + self._pickup.draw()
                busy = self._pickup.draw() + self._handling.draw()
            else:
                busy = self._pickup.draw() + self._elsewhere[number].draw()
            heapreplace(free, (at + busy, number, self._agents[number].share))
        return HORIZON_S

    def _next_overtaker(self, after: float) -> float:
        return after + self._chance.expovariate(self._overtaking.per_s) if self._overtaking.per_s > 0.0 else math.inf

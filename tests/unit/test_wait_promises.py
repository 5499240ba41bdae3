"""Are the promises kept where nothing is simple? A simulated house, told to the daemon's own outlooks fact by fact. Seeded."""

from __future__ import annotations

import random
from datetime import timedelta
from heapq import heappop, heappush

import pytest
from support.hotline import IDLE, RINGING, START, Hotline

from ivr.queue_outlook import QueueOutlooks

MEAN_TALK_S = 155.0


class House:
    """Agents of several queues, told of in facts; each free one rings for whoever is first in one of his queues."""

    def __init__(self, seed: int, members: dict[str, str], load: float, *, patience_s: float, privileged: float, wrap_up: bool) -> None:
        self.chance = random.Random(seed)
        self.members = members
        self.queues = sorted({queue for queues in members.values() for queue in queues.split()})
        self.patience_s, self.privileged, self.wrap_up = patience_s, privileged, wrap_up
        self.hotline = Hotline()
        self.outlooks = QueueOutlooks(self.queues, clock=self.hotline.clock, deadline_s=30.0)
        self.hotline.fed.append(self.outlooks)
        self.hotline.up(**members)
        each_s = MEAN_TALK_S + 4.0 + (30.0 if wrap_up else 0.0)
        self.rate = load * len(members) / len(self.queues) / each_s
        self.line: dict[str, list[tuple[int, str]]] = {queue: [] for queue in self.queues}
        self.free, self.rung = set(members), dict[str, str]()
        self.joined: dict[str, tuple[float, float | None]] = {}  # call → when, and what he was promised
        self.kept: list[bool] = []
        self.events: list[tuple[float, int, str, tuple[str, ...]]] = []
        self.now = 0.0

    def at(self, after: float, what: str, *who: str) -> None:
        heappush(self.events, (self.now + after, self.chance.randrange(1 << 30), what, who))

    async def day(self, calls: int) -> list[bool]:
        for queue in self.queues:
            after = 0.0
            for number in range(calls):
                after += self.chance.expovariate(self.rate)
                self.at(after, "arrive", f"{queue}{number}", queue)
        while self.events:
            self.now, _, what, who = heappop(self.events)
            self.hotline.now = START + timedelta(seconds=self.now)
            match what:
                case "arrive":
                    await self.arrive(*who)
                case "pick up":
                    self.pick_up(*who)
                case "hang up":
                    self.hang_up(*who)
                case "come back":
                    self.come_back(*who)
                case "give up":
                    self.give_up(*who)
            self.ring()
        return self.kept

    async def arrive(self, call: str, queue: str) -> None:
        wished = 5 if self.chance.random() < self.privileged else 0
        outlook = await self.outlooks.look(queue, wished, contact=call)
        granted = self.outlooks.grant(queue, wished, contact=call)
        place = next((place for place, (other, _) in enumerate(self.line[queue]) if other < granted), len(self.line[queue]))
        assert outlook.position == place + 1
        self.line[queue].insert(place, (granted, call))
        self.hotline.joins(call, queue)
        self.joined[call] = (self.now, outlook.longest_s)
        self.at(self.chance.expovariate(1 / self.patience_s), "give up", call, queue)

    def ring(self) -> None:
        for queue in self.chance.sample(self.queues, len(self.queues)):
            for _, call in self.line[queue]:
                takers = sorted(agent for agent in self.free if queue in self.members[agent].split())
                if call in self.rung or not takers:
                    continue
                agent = self.rung[call] = self.chance.choice(takers)
                self.free.remove(agent)
                self.hotline.rings(call, agent, queue)
                self.hotline.state(agent, self.members[agent], RINGING)
                self.at(self.chance.uniform(1, 6), "pick up", call, queue, agent)

    def leave(self, call: str, queue: str) -> bool:
        """Whether he was still there."""
        there = [entry for entry in self.line[queue] if entry[1] == call]
        for entry in there:
            self.line[queue].remove(entry)
        return bool(there)

    def pick_up(self, call: str, queue: str, agent: str) -> None:
        if not self.leave(call, queue):
            return
        del self.rung[call]
        since, promised = self.joined[call]
        if promised is not None:
            self.kept.append(self.now - since <= promised)
        self.hotline.picks_up(call, agent, queue, self.members[agent])
        self.at(self.chance.lognormvariate(4.8, 0.7), "hang up", call, queue, agent)

    def hang_up(self, call: str, queue: str, agent: str) -> None:
        self.hotline.hangs_up(call, agent, queue, self.members[agent])
        if self.wrap_up:
            self.hotline.state(agent, self.members[agent], IDLE, paused=True)
            self.at(self.chance.uniform(20, 40), "come back", agent)
        else:
            self.come_back(agent)

    def come_back(self, agent: str) -> None:
        self.hotline.state(agent, self.members[agent], IDLE)
        self.free.add(agent)

    def give_up(self, call: str, queue: str) -> None:
        if self.leave(call, queue):
            agent = self.rung.pop(call, "")
            self.hotline.gives_up(call, agent, queue)
            if agent:
                self.come_back(agent)


@pytest.mark.parametrize(
    ("members", "load", "patience_s", "privileged", "wrap_up"),
    [
        ({"Li": "hr course", "Wang": "course product", "Zhang": "product complaint", "Chen": "complaint hr"}, 0.85, 900, 0.0, False),
        ({"Li": "hr", "Wang": "hr", "Zhang": "hr"}, 0.9, 900, 0.3, True),
        ({"Li": "hr", "Wang": "hr", "Zhang": "hr"}, 1.3, 240, 0.0, False),
    ],
    ids=["agents shared in a ring", "privileged callers and wrap-up", "overload, and callers who give up"],
)
async def test_promises_are_kept(members: dict[str, str], load: float, patience_s: float, privileged: float, wrap_up: bool) -> None:
    house = House(1, members, load, patience_s=patience_s, privileged=privileged, wrap_up=wrap_up)
    kept = await house.day(120 // len(house.queues))
    assert len(kept) > 70
    assert 0.75 <= sum(kept) / len(kept) < 1.0
    assert all(ratio >= 0.6 for ratio in house.outlooks.kept_ratios().values())
    assert house.outlooks.silent_queues() == frozenset()

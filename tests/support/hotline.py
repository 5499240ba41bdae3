"""A hotline's Asterisk told by hand: callers who join, agents who ring, answer and hang up, as facts in the order they really come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ami_bridge.facts import (
    AgentAnswered,
    AgentPickedUp,
    AgentRang,
    AgentRingEnded,
    AgentStateReported,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    EndedBy,
    Fact,
    LinkEstablished,
    SnapshotComplete,
    TalkEnded,
)

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
IDLE, BUSY, RINGING, AWAY = 1, 2, 6, 5


class Fed(Protocol):
    def apply(self, fact: Fact) -> None: ...


class Hotline:
    """Tells facts to whatever is fed with them; ``now`` moves with ``on``."""

    def __init__(self, *fed: Fed) -> None:
        self.fed = list(fed)
        self.now = START

    def clock(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> Hotline:
        self.now += timedelta(seconds=seconds)
        return self

    def tell(self, *facts: Any) -> None:
        for fact in facts:
            for one in self.fed:
                one.apply(fact)

    def up(self, **members: str) -> Hotline:
        """The link is up: ``Li="hr course"`` is a member of both, idle."""
        self.tell(LinkEstablished(self.now, "22.10.1", None))
        for agent, queues in members.items():
            self.state(agent, queues, IDLE)
        self.tell(SnapshotComplete(self.now))
        return self

    def state(self, agent: str, queues: str, state: int, *, paused: bool = False) -> None:
        self.tell(*(AgentStateReported(self.now, queue, agent, state, paused) for queue in queues.split()))

    def joins(self, call: str, queue: str = "hr") -> None:
        self.tell(CallerQueued(self.now, call, call, queue, 1))

    def rings(self, call: str, agent: str, queue: str = "hr") -> None:
        self.tell(AgentRang(self.now, call, call, queue, agent, f"{agent}-{call}"))

    def answers(self, call: str, agent: str, queue: str = "hr", queues: str = "") -> None:
        self.rings(call, agent, queue)
        self.picks_up(call, agent, queue, queues)

    def picks_up(self, call: str, agent: str, queue: str, queues: str = "") -> None:
        self.state(agent, queues or queue, BUSY)
        leg = f"{agent}-{call}"
        self.tell(AgentPickedUp(self.now, call, call, leg), CallerLeftQueue(self.now, call, call, queue))
        self.tell(AgentAnswered(self.now, call, call, queue, agent, leg))

    def hangs_up(self, call: str, agent: str, queue: str = "hr", queues: str = "") -> None:
        """In the order of a real caller's hang-up (22.10.1)."""
        leg = f"{agent}-{call}"
        self.tell(TalkEnded(self.now, call, call, queue, agent, EndedBy.CALLER, leg), CallEnded(self.now, call, leg, 16))
        self.tell(CallEnded(self.now, call, call, 16))
        self.state(agent, queues or queue, IDLE)

    def gives_up(self, call: str, rung: str = "", queue: str = "hr") -> None:
        """He hangs up while he waits; ``rung`` is who was being rung for him."""
        if rung:
            self.tell(AgentRingEnded(self.now, call, call, f"{rung}-{call}", "CANCEL"))
        self.tell(CallerLeftQueue(self.now, call, call, queue), CallEnded(self.now, call, call, 16))

    def serves(self, call: str, agent: str, ring_s: float, talk_s: float) -> None:
        self.joins(call)
        self.on(ring_s).answers(call, agent)
        self.on(talk_s).hangs_up(call, agent)

"""What the live board shows at one moment, as immutable values. Made by ``ivr.board``, read by the console and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.domain.contacts import ContactOutcome
from ivr.domain.figures import Figures

LATE_AFTER_S = 10.0  # R4: answered never later than 10 s


class AgentStatus(StrEnum):
    IDLE = "idle"
    RINGING = "ringing"
    BUSY = "busy"
    PAUSED = "paused"
    AWAY = "away"  # the phone can't be reached


class Stage(StrEnum):
    """Where a running call is."""

    MENU = "menu"
    WAITING = "waiting"
    RINGING = "ringing"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class RunningCall:
    """``since`` is when it came to this stage; for waiting and ringing when it joined the queue. ``caller`` is masked."""

    contact: str
    caller: str
    line: str | None
    stage: Stage
    node: str | None
    queue: str | None
    agent: str | None
    started_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class LostCaller:
    """Somebody who came today and was not answered since. One person (one number) is one entry, however often he tried."""

    contact: str  # the latest call
    caller: str  # masked; empty when withheld
    line: str | None
    queue: str | None
    outcome: ContactOutcome
    at: datetime
    waited_s: float
    contacts: tuple[str, ...]

    @property
    def times(self) -> int:
        return len(self.contacts)


@dataclass(frozen=True, slots=True)
class QueueNow:
    """One queue: now, and since local midnight (the visits that began then)."""

    name: str
    waiting: int
    ringing: int  # of those waiting
    talking: int
    late: int  # have waited longer than LATE_AFTER_S
    longest_since: datetime | None
    agents: Mapping[AgentStatus, int]
    figures: Figures

    @property
    def present(self) -> int:
        """Agents who answer now or will when they are free."""
        return sum(self.agents.get(status, 0) for status in (AgentStatus.IDLE, AgentStatus.RINGING, AgentStatus.BUSY))


@dataclass(frozen=True, slots=True)
class BoardSnapshot:
    """Everything the live page shows. Times are aware UTC; ``since`` is the local midnight the figures count from."""

    version: int
    at: datetime
    since: datetime
    queues: tuple[QueueNow, ...]
    total: Figures
    running: tuple[RunningCall, ...]
    lost: tuple[LostCaller, ...]
    calls_today: int
    left_in_menu: int
    link_lost_at: datetime | None  # the link to Asterisk is down since then

    @property
    def waiting(self) -> int:
        return sum(queue.waiting for queue in self.queues)

    @property
    def late(self) -> int:
        return sum(queue.late for queue in self.queues)

    @property
    def talking(self) -> int:
        return sum(queue.talking for queue in self.queues)

    @property
    def longest_since(self) -> datetime | None:
        return min((queue.longest_since for queue in self.queues if queue.longest_since), default=None)

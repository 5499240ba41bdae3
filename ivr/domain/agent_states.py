"""What an agent is doing (R40): the states, the intervals that tile his time, the events his figures count. Pure.

Made by ``ivr.domain.agent_book`` out of facts; kept by ``ivr.store.agents``; read by figures, console and command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

# What people write as the reason of a pause that is the work after a call; compared without case, spaces and hyphens.
WRAP_UP_REASONS = frozenset({"wrap-up", "wrapping up", "acw", "after-call work", "话后", "话后处理", "事后处理", "整理"})


class AgentState(StrEnum):
    """``going_offline``: in a call, and paused or removed from his queues, so that the call is his last for now."""

    OFFLINE = "offline"
    AVAILABLE = "available"
    RINGING = "ringing"
    TALKING = "talking"
    WRAPPING_UP = "wrapping_up"
    ON_BREAK = "on_break"
    GOING_OFFLINE = "going_offline"


class Quality(StrEnum):
    """``reconstructed``: the link was down, and queue_log told, in whole seconds; ``uncertain``: nobody told."""

    EXACT = "exact"
    RECONSTRUCTED = "reconstructed"
    UNCERTAIN = "uncertain"


class AgentKey(NamedTuple):
    """Two PBXs' agents of one name are two agents."""

    pbx: str
    agent: str  # the member's name


@dataclass(frozen=True, slots=True)
class Interval:
    """[began_at, ended_at), aware UTC; None: now.

    ``call`` is the caller's Uniqueid; a call of the agent's own has neither queue nor call.
    """

    state: AgentState
    began_at: datetime
    ended_at: datetime | None
    reason: str = ""  # of a break or a pause for wrap-up: hostile
    queue: str = ""
    call: str = ""
    quality: Quality = Quality.EXACT

    def same_as(self, other: Interval) -> bool:
        """One stay in one state, whatever is known of its parts."""
        return (self.state, self.reason, self.queue, self.call) == (other.state, other.reason, other.queue, other.call)


class What(StrEnum):
    """An offer and how it ended, a transfer, a hold.

    ``refused``: the phone said busy or declined; ``cancelled``: the caller was gone or another took him; ``pick_up_failed``: it was
    picked up, and one of the two gone before they were joined.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    PICK_UP_FAILED = "pick_up_failed"
    TRANSFERRED_OUT = "transferred_out"
    TRANSFERRED_IN = "transferred_in"
    HELD = "held"


OFFER_ENDS = frozenset({What.ANSWERED, What.REFUSED, What.NO_ANSWER, What.CANCELLED, What.PICK_UP_FAILED})


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """``key`` makes the same event told twice one. ``ms``: how long his phone rang, or how long the caller was held."""

    key: str
    at: datetime
    what: What
    queue: str
    contact: str
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as wrap-up: a pause whose reason says so, or one begun ``begins_within`` of a call's end and shorter than ``longest``.

    A phone in use without a call of a queue is a call of its own when that lasts longer than ``settle``: Asterisk tells the phone's
    state and the call's end from different threads, in any order.
    """

    wrap_up_reasons: frozenset[str] = WRAP_UP_REASONS
    begins_within: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(seconds=120)
    settle: timedelta = timedelta(seconds=1)

    def is_wrap_up(self, reason: str) -> bool:
        return _plain(reason) in {_plain(known) for known in self.wrap_up_reasons}


def _plain(reason: str) -> str:
    return reason.casefold().translate({ord(" "): None, ord("-"): None, ord("_"): None})

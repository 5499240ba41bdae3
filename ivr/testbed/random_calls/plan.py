"""What a random day is drawn from: its queues, its hours, and how likely everything is that can happen to a call.

For ``random_calls`` and whoever asks it for a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

# Calls by the hour of a working day in Beijing (UTC+8), as weights: two humps and a lunch.
OFFICE_HOURS = (3.0, 8.0, 10.0, 9.0, 5.0, 5.0, 8.0, 9.0, 8.0, 5.0, 2.0, 1.0) + (0.3,) * 12


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """One queue as queues.conf would have it; all times in s."""

    name: str
    ring_s: float = 15.0
    retry_s: float = 2.0
    longest_wait_s: float = 90.0
    places: int = 30
    ring_all: bool = False
    member_delay_s: float = 0.0
    wrap_up_s: float = 4.0


QUEUES = (
    QueuePlan("hr"),
    QueuePlan("course", ring_s=12.0, ring_all=True, places=8),
    QueuePlan("product", member_delay_s=3.0, wrap_up_s=0.0),
    QueuePlan("complaint", longest_wait_s=45.0, retry_s=5.0, places=4),
)


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each turn of a call is, 0 to 1; of the ends of a talk, the caller's hang-up is what remains."""

    hang_up_in_menu: float = 0.08
    finish_in_menu: float = 0.04
    out_of_hours: float = 0.02
    exit_key: float = 0.15
    withdrawn: float = 0.03
    phone_rings_out: float = 0.10
    phone_busy: float = 0.05
    dies_in_delay: float = 0.05  # the agent hangs up before the two are joined
    agent_ends: float = 0.40
    blind_transfer: float = 0.06
    attended_transfer: float = 0.05
    redirect: float = 0.04
    held: float = 0.10
    again_after_talk: float = 0.05  # served, and into the same queue once more
    again_after_queue: float = 0.40  # not served, and into the same queue or another
    voicemail: float = 0.20
    all_away: float = 0.15  # of an agent's pauses: that the whole queue goes with him


@dataclass(frozen=True, slots=True)
class DayPlan:
    """``whole_seconds``: everything happens on the second, so that queue_log's whole seconds lose nothing and figures must be equal.

    ``staffing``: agents for each caller who would be talking on average; below 1 most wait in vain. ``system`` is Asterisk's
    systemname, which its Uniqueids begin with. ``log_refusals``: our dialplan writes a row of queue_log for whom a queue refused, which
    Asterisk itself doesn't. ``events``: the AMI events to write, None for all that this exchange knows.
    """

    calls: int = 1000
    begins: datetime = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    hours: tuple[float, ...] = OFFICE_HOURS
    queues: tuple[QueuePlan, ...] = QUEUES
    chances: Chances = field(default_factory=Chances)
    staffing: float = 0.72
    menu_s: float = 12.0
    patience_s: float = 75.0
    talk_s: float = 110.0
    whole_seconds: bool = False
    session: bool = True
    log_refusals: bool = True
    system: str = ""
    events: frozenset[str] | None = None

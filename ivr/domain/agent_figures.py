"""What an agent, or a team, did in a period: times in each state, offers, transfers, and the rates made of them (R41, R44). Pure.

A ``Tally`` adds up; rates are made of sums alone, so that a team's are those of its calls and not a mean of its agents'. A rate of
nothing is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ivr.domain.agent_states import OFFER_ENDS, AgentEvent, AgentState, Interval, Quality, What

LONGEST_BREAK = timedelta(minutes=20)  # R41
Span = tuple[datetime, datetime]
_TALKING = (AgentState.TALKING, AgentState.GOING_OFFLINE)


@dataclass(slots=True)
class Tally:
    """Sums over one agent's period or several agents' together; times in seconds.

    ``talk`` is with callers of the queues, ``hold`` the part of it during which the agent held them; ``own_calls`` are calls that came by
    no queue. ``over_break``: by how much breaks were longer than they may be, ``long_breaks`` how many were. ``planned`` is what the shifts
    plan (of the period that is past), ``kept`` the part of it in which he was there, over-long breaks left out.
    """

    seconds: Counter[AgentState] = field(default_factory=Counter)
    own_calls: float = 0.0
    hold: float = 0.0
    breaks: Counter[str] = field(default_factory=Counter)  # by reason
    long_breaks: int = 0
    over_break: float = 0.0
    uncertain: float = 0.0
    events: Counter[What] = field(default_factory=Counter)
    planned: float = 0.0
    kept: float = 0.0
    has_plan: bool = False

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.seconds + other.seconds,
            self.own_calls + other.own_calls,
            self.hold + other.hold,
            self.breaks + other.breaks,
            self.long_breaks + other.long_breaks,
            self.over_break + other.over_break,
            self.uncertain + other.uncertain,
            self.events + other.events,
            self.planned + other.planned,
            self.kept + other.kept,
            self.has_plan or other.has_plan,
        )

    @property
    def logged_in(self) -> float:
        return sum(lasted for state, lasted in self.seconds.items() if state is not AgentState.OFFLINE)

    @property
    def talk_and_hold(self) -> float:
        return sum(self.seconds[state] for state in _TALKING) - self.own_calls

    @property
    def handling(self) -> float:
        """Talk, hold and wrap-up of the queues' calls."""
        return self.talk_and_hold + self.seconds[AgentState.WRAPPING_UP]

    @property
    def handled(self) -> int:
        return self.events[What.ANSWERED]

    @property
    def offers(self) -> int:
        return sum(count for what, count in self.events.items() if what in OFFER_ENDS)

    @property
    def occupancy(self) -> float | None:
        """Handling ÷ (handling + available): R44 班务内服务比例. Ringing, breaks and calls of his own count on neither side."""
        return _ratio(self.handling, self.handling + self.seconds[AgentState.AVAILABLE])

    @property
    def handled_per_hour(self) -> float | None:
        """Calls answered ÷ hours logged in."""
        return _ratio(self.handled, self.logged_in / 3600)

    @property
    def average_handling(self) -> float | None:
        """AHT, seconds: (talk + hold + wrap-up) ÷ calls answered."""
        return _ratio(self.handling, self.handled)

    @property
    def answered_share(self) -> float | None:
        """Answered ÷ offers that were his to answer: those cancelled weren't."""
        return _ratio(self.handled, self.offers - self.events[What.CANCELLED])

    @property
    def transfer_rate(self) -> float | None:
        return _ratio(self.events[What.TRANSFERRED_OUT], self.handled)

    @property
    def adherence(self) -> float | None:
        """Time there ÷ time planned: R44 遵时率. None where no shift was planned."""
        return _ratio(self.kept, self.planned) if self.has_plan else None

    @property
    def quality(self) -> Quality:
        return Quality.UNCERTAIN if self.uncertain else Quality.EXACT


def tally(
    intervals: Sequence[Interval],
    events: Iterable[AgentEvent],
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    shifts: Sequence[Span] | None = None,
    longest_break: timedelta = LONGEST_BREAK,
) -> Tally:
    """One agent's [start, end), of which only the past counts. ``intervals`` in order, with the whole of what began before ``start``.

    ``shifts``: his, not overlapping; None: nothing is planned for him.
    """
    until = min(end, now)
    found = Tally(has_plan=shifts is not None)
    planned = [(max(begin, start), min(finish, until)) for begin, finish in shifts or () if begin < until and finish > start]
    found.planned = sum((finish - begin).total_seconds() for begin, finish in planned)
    break_began: datetime | None = None
    for interval in intervals:
        on_break = interval.state is AgentState.ON_BREAK
        break_began = (break_began or interval.began_at) if on_break else None
        stopped = min(interval.ended_at or now, until)
        if stopped <= start or interval.began_at >= until:
            continue
        begin = max(interval.began_at, start)
        lasted = (stopped - begin).total_seconds()
        found.seconds[interval.state] += lasted  # type: ignore[assignment] # a Counter of seconds
        if interval.quality is Quality.UNCERTAIN:
            found.uncertain += lasted
        if interval.state in _TALKING and not interval.queue and not interval.call:
            found.own_calls += lasted
        there = (begin, stopped)
        if on_break and break_began:
            found.breaks[interval.reason] += lasted  # type: ignore[assignment] # likewise
            allowed = break_began + longest_break
            over = (stopped - max(begin, allowed)).total_seconds()
            if over > 0:
                found.over_break += over
                found.long_breaks += interval.began_at <= allowed or begin == start
                there = (begin, max(begin, allowed))
        if interval.state is not AgentState.OFFLINE:
            found.kept += sum(_overlap(there, shift) for shift in planned)
    for event in events:
        if start <= event.at < end:
            found.events[event.what] += 1
            if event.what is What.HELD and event.ms:
                found.hold += event.ms / 1000
    return found


def _overlap(one: Span, other: Span) -> float:
    return max(0.0, (min(one[1], other[1]) - max(one[0], other[0])).total_seconds())


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None

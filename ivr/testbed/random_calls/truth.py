"""What truly happened in a random day, written down beside what Asterisk says of it; the yardstick of what is read from either.

For tests. Names of outcomes are those of the vocabulary (``ContactOutcome``, ``VisitOutcome``) as plain text: truth owes nothing to
the code under test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

SECOND = 1_000_000  # µs: a simulated day counts whole microseconds since 1970, as Asterisk's Timestamp does


def moment(at_us: int) -> datetime:
    """Aware UTC, exact to the microsecond."""
    return datetime.fromtimestamp(at_us // SECOND, UTC).replace(microsecond=at_us % SECOND)


@dataclass(slots=True)
class OfferTruth:
    """One phone that rang: ``result`` ∈ answered noanswer busy cancelled elsewhere dumped lost. Times in µs since 1970."""

    agent: str
    leg: str
    began_us: int
    ended_us: int = 0
    result: str = ""


@dataclass(slots=True)
class VisitTruth:
    """One entry into one queue. Times in µs since 1970, 0 = never.

    ``left_us`` is where the wait ends: the pick-up of who was answered, else the exit; queue_log knows when the two were joined, and
    notices a hang-up during a member delay at its end (``logged_left_us``). A talk's end by a Redirect is not in queue_log, which tells
    the caller's hang-up instead (``logged_end_us``). ``in_log`` is False for who was refused at the door.
    """

    queue: str
    joined_us: int
    outcome: str = ""
    left_us: int = 0
    logged_left_us: int = 0
    answered_us: int = 0
    talk_ended_us: int = 0
    logged_end_us: int = 0
    ended_by: str = ""
    agent: str = ""
    held_us: int = 0
    offers: list[OfferTruth] = field(default_factory=list)
    in_log: bool = True

    @property
    def wait_s(self) -> float:
        return (self.left_us - self.joined_us) / SECOND

    @property
    def logged_wait_s(self) -> float:
        """To where queue_log sees the end."""
        return (self.logged_left_us - self.joined_us) / SECOND

    @property
    def talk_s(self) -> float | None:
        return (self.talk_ended_us - self.answered_us) / SECOND if self.answered_us else None


@dataclass(slots=True)
class CallTruth:
    """One call. ``outcome`` is what Asterisk alone can tell; ``full_outcome`` what the session's word adds to it."""

    id: str
    number: str
    started_us: int
    ended_us: int = 0
    visits: list[VisitTruth] = field(default_factory=list)
    hung_up_in_flow: bool = False
    finished: bool = False
    found_closed: bool = False
    voicemail: bool = False
    callback: bool = False

    @property
    def outcome(self) -> str:
        last = self.visits[-1].outcome if self.visits else ""
        if any(visit.outcome == "answered" for visit in self.visits):
            return "answered"
        if last == "abandoned_ring":
            return "abandoned_ring"
        if last in ("full", "join_empty"):
            return "rejected_capacity"
        return "abandoned_queue" if last else "abandoned_ivr"

    @property
    def full_outcome(self) -> str:
        told = self.outcome
        if told == "answered":
            return told
        if self.callback:
            return "callback_accepted"
        if self.voicemail:
            return "voicemail"
        if not self.visits and self.found_closed:
            return "after_hours"
        if not self.visits and self.finished:
            return "self_served"
        return told

"""The rules of calling back (R31): how often, how far apart, how many at once. Pure; every function takes the time it is to decide for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from callbacks.model import Result, State

MOST_ATTEMPTS = 3


class UnfitPolicyError(ValueError):
    """The settings contradict the rules; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``retry_gaps`` stand between attempts: there is one attempt more than gaps. Raises UnfitPolicyError.

    ``a_number_a_day``: attempts to one number within 24 hours, over all promises. ``lease``: how long a claim holds without being
    dialled. ``confirm_grace``: how long after its ringing time an attempt that nobody has heard of is given up.
    """

    retry_gaps: tuple[timedelta, ...] = (timedelta(minutes=15), timedelta(hours=2))
    ring: timedelta = timedelta(seconds=45)
    concurrent: int = 2
    a_number_a_day: int = 3
    lease: timedelta = timedelta(seconds=60)
    confirm_grace: timedelta = timedelta(seconds=30)
    nobody_there: timedelta = timedelta(minutes=2)  # no agent could take the call: looked at again after this
    hours_unknown: timedelta = timedelta(hours=1)  # closed, and no opening is known
    after_opening: timedelta = timedelta(hours=24)  # a promise that waited for the line's opening holds at least so long from there

    def __post_init__(self) -> None:
        if self.most_attempts > MOST_ATTEMPTS:
            raise UnfitPolicyError(f"{len(self.retry_gaps)} gaps make {self.most_attempts} attempts; at most {MOST_ATTEMPTS} are allowed")
        if any(gap <= timedelta(0) for gap in self.retry_gaps) or any(later <= earlier for earlier, later in pairwise(self.retry_gaps)):
            raise UnfitPolicyError("the gaps between attempts must grow")

    @property
    def most_attempts(self) -> int:
        return len(self.retry_gaps) + 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the promise. ``due_at`` is given with ``State.DUE`` alone."""

    state: State
    due_at: datetime | None = None


def after_attempt(result: Result, attempts: int, now: datetime, policy: Policy) -> Verdict:
    """What follows from an attempt's end; ``attempts`` counts it, unless it was never sent: nobody's telephone rang for that."""
    if result is Result.BRIDGED:
        return Verdict(State.DONE)
    if result is Result.NOT_SENT:
        return Verdict(State.DUE, now + policy.retry_gaps[0] if policy.retry_gaps else now + policy.nobody_there)
    if result is Result.FORBIDDEN or attempts >= policy.most_attempts:  # what is forbidden now is forbidden in an hour
        return Verdict(State.FAILED)
    return Verdict(State.DUE, now + policy.retry_gaps[attempts - 1])


def holds_until(expires_at: datetime, opens_at: datetime, policy: Policy) -> datetime:
    """When a promise ends that waits for the line's opening: a week of holidays doesn't break it untried."""
    return max(expires_at, opens_at + policy.after_opening)


def lease_is_over(lease_until: datetime | None, now: datetime, policy: Policy) -> bool:
    """Also when it ends too far ahead: then the clock was set back, and the claim would hold for as long as it jumped."""
    return lease_until is None or lease_until <= now or lease_until > now + policy.lease

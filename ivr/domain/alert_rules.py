"""What is worth an alert, decided from values: a call that was abandoned, and a loss rate that crossed its threshold. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from ivr.domain.contacts import Contact, ContactOutcome, VisitOutcome
from ivr.domain.figures import Figures
from ivr.domain.numbers import masked


class Where(StrEnum):
    """Where the caller was lost."""

    MENU = "menu"
    WAITING = "waiting"
    RINGING = "ringing"
    REFUSED = "refused"  # the queue was full, or nobody was there


_WHERE = {
    ContactOutcome.ABANDONED_IVR: Where.MENU,
    ContactOutcome.ABANDONED_QUEUE: Where.WAITING,
    ContactOutcome.ABANDONED_RING: Where.RINGING,
    ContactOutcome.REJECTED_CAPACITY: Where.REFUSED,
}


@dataclass(frozen=True, slots=True)
class AbandonedCall:
    """What supervisors are told of one lost call. ``caller`` is masked (R60), empty when withheld; ``waited_s`` counts from the queue's
    entry, from the call's beginning for whoever was lost in the menus; ``at`` is aware."""

    contact: str
    line: str | None
    caller: str
    where: Where
    node: str | None
    waited_s: float
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """For the outbox row."""
        return {
            "contact": self.contact,
            "line": self.line,
            "caller": self.caller,
            "where": self.where.value,
            "node": self.node,
            "waited_s": round(self.waited_s, 1),
            "at": self.at.isoformat(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What ``as_json`` gave."""
        return cls(**{**stored, "where": Where(stored["where"]), "at": datetime.fromisoformat(stored["at"])})


def abandoned_call(contact: Contact, *, menus: bool) -> AbandonedCall | None:
    """The alert this ended contact deserves, if any. ``menus``: hang-ups in the menus count too."""
    where = _WHERE.get(contact.outcome) if contact.outcome else None
    if where is None or contact.ended_at is None or (where is Where.MENU and not menus):
        return None
    visits = [visit for visit in contact.visits if visit.outcome not in (VisitOutcome.FULL, VisitOutcome.JOIN_EMPTY)]
    began_at = visits[0].joined_at if visits else contact.started_at
    return AbandonedCall(
        contact=contact.id,
        line=contact.line,
        caller=masked(contact.caller),
        where=where,
        node=contact.path[-1].node if contact.path else None,
        waited_s=max(0.0, (contact.ended_at - began_at).total_seconds()),
        at=contact.ended_at,
    )


@dataclass(frozen=True, slots=True)
class LossRule:
    """``rate``: lost ÷ (offered − waiting) from which it alerts, with at least ``least_calls`` decided calls in the window.

    Two thresholds each, so that a rate or a traffic that wavers about one makes no flood: it recovers at ``recovers_at`` of the
    rate, or when less than half of the least number of calls is left to judge by.
    """

    rate: float
    least_calls: int
    recovers_at: float = 0.8


class Turn(StrEnum):
    HIGH = "high"
    RECOVERED = "recovered"


class Why(StrEnum):
    CROSSED = "crossed"
    FELL = "fell"
    TOO_FEW_CALLS = "too_few_calls"


@dataclass(frozen=True, slots=True)
class LossTurn:
    """The state changed, and why. ``loss_rate`` is None when nobody called any more."""

    turn: Turn
    why: Why
    lost: int
    decided: int
    loss_rate: float | None


def loss_turn(rule: LossRule, *, high: bool, figures: Figures) -> LossTurn | None:
    """Whether the loss rate of a window's visits turns the state; None when it stays. ``high``: it was high until now."""
    decided = figures.offered - figures.waiting
    rate = figures.loss_rate

    def turned(turn: Turn, why: Why) -> LossTurn:
        return LossTurn(turn, why, figures.lost, decided, rate)

    if not high:
        crossed = rate is not None and decided >= rule.least_calls and rate >= rule.rate
        return turned(Turn.HIGH, Why.CROSSED) if crossed else None
    if rate is None or decided * 2 < rule.least_calls:
        return turned(Turn.RECOVERED, Why.TOO_FEW_CALLS)
    return turned(Turn.RECOVERED, Why.FELL) if rate <= rule.rate * rule.recovers_at else None

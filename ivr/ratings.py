"""Keeps callers' ratings and sees to it that a bad one is followed up (R50). For sessions, by ``ivr.house.RatingDesk``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact
from ivr.store import ratings as store
from ivr.store.database import Database
from ivr.store.ratings import Served

log = structlog.get_logger(__name__)

WORST, BEST = 1, 5
BAD = 2  # and worse
DEADLINE_S = 0.9  # the session gives it 1 s


class FollowUps(Protocol):
    """Who promises to call the dissatisfied (``ivr.promises``), in the transaction that keeps the rating."""

    def after_bad_rating(self, session: Session, contact: Contact, now: datetime) -> str | None:
        """The promise's id; None when this caller can't be called. Idempotent."""


class Ratings:
    """The desk that the sessions ask."""

    def __init__(self, database: Database, follow_ups: FollowUps, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._follow_ups = follow_ups
        self._clock = clock

    async def offered(self, contact: Contact, question: str) -> None:
        """Raises StoreError."""
        await self._database.write(
            partial(store.offer, served=_served(contact), question=question, now=self._clock()), timeout_s=DEADLINE_S
        )

    async def rated(self, contact: Contact, question: str, rating: int) -> None:
        """1 is the worst of 5; what lies outside is a fault of the flow and becomes the nearest. Raises StoreError."""
        kept = max(WORST, min(rating, BEST))
        promised = await self._database.write(
            partial(self._keep, contact=contact, question=question, rating=kept, now=self._clock()), timeout_s=DEADLINE_S
        )
        log.info("rated", contact=contact.id, question=question, rating=kept, follow_up=promised)

    def _keep(self, session: Session, contact: Contact, question: str, rating: int, now: datetime) -> str | None:
        store.rate(session, _served(contact), question, rating, now)
        return self._follow_ups.after_bad_rating(session, contact, now) if rating <= BAD else None


def _served(contact: Contact) -> Served:
    """By the agent who talked with him last."""
    visit = next((visit for visit in reversed(contact.visits) if visit.answered_at), None)
    return Served(contact.id, contact.line, visit.queue if visit else None, visit.agent if visit else contact.talked_to)

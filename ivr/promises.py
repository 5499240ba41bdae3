"""Gives promises to call: to whoever asks for it, to each caller who gave up (R2), to each customer whose complaint was answered (R17).

For the session, the tracker's consequences, the case service and the command line. A number that may not be called gets a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from callbacks.model import NewPromise, Reason
from callbacks.numbers import AllowList
from ivr.domain.contacts import Contact, ContactOutcome
from ivr.settings import Settings
from ivr.store import callbacks as store
from ivr.store.database import Database
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

_ABANDONED = (ContactOutcome.ABANDONED_QUEUE, ContactOutcome.ABANDONED_RING, ContactOutcome.REJECTED_CAPACITY)


class RefusedError(Exception):
    """This call can't be promised; the text is an English sentence without the number, its ``code`` and ``values`` say the same."""

    def __init__(self, code: str, sentence: str, values: Mapping[str, str | tuple[str, ...]] | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.values = values or {}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is promised: from the settings. ``short_s``: who gives up within it isn't called; times as their names say."""

    first_after: timedelta
    expires_after: timedelta
    follow_up_after: timedelta
    abandoned: bool
    short_s: float
    language: str
    queue_of_line: Mapping[str, str]
    default_queue: str

    @classmethod
    def of(cls, settings: Settings, default_queue: str) -> Terms:
        callbacks = settings.callbacks
        return cls(
            first_after=timedelta(minutes=callbacks.first_after_minutes),
            expires_after=timedelta(hours=callbacks.expires_h),
            follow_up_after=timedelta(hours=callbacks.follow_up_after_h),
            abandoned=callbacks.abandoned,
            short_s=settings.targets.short_s,
            language=settings.hotline.language,
            queue_of_line={name: line.queue for name, line in settings.lines.items()},
            default_queue=default_queue,
        )


def allow_list(settings: Settings) -> AllowList:
    return AllowList(frozenset(settings.callbacks.countries), frozenset(settings.callbacks.number_types))


class Promises:
    """Functions of a database session, so that a promise is given in the transaction that causes it; idempotent by their keys."""

    def __init__(self, sealer: Sealer, allowed: AllowList, terms: Terms) -> None:
        self._sealer = sealer
        self._allowed = allowed
        self._terms = terms

    def refusal(self, number: str) -> str | None:
        """Why this number (E.164, empty where it is withheld) isn't called, in a sentence without it; None: it is."""
        refused = self._allowed.refusal(number)
        return refused.sentence if refused else None

    def requested(self, session: Session, contact: Contact, now: datetime) -> str:
        """He pressed the key; tells the promise's id. Raises RefusedError."""
        return self._give(
            session,
            now,
            key=f"requested:{contact.id}",
            reason=Reason.REQUESTED,
            number=contact.caller,
            line=contact.line,
            queue=self._queue_of(contact),
            language=contact.language,
            due_at=now + self._terms.first_after,
            created_by="caller",
            contact=contact.id,
        )

    def by_hand(self, session: Session, number: str, now: datetime, *, key: str, line: str | None, due_at: datetime, by: str) -> str:
        """One of us gives it. ``number`` is E.164. Raises RefusedError."""
        queue = self._terms.queue_of_line.get(line or "", self._terms.default_queue)
        return self._give(
            session, now, key=key, reason=Reason.REQUESTED, number=number, line=line, queue=queue, due_at=due_at, created_by=by
        )

    def follow_up(self, session: Session, complaint: str, number: str, line: str | None, now: datetime, by: str, round_: int = 0) -> str:
        """The customer was told the result: he is called once more (R17), and again after each answer he rejected (``round_``).

        ``number`` is E.164. Raises RefusedError.
        """
        return self._give(
            session,
            now,
            key=f"follow_up:{complaint}:{round_}" if round_ else f"follow_up:{complaint}",
            reason=Reason.FOLLOW_UP,
            number=number,
            line=line,
            queue=self._terms.queue_of_line.get(line or "", self._terms.default_queue),
            due_at=now + self._terms.follow_up_after,
            created_by=by,
            complaint=complaint,
        )

    def after_bad_rating(self, session: Session, contact: Contact, now: datetime) -> str | None:
        """The customer was served and isn't satisfied: he is called once more (R50). None where he can't be."""
        try:
            return self._give(
                session,
                now,
                key=f"rating:{contact.id}",
                reason=Reason.FOLLOW_UP,
                number=contact.caller,
                line=contact.line,
                queue=self._queue_of(contact),
                language=contact.language,
                due_at=now + self._terms.follow_up_after,
                created_by="ivrd",
                contact=contact.id,
            )
        except RefusedError as refused:
            log.info("a dissatisfied caller is not called back", contact=contact.id, why=str(refused))
            return None

    def when_a_contact_ends(self, session: Session, contact: Contact) -> None:
        """A consequence (``ivr.tracking``): who was served is not called any more, who gave up is."""
        now = contact.ended_at or contact.started_at
        if contact.answered_at is not None:
            if contact.caller and (cancelled := store.cancel_served(session, self._sealer, contact.caller, contact.answered_at, now)):
                log.info("promised calls are cancelled: the customer was served meanwhile", contact=contact.id, callbacks=cancelled)
            return
        if not self._terms.abandoned or contact.outcome not in _ABANDONED or self._gave_up_at_once(contact):
            return
        try:
            self._give(
                session,
                now,
                key=f"abandoned:{contact.id}",
                reason=Reason.ABANDONED,
                number=contact.caller,
                line=contact.line,
                queue=self._queue_of(contact),
                language=contact.language,
                due_at=now + self._terms.first_after,
                created_by="ivrd",
                contact=contact.id,
            )
        except RefusedError as refused:
            log.info("an abandoned caller is not called back", contact=contact.id, why=str(refused))

    def _gave_up_at_once(self, contact: Contact) -> bool:
        """Short of the patience anybody has; a caller refused at the door had no choice and is no such one."""
        if contact.outcome is ContactOutcome.REJECTED_CAPACITY:
            return False
        wait_s = contact.visits[-1].wait_s if contact.visits else None
        return wait_s is not None and wait_s < self._terms.short_s

    def _queue_of(self, contact: Contact) -> str:
        if contact.visits:
            return contact.visits[-1].queue
        return self._terms.queue_of_line.get(contact.line or "", self._terms.default_queue)

    def _give(
        self,
        session: Session,
        now: datetime,
        *,
        key: str,
        reason: Reason,
        number: str,
        line: str | None,
        queue: str,
        due_at: datetime,
        created_by: str,
        language: str = "",
        contact: str | None = None,
        complaint: str | None = None,
    ) -> str:
        line = line or next((name for name, its_queue in self._terms.queue_of_line.items() if its_queue == queue), None)
        if refusal := self._allowed.refusal(number):
            raise RefusedError(refusal.code, refusal.sentence, refusal.values)
        new = NewPromise(
            key=key,
            reason=reason,
            number=number,
            queue=queue,
            language=language or self._terms.language,
            due_at=due_at,
            expires_at=due_at + self._terms.expires_after,
            created_by=created_by,
            line=line,
            contact=contact,
            complaint=complaint,
        )
        return store.promise(session, self._sealer, new, now)


class Desk:
    """The session's way to a promise: committed before the caller is told."""

    def __init__(self, database: Database, promises: Promises, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._promises = promises
        self._clock = clock

    async def request(self, contact: Contact, at: datetime | None = None) -> str | None:
        """The promise's id once it is stored; None when the number may not be called. Raises StoreError: it may be stored yet.

        ``at``: when he asked, aware; now where None. Whether a number may be called is known without the database.
        """
        if refusal := self._promises.refusal(contact.caller):
            log.info("a call back is refused", contact=contact.id, why=refusal)
            return None
        promised = await self._database.write(partial(self._promises.requested, contact=contact, now=at or self._clock()))
        log.info("a call back is promised", contact=contact.id, callback=promised)
        return promised

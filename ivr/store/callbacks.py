"""Promised calls as rows: given, dialled, ended; claimed in ``callback_claims``. Functions of a session, run by ``Database`` in its thread.

Every step of a promise is one UPDATE under a condition, so that of two schedulers one alone succeeds, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Update, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from callbacks.model import OPEN, NewPromise, Reason, Result, State, channel_id
from callbacks.policy import Policy, after_attempt, lease_is_over
from ivr.store.schema import CallbackAttemptRow, CallbackRow, ContactRow
from ivr.store.sealing import Sealer

# What being served answers. A follow-up is our question to the customer (R17): another call doesn't answer it.
SERVED_BY_TALKING = (Reason.REQUESTED, Reason.ABANDONED)
_SERVED_MEANWHILE = {"state": State.CANCELLED.value, "last_result": "served", "owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One dial. Times are aware UTC; ``result`` is None while it goes on."""

    channel_id: str
    number: int
    dialled_at: datetime
    ended_at: datetime | None
    result: str | None


@dataclass(frozen=True, slots=True)
class CallbackRecord:
    """A promise as it stands, with its attempts. ``number`` is E.164; times are aware UTC."""

    id: str
    reason: str
    state: str
    number: str
    line: str | None
    queue: str
    language: str
    contact: str | None
    complaint: str | None
    due_at: datetime
    expires_at: datetime
    attempts: int
    last_result: str | None
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    dials: tuple[AttemptRecord, ...] = ()


def promise(session: Session, sealer: Sealer, new: NewPromise, now: datetime) -> str:
    """Give a promise once; tells its id.

    Whoever is to be called anyway, asked for or abandoned, is not called a second time for it: the open promise is the answer. What he asks
    for himself, though, decides when he is called, and by which line: it takes the place of one that only waits. A follow-up is always its
    own.
    """
    index = sealer.index(new.number)
    query = select(CallbackRow).where(CallbackRow.key == new.key)
    if new.reason in SERVED_BY_TALKING:
        same_person = and_(CallbackRow.number_index == index, CallbackRow.state.in_(OPEN), CallbackRow.reason.in_(SERVED_BY_TALKING))
        query = select(CallbackRow).where(or_(CallbackRow.key == new.key, same_person)).order_by(CallbackRow.created_at)
    if known := session.scalars(query.limit(1).with_for_update()).first():
        if known.key != new.key and known.state == State.DUE and new.reason is Reason.REQUESTED:
            _take_over(known, new)
        return known.id
    row = CallbackRow(
        id=str(uuid.uuid4()),
        key=new.key,
        reason=new.reason.value,
        contact=new.contact,
        complaint=new.complaint,
        line=new.line,
        queue=new.queue,
        language=new.language,
        number=sealer.seal(new.number),
        number_index=index,
        state=State.DUE.value,
        due_at=new.due_at,
        expires_at=new.expires_at,
        attempts=0,
        created_at=now,
        created_by=new.created_by,
    )
    session.add(row)
    session.flush()
    return row.id


def _take_over(row: CallbackRow, new: NewPromise) -> None:
    row.reason, row.line, row.queue, row.language = new.reason.value, new.line, new.queue, new.language
    row.due_at, row.expires_at = min(row.due_at, new.due_at), max(row.expires_at, new.expires_at)


def tidy(session: Session, now: datetime, policy: Policy) -> None:
    """Promises past their time expire; claims whose lease is over are due again; who was served while we dialled isn't due (R31)."""
    claimed = select(CallbackRow).where(CallbackRow.state == State.CLAIMED).with_for_update(skip_locked=True)
    for row in session.scalars(claimed):
        if lease_is_over(row.lease_until, now, policy):
            row.state, row.owner, row.lease_until = State.DUE.value, None, None
    session.flush()
    session.execute(
        update(CallbackRow)
        .where(CallbackRow.state == State.DUE, CallbackRow.expires_at <= now)
        .values(state=State.EXPIRED.value, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    # The end of an answered call cancels what is due then. What is being dialled at that moment comes due after it; what was promised on
    # disk, while the database refused, comes in after it.
    served = exists().where(ContactRow.caller_index == CallbackRow.number_index, ContactRow.answered_at >= CallbackRow.created_at)
    session.execute(
        update(CallbackRow)
        .where(CallbackRow.state == State.DUE, CallbackRow.reason.in_(SERVED_BY_TALKING), served)
        .values(**_SERVED_MEANWHILE, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _mine(callback_id: str, owner: str) -> Update:
    return update(CallbackRow).where(CallbackRow.id == callback_id, CallbackRow.owner == owner, CallbackRow.state == State.CLAIMED)


def release(session: Session, callback_id: str, owner: str, due_at: datetime, expires_at: datetime) -> None:
    back = {"state": State.DUE.value, "owner": None, "lease_until": None}
    session.execute(_mine(callback_id, owner).values(**back, due_at=due_at, expires_at=expires_at))


def refuse(session: Session, callback_id: str, owner: str, now: datetime) -> None:
    end = {"state": State.FAILED.value, "ended_at": now, "last_result": Result.FORBIDDEN.value}
    session.execute(_mine(callback_id, owner).values(owner=None, lease_until=None, **end))


def begin_attempt(session: Session, callback_id: str, owner: str, now: datetime) -> str | None:
    """Commit this before Asterisk is asked; None when the claim isn't ours any more."""
    row = session.scalars(
        select(CallbackRow)
        .where(CallbackRow.id == callback_id, CallbackRow.owner == owner, CallbackRow.state == State.CLAIMED)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    row.attempts += 1
    # Beside those that count there may be some that were never sent; a channel's id is never used twice.
    before = session.scalar(select(func.count()).select_from(CallbackAttemptRow).where(CallbackAttemptRow.callback == row.id)) or 0
    row.state, row.lease_until = State.DIALLING.value, None
    row.channel_id = channel_id(row.id, before + 1)
    session.add(CallbackAttemptRow(channel_id=row.channel_id, callback=row.id, number=before + 1, dialled_at=now))
    return row.channel_id


def settle(session: Session, name: str, result: Result, now: datetime, policy: Policy) -> bool:
    """The end of an attempt and what follows from it. Only its first end counts, but for one: that he talked to an agent after all."""
    attempt = session.get(CallbackAttemptRow, name)
    row = session.get(CallbackRow, attempt.callback, with_for_update=True) if attempt else None
    if attempt is None or row is None:
        return False
    dialling = row.state == State.DIALLING and row.channel_id == name
    served_late = result is Result.BRIDGED and row.state in (State.DUE, State.FAILED, State.EXPIRED)
    if not (dialling or served_late):
        return False
    verdict = after_attempt(result, row.attempts, now, policy)
    attempt.ended_at, attempt.result = now, result.value
    if result is Result.NOT_SENT:
        row.attempts -= 1
    row.state, row.last_result = verdict.state.value, result.value
    row.owner = row.lease_until = row.channel_id = None
    if verdict.due_at is not None:
        row.due_at = verdict.due_at
    else:
        row.ended_at = now
    if result is Result.BRIDGED:
        session.flush()
        _cancel_served(session, row.number_index, now, now)
    return True


def dialling(session: Session) -> Sequence[str]:
    query = select(CallbackRow.channel_id).where(CallbackRow.state == State.DIALLING).order_by(CallbackRow.id)
    return [name for name in session.scalars(query) if name]


def cancel_served(session: Session, sealer: Sealer, number: str, served_at: datetime, now: datetime) -> int:
    """He talked to an agent at ``served_at``: what was promised before that is not dialled any more (R31). Tells how many."""
    return _cancel_served(session, sealer.index(number), served_at, now)


def _cancel_served(session: Session, number_index: str, served_at: datetime, now: datetime) -> int:
    cancelled = session.execute(
        update(CallbackRow)
        .where(
            CallbackRow.number_index == number_index,
            CallbackRow.state.in_((State.DUE, State.CLAIMED)),
            CallbackRow.reason.in_(SERVED_BY_TALKING),
            CallbackRow.created_at <= served_at,
        )
        .values(**_SERVED_MEANWHILE, ended_at=now)
        .returning(CallbackRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(cancelled.all())


def cancel_follow_ups(session: Session, complaint: str, now: datetime) -> None:
    """The customer has already said what he would have been asked (R19). One that is being dialled goes on."""
    session.execute(
        update(CallbackRow)
        .where(
            CallbackRow.complaint == complaint,
            CallbackRow.reason == Reason.FOLLOW_UP,
            CallbackRow.state.in_((State.DUE, State.CLAIMED)),
        )
        .values(**{**_SERVED_MEANWHILE, "last_result": "rejected"}, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def cancel(session: Session, callback_id: str, now: datetime) -> bool:
    """By a person. False when it is being dialled, has ended, or isn't there."""
    cancelled = session.execute(
        update(CallbackRow)
        .where(CallbackRow.id == callback_id, CallbackRow.state.in_((State.DUE, State.CLAIMED)))
        .values(state=State.CANCELLED.value, ended_at=now, owner=None, lease_until=None)
        .returning(CallbackRow.id)
        .execution_options(synchronize_session=False)
    )
    return cancelled.first() is not None


def of_contact(session: Session, contact: str) -> str | None:
    """The state of what was promised to this call's caller; None when nothing was."""
    return session.scalars(select(CallbackRow.state).where(CallbackRow.contact == contact).order_by(CallbackRow.created_at)).first()


def latest(
    session: Session, sealer: Sealer, limit: int, *, state: str | None = None, before: datetime | None = None
) -> Sequence[CallbackRecord]:
    """The newest promises first, without their attempts; given ``before`` a moment where there is one."""
    query = select(CallbackRow).order_by(CallbackRow.created_at.desc(), CallbackRow.id).limit(limit)
    if state:
        query = query.where(CallbackRow.state == state)
    if before:
        query = query.where(CallbackRow.created_at < before)
    return [_record(row, sealer) for row in session.scalars(query)]


def by_id(session: Session, sealer: Sealer, callback_id: str) -> CallbackRecord | None:
    row = session.get(CallbackRow, callback_id)
    if row is None:
        return None
    query = select(CallbackAttemptRow).where(CallbackAttemptRow.callback == row.id).order_by(CallbackAttemptRow.number)
    dials = tuple(
        AttemptRecord(dial.channel_id, dial.number, dial.dialled_at, dial.ended_at, dial.result) for dial in session.scalars(query)
    )
    return _record(row, sealer, dials)


def _record(row: CallbackRow, sealer: Sealer, dials: tuple[AttemptRecord, ...] = ()) -> CallbackRecord:
    return CallbackRecord(
        id=row.id,
        reason=row.reason,
        state=row.state,
        number=sealer.open(row.number),
        line=row.line,
        queue=row.queue,
        language=row.language,
        contact=row.contact,
        complaint=row.complaint,
        due_at=row.due_at,
        expires_at=row.expires_at,
        attempts=row.attempts,
        last_result=row.last_result,
        created_at=row.created_at,
        created_by=row.created_by,
        ended_at=row.ended_at,
        dials=dials,
    )

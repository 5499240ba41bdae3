"""Which promised call is dialled next: claimed by one statement, so that of two schedulers one alone gets it, on SQLite and PostgreSQL.

Functions of a session, run by ``Database.write``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import BindParameter, Integer, String, bindparam, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate

from callbacks.model import LIVE, Callback, Result, State
from callbacks.policy import Policy
from ivr.store.contacts import LONGEST_CALL
from ivr.store.schema import CallbackAttemptRow, CallbackRow, ContactRow, UtcDateTime
from ivr.store.sealing import Sealer

DAY = timedelta(hours=24)


def claim(session: Session, sealer: Sealer, owner: str, now: datetime, policy: Policy) -> Callback | None:
    """Claim the promise due longest that may be dialled now; None when there is none.

    The cap on live ones may be passed by one for each further scheduler on PostgreSQL; one live call to a number is never passed.
    """
    given = {
        "p_now": now,
        "p_day_ago": now - DAY,
        "p_longest_call_ago": now - LONGEST_CALL,
        "p_concurrent": policy.concurrent,
        "p_a_number_a_day": policy.a_number_a_day,
        "p_most_attempts": policy.most_attempts,
        "p_owner": owner,
        "p_lease_until": now + policy.lease,
    }
    try:
        with session.begin_nested():
            row = session.scalars(claiming(), given).one_or_none()
    except IntegrityError:  # another scheduler claimed the same number in this moment: the unique index decided
        return None
    if row is None:
        return None
    return Callback(row.id, sealer.open(row.number), row.line, row.queue, row.language, row.attempts, row.due_at, row.expires_at)


@cache
def claiming() -> ReturningUpdate[CallbackRow]:
    """Built once: it is asked every few seconds, for ever."""
    other, attempted = aliased(CallbackRow), aliased(CallbackRow)
    live = select(func.count()).select_from(other).where(other.state.in_(LIVE)).scalar_subquery()
    number_is_live = exists().where(other.number_index == CallbackRow.number_index, other.state.in_(LIVE)).correlate(CallbackRow)
    attempts_today = (
        select(func.count())
        .select_from(CallbackAttemptRow)
        .join(attempted, attempted.id == CallbackAttemptRow.callback)
        .where(
            attempted.number_index == CallbackRow.number_index,
            CallbackAttemptRow.dialled_at > _moment("p_day_ago"),
            func.coalesce(CallbackAttemptRow.result, "") != Result.NOT_SENT.value,
        )
        .correlate(CallbackRow)
        .scalar_subquery()
    )
    # He is on the line with us, waiting perhaps: calling him now would be nonsense.
    calls_us = (
        exists()
        .where(
            ContactRow.caller_index == CallbackRow.number_index,
            ContactRow.ended_at.is_(None),
            ContactRow.started_at > _moment("p_longest_call_ago"),
        )
        .correlate(CallbackRow)
    )
    wanted = (
        select(CallbackRow.id)
        .where(
            CallbackRow.state == State.DUE,
            CallbackRow.due_at <= _moment("p_now"),
            CallbackRow.expires_at > _moment("p_now"),
            CallbackRow.attempts < bindparam("p_most_attempts", type_=Integer),
            live < bindparam("p_concurrent", type_=Integer),
            attempts_today < bindparam("p_a_number_a_day", type_=Integer),
            ~number_is_live,
            ~calls_us,
        )
        .order_by(CallbackRow.due_at, CallbackRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (
        update(CallbackRow)
        .where(CallbackRow.id == wanted.scalar_subquery(), CallbackRow.state == State.DUE)
        .values(state=State.CLAIMED.value, owner=bindparam("p_owner", type_=String), lease_until=_moment("p_lease_until"))
        .returning(CallbackRow)
        .execution_options(synchronize_session=False)
    )


def _moment(name: str) -> BindParameter[datetime]:
    return bindparam(name, type_=UtcDateTime())

"""What figures count beside visits: measured wrap-ups, callers' ratings, and abandoned calls that nobody ever got back to.

Functions of a session, for ``ivr.reporting``. Cells don't hold these: they come after the call, or depend on what came after it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from callbacks.model import State
from ivr.domain.agent_states import AgentState
from ivr.domain.contacts import ContactOutcome
from ivr.domain.visit_record import milliseconds
from ivr.store.schema import AgentIntervalRow, CallbackRow, ContactRow, RatingRow
from ivr.store.visit_rows import Key, Tallies

IDS_AT_ONCE = 500  # below SQLite's limit of variables
_GAVE_UP = (ContactOutcome.ABANDONED_IVR, ContactOutcome.ABANDONED_QUEUE, ContactOutcome.ABANDONED_RING)


@dataclass(frozen=True, slots=True)
class Unrecovered:
    """A call that was abandoned, or ended with the promise of a call, and whose caller was not served within the hours after it."""

    contact: str
    line: str
    started_at: datetime
    outcome: ContactOutcome


def add_wrap_ups(session: Session, start: datetime, end: datetime, agents: bool, tally: Tallies) -> None:
    """Of wrap-ups that began in [start, end) and are over; they have a queue and an agent, and no line."""
    row = AgentIntervalRow
    query = select(row.queue, row.agent, row.began_at, row.ended_at).where(
        row.began_at >= start, row.began_at < end, row.state == AgentState.WRAPPING_UP.value
    )
    for queue, agent, began_at, ended_at in session.execute(query):
        if ended_at is None:
            continue
        found = tally(Key(queue, "", agent if agents else ""), began_at)
        found.wraps += 1
        found.wrap_ms += milliseconds(ended_at - began_at)


def add_ratings(session: Session, start: datetime, end: datetime, agents: bool, tally: Tallies) -> None:
    """Of surveys that were offered in [start, end)."""
    row = RatingRow
    query = select(row.queue, row.line, row.agent, row.offered_at, row.rating).where(row.offered_at >= start, row.offered_at < end)
    for queue, line, agent, offered_at, rating in session.execute(query):
        if agent or not agents:
            tally(Key(queue or "", line or "", (agent or "") if agents else ""), offered_at).add_rating(rating)


def unrecovered(session: Session, start: datetime, end: datetime, within: timedelta) -> Iterator[Unrecovered]:
    """Of calls that began in [start, end). Served: answered later under the same number, or called back and reached."""
    row = ContactRow
    gave_up = (row.outcome.in_([outcome.value for outcome in _GAVE_UP[1:]])) | (
        (row.outcome == ContactOutcome.ABANDONED_IVR.value) & (row.nodes > 1)
    )
    query = select(row.id, row.line, row.outcome, row.started_at, row.ended_at, row.caller_index).where(
        row.started_at >= start, row.started_at < end, or_(gave_up, row.outcome == ContactOutcome.CALLBACK_ACCEPTED.value)
    )
    for some in session.execute(query.order_by(row.started_at).execution_options(yield_per=IDS_AT_ONCE)).partitions():
        numbers = sorted({each.caller_index for each in some if each.caller_index})  # withheld: nobody knows him again
        ends = [each.ended_at or each.started_at for each in some]
        # No further than this portion needs: a company's number may have called ten thousand times.
        served = _served(session, numbers, [each.id for each in some], min(ends), max(ends) + within)
        for each in some:
            ended_at = each.ended_at or each.started_at
            keys = [key for key in (each.caller_index, each.id) if key]
            if not any(_within(served.get(key, ()), ended_at, ended_at + within) for key in keys):
                yield Unrecovered(each.id, each.line or "", each.started_at, ContactOutcome(each.outcome))


def _served(
    session: Session, numbers: Sequence[str], contacts: Sequence[str], first: datetime, last: datetime
) -> dict[str, list[datetime]]:
    """When who has one of these numbers, or made one of these calls, talked to one of us, from ``first`` to ``last``."""
    found: dict[str, list[datetime]] = {}
    answered = select(ContactRow.caller_index, ContactRow.answered_at).where(
        ContactRow.caller_index.in_(numbers), ContactRow.answered_at >= first, ContactRow.answered_at <= last
    )
    for number, answered_at in session.execute(answered):
        if answered_at:
            found.setdefault(number, []).append(answered_at)
    row = CallbackRow
    called = select(row.number_index, row.contact, row.ended_at).where(
        or_(row.number_index.in_(numbers), row.contact.in_(contacts)),
        row.state == State.DONE.value,
        row.ended_at >= first,
        row.ended_at <= last,
    )
    for number, contact, ended_at in session.execute(called):
        for key in (number, contact):
            if key and ended_at:
                found.setdefault(key, []).append(ended_at)
    return {key: sorted(moments) for key, moments in found.items()}


def _within(moments: Sequence[datetime], first: datetime, last: datetime) -> bool:
    """Whether one of these, in order, lies between."""
    place = bisect_left(moments, first)
    return place < len(moments) and moments[place] <= last

"""Agents' intervals and events in the database. Functions of a session, run by ``Database.write`` and ``read``, for services and CLI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from ivr.domain.agent_states import AgentEvent, AgentKey, AgentState, Interval, Quality, What
from ivr.store.schema import AgentEventRow, AgentIntervalRow

T = TypeVar("T")
ROWS_AT_ONCE = 200  # below SQLite's limit of variables
# An interval is looked for this long before a period: a break that began before it counts with its whole length.
BEFORE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class AgentChange:
    """What is to be written of one agent: intervals by their beginning, events by their key."""

    put: Sequence[Interval] = ()
    gone: Sequence[datetime] = ()  # beginnings of intervals that aren't
    events: Sequence[AgentEvent] = ()
    events_gone: Sequence[str] = ()


@dataclass(slots=True)
class Kept:
    """One agent's intervals in order and his events."""

    intervals: list[Interval] = field(default_factory=list)
    events: list[AgentEvent] = field(default_factory=list)


def save(session: Session, changes: Mapping[AgentKey, AgentChange]) -> None:
    """Written again, nothing changes."""
    for key, change in changes.items():
        mine = and_(AgentIntervalRow.pbx == key.pbx[:32], AgentIntervalRow.agent == key.agent[:80])
        begins = [*change.gone, *(interval.began_at for interval in change.put)]
        for some in _batches(begins):
            session.execute(delete(AgentIntervalRow).where(mine, AgentIntervalRow.began_at.in_(some)))
        session.add_all(_interval_row(key, interval) for interval in change.put)
        keys = [_event_key(key, each) for each in (*change.events_gone, *(event.key for event in change.events))]
        for few in _batches(keys):
            session.execute(delete(AgentEventRow).where(AgentEventRow.key.in_(few)))
        session.add_all(_event_row(key, event) for event in change.events)
        session.flush()


def between(session: Session, start: datetime, end: datetime, agent: str = "", pbx: str = "") -> dict[AgentKey, Kept]:
    """Of everybody, or of the agent of this name: intervals that touch [start − 12 h, end), events in [start, end); by name."""
    found: dict[AgentKey, Kept] = {}
    touching = or_(AgentIntervalRow.ended_at.is_(None), AgentIntervalRow.ended_at > start - BEFORE)
    intervals = select(AgentIntervalRow).where(AgentIntervalRow.began_at < end, touching).order_by(AgentIntervalRow.began_at)
    events = select(AgentEventRow).where(AgentEventRow.at >= start, AgentEventRow.at < end).order_by(AgentEventRow.at, AgentEventRow.id)
    if agent:
        intervals, events = intervals.where(AgentIntervalRow.agent == agent), events.where(AgentEventRow.agent == agent)
    if pbx:
        intervals, events = intervals.where(AgentIntervalRow.pbx == pbx), events.where(AgentEventRow.pbx == pbx)
    for row in session.scalars(intervals):
        found.setdefault(AgentKey(row.pbx, row.agent), Kept()).intervals.append(_interval(row))
    for event in session.scalars(events):
        found.setdefault(AgentKey(event.pbx, event.agent), Kept()).events.append(_event(event))
    return dict(sorted(found.items(), key=lambda item: (item[0].agent, item[0].pbx)))


def last(session: Session) -> dict[AgentKey, Interval]:
    """Everybody's interval without an end: as he was when the daemon stopped."""
    rows = session.scalars(select(AgentIntervalRow).where(AgentIntervalRow.ended_at.is_(None)).order_by(AgentIntervalRow.began_at))
    return {AgentKey(row.pbx, row.agent): _interval(row) for row in rows}


def _batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), ROWS_AT_ONCE):
        yield values[start : start + ROWS_AT_ONCE]


def _interval_row(key: AgentKey, interval: Interval) -> AgentIntervalRow:
    return AgentIntervalRow(
        pbx=key.pbx[:32],
        agent=key.agent[:80],
        state=interval.state.value,
        reason=interval.reason[:80],
        queue=interval.queue[:32],
        call=interval.call[:150],
        began_at=interval.began_at,
        ended_at=interval.ended_at,
        quality=interval.quality.value,
    )


def _interval(row: AgentIntervalRow) -> Interval:
    return Interval(AgentState(row.state), row.began_at, row.ended_at, row.reason, row.queue, row.call, Quality(row.quality))


def _event_row(key: AgentKey, event: AgentEvent) -> AgentEventRow:
    return AgentEventRow(
        key=_event_key(key, event.key),
        pbx=key.pbx[:32],
        agent=key.agent[:80],
        queue=event.queue[:32],
        contact=event.contact[:150],
        at=event.at,
        what=event.what.value,
        ms=event.ms,
    )


def _event(row: AgentEventRow) -> AgentEvent:
    return AgentEvent(row.key, row.at, What(row.what), row.queue, row.contact, row.ms)


def _event_key(key: AgentKey, event: str) -> str:
    return hashlib.sha256("\t".join((*key, event)).encode()).hexdigest()[:32]

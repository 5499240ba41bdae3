"""Queue visits and ended calls of a period, counted one by one: what cells are made of, and reports where there is no fresh cell.

Functions of a session, for ``figure_cells``, the roll-up and ``ivrd explain``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Table, and_, or_, select
from sqlalchemy.orm import Session, load_only
from sqlalchemy.sql.elements import ColumnElement

from ivr.domain.contacts import ContactOutcome, Quality, VisitOutcome
from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord, record_of
from ivr.store.contacts import LONGEST_CALL, visits_of_row
from ivr.store.schema import ContactRow, VisitRow

VISITS: Table = VisitRow.__table__  # type: ignore[assignment]
_COLUMNS = tuple(VISITS.c[name] for name in VisitRecord._fields)
_OUTCOMES = {outcome.value: outcome for outcome in VisitOutcome}
_CONTACT_OUTCOMES = {outcome.value: outcome for outcome in ContactOutcome}
_QUALITIES = {quality.value: quality for quality in Quality}
ROWS_AT_ONCE = 2000


class View(StrEnum):
    """COHORT: a visit counts, with all that became of it, where it entered. ACTIVITY: each event counts when it happened."""

    COHORT = "cohort"
    ACTIVITY = "activity"


class Key(NamedTuple):
    """Whose figures. ``line`` is "" for callers who chose none; ``agent`` "" for all of them; ``queue`` "" for calls, not visits."""

    queue: str
    line: str
    agent: str = ""


Tallies = Callable[[Key, datetime], Tally]  # the tally of a key at a moment, to be added to


def count(session: Session, start: datetime, end: datetime, view: View, agents: bool, tally: Tallies) -> None:
    """Everything in [start, end) that is stored in rows of its own."""
    if view is View.COHORT:
        for record in joined_between(session, start, end):
            if key := _key(record, agents):
                tally(key, record.joined_at).add(record)
        if not agents:
            count_calls(session, start, end, tally)
        return
    for record in touching(session, start, end):
        if key := _key(record, agents):
            _add_events(record, key, start, end, tally)


def count_from_contacts(session: Session, start: datetime, end: datetime, view: View, agents: bool, tally: Tallies) -> None:
    """The same from contacts that have no rows of visits yet: of a database from before there were any."""
    if start >= end:
        return
    for record in in_contacts_between(session, start, end):
        key = _key(record, agents)
        if key is None:
            continue
        if view is View.ACTIVITY:
            _add_events(record, key, start, end, tally)
        elif start <= record.joined_at < end:
            tally(key, record.joined_at).add(record)
    if view is View.COHORT and not agents:
        count_calls(session, start, end, tally)


def joined_between(session: Session, start: datetime, end: datetime, *narrowed: ColumnElement[bool]) -> Iterator[VisitRecord]:
    """Visits that entered their queue in [start, end), in that order."""
    return records(session, VISITS.c.joined_at >= start, VISITS.c.joined_at < end, *narrowed)


def touching(session: Session, start: datetime, end: datetime, *narrowed: ColumnElement[bool]) -> Iterator[VisitRecord]:
    """Visits of which something happened in [start, end): they entered, left, or their talk ended."""
    moments = (VISITS.c.joined_at, VISITS.c.left_at, VISITS.c.talk_ended_at)
    return records(session, or_(*(and_(moment >= start, moment < end) for moment in moments)), *narrowed)


def records(session: Session, *which: ColumnElement[bool]) -> Iterator[VisitRecord]:
    """These visits, in the order they entered."""
    query = select(*_COLUMNS).where(*which).order_by(VISITS.c.joined_at)
    for found in session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        contact, number, pbx, queue, line, agent, joined, left, talk_ended, outcome, wait, ring, talk, held, ended_by, quality = found
        yield VisitRecord(
            contact, number, pbx, queue, line, agent, joined, left, talk_ended,
            _OUTCOMES.get(outcome), wait, ring, talk, held, ended_by, _QUALITIES.get(quality, Quality.UNCERTAIN),
        )  # fmt: skip


def in_contacts_between(session: Session, start: datetime, end: datetime) -> Iterator[VisitRecord]:
    """The visits of contacts that may have been in a queue in [start, end), read from the contacts themselves."""
    c = ContactRow
    query = select(c).options(load_only(c.pbx, c.line, c.visits)).where(c.started_at >= start - LONGEST_CALL, c.started_at < end)
    for row in session.scalars(query.order_by(c.started_at).execution_options(yield_per=ROWS_AT_ONCE)):
        for number, visit in enumerate(visits_of_row(row), 1):
            yield record_of(visit, row.id, number, pbx=row.pbx, line=row.line)


def count_calls(session: Session, start: datetime, end: datetime, tally: Tallies) -> None:
    """Calls that ended, by their beginning."""
    c = ContactRow
    query = select(c.started_at, c.line, c.outcome, c.nodes).where(c.started_at >= start, c.started_at < end, c.outcome.is_not(None))
    for row in session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        if outcome := _CONTACT_OUTCOMES.get(row.outcome or ""):
            tally(Key("", row.line or ""), row.started_at).add_contact(outcome, row.nodes)


def _key(record: VisitRecord, agents: bool) -> Key | None:
    if not agents:
        return Key(record.queue, record.line)
    return Key(record.queue, record.line, record.agent) if record.agent else None


def _add_events(record: VisitRecord, key: Key, start: datetime, end: datetime, tally: Tallies) -> None:
    if start <= record.joined_at < end:
        tally(key, record.joined_at).add_entries(1)
    exited_at = record.exited_at
    if exited_at is not None and start <= exited_at < end:
        tally(key, exited_at).add_exits((record,))
    if record.talk_ended_at is not None and start <= record.talk_ended_at < end:
        tally(key, record.talk_ended_at).add_talk_ends((record,))

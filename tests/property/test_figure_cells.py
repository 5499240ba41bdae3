"""Reports from cells against a count over the visits themselves, whatever was rolled up, changed afterwards, or never was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord, record_of
from ivr.rollup import bite
from ivr.store import visits
from ivr.store.contacts import CONTACTS
from ivr.store.contacts import _row as contact_row
from ivr.store.figure_cells import MINUTE, QUARTER, View, floor, read, stale_count
from ivr.store.inserting import insert_or_replace
from ivr.store.schema import Base
from ivr.store.sealing import Sealer
from ivr.store.visit_rows import Key

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")
# Periods reach over whole blocks of hours, or lie within a minute.
MOMENTS = st.one_of(
    st.integers(-16, 16).map(lambda hours: timedelta(hours=hours)), st.floats(0, 3 * 3600).map(lambda s: timedelta(seconds=round(s, 3)))
)
SECONDS = st.floats(0, 3 * 3600).map(lambda seconds: timedelta(seconds=round(seconds, 3)))


@contextmanager
def database() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def store(session: Session, contacts: list[Contact], *, rows: bool) -> None:
    """``rows``: as this version stores them; else as one from before visits were rows."""
    records = [contact_row(SEALER, contact, None, followed=True) for contact in contacts]
    insert_or_replace(session, CONTACTS, records if rows else [{**record, "nodes": 0} for record in records], ["id"])
    if rows:
        visits.mark_stale(session, {*visits.save(session, contacts), *(contact.started_at for contact in contacts)})
    session.flush()


@st.composite
def calls(draw: st.DrawFn, number: int) -> Contact:
    joined = NOON + draw(SECONDS)
    outcome = draw(st.sampled_from([None, *VisitOutcome]))
    visit = Visit(draw(st.sampled_from(["hr", "course"])), joined, outcome=outcome, uncertain=draw(st.booleans()))
    if outcome is not None:
        visit.left_at = joined + draw(st.sampled_from([0.0, 0.05, 4.999, 5.0, 5.001, 19.95, 20.0, 20.01, 61.0, 900.0]).map(of_seconds))
    if outcome is VisitOutcome.ANSWERED:
        visit.picked_up_at = visit.answered_at = visit.left_at
        visit.agent = draw(st.sampled_from(["Li Na", "Wang Wei"]))
        if draw(st.booleans()) and visit.left_at:
            visit.talk_ended_at = visit.left_at + timedelta(seconds=draw(st.integers(0, 2000)))
            visit.ended_by = draw(st.sampled_from(["caller", "agent", "transfer"]))
    line = draw(st.sampled_from([None, "hr", "course"]))
    ended = draw(st.booleans()) and outcome is not None
    return Contact(f"{number}.1", joined, line=line, visits=[visit], ended_at=joined + timedelta(hours=1) if ended else None)


def of_seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


DAYS = st.integers(1, 25).flatmap(lambda count: st.tuples(*(calls(number) for number in range(count)))).map(list)


def expected(contacts: list[Contact], start: datetime, end: datetime, view: View, *, agents: bool) -> dict[Key, Tally]:
    found: dict[Key, Tally] = {}
    for contact in contacts:
        if view is View.COHORT and not agents and start <= contact.started_at < end and contact.outcome:
            found.setdefault(Key("", contact.line or ""), Tally()).add_contact(contact.outcome, len(contact.path))
        for number, visit in enumerate(contact.visits, 1):
            record = record_of(visit, contact.id, number, pbx=contact.pbx, line=contact.line)
            key = Key(record.queue, record.line, (record.agent or "") if agents else "")
            if agents and not record.agent:
                continue
            tally = Tally()
            count(tally, record, start, end, view)
            if tally != Tally():
                found.setdefault(key, Tally())
                found[key] += tally
    return found


def count(tally: Tally, record: VisitRecord, start: datetime, end: datetime, view: View) -> None:
    if view is View.COHORT:
        if start <= record.joined_at < end:
            tally.add(record)
        return
    if start <= record.joined_at < end:
        tally.add_entries(1)
    if record.outcome and start <= (record.left_at or record.joined_at) < end:
        tally.add_exits([record])
    if record.talk_ended_at and start <= record.talk_ended_at < end:
        tally.add_talk_ends([record])


def check(session: Session, contacts: list[Contact], start: datetime, end: datetime) -> None:
    for view in View:
        for agents in (False, True):
            for finest in (MINUTE, QUARTER):
                found = read(session, start, end, lambda _: 0, view=view, agents=agents, finest=finest, marks=[start])
                told = {key: tally for (key, _), tally in found.items() if tally != Tally()}
                assert told == expected(contacts, start, end, view, agents=agents), (view, agents, finest)
            check_halves(session, contacts, (start, start + (end - start) / 2, end), view, agents=agents)


def check_halves(
    session: Session, contacts: list[Contact], bounds: tuple[datetime, datetime, datetime], view: View, *, agents: bool
) -> None:
    """A mark in the middle, where it may lie within a block of hours."""
    start, middle, end = bounds
    if floor(middle, QUARTER) != middle:
        return
    halves = read(session, start, end, lambda at: at >= middle, view=view, agents=agents, marks=[start, middle])
    for later, (begin, finish) in enumerate(((start, middle), (middle, end))):
        told = {key: tally for (key, place), tally in halves.items() if place == bool(later) and tally != Tally()}
        assert told == expected(contacts, begin, finish, view, agents=agents)


@settings(max_examples=12, deadline=None)
@given(DAYS, MOMENTS, MOMENTS, st.integers(0, 20), st.data())
def test_any_period_read_equals_the_visits_counted(
    contacts: list[Contact], one: timedelta, other: timedelta, bites: int, data: st.DataObject
) -> None:
    start, end = NOON + min(one, other), NOON + max(one, other) + timedelta(milliseconds=1)
    with database() as session:
        store(session, contacts, rows=True)
        check(session, contacts, start, end)
        for _ in range(bites):
            bite(session, NOON + timedelta(days=2), visits=data.draw(st.sampled_from([1, 2, 1000])))
        check(session, contacts, start, end)
        changed = data.draw(st.sampled_from(contacts))
        contacts[contacts.index(changed)] = again = data.draw(calls(int(changed.id.partition(".")[0])))
        visits.mark_stale(session, {changed.started_at})
        store(session, [again], rows=True)
        check(session, contacts, start, end)
        while bite(session, NOON + timedelta(days=2)):
            pass
        assert stale_count(session) == 0
        check(session, contacts, start, end)


@settings(max_examples=8, deadline=None)
@given(DAYS, DAYS, st.integers(0, 3))
def test_calls_of_before_the_table_of_visits_count_too(old: list[Contact], new: list[Contact], bites: int) -> None:
    for contact in new:
        contact.id = f"new-{contact.id}"
    start, end = NOON - timedelta(hours=1), NOON + timedelta(hours=5)
    with database() as session:
        store(session, old, rows=False)
        store(session, new, rows=True)
        check(session, old + new, start, end)
        for _ in range(bites):
            bite(session, NOON + timedelta(days=2))
            check(session, old + new, start, end)
        while bite(session, NOON + timedelta(days=2)):
            pass
        check(session, old + new, start, end)

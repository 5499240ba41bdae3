"""The ledger, visits, gaps and positions in both databases: once, sealed, in order, and marked where figures must be made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ami_bridge import facts as a
from ami_bridge.queue_log_file import Position
from ivr.domain.call_facts import CallTaken, QueueRequested, ServedByFallback
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.ledger import Entry, Source
from ivr.store import contacts, histories, ledger, link_gaps, log_positions
from ivr.store.database import Database
from ivr.store.ledger import Told
from ivr.store.schema import StaleMinuteRow
from ivr.store.sealing import Sealer
from ivr.store.visits import STALE_MINUTES, VISITS

SEALER = Sealer("a secret for tests")
NOW = datetime(2026, 11, 20, 17, 30, 1, 250000, tzinfo=UTC)
MINUTE = NOW.replace(second=0, microsecond=0)
NUMBER, NAME = "+8613800138000", "王明"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def told(fact: a.Fact, contact: str = "7.1", source: Source = Source.AMI, pbx: str = "main") -> Told:
    return Told(Entry(pbx, source, fact), contact)


def append(database: Database, *entries: Told) -> None:
    database.write_now(partial(ledger.append, sealer=SEALER, told=entries))


def of_contact(database: Database, contact: str = "7.1") -> list[Entry]:
    return database.read_now(partial(ledger.of_contact, sealer=SEALER, contact_id=contact))


FACTS: list[a.Fact] = [
    a.CallArrived(NOW, "7.1", "7.1", NUMBER, NAME, "400"),
    CallTaken(after(1), "7.1", "7.1", NUMBER, NAME, "400", "sip-1", "v1", "zh"),
    QueueRequested(after(2), "7.1", "hr", {"frames": [["hotline", "queue"]], "variables": {"n": "1"}, "masked": []}),
    a.TalkEnded(after(3), "7.1", "7.1", "hr", "Li Na", a.EndedBy.AGENT, "7.2"),
    ServedByFallback(after(4), "7.1", "7.1", NUMBER, NAME, "400", None, "zh", (("menu", after(4), "3"),), False, after(5)),
    a.LinkEstablished(after(6), "22.10.1", None),
]


def test_entries_come_back_as_they_were_told(database: Database) -> None:
    entries = [told(fact) for fact in FACTS]
    append(database, *entries)
    assert of_contact(database) == [each.entry for each in entries]


def test_the_same_entry_is_there_once(database: Database) -> None:
    for _ in range(2):
        append(database, *(told(fact) for fact in FACTS), told(FACTS[0]))
    assert len(of_contact(database)) == len(FACTS)


def test_one_fact_of_two_sources_or_two_exchanges_is_two_entries(database: Database) -> None:
    append(database, told(FACTS[0]), told(FACTS[0], source=Source.QUEUE_LOG), told(FACTS[0], pbx="second"))
    assert len(of_contact(database)) == 3


def test_r60_numbers_and_names_dont_stand_in_it_nor_can_be_tried_against_its_keys(database: Database) -> None:
    append(database, told(FACTS[0]))
    with database.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM ledger")).one()
    assert NUMBER not in str(row)
    assert NAME not in str(row)
    assert row.key != Entry("main", Source.AMI, FACTS[0]).key


def test_a_period_is_told_by_time(database: Database) -> None:
    append(database, *(told(fact) for fact in reversed(FACTS)))
    found = database.read_now(lambda session: list(ledger.of_period(session, SEALER, after(1), after(4))))
    assert [each.entry.fact for each in found] == FACTS[1:4]
    only = database.read_now(lambda session: list(ledger.of_period(session, SEALER, NOW, after(60), kinds=["TalkEnded"], pbx="main")))
    assert [each.entry.kind for each in only] == ["TalkEnded"]


def test_an_entry_of_a_newer_version_is_left_out(database: Database) -> None:
    append(database, told(FACTS[0]), told(FACTS[3]))
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE ledger SET kind = 'CallerSang' WHERE kind = 'TalkEnded'"))
    assert [entry.fact for entry in of_contact(database)] == FACTS[:1]


def test_the_last_sign_of_life_is_what_was_told_live(database: Database) -> None:
    assert database.read_now(partial(ledger.last_at, pbx="main")) is None
    append(database, told(FACTS[0]), told(a.AsteriskStarted(after(99)), source=Source.QUEUE_LOG), told(FACTS[1], pbx="second"))
    assert database.read_now(partial(ledger.last_at, pbx="main")) == NOW


def test_what_was_kept_long_enough_goes_in_bites(database: Database) -> None:
    append(database, *(told(a.CallEnded(after(i), "7.1", "7.1", 16)) for i in range(10)))
    prune = partial(ledger.prune, before=after(7), limit=3)
    assert [database.write_now(prune) for _ in range(4)] == [3, 3, 1, 0]
    assert [entry.fact.at for entry in of_contact(database)] == [after(7), after(8), after(9)]


# ---------------------------------------------------------------------------------------------------- records and visits


def call(contact: str = "7.1") -> Contact:
    visit = Visit("hr", NOW, picked_up_at=after(2), answered_at=after(2.5), outcome=VisitOutcome.ANSWERED, agent="Li Na")
    return Contact(contact, NOW, pbx="main", call=contact, caller=NUMBER, caller_name=NAME, line="hr", visits=[visit])


def save(database: Database, *which: Contact) -> list[str]:
    return [contact.id for contact in database.write_now(partial(contacts.save, sealer=SEALER, contacts=which))]


def stale(database: Database) -> list[datetime]:
    """The stale minutes; none are afterwards."""
    found = database.read_now(lambda session: list(session.scalars(select(StaleMinuteRow.minute).order_by(StaleMinuteRow.minute))))
    database.write_now(lambda session: session.execute(STALE_MINUTES.delete()))
    return found


def rows(database: Database) -> list[tuple[object, ...]]:
    columns = (VISITS.c.number, VISITS.c.queue, VISITS.c.outcome, VISITS.c.wait_ms, VISITS.c.talk_ms, VISITS.c.quality)
    return database.read_now(lambda session: [tuple(row) for row in session.execute(select(*columns).order_by(VISITS.c.number))])


def test_visits_are_rows_and_follow_their_contact(database: Database) -> None:
    contact = call()
    save(database, contact)
    assert rows(database) == [(1, "hr", "answered", 2000, None, "exact")]
    contact.visits[0].talk_ended_at = after(10)
    contact.visits.append(Visit("course", after(60), uncertain=True))
    save(database, contact)
    assert rows(database) == [(1, "hr", "answered", 2000, 7500, "exact"), (2, "course", None, None, None, "uncertain")]
    del contact.visits[0]
    save(database, contact)
    assert rows(database) == [(1, "course", None, None, None, "uncertain")]


def test_minutes_are_stale_where_a_visit_was_and_where_it_is(database: Database) -> None:
    contact = call()
    save(database, contact)
    assert stale(database) == [MINUTE]
    save(database, contact)
    assert stale(database) == [], "nothing changed"
    contact.visits[0].talk_ended_at = after(70)
    save(database, contact)
    assert stale(database) == [MINUTE, MINUTE + timedelta(minutes=1)]
    contact.visits[0].joined_at = after(-60)
    save(database, contact)
    assert stale(database) == [MINUTE - timedelta(minutes=1), MINUTE, MINUTE + timedelta(minutes=1)]
    contact.line = "course"
    save(database, contact)
    assert stale(database) == [MINUTE - timedelta(minutes=1), MINUTE, MINUTE + timedelta(minutes=1)]


def test_a_call_that_never_came_to_a_queue_makes_its_beginning_stale_when_it_ends(database: Database) -> None:
    contact = Contact("7.1", NOW, pbx="main")
    save(database, contact)
    stale(database)
    contact.ended_at = after(200)
    save(database, contact)
    assert stale(database) == [MINUTE]


def test_a_contact_ends_once_even_if_it_comes_alive_again(database: Database) -> None:
    contact = call()
    assert save(database, contact) == []
    contact.ended_at = after(10)
    assert save(database, contact) == ["7.1"]
    contact.ended_at = None
    assert save(database, contact) == []
    contact.ended_at = after(20)
    assert save(database, contact) == []


def test_a_contact_that_ended_before_there_was_a_ledger_doesnt_end_again(database: Database) -> None:
    contact = call()
    contact.ended_at = after(10)
    save(database, contact)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE contacts SET progress = '{}'"))
    assert save(database, contact) == []


def test_a_number_is_not_sealed_anew_and_many_contacts_go_at_once(database: Database) -> None:
    save(database, *(call(f"7.{i}") for i in range(1200)))
    sealed = "SELECT caller FROM contacts WHERE id = '7.1'"
    with database.engine.connect() as connection:
        before = connection.execute(text(sealed)).scalar()
    save(database, *(call(f"7.{i}") for i in range(1200)))
    with database.engine.connect() as connection:
        assert connection.execute(text(sealed)).scalar() == before
        assert connection.execute(text("SELECT count(*) FROM visits")).scalar() == 1200
    found = database.read_now(partial(contacts.load_all, sealer=SEALER, ids=[f"7.{i}" for i in range(1200)]))
    assert len(found) == 1200
    assert found[0].caller == NUMBER


def test_contacts_are_found_by_their_callers_channel(database: Database) -> None:
    other = call("7.9")
    other.call = "7.8"
    save(database, call("7.1"), other)
    find = partial(contacts.ids_of_calls, calls=["7.1", "7.8", "7.77"], since=after(-10))
    assert sorted(database.read_now(find)) == ["7.1", "7.9"]


def test_a_second_call_of_one_contact_becomes_his(database: Database) -> None:
    append(database, told(FACTS[0], "7.1"), told(FACTS[3], "7.9"))
    save(database, call("7.1"), call("7.9"))
    stale(database)
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO spool_imports VALUES ('entry-1', '7.9', '2026-11-20 17:30:00')"))
    database.write_now(partial(histories.merge, gone="7.9", into="7.1"))
    assert [entry.fact for entry in of_contact(database)] == [FACTS[0], FACTS[3]]
    assert stale(database) == [MINUTE]
    assert len(rows(database)) == 1
    assert database.read_now(partial(contacts.load, sealer=SEALER, contact_id="7.9")) is None


# ---------------------------------------------------------------------------------------------------- gaps and positions


def gaps(database: Database) -> list[tuple[datetime, datetime | None, bool]]:
    found = database.read_now(lambda session: link_gaps.between(session, after(-1000), after(1000)))
    return [(gap.began_at, gap.ended_at, gap.filled) for gap in found]


@pytest.mark.parametrize("times", [1, 2], ids=["once", "again, after a time-out"])
def test_a_gap_begins_ends_and_is_filled(database: Database, times: int) -> None:
    steps = (
        partial(link_gaps.begin, pbx="main", at=after(10)),
        partial(link_gaps.begin, pbx="main", at=after(12)),
        partial(link_gaps.end, pbx="main", began_at=after(5), ended_at=after(20)),
        partial(link_gaps.fill, pbx="main", since=after(0), until=after(20)),
        partial(link_gaps.begin, pbx="main", at=after(30)),
    )
    for step in steps:
        for _ in range(times):
            database.write_now(step)
    assert gaps(database) == [(after(5), after(20), True), (after(30), None, False)]
    assert database.read_now(partial(link_gaps.open_since, pbx="main")) == after(30)
    assert database.read_now(partial(link_gaps.open_since, pbx="second")) is None


def test_a_gap_that_the_log_doesnt_reach_back_to_stays_unfilled(database: Database) -> None:
    database.write_now(partial(link_gaps.end, pbx="main", began_at=after(5), ended_at=after(20)))
    database.write_now(partial(link_gaps.fill, pbx="main", since=after(6), until=after(20)))
    assert gaps(database) == [(after(5), after(20), False)]


def test_a_position_is_one_for_each_log(database: Database, tmp_path: Path) -> None:
    name = str(tmp_path / "queue_log")
    assert database.read_now(partial(log_positions.reached, pbx="main", path=name)) is None
    for offset in (10, 2**40):
        position = Position("fe00:27698f", offset, "10:abc:1")
        database.write_now(partial(log_positions.keep, pbx="main", path=name, position=position, read_at=after(offset / 2**36)))
    found = database.read_now(partial(log_positions.reached, pbx="main", path=name))
    assert found is not None
    assert (found.position.offset, found.read_at) == (2**40, after(16))
    assert database.read_now(partial(log_positions.last_read_at, pbx="main")) == after(16)
    assert database.read_now(partial(log_positions.last_read_at, pbx="second")) is None

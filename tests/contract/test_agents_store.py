"""Agents' intervals and events on both databases: what is promised of SQLite holds on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ivr.domain.agent_states import AgentEvent, AgentKey, AgentState, Interval, Quality, What
from ivr.store import agents
from ivr.store.agents import AgentChange, Kept
from ivr.store.database import Database

NOON = datetime(2026, 11, 23, 4, 0, 0, 123456, tzinfo=UTC)
LI, WU = AgentKey("main", "李娜"), AgentKey("west", "Wu")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


BREAK = Interval(AgentState.ON_BREAK, NOON, after(60), reason="午饭")
TALK = Interval(AgentState.TALKING, after(60), None, queue="hr", call="main-1.2", quality=Quality.RECONSTRUCTED)
OFFER = AgentEvent("offer:l1", after(60), What.ANSWERED, "hr", "main-1.2", 4321)


def of(database: Database, start: datetime, end: datetime, agent: str = "") -> dict[AgentKey, Kept]:
    return database.read_now(partial(agents.between, start=start, end=end, agent=agent))


def test_what_is_saved_comes_back_as_it_was_however_often_it_is_saved(database: Database) -> None:
    for _ in range(2):
        database.write_now(partial(agents.save, changes={LI: AgentChange(put=[BREAK, TALK], events=[OFFER]), WU: AgentChange(put=[TALK])}))
    kept = of(database, NOON, after(120))
    assert list(kept) == [WU, LI]
    assert kept[LI].intervals == [BREAK, TALK]
    [event] = kept[LI].events
    assert (event.at, event.what, event.queue, event.contact, event.ms) == (OFFER.at, What.ANSWERED, "hr", "main-1.2", 4321)
    assert database.read_now(agents.last) == {LI: TALK, WU: TALK}


def test_what_becomes_otherwise_is_replaced_and_what_is_not_is_removed(database: Database) -> None:
    database.write_now(partial(agents.save, changes={LI: AgentChange(put=[BREAK, TALK], events=[OFFER])}))
    ended = replace(TALK, ended_at=after(90), quality=Quality.EXACT)
    refused = replace(OFFER, what=What.REFUSED)
    change = AgentChange(put=[ended], gone=[BREAK.began_at], events=[refused], events_gone=["offer:never"])
    database.write_now(partial(agents.save, changes={LI: change}))
    kept = of(database, NOON, after(120))[LI]
    assert kept.intervals == [ended]
    assert [event.what for event in kept.events] == [What.REFUSED]
    database.write_now(partial(agents.save, changes={LI: AgentChange(events_gone=[OFFER.key])}))
    assert of(database, NOON, after(120))[LI].events == []
    assert database.read_now(agents.last) == {}


def test_a_period_has_what_touches_it_and_the_break_before_it_whole(database: Database) -> None:
    old = Interval(AgentState.ON_BREAK, after(-100_000), after(-90_000))
    database.write_now(partial(agents.save, changes={LI: AgentChange(put=[old, BREAK, TALK], events=[OFFER])}))
    assert [each.began_at for each in of(database, after(30), after(61))[LI].intervals] == [BREAK.began_at, TALK.began_at]
    assert of(database, after(30), after(60))[LI].events == []
    assert of(database, after(30), after(61), agent="Wu") == {}


def test_a_thousand_changes_at_once_and_hostile_words(database: Database) -> None:
    """More than SQLite takes variables in one statement; words longer than their columns."""
    hostile = AgentKey("main", "';DROP TABLE contacts;--" + "x" * 200)
    many = [Interval(AgentState.AVAILABLE, after(index), after(index + 1), reason="r" * 300, call="c" * 300) for index in range(1000)]
    events = [AgentEvent(f"offer:{index}", after(index), What.NO_ANSWER, "q" * 60, "c" * 300) for index in range(1000)]
    for _ in range(2):
        database.write_now(partial(agents.save, changes={hostile: AgentChange(put=many, events=events)}))
    [kept] = of(database, NOON, after(2000)).values()
    assert (len(kept.intervals), len(kept.events)) == (1000, 1000)
    gone = AgentChange(gone=[each.began_at for each in many], events_gone=[event.key for event in events])
    database.write_now(partial(agents.save, changes={hostile: gone}))
    assert of(database, NOON, after(2000)) == {}

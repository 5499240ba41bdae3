"""The agents' desk over a database: what it writes, through refusals, kills and gaps; and what the command line makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.agent_facts import GONE, LI, LOG_OF_A_TALK, NINE, answered, at, call, hung_up, rang, snapshot, state, talk_ended
from support.house import ZONE, new_database

from ami_bridge import facts as asterisk
from ami_bridge.facts import Fact
from ivr.agent_desk import AgentDesk
from ivr.domain.agent_states import AgentKey, Quality
from ivr.domain.ledger import Entry, Source
from ivr.shift_plan import ShiftPlan
from ivr.store import agents as store
from ivr.store import ledger
from ivr.store.agents import Kept
from ivr.store.database import Database, StoreError
from ivr.store.ledger import Told
from ivr.store.sealing import Sealer

SEALER = Sealer("a secret for tests")


class Time:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = NINE

    def __call__(self) -> datetime:
        return self.now


def desk_of(database: Database, clock: Time, plan: ShiftPlan | None = None) -> AgentDesk:
    return AgentDesk(database, SEALER, ZONE, plan=plan, clock=clock)


async def lived(desk: AgentDesk, clock: Time, facts: list[Fact], until: float) -> None:
    """The facts as they come, each written at once; then nothing more until then."""
    for fact in facts:
        clock.now = max(clock.now, fact.at)
        desk.on_fact(fact)  # type: ignore[arg-type] # facts of these tests are Asterisk's
        await desk.flush()
    clock.now = at(until)
    await desk.flush()


async def kept(database: Database, key: AgentKey = LI) -> Kept:
    found = await database.read(partial(store.between, start=NINE - timedelta(days=1), end=NINE + timedelta(days=1)))
    return found[key]


def told(found: Kept, until: float) -> list[tuple[str, float]]:
    """States and seconds, stays cut only by what is known of them made one."""
    spans: list[tuple[str, float]] = []
    for interval in found.intervals:
        lasted = ((interval.ended_at or at(until)) - interval.began_at).total_seconds()
        if spans and spans[-1][0] == interval.state.value:
            lasted += spans.pop()[1]
        spans.append((interval.state.value, lasted))
    return [(name, round(lasted, 1)) for name, lasted in spans]


def tiles(found: Kept) -> bool:
    return all(one.ended_at == next_.began_at for one, next_ in zip(found.intervals, found.intervals[1:], strict=False))


DAY = [*snapshot(0, state(0)), *call(10, 15, 45), state(48, paused=True), state(60), *call(100, 104, 130, "2")]
DAY_SPANS = [
    ("available", 10.0),
    ("ringing", 5.0),
    ("talking", 30.0),
    ("wrapping_up", 15.0),
    ("available", 40.0),
    ("ringing", 4.0),
    ("talking", 26.0),
    ("available", 70.0),
]


async def test_what_is_written_is_the_day_and_tiles_it(tmp_path: Path) -> None:
    database, clock = new_database(tmp_path), Time()
    await lived(desk_of(database, clock), clock, DAY, 200)
    found = await kept(database)
    assert told(found, 200) == DAY_SPANS
    assert tiles(found)
    assert [(event.what.value, event.ms) for event in found.events] == [("answered", 5000), ("answered", 4000)]
    await asyncio.to_thread(database.close)


async def test_over_hours_with_letting_go_the_store_is_still_the_whole_day(tmp_path: Path) -> None:
    database, clock, facts = new_database(tmp_path), Time(), list[Fact](snapshot(0, state(0)))
    for number in range(40):
        facts += call(200 * number + 10, 200 * number + 15, 200 * number + 145, str(number))
    desk = desk_of(database, clock)
    await lived(desk, clock, facts, 8000)
    found = await kept(database)
    assert told(found, 8000)[:4] == [("available", 10), ("ringing", 5), ("talking", 130), ("available", 65)]
    assert (len(found.intervals), len(found.events), tiles(found)) == (121, 40, True)
    [now] = desk.agents_now().agents
    assert (now.today.handled, round(now.today.talk_and_hold)) == (40, 40 * 130)
    await asyncio.to_thread(database.close)


async def test_a_refusing_database_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, clock = new_database(tmp_path), Time()
    desk = desk_of(database, clock)

    async def refuses(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(database, "write", refuses)
        for fact in DAY[:12]:
            clock.now = fact.at
            desk.on_fact(fact)  # type: ignore[arg-type] # likewise
            with contextlib.suppress(StoreError):
                await desk.flush()
        with pytest.raises(StoreError, match="the disk is full"):
            await desk.flush()
    await lived(desk, clock, DAY[12:], 200)
    found = await kept(database)
    assert told(found, 200) == DAY_SPANS
    assert len(found.events) == 2
    await asyncio.to_thread(database.close)


@pytest.mark.parametrize("killed_after", range(6, len(DAY)))
async def test_killed_after_any_fact_the_day_is_the_same(tmp_path: Path, killed_after: int) -> None:
    """The last facts before the kill are in the ledger alone; the daemon is back in no time."""
    database, clock = new_database(tmp_path), Time()
    before, after = DAY[:killed_after], DAY[killed_after:]
    killed_at = before[-1].at
    written = [fact for fact in before if fact.at < killed_at - timedelta(milliseconds=200)]
    await lived(desk_of(database, clock), clock, written, (killed_at - NINE).total_seconds())
    kept_facts = [Told(Entry("main", Source.AMI, fact)) for fact in before]
    await database.write(lambda session: ledger.append(session, SEALER, kept_facts))
    again = desk_of(database, clock)
    await again.open()
    await lived(again, clock, after, 200)
    found = await kept(database)
    spans = told(found, 200)
    assert tiles(found)
    assert [event.what.value for event in found.events] == ["answered", "answered"]
    if at(45) <= killed_at < at(61):  # what isn't over yet may be wrap-up or not: the second half alone doesn't tell
        assert [each for each in spans if each[0] in ("ringing", "talking")] == [
            each for each in DAY_SPANS if each[0] in ("ringing", "talking")
        ]
        assert sum(lasted for _, lasted in spans) == pytest.approx(200, abs=0.2)
    else:
        assert spans == DAY_SPANS
    await asyncio.to_thread(database.close)


async def test_what_happened_while_it_was_away_queue_log_and_snapshot_tell(tmp_path: Path) -> None:
    database, clock = new_database(tmp_path), Time()
    first = [*snapshot(0, state(0)), rang(10), answered(15)]
    await lived(desk_of(database, clock), clock, first, 20)
    await database.write(lambda session: ledger.append(session, SEALER, [Told(Entry("main", Source.AMI, fact)) for fact in first]))
    clock.now = at(300)
    again = desk_of(database, clock)
    await again.open()
    for fact in [talk_ended(45, leg=""), *LOG_OF_A_TALK]:
        again.on_entry(Entry("main", Source.QUEUE_LOG, fact))
    again.on_entry(Entry("main", Source.AMI, state(5, GONE)))  # AMI's facts come by on_fact: here they would count twice
    await lived(again, clock, snapshot(305, state(305)), 320)
    found = await kept(database)
    expected = [("available", 10), ("ringing", 5), ("talking", 30), ("available", 55), ("ringing", 5), ("talking", 60), ("available", 155)]
    assert told(found, 320) == expected
    assert tiles(found)
    assert [event.what.value for event in found.events] == ["answered", "answered"]
    qualities = [interval.quality for interval in found.intervals]
    assert qualities[0] is qualities[-1] is Quality.EXACT
    assert qualities.count(Quality.RECONSTRUCTED) >= 4
    await asyncio.to_thread(database.close)


async def test_the_live_picture_has_stays_whole_and_says_when_a_break_is_too_long(tmp_path: Path) -> None:
    database, clock = new_database(tmp_path), Time()
    file = tmp_path / "shifts.csv"
    file.write_text("agent,days,from,to\nLi Na,daily,09:00,12:00\n", encoding="utf-8")
    desk = desk_of(database, clock, ShiftPlan(file, ZONE, ["Li Na"]))
    await desk.open()
    lost = asterisk.LinkLost(at(1000), "gone")
    await lived(desk, clock, [*snapshot(0, state(0)), state(60, paused=True, reason="午饭"), lost], 1100)
    [now] = desk.agents_now().agents
    assert (now.state.value, now.since, now.reason, now.quality, now.long_break) == ("on_break", at(60), "午饭", Quality.UNCERTAIN, False)
    clock.now = at(60 + 20 * 60 + 40)
    [now] = desk.agents_now().agents
    assert now.long_break
    assert (now.today.long_breaks, round(now.today.over_break)) == (1, 40)
    assert now.today.adherence == pytest.approx((60 + 20 * 60) / (60 + 20 * 60 + 40))
    await asyncio.to_thread(database.close)


async def test_it_runs_and_writes_what_changes_by_itself(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    desk = AgentDesk(database, SEALER, ZONE)
    task = asyncio.create_task(desk.run(), name="agents")
    moment = datetime.now(NINE.tzinfo)
    desk.on_fact(asterisk.AgentStateReported(moment, "hr", "Li Na", 1, False, wrapup_s=1))
    desk.on_fact(asterisk.AgentAnswered(moment, "c1", "c1", "hr", "Li Na", "l1"))
    desk.on_fact(hung_up(0, "l1").__class__(moment + timedelta(milliseconds=100), "c1", "l1", 16))
    async with asyncio.timeout(5):
        while True:
            found = await database.read(store.last)
            if found and found[LI].state == "available":
                break
            await asyncio.sleep(0.1)
    assert found[LI].began_at == moment + timedelta(milliseconds=1100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(database.close)

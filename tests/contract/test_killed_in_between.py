"""The daemon is killed, or its link drops, between any two moments of a call, on both databases: the record comes out as without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from support.one_call import ABANDONED, ANSWERED, CALL, Books, Step, at, books

from ami_bridge.facts import CallEnded
from ivr.domain.contacts import Contact, ContactOutcome, VisitOutcome
from ivr.store.database import Database, StoreError

STORIES = {"answered": (ANSWERED, ContactOutcome.ANSWERED), "abandoned": (ABANDONED, ContactOutcome.ABANDONED_QUEUE)}
WAITS = {"answered": 3.0, "abandoned": 10.0}


def right(contact: Contact, story: str) -> None:
    """To the second: what only queue_log told is no better."""
    assert contact.outcome is STORIES[story][1]
    (visit,) = contact.visits
    assert (visit.queue, visit.wait_s) == ("hr", pytest.approx(WAITS[story], abs=1.01))
    if story == "answered":
        assert (visit.agent, visit.ended_by, visit.talk_s) == ("Li Na", "agent", pytest.approx(20, abs=1.01))
    else:
        assert visit.outcome is VisitOutcome.ABANDONED_WAIT


def over(told: Sequence[Step]) -> bool:
    return any(isinstance(step, CallEnded) and step.call == CALL for step in told)


def count(database: Database, what: str) -> int:
    with database.engine.connect() as connection:
        found = connection.execute(text(what)).scalar()
    return int(found or 0)


async def test_every_moment_of_a_call_survives_a_kill_after_it_was_stored(database: Database, tmp_path: Path) -> None:
    """All moments on one database, one call after the other, each told from its own log."""
    for story, (steps, _) in STORIES.items():
        for killed in range(1, len(steps)):
            folder = tmp_path / f"{story}-{killed}"
            folder.mkdir()
            house = await fresh(database, folder)
            for step in steps[:killed]:
                house.tell(step)
                await house.following.look()
                await house.tracker.flush()
            await house.kill()
            house.link_up(*([] if over(steps[:killed]) else [CALL]))
            for step in steps[killed:]:
                house.tell(step)
            await house.settle()
            right(await house.record(), story)
            assert house.consequences == [f"{CALL} {STORIES[story][1].value}"], (story, killed)


async def test_what_was_not_stored_yet_is_told_by_the_log(database: Database, tmp_path: Path) -> None:
    """Killed before a flush from the queue on: AMI's word of it is lost, the log is read again from where it was stored."""
    for story, (steps, _) in STORIES.items():
        for killed in range(6, len(steps) + 1):
            folder = tmp_path / f"{story}-{killed}"
            folder.mkdir()
            house = await fresh(database, folder)
            for step in steps[:4]:
                house.tell(step)
            await house.tracker.flush()
            for step in steps[4:killed]:
                house.tell(step)
                await house.following.look()
            await house.kill()
            house.link_up(*([] if over(steps[:killed]) else [CALL]))
            for step in steps[killed:]:
                house.tell(step)
            await house.settle()
            right(await house.record(), story)
            assert house.consequences == [f"{CALL} {STORIES[story][1].value}"], (story, killed)


async def test_a_gap_anywhere_heals_from_the_log(database: Database, tmp_path: Path) -> None:
    """The link is down from one moment of the call to another; the daemon lives on."""
    for story, (steps, _) in STORIES.items():
        for begins in range(4, len(steps)):
            for ends in range(begins + 1, len(steps) + 1, 3):
                folder = tmp_path / f"{story}-{begins}-{ends}"
                folder.mkdir()
                house = await fresh(database, folder)
                for step in steps[:begins]:
                    house.tell(step)
                lost_at = house.now
                for step in steps[begins:ends]:
                    house.log_only(step)
                house.link_up(*([] if over(steps[:ends]) else [CALL]), gap_from=lost_at)
                for step in steps[ends:]:
                    house.tell(step)
                await house.settle()
                right(await house.record(), story)
                assert house.consequences == [f"{CALL} {STORIES[story][1].value}"], (story, begins, ends)
                assert count(database, "SELECT count(*) FROM link_gaps WHERE filled") == 1


async def test_the_whole_call_in_the_gap_is_told_by_the_log_and_has_its_consequence(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    lost_at = house.now
    for step in ABANDONED:
        house.log_only(step)
    house.link_up(gap_from=lost_at)
    await house.settle()
    contact = await house.record()
    right(contact, "abandoned")
    assert contact.visits[0].quality == "reconstructed"
    assert house.consequences == [f"{CALL} abandoned_queue"]
    assert contact.caller == "+8613800138000"


async def test_a_log_that_tells_the_end_later_changes_the_record_and_no_consequence(database: Database, tmp_path: Path) -> None:
    """The log couldn't be read when the call ended unseen: it counts as abandoned, until the log is there again."""
    house = await books(database, tmp_path)
    for step in ANSWERED[:6]:
        house.tell(step)
    lost_at = house.now
    for step in ANSWERED[6:]:
        house.log_only(step)
    house.tracker.log_lost()
    house.link_up(gap_from=lost_at)
    await house.tracker.flush()
    assert (await house.record()).visits[0].quality == "uncertain"
    fired = house.consequences
    await house.settle()
    right(await house.record(), "answered")
    assert house.consequences == fired


async def test_an_end_nobody_saw_waits_for_the_log(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    for step in ANSWERED[:7]:
        house.tell(step)
    await house.tracker.flush()
    lost_at = house.now
    for step in ANSWERED[7:]:
        house.log_only(step)
    house.link_up(gap_from=lost_at)
    await house.tracker.flush()
    assert house.consequences == [], "an alert of a lost call would go out now"
    await house.settle()
    assert house.consequences == [f"{CALL} answered"]


@pytest.mark.parametrize("times", [2, 3])
async def test_the_log_before_ami_and_everything_twice_is_one_call(database: Database, tmp_path: Path, times: int) -> None:
    house = await books(database, tmp_path)
    for step in ANSWERED:
        if isinstance(step, str):
            house.tell(step)
    await house.settle()
    for _ in range(times):
        for step in ANSWERED:
            if not isinstance(step, str):
                house.tell(step)
        await house.settle()
    right(await house.record(), "answered")
    assert house.consequences == [f"{CALL} answered"]
    assert count(database, "SELECT count(*) FROM contacts") == 1
    assert count(database, "SELECT count(*) FROM ledger WHERE contact <> '' AND source = 'ami'") == sum(
        1 for step in ANSWERED if type(step).__module__ == "ami_bridge.facts"
    )


async def test_a_late_row_recalls_a_contact_that_was_forgotten(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    for step in ANSWERED:
        house.tell(step)
    await house.settle()
    house.now = at(600)
    await house.tracker.flush()
    assert house.tracker.get(CALL) is None
    house.tell(f"{int(at(700).timestamp())}|{CALL}|course|NONE|ENTERQUEUE||13800138000|1\n")
    house.tell(f"{int(at(710).timestamp())}|{CALL}|course|NONE|ABANDON|1|1|10\n")
    await house.settle()
    contact = await house.record()
    assert [visit.queue for visit in contact.visits] == ["hr", "course"]
    assert contact.path, "what was known of it is still there"
    assert len(house.consequences) == 1


async def test_while_the_database_is_away_the_log_waits_and_ami_is_kept(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    refuse(database, refusing := [True])
    for step in ANSWERED:
        house.tell(step)
        with pytest.raises(StoreError):
            await house.tracker.flush()
        await house.following.look()
    refusing.clear()
    await house.settle()
    right(await house.record(), "answered")
    assert house.consequences == [f"{CALL} answered"]
    assert count(database, "SELECT count(*) FROM ledger WHERE source = 'queue_log' AND contact <> ''") >= 4


async def test_asterisk_begun_anew_ends_older_calls(database: Database, tmp_path: Path) -> None:
    """It crashed while he waited, and the daemon was away: the log's QUEUESTART is all that tells."""
    house = await books(database, tmp_path)
    for step in ANSWERED[:6]:
        house.tell(step)
    await house.settle()
    house.tell(f"{int(at(30).timestamp())}|NONE|NONE|NONE|QUEUESTART|\n")
    house.now = at(60)
    await house.kill()
    house.link_up()
    await house.settle()
    contact = await house.record()
    assert contact.outcome is ContactOutcome.SYSTEM_ERROR
    assert contact.visits[0].outcome is VisitOutcome.FAILED


async def test_a_call_that_we_made_is_no_contact(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    for rest in ("hr|NONE|ENTERQUEUE||13800138000|1", "hr|Li Na|CONNECT|3|7.9|2", "hr|Li Na|COMPLETEAGENT|3|20|1"):
        house.tell(f"{int(at(5).timestamp())}|cb-1-1;2|{rest}\n")
    house.tell(f"{int(at(6).timestamp())}|cb-1-1|NONE|NONE|CALLBACK|SERVED|0\n")
    await house.settle()
    assert count(database, "SELECT count(*) FROM contacts") == 0


async def fresh(database: Database, folder: Path) -> Books:
    """Books on an empty database."""
    with database.engine.begin() as connection:
        for table in ("ledger", "visits", "contacts", "link_gaps", "log_positions", "stale_minutes", "totals"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - our own names
    return await books(database, folder)


def refuse(database: Database, refusing: list[bool]) -> None:
    """Every write fails at its commit while the list isn't empty, as with a full disk."""

    def commit(_: object) -> None:
        if refusing:
            raise OperationalError("COMMIT", {}, Exception("disk full"))

    event.listen(database.engine, "commit", commit)


async def test_a_kill_while_an_end_waits_for_the_log_loses_no_consequence(database: Database, tmp_path: Path) -> None:
    house = await books(database, tmp_path)
    for step in ABANDONED[:6]:
        house.tell(step)
    await house.tracker.flush()
    lost_at = house.now
    for step in ABANDONED[6:]:
        house.log_only(step)
    house.link_up(gap_from=lost_at)
    await house.tracker.flush()
    assert (await house.record()).ended_at is None, "it waits"
    await house.kill()
    house.link_up()
    await house.settle()
    right(await house.record(), "abandoned")
    assert house.consequences == [f"{CALL} abandoned_queue"]


async def test_a_call_that_ran_while_the_house_was_given_its_ledger_goes_on(database: Database, tmp_path: Path) -> None:
    """The version before stored records alone: what comes now is folded onto what it knew."""
    house = await books(database, tmp_path)
    for step in ANSWERED[:6]:
        house.tell(step)
    await house.settle()
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM ledger"))
    for _ in range(2):
        await house.kill()
        house.link_up(CALL)
        await house.tracker.flush()
    for step in ANSWERED[6:]:
        house.tell(step)
    await house.settle()
    contact = await house.record()
    assert (contact.outcome, len(contact.visits), contact.path[0].node) == (ContactOutcome.ANSWERED, 1, "menu")
    assert house.consequences == [f"{CALL} answered"]

"""The tracker: contacts live, are written, survive a refusing database, a lost link and a restart of the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.house import Inside, inside

from ami_bridge import facts as a
from ivr.domain.call_facts import CallTaken, NodeEntered
from ivr.domain.contacts import Contact, ContactOutcome
from ivr.store import contacts
from ivr.store.database import StoreError
from ivr.tracking import LINGER, Tracker

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as found:
        yield found


def arrived(contact: str = "7.1") -> a.CallArrived:
    return a.CallArrived(NOW, contact, contact, "13800138000", "", "400")


async def stored(house: Inside, contact: str = "7.1") -> Contact:
    found = await house.database.read(partial(contacts.load, sealer=house.sealer, contact_id=contact))
    assert found is not None
    return found


async def test_r6_a_call_that_never_reached_the_flow_has_a_record(house: Inside) -> None:
    house.tracker.apply(arrived())
    house.tracker.apply(a.CallEnded(NOW + timedelta(seconds=1), "7.1", "7.1", 16))
    await house.tracker.flush()
    contact = await stored(house)
    assert (contact.outcome, contact.served_by) == (ContactOutcome.ABANDONED_IVR, "dialplan")


async def test_facts_of_calls_that_are_none_of_ours_are_ignored(house: Inside) -> None:
    house.tracker.apply(a.CallerQueued(NOW, "9.9", "9.9", "hr", 1))
    house.tracker.apply(a.CallEnded(NOW, "9.9", "9.9", 16))
    assert house.tracker.live == 0


async def test_agentcomplete_without_channels_finds_its_call(house: Inside) -> None:
    for fact in (arrived(), a.CallerQueued(NOW, "7.1", "7.1", "hr", 1), a.AgentAnswered(NOW, "7.1", "7.1", "hr", "Li Na", "7.2")):
        house.tracker.apply(fact)
    house.tracker.apply(a.TalkEnded(NOW + timedelta(seconds=9), "", "", "hr", "Li Na", a.EndedBy.AGENT))
    contact = house.tracker.get("7.1")
    assert contact is not None
    assert contact.visits[0].talk_s == 9


async def test_a_snapshot_closes_what_it_doesnt_name_and_keeps_the_rest(house: Inside) -> None:
    for contact in ("1.1", "1.2", "1.3"):
        house.tracker.apply(arrived(contact))
    house.tracker.driving("1.3")
    house.tracker.apply(a.LinkLost(NOW, "dropped"))
    house.tracker.apply(a.LinkEstablished(NOW, "22.10.1", NOW))
    house.tracker.apply(a.CallPresent(NOW, "1.1", "1.1", "Queue", 5.0))
    house.tracker.apply(a.SnapshotComplete(NOW + timedelta(seconds=60)))
    ended = {contact: found.ended_at is not None for contact in ("1.1", "1.2", "1.3") if (found := house.tracker.get(contact))}
    assert ended == {"1.1": False, "1.2": True, "1.3": False}


async def test_after_a_restart_running_contacts_are_taken_up(house: Inside) -> None:
    house.tracker.apply(arrived())
    await house.tracker.flush()
    second = Tracker(house.database, house.sealer)
    assert await second.restore() == 1
    second.apply(a.LinkEstablished(NOW, "22.10.1", None))
    second.apply(a.SnapshotComplete(NOW + timedelta(seconds=60)))
    await second.flush()
    assert (await stored(house)).ended_at == NOW + timedelta(seconds=60)


async def test_what_the_database_refuses_is_kept_until_it_doesnt(house: Inside) -> None:
    house.refuse_writes(True)
    house.tracker.apply(arrived())
    for _ in range(3):
        with pytest.raises(StoreError):
            await house.tracker.flush()
    house.tracker.apply(NodeEntered(NOW, "7.1", "greeting"))
    house.refuse_writes(False)
    await house.tracker.flush()
    assert [step.node for step in (await stored(house)).path] == ["greeting"]


async def test_ended_contacts_are_forgotten_after_a_while_and_can_be_recalled(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        clock = [NOW]
        tracker = Tracker(house.database, house.sealer, clock=lambda: clock[0])
        tracker.apply(arrived())
        tracker.apply(a.CallEnded(NOW, "7.1", "7.1", 16))
        await tracker.flush()
        assert tracker.get("7.1") is not None
        clock[0] += LINGER + timedelta(seconds=1)
        await tracker.flush()
        assert tracker.get("7.1") is None
        assert await tracker.recall("7.1") is not None


async def test_what_asterisk_and_the_session_say_is_one_contact(house: Inside) -> None:
    house.tracker.apply(CallTaken(NOW + timedelta(seconds=1), "7.1", "7.1", "+8613800138000", "", "400", "", "v1", "zh"))
    house.tracker.apply(arrived())
    contact = house.tracker.get("7.1")
    assert contact is not None
    assert (contact.started_at, contact.served_by, contact.caller) == (NOW, "flow", "+8613800138000")


async def test_a_fault_in_what_follows_from_an_end_costs_that_alone(house: Inside) -> None:
    """Else the same call would end the daemon again after each of its starts."""
    drawn: list[str] = []

    def faulty(session: Session, contact: Contact) -> None:
        raise ZeroDivisionError("a bug")

    def good(session: Session, contact: Contact) -> None:
        drawn.append(contact.id)

    tracker = Tracker(house.database, house.sealer, consequences=[faulty, good])
    for fact in (arrived(), a.CallEnded(NOW, "7.1", "7.1", 16)):
        tracker.apply(fact)
    await tracker.flush()
    assert (drawn, (await stored(house)).outcome) == (["7.1"], ContactOutcome.ABANDONED_IVR)


async def test_what_follows_from_an_end_is_stored_with_it_or_not_at_all(house: Inside) -> None:
    seen: list[str] = []
    refuse = [True]

    def consequence(session: Session, contact: Contact) -> None:
        if refuse[0]:
            raise OperationalError("no", {}, Exception("disk full"))
        seen.append(contact.id)

    tracker = Tracker(house.database, house.sealer, consequences=[consequence])
    tracker.apply(arrived())
    await tracker.flush()
    tracker.apply(a.CallEnded(NOW, "7.1", "7.1", 16))
    with pytest.raises(StoreError):
        await tracker.flush()
    assert (await stored(house)).ended_at is None
    refuse[0] = False
    await tracker.flush()
    tracker.apply(NodeEntered(NOW, "7.1", "late"))
    await tracker.flush()
    assert seen == ["7.1"]

"""Who a caller is to us: from real rows, a file of numbers, and never from a number that is nobody's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.house import new_database

from callbacks.model import NewPromise, Reason
from callflows.outcomes import CustomerKnown, CustomerUnknown
from ivr.customers import Customers, Standing, known
from ivr.domain.contacts import Contact
from ivr.settings import Priority
from ivr.store import callbacks, complaints, contacts
from ivr.store.complaints import NewComplaint
from ivr.store.customers import Acquaintance
from ivr.store.database import Database
from ivr.store.schema import ComplaintRow
from ivr.store.sealing import Sealer
from ivr.vip_list import VipList

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CALLER, OTHER = "+8613800138000", "+8613900139000"
STANDING = Standing(Priority(), {"hr": "人力资源部", "complaint": "客服中心"})
SEALER = Sealer("a secret for tests")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = new_database(tmp_path)
    yield found
    found.close()


def customers(database: Database, vips: Path | None = None) -> Customers:
    return Customers(database, SEALER, STANDING, VipList(vips, "CN", None), lambda: NOW)


def call(name: str, ago: timedelta, *, caller: str = CALLER, line: str | None = "hr", **ended: bool) -> Contact:
    """A call that has ended; without more its caller hung up in the menus."""
    began = NOW - ago
    return Contact(name, began, caller=caller, line=line, ended_at=began + timedelta(minutes=1), **{"hung_up_in_flow": True, **ended})


async def keep(database: Database, *calls: Contact) -> None:
    await database.write(partial(contacts.save, sealer=SEALER, contacts=calls))


async def look_up(database: Database, caller: str = CALLER, vips: Path | None = None) -> tuple[dict[str, str], int]:
    found = await customers(database, vips).look_up(Contact("now", NOW, caller=caller))
    return (dict(found.facts), found.priority) if isinstance(found, CustomerKnown) else ({}, 0)


async def complain(database: Database, contact: str, *, number: str = CALLER, state: str = "open") -> str:
    new = NewComplaint(contact, contact, "complaint", None, number, "", number, None, None, False)
    filed = await database.write(partial(complaints.file, sealer=SEALER, new=new, prefix="C", zone=ZoneInfo("Asia/Shanghai"), now=NOW))
    await database.write(lambda session: setattr(session.get(ComplaintRow, filed), "state", state))
    return filed


async def test_a_stranger(database: Database) -> None:
    await keep(database, call("1", timedelta(days=3), caller=OTHER))
    assert await customers(database).look_up(Contact("now", NOW, caller=CALLER)) == CustomerUnknown()


async def test_calls_before_and_the_line_chosen_last(database: Database) -> None:
    old = (call("1", timedelta(days=3), line="course"), call("2", timedelta(days=2), line="hr"), call("3", timedelta(days=2), line=None))
    await keep(database, *old, Contact("now", NOW, caller=CALLER, line="product"))
    assert await look_up(database) == ({"customer_calls": "3", "customer_last_line": "hr"}, 0)


@pytest.mark.parametrize(
    ("calls", "repeated"),
    [
        ([call("1", timedelta(hours=23))], True),
        ([call("1", timedelta(hours=25))], False),
        ([call("1", timedelta(hours=3)), call("2", timedelta(hours=2), complaint_complete=True)], False),
        ([call("1", timedelta(hours=3), complaint_complete=True), call("2", timedelta(hours=2))], True),
        ([call("1", timedelta(hours=3), found_closed=True)], True),
        ([call("1", timedelta(hours=3), left_message=True)], False),
    ],
)
async def test_who_was_not_served_within_a_day_calls_again(database: Database, calls: list[Contact], repeated: bool) -> None:
    await keep(database, *calls)
    facts, priority = await look_up(database)
    assert (facts.get("customer_repeated"), priority) == (("yes", 4) if repeated else (None, 0))


async def test_his_open_complaint_and_who_handles_it(database: Database) -> None:
    await keep(database, call("1", timedelta(days=3)))
    number = await complain(database, "1")
    facts, priority = await look_up(database)
    assert facts["customer_open_complaint"] == number
    assert (facts["customer_complaint_line"], facts["customer_complaint_department"], priority) == ("complaint", "客服中心", 6)


async def test_a_closed_complaint_and_one_filed_from_another_number_are_not_told(database: Database) -> None:
    await keep(database, call("1", timedelta(days=3)), call("2", timedelta(days=3), caller=OTHER))
    await complain(database, "1", state="closed")
    await complain(database, "2", number=CALLER)  # somebody else gave this number as his own
    facts, priority = await look_up(database)
    assert not [name for name in facts if "complaint" in name]
    assert priority == 0


async def test_a_call_that_we_have_promised_him(database: Database) -> None:
    new = NewPromise("k", Reason.REQUESTED, CALLER, "hr", "zh", NOW, NOW + timedelta(hours=4), "caller")
    await database.write(partial(callbacks.promise, sealer=SEALER, new=new, now=NOW))
    assert await look_up(database) == ({"customer_callback": "yes"}, 0)


async def test_what_he_chose_last_is_remembered_by_name(database: Database) -> None:
    desk, contact = customers(database), Contact("now", NOW, caller=CALLER)
    for name, value in (("last_line", "hr"), ("last_line", "product"), ("topic", "x" * 300), ("vip", "yes")):
        await desk.remember(contact, name, value)
    assert await look_up(database) == ({"customer_last_line": "product", "customer_topic": "x" * 100}, 0)
    assert (await look_up(database, OTHER))[0] == {}


@pytest.mark.parametrize("caller", ["", "95588", "110"])
async def test_a_withheld_or_short_number_is_nobodys(database: Database, caller: str) -> None:
    await keep(database, call("1", timedelta(hours=3), caller=caller))
    desk, contact = customers(database), Contact("now", NOW, caller=caller)
    await desk.remember(contact, "last_line", "hr")
    assert await desk.look_up(contact) == CustomerUnknown()


@pytest.mark.parametrize(
    ("found", "vip", "priority"),
    [
        (Acquaintance(), True, 8),
        (Acquaintance(repeated=True, complaint="C1"), False, 6),
        (Acquaintance(repeated=True), False, 4),
        (Acquaintance(calls=7), False, 0),
    ],
)
def test_of_several_reasons_the_highest_counts(found: Acquaintance, vip: bool, priority: int) -> None:
    assert known(found, vip, STANDING)[1] == priority


async def test_the_vips_are_read_anew_when_the_file_changes(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "vip.txt"
    file.write_text("# board\n+8613800138000   # Mr Wang\n\nnonsense\n", encoding="utf-8")
    assert await look_up(database, vips=file) == ({"customer_vip": "yes"}, 8)
    vips = VipList(file, "CN", None)
    assert [await vips.has(number) for number in (CALLER, OTHER)] == [True, False]
    file.write_text("13900139000\n", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert [await vips.has(number) for number in (CALLER, OTHER)] == [False, True]


async def test_a_list_that_cant_be_read_leaves_the_one_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vip.txt"
    vips = VipList(file, "CN", None)
    assert not await vips.has(CALLER)
    file.write_text(f"{CALLER}\n", encoding="utf-8")
    assert await vips.has(CALLER)
    file.write_bytes(b"\xff\xfe")
    assert await vips.has(CALLER)
    assert await vips.has(CALLER)
    file.unlink()
    assert await vips.has(CALLER)
    assert capsys.readouterr().out.count("can't be read") == 3, "each trouble is told once"


async def test_wrong_lines_are_told_by_their_number_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "vip.txt"
    file.write_text("Mr Wang's mobile\n110\n", encoding="utf-8")
    await VipList(file, "CN", None).has(CALLER)
    told = capsys.readouterr().out
    assert "lines=[1, 2]" in told
    assert "Wang" not in told

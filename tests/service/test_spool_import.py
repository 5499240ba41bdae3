"""What the fallback left comes in exactly once, whatever is interrupted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.house import ZONE, Inside, inside

from ivr.domain.contacts import ContactOutcome
from ivr.spool_import import SpoolImporter
from ivr.store import contacts
from ivr.store.complaints import NewComplaint
from ivr.store.database import StoreError

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC).isoformat()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as found:
        yield found


def importer(house: Inside, spool: Path) -> SpoolImporter:
    return SpoolImporter(
        spool, house.house.recordings, house.database, house.sealer, house.tracker, house.house.intake,
        zone=ZONE, country="CN", area_code=None,
    )  # fmt: skip


def leave(spool: Path, name: str, kind: str, **changes: Any) -> None:
    spool.mkdir(exist_ok=True)
    entry = {
        "version": 1, "id": name, "kind": kind, "contact": f"{name}.1", "call": f"{name}.1", "caller": "13800138000",
        "caller_name": "王明", "dialled": "4001234567", "language": "zh", "line": None, "started_at": AT, "recorded_at": AT,
        "ended_at": AT, "seconds": 4.0, "recording": None if kind == "contact" else f"{name}.wav",
        "path": [{"node": "fallback.menu", "at": AT, "keys": "3"}], "incomplete": False, **changes,
    }  # fmt: skip
    if entry["recording"]:
        (spool / entry["recording"]).write_bytes(b"RIFF" + b"\0" * 100)
    (spool / f"{name}.json").write_text(json.dumps(entry))


async def test_r63_records_messages_and_complaints_come_in(house: Inside, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    for name, kind in (("entry-0001", "contact"), ("entry-0002", "message"), ("entry-0003", "complaint")):
        leave(spool, name, kind)
    assert await importer(house, spool).import_all() == 3
    found = {contact.id: contact.outcome for contact in await house.database.read(partial(contacts.latest, sealer=house.sealer, limit=10))}
    assert found == {
        "entry-0001.1": ContactOutcome.ABANDONED_IVR,
        "entry-0002.1": ContactOutcome.VOICEMAIL,
        "entry-0003.1": ContactOutcome.SELF_SERVED,
    }
    (complaint,) = await house.complaints()
    assert (complaint.line, complaint.contact_number) == ("complaint", "+8613800138000")
    assert (house.house.recordings / f"{complaint.recording}.wav").exists()
    assert sorted(path.name for path in spool.iterdir()) == ["done"]


async def test_an_import_that_was_cut_short_at_any_point_comes_in_once(house: Inside, tmp_path: Path) -> None:
    """The entry's files are the last to go: put back, as if the daemon had died before it removed them."""
    spool = tmp_path / "spool"
    leave(spool, "entry-0003", "complaint")
    for _ in range(3):
        await importer(house, spool).import_all()
        for file in (spool / "done").iterdir():
            file.rename(spool / file.name)
    assert len(await house.complaints()) == 1
    contact = await house.tracker.recall("entry-0003.1")
    assert contact is not None
    assert len(contact.path) == 1


async def test_a_refusing_database_leaves_the_spool_as_it_is(house: Inside, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    leave(spool, "entry-0003", "complaint")
    house.refuse_writes(True)
    with pytest.raises(StoreError):
        await importer(house, spool).import_all()
    assert (spool / "entry-0003.json").exists()
    house.refuse_writes(False)
    assert await importer(house, spool).import_all() == 1
    assert len(await house.complaints()) == 1


async def test_a_broken_entry_is_set_aside_and_doesnt_hold_up_the_others(house: Inside, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    leave(spool, "entry-0001", "contact", id="../../../etc/passwd")
    (spool / "entry-0002.json").write_text("{")
    leave(spool, "entry-0003", "message")
    assert await importer(house, spool).import_all() == 1
    assert sorted(path.name for path in (spool / "bad").iterdir()) == ["entry-0001.json", "entry-0002.json"]


async def test_no_spool_is_an_empty_one(house: Inside, tmp_path: Path) -> None:
    assert await importer(house, tmp_path / "nowhere").import_all() == 0


async def test_an_entry_that_is_itself_at_fault_doesnt_hold_up_the_others(
    house: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the database refuses stays, one that breaks the import is set aside: neither ends the daemon."""
    spool = tmp_path / "spool"
    for name in ("entry-0001", "entry-0002", "entry-0003"):
        leave(spool, name, "complaint")
    file = house.house.intake.file

    async def faulty(new: NewComplaint, at: datetime) -> str:
        if new.contact == "entry-0001.1":
            raise StoreError("the database refused: value too long")
        if new.contact == "entry-0002.1":
            raise ZeroDivisionError("a bug")
        return await file(new, at)

    monkeypatch.setattr(house.house.intake, "file", faulty)
    with pytest.raises(StoreError, match="too long"):
        await importer(house, spool).import_all()
    assert [complaint.contact for complaint in await house.complaints()] == ["entry-0003.1"]
    assert (spool / "entry-0001.json").exists()
    assert sorted(path.name for path in (spool / "bad").iterdir()) == ["entry-0002.json", "entry-0002.wav"]

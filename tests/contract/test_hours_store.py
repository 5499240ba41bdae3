"""Overrides and PINs on both databases: what is promised of SQLite holds on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from callflows.line_hours import Setting
from ivr.store import hours, users
from ivr.store.database import Database
from ivr.store.hours import NewOverride
from ivr.store.schema import HoursOverrideRow
from ivr.store.users import Role

NOW = datetime(2026, 11, 20, 17, 30, 1, 250000, tzinfo=UTC)


def new(line: str | None, ends_h: float) -> NewOverride:
    return NewOverride(line, Setting.CLOSED, NOW, NOW + timedelta(hours=ends_h), "消防演习", "sue", "console")


def test_an_override_comes_back_as_it_was_until_it_ends_or_is_withdrawn(database: Database) -> None:
    made = [database.write_now(partial(hours.add, new=new(line, ends), now=NOW)) for line, ends in (("hr", 1), (None, 2), ("hr", 3))]
    assert (made[0].reason, made[0].begins_at, made[0].ends_at) == ("消防演习", NOW, NOW + timedelta(hours=1))
    assert database.read_now(partial(hours.standing, now=NOW)) == made
    assert database.write_now(partial(hours.withdraw, override_id=made[2].id, by="max", now=NOW)).withdrawn_by == "max"
    assert database.write_now(partial(hours.withdraw, override_id=made[2].id, by="max", now=NOW)) is None
    assert database.write_now(partial(hours.withdraw, override_id=999, by="max", now=NOW)) is None
    assert database.read_now(partial(hours.standing, now=NOW + timedelta(hours=1))) == [made[1]]
    assert [found.id for found in database.read_now(partial(hours.latest, limit=2))] == [made[2].id, made[1].id]


def test_what_a_newer_version_set_and_this_one_does_not_know_is_left_out(database: Database) -> None:
    made = database.write_now(partial(hours.add, new=new("hr", 1), now=NOW))
    database.write_now(lambda session: session.query(HoursOverrideRow).update({"state": "half_open"}))
    assert database.read_now(partial(hours.standing, now=NOW)) == []
    assert database.write_now(partial(hours.withdraw, override_id=made.id, by="max", now=NOW)) is None


def test_pins_are_kept_by_account_and_replaced(database: Database) -> None:
    database.write_now(partial(users.add, name="sue", role=Role.SUPERVISOR, password_hash="x", now=NOW))
    for pin_hash in ("one", "two"):
        database.write_now(partial(hours.set_pin, user="sue", pin_hash=pin_hash, now=NOW))
    [kept] = database.read_now(hours.usable_pins)
    assert (kept.user, kept.pin_hash, kept.set_at) == ("sue", "two", NOW)
    assert [database.write_now(partial(hours.remove_pin, user="sue")) for _ in range(2)] == [True, False]


def test_wrong_pins_are_counted_from_the_audit_trail(database: Database) -> None:
    for minutes, action in ((0, "pin-refused"), (1, "pin-accepted"), (2, "pin-refused")):
        at = NOW + timedelta(minutes=minutes)
        database.write_now(partial(users.audit, actor="phone", action=action, subject="", now=at))
    assert database.read_now(partial(hours.wrong_pins, since=NOW)) == [NOW + timedelta(minutes=2)]
    assert len(database.read_now(partial(hours.wrong_pins, since=NOW - timedelta(seconds=1)))) == 2

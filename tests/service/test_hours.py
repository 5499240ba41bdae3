"""The hours as people set them: at the desk, by telephone with a PIN and by another process, through a dead database and back."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from support.house import ZONE, new_database

from callflows.calendar import AlwaysOpen, Calendar
from callflows.effects import OverrideHours
from callflows.line_hours import Setting
from callflows.outcomes import Hours, HoursState
from ivr.console.passwords import hashed
from ivr.hours import HoursDesk, HoursRefusedError, asked_for, put
from ivr.store import hours as store
from ivr.store import users
from ivr.store.database import Database
from ivr.store.schema import AuditRow
from ivr.store.users import Role
from ivr.supervisor_pins import REFUSED_FOR, TRIES, WINDOW, SupervisorPins, new_pin, refused_until

OFFICE = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "20:00"}]})
NOW = datetime(2026, 11, 23, 10, tzinfo=ZONE).astimezone(UTC)  # a Monday
LINES = ("hr", "course")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Database]:
    database = new_database(folder)
    try:
        yield database
    finally:
        await asyncio.to_thread(database.close)


def desk_on(database: Database, clock: Callable[[], datetime], refresh_s: float = 0.05) -> HoursDesk:
    return HoursDesk({"hotline": OFFICE, "hr": OFFICE, "course": AlwaysOpen()}, LINES, ZONE, database, clock=clock, refresh_s=refresh_s)


async def audited(database: Database) -> list[tuple[str, str, str]]:
    rows = select(AuditRow).order_by(AuditRow.id)
    return await database.read(lambda session: [(row.actor, row.action, row.subject) for row in session.scalars(rows)])


async def test_a_line_is_closed_for_a_while_and_opens_by_itself(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        desk = desk_on(database, clock)
        assert desk.state_of("hr", NOW) == Hours(HoursState.OPEN)
        made = await desk.set("hr", Setting.CLOSED, NOW + timedelta(hours=1), " fire  drill ", "sue", "console")
        assert desk.state_of("hr", NOW) == Hours(HoursState.CLOSED, (NOW + timedelta(hours=1)).astimezone(ZONE))
        assert desk.state_of("course", NOW).state is HoursState.OPEN
        assert desk.state_of("hr", NOW + timedelta(hours=1)).state is HoursState.OPEN
        await desk.withdraw(made.id, "max")
        assert desk.state_of("hr", NOW).state is HoursState.OPEN
        with pytest.raises(HoursRefusedError, match="has ended, or was withdrawn"):
            await desk.withdraw(made.id, "max")
        assert await audited(database) == [
            ("sue", "hours-closed", "1 hr closed until 2026-11-23T03:00Z by console"),
            ("max", "hours-withdrawn", "1 hr closed until 2026-11-23T03:00Z by console"),
        ]


async def test_what_holds_for_every_line_holds_for_calendars_too(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        desk = desk_on(database, clock)
        await desk.set(None, Setting.EMERGENCY, NOW + timedelta(hours=1), "flood", "sue", "console")
        await desk.set("hr", Setting.OPEN, NOW + timedelta(hours=1), "still here", "sue", "console")
        for name in ("hr", "course", "hotline"):
            assert desk.calendars[name].hours_at(NOW, ZONE).state is HoursState.EMERGENCY
            assert not desk.calendars[name].is_open(NOW, ZONE)
        assert desk.calendars["hotline"].opens_at(NOW, ZONE) == NOW + timedelta(hours=1)
        with pytest.raises(KeyError):
            desk.state_of("nobody", NOW)


async def test_a_line_opened_by_hand_at_night_lets_nobody_ring_people_up(tmp_path: Path, clock: Clock) -> None:
    """R31."""
    async with opened(tmp_path) as database:
        clock.now = night = NOW + timedelta(hours=13)
        desk = desk_on(database, clock)
        await desk.set("hr", Setting.OPEN, night + timedelta(hours=3), "late shift", "sue", "console")
        assert desk.calendars["hr"].is_open(night, ZONE)
        assert not desk.calling_calendars["hr"].is_open(night, ZONE)
        await desk.set(None, Setting.EMERGENCY, night + timedelta(hours=12), "flood", "sue", "console")
        morning = night + timedelta(hours=10)
        assert OFFICE.is_open(morning, ZONE)
        assert not desk.calling_calendars["hr"].is_open(morning, ZONE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"line": "nobody"}, "line"),
        ({"ends_at": NOW}, "past"),
        ({"begins_at": NOW + timedelta(hours=3), "ends_at": NOW + timedelta(hours=2)}, "backwards"),
        ({"ends_at": NOW + timedelta(days=367)}, "long"),
        ({"begins_at": NOW + timedelta(days=400), "ends_at": NOW + timedelta(days=401)}, "long"),
        ({"reason": " \n"}, "reason"),
    ],
)
def test_what_can_not_be_set_has_a_sentence(changes: dict[str, object], code: str) -> None:
    given: dict[str, object] = {"line": "hr", "begins_at": None, "ends_at": NOW + timedelta(hours=1), "reason": "drill", **changes}
    with pytest.raises(HoursRefusedError) as raised:
        asked_for(LINES, setting=Setting.OPEN, by="sue", source="console", now=NOW, **given)  # type: ignore[arg-type]
    assert raised.value.code == code
    assert str(raised.value)


def _another_process(folder: str) -> None:
    database = Database(f"sqlite:///{folder}/ivrd.db")
    now = datetime.now(UTC)
    new = asked_for(
        LINES, line="hr", setting=Setting.EMERGENCY, begins_at=None, ends_at=now + timedelta(hours=1), reason="x", by="cli:li",
        source="command", now=now,
    )  # fmt: skip
    database.write_now(partial(put, new=new, now=now))
    database.close()


async def test_what_another_process_sets_counts_within_five_seconds(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        desk = HoursDesk({"hr": AlwaysOpen()}, ["hr"], ZONE, database)
        running = asyncio.create_task(desk.run(), name="hours")
        await asyncio.sleep(0.1)
        other = multiprocessing.get_context("spawn").Process(target=_another_process, args=(str(tmp_path),))
        other.start()
        await asyncio.to_thread(other.join)
        assert other.exitcode == 0
        begun = time.monotonic()
        while desk.state_of("hr", datetime.now(UTC)).state is not HoursState.EMERGENCY:
            assert time.monotonic() - begun < 5
            await asyncio.sleep(0.01)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_a_lost_database_is_told_once_and_read_again(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        desk = desk_on(database, clock)
        await desk.set("hr", Setting.CLOSED, NOW + timedelta(hours=1), "drill", "sue", "console")
        await database.write(lambda session: session.connection().exec_driver_sql("ALTER TABLE hours_overrides RENAME TO elsewhere"))
        await desk.refresh()
        assert desk.trouble is not None
        assert "hours_overrides" in desk.trouble
        assert desk.state_of("hr", NOW).state is HoursState.CLOSED, "what was read last goes on"
        assert desk.state_of("hr", NOW + timedelta(hours=1)).state is HoursState.OPEN, "to its end"
        await database.write(lambda session: session.connection().exec_driver_sql("ALTER TABLE elsewhere RENAME TO hours_overrides"))
        await desk.refresh()
        assert desk.trouble is None


@pytest.mark.parametrize(
    ("wish", "stored", "state"),
    [
        (OverrideHours("hr", "closed", 60, "sue"), True, HoursState.CLOSED),
        (OverrideHours(None, "emergency", 60, "sue"), True, HoursState.EMERGENCY),
        (OverrideHours("hr", "open", 60, "sue"), True, HoursState.OPEN),
        (OverrideHours("nobody", "closed", 60, "sue"), False, HoursState.OPEN),
        (OverrideHours("hr", "closed", 0, "sue"), False, HoursState.OPEN),
        (OverrideHours("hr", "shut", 60, "sue"), False, HoursState.OPEN),
        (OverrideHours("hr", "calendar", 0, "sue"), True, HoursState.OPEN),
    ],
)
async def test_a_supervisor_sets_the_hours_by_telephone(
    tmp_path: Path, clock: Clock, wish: OverrideHours, stored: bool, state: HoursState
) -> None:
    async with opened(tmp_path) as database:
        desk = desk_on(database, clock)
        assert await desk.set_by_phone(wish) is stored
        assert desk.state_of("hr", NOW).state is state
        assert [override.set_from for override in desk.overrides] == (["phone"] if stored and wish.state != "calendar" else [])


async def test_by_telephone_it_can_go_by_the_calendar_again(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        desk = desk_on(database, clock)
        await desk.set("hr", Setting.CLOSED, NOW + timedelta(hours=1), "drill", "max", "console")
        await desk.set("course", Setting.CLOSED, NOW + timedelta(hours=1), "drill", "max", "console")
        await desk.set("hr", Setting.CLOSED, NOW + timedelta(days=2), "moving", "max", "console", NOW + timedelta(days=1))
        assert await desk.set_by_phone(OverrideHours("hr", "calendar", 0, "sue"))
        assert [(override.line, override.reason) for override in desk.overrides] == [("course", "drill"), ("hr", "moving")]
        assert await desk.set_by_phone(OverrideHours(None, "calendar", 0, "sue"))
        assert [override.reason for override in desk.overrides] == ["moving"], "what is planned stays"


async def with_pins(database: Database, pins: dict[str, str], role: Role = Role.SUPERVISOR) -> None:
    for name, pin in pins.items():
        await database.write(partial(users.add, name=name, role=role, password_hash="x", now=NOW))
        await database.write(partial(store.set_pin, user=name, pin_hash=hashed(pin), now=NOW))


async def test_a_pin_says_who_it_is_and_stays_out_of_the_audit(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        await with_pins(database, {"sue": "12345678", "max": "87654321"})
        pins = SupervisorPins(database, clock)
        assert await pins.check_pin("87654321", "1700.1") == "max"
        assert await pins.check_pin("12345678", "1700.2") == "sue"
        for wrong in ("12345679", "1234", ""):
            assert await pins.check_pin(wrong, "1700.3") is None
        trail = await audited(database)
        assert trail[:2] == [("max", "pin-accepted", "1700.1"), ("sue", "pin-accepted", "1700.2")]
        assert trail[2:] == [("phone", "pin-refused", "1700.3")] * 3
        assert not [row for row in trail if "1234" in "".join(row)]


async def test_after_five_wrong_pins_every_pin_is_refused_for_a_quarter_of_an_hour(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        await with_pins(database, {"sue": "12345678"})
        pins = SupervisorPins(database, clock)
        for _ in range(TRIES):
            assert await pins.check_pin("00000000") is None
            clock.now += timedelta(minutes=3)
        clock.now -= timedelta(minutes=3)
        assert await SupervisorPins(database, clock).check_pin("12345678") is None, "a restart forgets nothing"
        clock.now += REFUSED_FOR - timedelta(seconds=1)
        assert await pins.check_pin("12345678") is None
        clock.now += timedelta(seconds=1)
        assert await pins.check_pin("12345678") == "sue"
        assert (await audited(database))[-2:] == [("phone", "pin-locked", ""), ("sue", "pin-accepted", "")]


async def test_many_guesses_at_once_are_counted_one_after_another(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        pins = SupervisorPins(database, clock)
        assert set(await asyncio.gather(*(pins.check_pin(f"0000000{i}") for i in range(9)))) == {None}
        actions = [action for _, action, _ in await audited(database)]
        assert actions == ["pin-refused"] * TRIES + ["pin-locked"] * (9 - TRIES)


async def test_the_pin_of_a_disabled_account_and_an_agents_open_nothing(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        await with_pins(database, {"ann": "11111111"}, Role.AGENT)
        await with_pins(database, {"sue": "12345678"})
        await database.write(partial(users.set_disabled, name="sue", disabled=True))
        pins = SupervisorPins(database, clock)
        assert [await pins.check_pin(pin) for pin in ("11111111", "12345678")] == [None, None]


async def test_without_a_database_no_pin_is_right(tmp_path: Path, clock: Clock) -> None:
    async with opened(tmp_path) as database:
        await with_pins(database, {"sue": "12345678"})
        await database.write(lambda session: session.connection().exec_driver_sql("ALTER TABLE supervisor_pins RENAME TO elsewhere"))
        assert await SupervisorPins(database, clock).check_pin("12345678") is None


def test_when_wrong_pins_are_too_many() -> None:
    def wrong(*minutes: float) -> list[datetime]:
        return [NOW + timedelta(minutes=minute) for minute in minutes]

    assert refused_until(wrong(0, 1, 2, 3)) is None
    assert refused_until(wrong(0, 1, 2, 3, 4)) == NOW + timedelta(minutes=4) + REFUSED_FOR
    assert refused_until(wrong(0, 1, 2, 3, WINDOW.total_seconds() / 60)) is not None
    assert refused_until(wrong(0, 1, 2, 3, 15.1)) is None
    assert refused_until([]) is None


def test_a_new_pin_is_eight_digits_and_another_each_time() -> None:
    made = {new_pin() for _ in range(50)}
    assert len(made) == 50
    assert all(len(pin) == 8 and pin.isdecimal() for pin in made)

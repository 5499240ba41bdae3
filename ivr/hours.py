"""The lines' hours as they are: the calendars with what people set on top, from the command line, the console and the telephone.

Every process reads the overrides anew every ``REFRESH_S``, so what another one set counts here at most 5 s later. Used by the daemon
(``HoursDesk``) and the CLI (``asked_for``, ``put``, ``take_back``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from callflows.calendar import Doubt, WallHours, doubts
from callflows.effects import OverrideHours
from callflows.line_hours import LineSchedule, Override, Setting
from callflows.outcomes import Hours, HoursState
from ivr.store import hours as store
from ivr.store import users
from ivr.store.database import Database, StoreError
from ivr.store.hours import NewOverride

log = structlog.get_logger(__name__)

REFRESH_S = 2.0
READ_TIMEOUT_S = 3.0  # with REFRESH_S: what another process set is known within 5 s
LONGEST = timedelta(days=366)  # what holds longer belongs into the calendar file
LONGEST_REASON = 200
AS_THE_CALENDAR_SAYS = "calendar"  # the effect's word for: withdraw what was set


class HoursRefusedError(Exception):
    """This can't be set or withdrawn; ``code`` is for the console's words, the message a sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def asked_for(
    lines: Collection[str],
    *,
    line: str | None,
    setting: Setting,
    begins_at: datetime | None,
    ends_at: datetime,
    reason: str,
    by: str,
    source: str,
    now: datetime,
) -> NewOverride:
    """A checked wish; ``begins_at`` None is at once, ``source`` is phone, console or command. Raises HoursRefusedError. Pure."""
    begin, words = begins_at or now, " ".join(reason.split())
    if line is not None and line not in lines:
        raise HoursRefusedError("line", f"there is no line {line!r}: there is {', '.join(sorted(lines))}")
    if ends_at <= now:
        raise HoursRefusedError("past", f"it would end at {ends_at.isoformat(timespec='minutes')}, which is over already")
    if ends_at <= begin:
        raise HoursRefusedError("backwards", "it would end before it begins")
    if ends_at - begin > LONGEST or begin - now > LONGEST:
        raise HoursRefusedError("long", f"an override lasts at most {LONGEST.days} days: write what holds longer into the calendar file")
    if not words:
        raise HoursRefusedError("reason", "say why: the reason is shown to everybody who wonders")
    return NewOverride(line, setting, max(begin, now), ends_at, words[:LONGEST_REASON], by, source)


def put(session: Session, new: NewOverride, now: datetime) -> Override:
    """In one transaction with its audit row."""
    made = store.add(session, new, now)
    users.audit(session, new.set_by, f"hours-{new.setting.value}", _subject(made), now)
    return made


def take_back(session: Session, override_id: int, by: str, now: datetime) -> Override:
    """In one transaction with its audit row. Raises HoursRefusedError."""
    gone = store.withdraw(session, override_id, by, now)
    if gone is None:
        raise HoursRefusedError("gone", f"there is no override {override_id} that still holds or will: it has ended, or was withdrawn")
    users.audit(session, by, "hours-withdrawn", _subject(gone), now)
    return gone


def _subject(override: Override) -> str:
    until = override.ends_at.astimezone(UTC)
    return f"{override.id} {override.line or 'every line'} {override.setting.value} until {until:%Y-%m-%dT%H:%MZ} by {override.set_from}"


class SchedulesNow(Protocol):
    """Where a line's hours as set now come from."""

    def __call__(self, line: str) -> LineSchedule: ...


@dataclass(frozen=True, slots=True)
class DeskCalendar:
    """One line's hours, or one calendar's, as sessions and callbacks ask them (``callflows.calendar.StaffedHours``): always as set now.

    ``zone`` is the hotline's, as everywhere; the schedule has its own copy of it.
    """

    schedule: SchedulesNow
    name: str

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        return self.schedule(self.name).standing(at).state is HoursState.OPEN

    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        return self.schedule(self.name).opens_at(at)

    def hours_at(self, at: datetime, zone: ZoneInfo) -> Hours:
        return self.schedule(self.name).hours_at(at)


class HoursDesk:
    """``known`` are the calendars by calendar name and by line name (``ivr.assembly.calendars``). A calendar's name that is no line's
    heeds what was set for every line.

    ``calendars`` are for who calls us. ``calling_calendars`` are for calls of ours (R31): closings and emergencies hold them back too,
    but a line opened by hand at night gives nobody leave to ring people up.
    """

    def __init__(
        self,
        known: Mapping[str, WallHours],
        lines: Collection[str],
        zone: ZoneInfo,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        refresh_s: float = REFRESH_S,
    ) -> None:
        self._known = known
        self._lines = tuple(lines)
        self._zone = zone
        self._database = database
        self._clock = clock
        self._refresh_s = refresh_s
        self._overrides: tuple[Override, ...] = ()
        self._trouble: str | None = None
        self.calendars: Mapping[str, DeskCalendar] = {name: DeskCalendar(self.schedule, name) for name in known}
        self.calling_calendars: Mapping[str, DeskCalendar] = {name: DeskCalendar(self._without_openings, name) for name in known}

    @property
    def lines(self) -> tuple[str, ...]:
        return self._lines

    @property
    def zone(self) -> ZoneInfo:
        return self._zone

    @property
    def overrides(self) -> tuple[Override, ...]:
        """Those that hold or will, as last read."""
        return self._overrides

    @property
    def trouble(self) -> str | None:
        """Why the overrides may be out of date; None when they aren't."""
        return self._trouble

    def schedule(self, line: str) -> LineSchedule:
        """A line's hours as set now; a value. Raises KeyError for a name that is neither a line nor a calendar."""
        return LineSchedule.of(line, self._known[line], self._zone, self._overrides)

    def _without_openings(self, line: str) -> LineSchedule:
        kept = [override for override in self._overrides if override.setting is not Setting.OPEN]
        return LineSchedule.of(line, self._known[line], self._zone, kept)

    def schedules(self) -> dict[str, LineSchedule]:
        """Of every line, in the settings' order."""
        return {line: self.schedule(line) for line in self._lines}

    def state_of(self, line: str, at: datetime) -> Hours:
        """Emergency, holiday, closed or open, and when it opens again. Never waits for the database. Raises KeyError."""
        return self.schedule(line).hours_at(at)

    def doubts(self) -> list[Doubt]:
        """What is uncertain about the calendars today: years without a notice. Takes 0.2 s the first time."""
        return doubts(list(self._known.values()), self._clock().astimezone(self._zone).date())

    async def run(self) -> None:
        """Keep the overrides fresh, and tell in the log once a day what is uncertain, until cancelled."""
        told_on = None
        while True:
            await self.refresh()
            today = self._clock().astimezone(self._zone).date()
            if today != told_on:
                told_on = today
                for doubt in await asyncio.to_thread(self.doubts):
                    log.warning("the calendar is uncertain", what=str(doubt))
            await asyncio.sleep(self._refresh_s)

    async def refresh(self) -> None:
        """Read what holds or will. Without a database what was read last goes on counting, to its end."""
        try:
            found = tuple(await self._database.read(partial(store.standing, now=self._clock()), timeout_s=READ_TIMEOUT_S))
        except StoreError as error:
            if self._trouble is None:
                log.error("overrides of the hours can't be read: what was set last goes on counting", reason=str(error))
            self._trouble = str(error)
            return
        if self._trouble is not None:
            log.info("overrides of the hours are read again")
        self._trouble = None
        for override in set(found) - set(self._overrides):
            log.info("hours are set", override=override.id, line=override.line, setting=override.setting.value, by=override.set_by)
        self._overrides = found

    async def set(
        self, line: str | None, setting: Setting, ends_at: datetime, reason: str, by: str, source: str, begins_at: datetime | None = None
    ) -> Override:
        """Set a line (None: every line) until a time, audited; counts at once here. Raises HoursRefusedError and StoreError."""
        now = self._clock()
        new = asked_for(
            self._lines, line=line, setting=setting, begins_at=begins_at, ends_at=ends_at, reason=reason, by=by, source=source, now=now
        )
        made = await self._database.write(partial(put, new=new, now=now))
        await self.refresh()
        return made

    async def withdraw(self, override_id: int, by: str) -> Override:
        """End an override before its time, audited. Raises HoursRefusedError and StoreError."""
        gone = await self._database.write(partial(take_back, override_id=override_id, by=by, now=self._clock()))
        await self.refresh()
        return gone

    async def set_by_phone(self, wish: OverrideHours) -> bool:
        """What a supervisor keyed in; False when it can't be stored or can't be done.

        ``calendar`` withdraws what holds for that line alone, without a line whatever holds.
        """
        now = self._clock()
        try:
            if wish.state == AS_THE_CALENDAR_SAYS:
                await self._database.write(partial(_take_back_all, line=wish.line, by=wish.by, now=now))
                await self.refresh()
            else:
                ends_at = now + timedelta(minutes=wish.minutes)
                await self.set(wish.line, Setting(wish.state), ends_at, "by telephone", wish.by, "phone")
        except (StoreError, HoursRefusedError, ValueError) as error:
            log.warning("hours could not be set by telephone", reason=str(error), by=wish.by)
            return False
        return True


def _take_back_all(session: Session, line: str | None, by: str, now: datetime) -> None:
    for override in store.standing(session, now):
        if override.holds(now) and (line is None or override.line == line):
            take_back(session, override.id, by, now)

"""The page on the lines' hours: what holds now, what was set by hand and setting it, the next 30 days; and the same as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from aiohttp import web

from callflows.calendar import Standing
from callflows.line_hours import LineSchedule, Override, Setting
from callflows.outcomes import Hours, HoursState
from callflows.public_holidays import HOLIDAYS
from callflows.routing_changes import Change, DayHours, changes, day_hours
from ivr.console.api import body_of
from ivr.console.desk import May, desk, language_of, page, person, require
from ivr.console.guard import failure
from ivr.console.ports import HoursService
from ivr.hours import HoursRefusedError
from ivr.hours_view import change_as_json, line_as_json, next_change, override_as_json

DAYS = 30
EVERY_LINE = "*"  # written out, so that nobody closes the whole hotline by leaving a field empty
MOST_DAYS = 400
_dumps = partial(json.dumps, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line now."""

    schedule: LineSchedule
    standing: Standing
    hours: Hours
    today: DayHours
    following: Change | None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Days in a row with the same hours on every line; one cell for each group of lines."""

    first: date
    last: date
    cells: tuple[DayHours, ...]

    @property
    def unusual(self) -> bool:
        return any(cell.unusual for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Typed:
    """What stood in the form, to stand there again when it is refused."""

    line: str = ""
    state: str = ""
    begin: str = ""
    until: str = ""
    reason: str = ""


async def hours(request: web.Request) -> web.StreamResponse:
    require(request, May.WATCH)
    return await _page(request)


async def set_hours(request: web.Request) -> web.StreamResponse:
    """The form; refused, it comes back with the reason and what was typed."""
    require(request, May.SET_HOURS)
    form = await request.post()
    given = {name: str(form.get(name, ""))[:400] for name in ("line", "state", "from", "until", "reason")}
    try:
        await _set(request, given)
    except HoursRefusedError as error:
        typed = Typed(given["line"], given["state"], given["from"], given["until"], given["reason"])
        return await _page(request, problem=error.code, typed=typed)
    raise web.HTTPSeeOther("/hours?done=hours")


async def withdraw(request: web.Request) -> web.StreamResponse:
    require(request, May.SET_HOURS)
    try:
        await _withdraw(request)
    except HoursRefusedError as error:
        return await _page(request, problem=error.code)
    raise web.HTTPSeeOther("/hours?done=hours_withdrawn")


async def hours_json(request: web.Request) -> web.StreamResponse:
    """As ``ivrd hours show --json``."""
    require(request, May.WATCH)
    service, now = _service(request), desk(request).clock()
    return web.json_response(
        {
            "at": now.astimezone(service.zone).isoformat(timespec="seconds"),
            "lines": [line_as_json(schedule, now) for schedule in service.schedules().values()],
            "overrides": [override_as_json(override, service.zone) for override in service.overrides],
            "warnings": [str(doubt) for doubt in await asyncio.to_thread(service.doubts)],
        },
        dumps=_dumps,
    )


async def changes_json(request: web.Request) -> web.StreamResponse:
    """As ``ivrd hours changes --json``."""
    require(request, May.WATCH)
    service, now, days = _service(request), desk(request).clock(), request.query.get("days", str(DAYS))
    if not days.isascii() or not days.isdecimal() or not 1 <= int(days[:6]) <= MOST_DAYS:
        raise web.HTTPBadRequest(text=f"days: a whole number from 1 to {MOST_DAYS}")
    schedules, end = service.schedules(), now + timedelta(days=int(days))
    found = await asyncio.to_thread(lambda: [change for each in schedules.values() for change in changes(each, now, end)])
    found.sort(key=lambda change: (change.at, change.line))
    return web.json_response({"changes": [change_as_json(change) for change in found]}, dumps=_dumps)


async def set_json(request: web.Request) -> web.StreamResponse:
    require(request, May.SET_HOURS)
    try:
        made = await _set(request, await body_of(request))
    except HoursRefusedError as error:
        return failure(request, 409, str(error))
    return web.json_response(override_as_json(made, _service(request).zone), status=201, dumps=_dumps)


async def withdraw_json(request: web.Request) -> web.StreamResponse:
    require(request, May.SET_HOURS)
    try:
        gone = await _withdraw(request)
    except HoursRefusedError as error:
        return failure(request, 409, str(error))
    return web.json_response(override_as_json(gone, _service(request).zone), dumps=_dumps)


def _service(request: web.Request) -> HoursService:
    """Raises 404 where nobody keeps the hours."""
    found = desk(request).ports.hours
    if found is None:
        raise web.HTTPNotFound
    return found


async def _set(request: web.Request, given: Mapping[str, str]) -> Override:
    """Raises HoursRefusedError and StoreError."""
    service = _service(request)
    try:
        setting = Setting(given.get("state", ""))
    except ValueError:
        raise HoursRefusedError("state", "state: open, closed or emergency") from None
    begin = _moment(service, given["from"]) if given.get("from") else None
    until = _moment(service, given.get("until", ""))
    by = person(request).user.name
    line = given.get("line", "")
    return await service.set(None if line == EVERY_LINE else line, setting, until, given.get("reason", ""), by, "console", begin)


async def _withdraw(request: web.Request) -> Override:
    return await _service(request).withdraw(int(request.match_info["override"]), person(request).user.name)


def _moment(service: HoursService, text: str) -> datetime:
    """A time without offset is the hotline's. Raises HoursRefusedError."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=service.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise HoursRefusedError("time", f"{text[:40]!r} is no time: write 2026-11-23T18:00, with or without offset") from None


async def _page(request: web.Request, *, problem: str | None = None, typed: Typed | None = None) -> web.Response:
    service, now = _service(request), desk(request).clock()
    schedules, local = service.schedules(), now.astimezone(service.zone)
    plan, doubtful = await asyncio.gather(
        asyncio.to_thread(_plan, schedules, local.date()), asyncio.to_thread(service.doubts)
    )  # some 20 ms of counting, beside the calls' loop
    return page(
        request,
        "hours.html",
        status=409 if problem else 200,
        lines=[_line_row(schedule, now) for schedule in schedules.values()],
        overrides=[(override, override.holds(now)) for override in service.overrides],
        groups=plan[0],
        plan=plan[1],
        doubts=doubtful,
        stale=service.trouble is not None,
        problem=problem,
        typed=typed or Typed(until=(local + timedelta(hours=2)).replace(minute=0).strftime("%Y-%m-%dT%H:%M")),
        settings=[Setting.CLOSED, Setting.OPEN, Setting.EMERGENCY],
        tones={HoursState.OPEN: "good", HoursState.EMERGENCY: "bad", HoursState.HOLIDAY: "few", HoursState.CLOSED: "none"},
        holiday_name={key: names[language_of(request)] for key, names in HOLIDAYS.items()},
        midnight=time.min,
        every_line=EVERY_LINE,
        now=now,
    )


def _line_row(schedule: LineSchedule, now: datetime) -> LineRow:
    today = day_hours(schedule, now.astimezone(schedule.zone).date())
    return LineRow(schedule, schedule.standing(now), schedule.hours_at(now), today, next_change(schedule, now))


def _plan(schedules: Mapping[str, LineSchedule], today: date) -> tuple[list[tuple[str, ...]], list[PlanRow]]:
    """Lines whose days are all alike in one column, days that are all alike in one row."""
    days = [today + timedelta(days=ahead) for ahead in range(DAYS)]
    by_line = {name: tuple(day_hours(schedule, day) for day in days) for name, schedule in schedules.items()}
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name, found in by_line.items():
        groups.setdefault(tuple(_alike(day) for day in found), []).append(name)
    columns = [by_line[names[0]] for names in groups.values()]
    rows: list[PlanRow] = []
    for index, day in enumerate(days):
        cells = tuple(column[index] for column in columns)
        if rows and _all_alike(rows[-1].cells, cells):
            rows[-1] = PlanRow(rows[-1].first, day, rows[-1].cells)
        else:
            rows.append(PlanRow(day, day, cells))
    return [tuple(names) for names in groups.values()], rows


def _alike(day: DayHours) -> tuple[Any, ...]:
    return day.open, day.unusual, day.provisional


def _all_alike(some: Sequence[DayHours], others: Sequence[DayHours]) -> bool:
    return [_alike(day) for day in some] == [_alike(day) for day in others]

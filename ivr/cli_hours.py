"""``ivrd hours``: when the lines are staffed, and setting that by hand. A Typer application that ``ivr.cli`` hangs in.

What it sets it writes to the database; a running daemon heeds it within seconds.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from callflows.calendar import CalendarError, doubts
from callflows.line_hours import LineSchedule, Override, Setting
from callflows.routing_changes import Change, changes, compare
from ivr.assembly import calendars
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_deferred import Entry, deferring
from ivr.cli_store import opened_store, read_store
from ivr.cli_tables import plain_console
from ivr.console.passwords import hashed
from ivr.hours import HoursRefusedError, asked_for, put, take_back
from ivr.hours_view import (
    change_as_json,
    change_in_words,
    difference_as_json,
    line_as_json,
    override_as_json,
    why_in_words,
)
from ivr.settings import Settings
from ivr.store import hours as store
from ivr.store import users
from ivr.supervisor_pins import new_pin, owner

T = TypeVar("T")
NOTICE = Entry(
    "notice",
    "ivr.cli_hours_notice",
    "Read a notice of the State Council, check it against itself, and print the lines for the calendar file.",
)

app = typer.Typer(help="When the lines are staffed: by the calendar, and as set by hand.", no_args_is_help=True, cls=deferring(NOTICE))

LineOption = Annotated[str | None, typer.Option("--line", help="This line alone; every line without it.")]
AtOption = Annotated[str | None, typer.Option("--at", help="Not now but then: 2026-10-01T10:00, in the hotline's time zone.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=400, help="How many days from now.")]
_LATER = re.compile(r"\+?(\d{1,5})\s*(m|min|h|d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


@app.command(epilog="Example: ivrd hours show --at 2026-10-01T10:00")
def show(config: ConfigOption = None, as_json: JsonOption = False, line: LineOption = None, at: AtOption = None) -> None:
    """Each line's state, why it is so, when it changes next, and what has been set by hand."""
    settings = settings_from(config)
    now = datetime.now(UTC)
    moment = _moment(settings, at, now) if at else now
    overrides = _overrides(settings, now)
    schedules = _schedules(settings, line, overrides)
    records = [line_as_json(schedule, moment) for schedule in schedules.values()]
    told = _warnings(settings, schedules, moment)
    shown = [override_as_json(override, settings.zone) for override in overrides]
    if as_json:
        when = moment.astimezone(settings.zone).isoformat(timespec="seconds")
        print_json({"at": when, "lines": records, "overrides": shown, "warnings": told})
        return
    table = Table("line", "state", "today", "why", "next change")
    for record, schedule in zip(records, schedules.values(), strict=True):
        following = record["next_change"]
        then = f"{following['at'][5:16].replace('T', ' ')} {following['state']}" if following else "-"
        hours = " ".join(f"{begin}-{end}" for begin, end in record["today"]) or "-"
        table.add_row(record["line"], record["state"], hours, why_in_words(schedule.standing(moment)), then)
    plain_console(soft_wrap=True).print(table)
    if overrides:
        _print_overrides(overrides, settings, now)
    for sentence in told:
        typer.echo(f"ivrd: warning: {sentence}", err=True)


@app.command("set", epilog='Example: ivrd hours set --line hr --closed --until 18:00 --reason "fire drill"')
def set_hours(
    until: Annotated[str, typer.Option(help="Until when: 18:00, 2026-11-23T12:00, or +90m, +3h, +2d.")],
    reason: Annotated[str, typer.Option(help="Why: everybody who wonders is shown it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    line: Annotated[str | None, typer.Option(help="Which line.")] = None,
    every_line: Annotated[bool, typer.Option("--every-line", help="All of them.")] = False,
    is_open: Annotated[bool, typer.Option("--open", help="Staffed, whatever the calendar says.")] = False,
    is_closed: Annotated[bool, typer.Option("--closed", help="Not staffed.")] = False,
    is_emergency: Annotated[bool, typer.Option("--emergency", help="Callers hear of an emergency; goes before everything.")] = False,
    begin: Annotated[str | None, typer.Option("--from", help="From when, written like --until; at once without it.")] = None,
) -> None:
    """Open or close a line, or declare an emergency, until a time."""
    settings = settings_from(config)
    wanted = [setting for setting, given in zip(Setting, (is_open, is_closed, is_emergency), strict=True) if given]
    if len(wanted) != 1:
        raise typer.BadParameter("give one of --open, --closed and --emergency")
    if (line is None) is not every_line:
        raise typer.BadParameter("give either --line or --every-line")
    now = datetime.now(UTC)
    starts = _moment(settings, begin, now) if begin else None
    ends = _moment(settings, until, starts or now)
    try:
        new = asked_for(
            settings.lines,
            line=line,
            setting=wanted[0],
            begins_at=starts,
            ends_at=ends,
            reason=reason,
            by=_operator(),
            source="command",
            now=now,
        )
    except HoursRefusedError as error:
        fail(str(error))
    made = _write(settings, partial(put, new=new, now=now))
    _tell(settings, made, as_json, "is set")


@app.command(epilog="Example: ivrd hours withdraw 3")
def withdraw(
    override: Annotated[int, typer.Argument(metavar="ID", help="Its number, as `ivrd hours show` says it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what was set, before its time."""
    settings = settings_from(config)
    gone = _write(settings, partial(take_back, override_id=override, by=_operator(), now=datetime.now(UTC)))
    _tell(settings, gone, as_json, "is withdrawn")


@app.command("list", epilog="Example: ivrd hours list --limit 20 --json")
def list_overrides(config: ConfigOption = None, as_json: JsonOption = False, limit: LimitOption = 50) -> None:
    """What was ever set by hand, the newest first."""
    settings = settings_from(config)
    found = read_store(settings, lambda session, _: store.latest(session, limit))
    if as_json:
        print_json([override_as_json(override, settings.zone) for override in found])
        return
    _print_overrides(found, settings, datetime.now(UTC))


@app.command("changes", epilog="Example: ivrd hours changes --days 14 --compare new-calendar.yaml")
def show_changes(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    days: DaysOption = 30,
    line: LineOption = None,
    begin: Annotated[str | None, typer.Option("--from", help="Not from now but from then: 2026-12-20T00:00.")] = None,
    new: Annotated[Path | None, typer.Option("--compare", help="A new calendar file: say what it would change.")] = None,
) -> None:
    """Every change of routing, and why; or what another calendar file would change of it."""
    settings = settings_from(config)
    now = datetime.now(UTC)
    start = _moment(settings, begin, now) if begin else now
    end = start + timedelta(days=days)
    overrides = _overrides(settings, now)
    schedules = _schedules(settings, line, overrides)
    if new is not None:
        _compare(settings, schedules, _schedules(settings, line, overrides, new), start, end, as_json)
        return
    found = sorted((change for each in schedules.values() for change in changes(each, start, end)), key=lambda c: (c.at, c.line))
    told = _warnings(settings, schedules, start)
    if as_json:
        print_json({"changes": [change_as_json(change) for change in found], "warnings": told})
        return
    if found:
        plain_console(soft_wrap=True).print(_changes_table(found))
    else:
        typer.echo(f"nothing changes within {days} days")
    for sentence in told:
        typer.echo(f"ivrd: warning: {sentence}", err=True)


@app.command(epilog="Example: ivrd hours pin li.na")
def pin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A supervisor's, manager's or administrator's account.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away instead.")] = False,
) -> None:
    """Give somebody a new PIN for setting the hours by telephone, and print it this once."""
    settings = settings_from(config)
    now = datetime.now(UTC)
    made = new_pin()
    if not remove:
        stored = read_store(settings, lambda session, _: store.usable_pins(session))
        while asyncio.run(owner(stored, made)) is not None:  # two people with one PIN could not be told apart
            made = new_pin()
    pin_hash = "" if remove else hashed(made)

    def work(session: Session) -> str | None:
        user = users.find(session, name)
        if user is None:
            return f"there is no account {name}: ivrd users add {name} --role supervisor"
        if remove:
            if not store.remove_pin(session, name):
                return f"{name} has no PIN"
        elif user.role not in store.MAY_SET_HOURS or user.disabled:
            return f"{name} may not set the hours: it takes an enabled account of a supervisor, manager or administrator"
        else:
            store.set_pin(session, name, pin_hash, now)
        users.audit(session, _operator(), "pin-removed" if remove else "pin-set", name, now)
        return None

    if (trouble := _write(settings, work)) is not None:
        fail(trouble)
    if as_json:
        print_json({"name": name, "pin": None if remove else made})
    else:
        typer.echo(f"{name} has no PIN any more" if remove else f"{name}: PIN {made}   (shown this once)")


def _compare(
    settings: Settings,
    now: Mapping[str, LineSchedule],
    then: Mapping[str, LineSchedule],
    start: datetime,
    end: datetime,
    as_json: bool,
) -> None:
    found = compare(now, then, start, end)
    if as_json:
        print_json({"differences": [difference_as_json(difference) for difference in found]})
        return
    if settings.always_open:
        typer.echo("ivrd: always_open is set: every line is staffed round the clock, whatever a calendar file says", err=True)
    if not found:
        typer.echo("it would change nothing in that time")
        return
    table = Table("line", "from", "until", "now", "then")
    for difference in found:
        sides = [f"{side.state.value}: {why_in_words(side)}" if side else "no such line" for side in (difference.now, difference.then)]
        table.add_row(difference.line, _short(difference.begin), _short(difference.end), *sides)
    plain_console(soft_wrap=True).print(table)


def _changes_table(found: Sequence[Change]) -> Table:
    table = Table("when", "line", "becomes", "why")
    for change in found:
        table.add_row(f"{change.at:%m-%d %a %H:%M}", change.line, change.after.state.value, change_in_words(change))
    return table


def _print_overrides(overrides: Sequence[Override], settings: Settings, now: datetime) -> None:
    table = Table("id", "line", "set to", "from", "until", "by", "reason", "")
    for override in overrides:
        standing = "withdrawn" if override.withdrawn_at else "over" if override.ends_at <= now else ""
        standing = standing or ("holds" if override.holds(now) else "to come")
        begin, end = (_short(moment.astimezone(settings.zone)) for moment in (override.begins_at, override.ends_at))
        by = f"{override.set_by} ({override.set_from})"
        table.add_row(str(override.id), override.line or "every line", override.setting.value, begin, end, by, override.reason, standing)
    plain_console(soft_wrap=True).print(table)


def _schedules(settings: Settings, line: str | None, overrides: Sequence[Override], file: Path | None = None) -> dict[str, LineSchedule]:
    if line is not None and line not in settings.lines:
        fail(f"there is no line {line!r}: there is {', '.join(settings.lines)}")
    try:
        known = calendars(settings.model_copy(update={"calendar": file}) if file else settings)
    except CalendarError as error:
        fail(*str(error).splitlines())
    names = [line] if line else list(settings.lines)
    return {name: LineSchedule.of(name, known[name], settings.zone, overrides) for name in names}


def _overrides(settings: Settings, now: datetime) -> Sequence[Override]:
    """What is set; nothing where there is no database yet."""
    if settings.store.url is None and not settings.paths.database.exists():
        return ()
    return read_store(settings, lambda session, _: store.standing(session, now))


def _warnings(settings: Settings, schedules: Mapping[str, LineSchedule], at: datetime) -> list[str]:
    found = doubts([schedule.calendar for schedule in schedules.values()], at.astimezone(settings.zone).date())
    return [str(doubt) for doubt in found]


def _write(settings: Settings, work: Callable[[Session], T]) -> T:
    with opened_store(settings) as (database, _):
        try:
            return database.write_now(work)
        except HoursRefusedError as error:
            fail(str(error))


def _tell(settings: Settings, override: Override, as_json: bool, done: str) -> None:
    if as_json:
        print_json(override_as_json(override, settings.zone))
        return
    begin, end = (_short(moment.astimezone(settings.zone)) for moment in (override.begins_at, override.ends_at))
    typer.echo(f"{override.id} {done}: {override.line or 'every line'} {override.setting.value} from {begin} until {end}")


def _moment(settings: Settings, words: str, after: datetime) -> datetime:
    """``18:00`` is the next time after ``after`` that the hotline's clocks show it, ``+90m`` so much later. Exits 2 for anything else."""
    if later := _LATER.fullmatch(words.strip()):
        return after + timedelta(**{_UNITS[later[2]]: int(later[1])})
    local = after.astimezone(settings.zone)
    try:
        if shown := _CLOCK.fullmatch(words.strip()):
            moment = local.replace(hour=int(shown[1]), minute=int(shown[2]), second=0, microsecond=0)
            return (moment if moment > local else moment + timedelta(days=1)).astimezone(UTC)
        found = datetime.fromisoformat(words.strip())
        return (found if found.tzinfo else found.replace(tzinfo=settings.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        _refuse_time(words)


def _refuse_time(words: str) -> NoReturn:
    raise typer.BadParameter(f"{words[:40]!r} is no time: write 18:00, 2026-11-23T12:00, or +90m, +3h, +2d")


def _short(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def _operator() -> str:
    """Who runs the command, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return f"cli:{os.getuid()}"

"""``ivrd reports``: the daily log, weekly and monthly report (R52), made, listed and sent by hand. Typer commands for ``ivr.cli``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_store import opened_store, read_store
from ivr.cli_tables import plain_console
from ivr.reports.making import ReportMaker
from ivr.reports.notice import CHANNEL_PREFIX, subject_of, tell
from ivr.reports.periods import Kind, Period
from ivr.settings import Settings
from ivr.store import made_reports
from ivr.store.made_reports import MadeReport

app = typer.Typer(help="The daily log, the weekly and the monthly report.", no_args_is_help=True)

KindArgument = Annotated[Kind, typer.Argument(help="day, week or month.")]
DateArgument = Annotated[str, typer.Argument(metavar="[DATE]", help="Any day in it, as 2026-11-21; the last whole one by default.")]


@app.command("make", epilog="Example: ivrd reports make week 2026-11-18 --to /tmp")
def make(
    kind: KindArgument,
    day: DateArgument = "",
    config: ConfigOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write the files to this folder, and keep none.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a report now, anew if it was made before. Nobody is sent anything: that does `ivrd reports send`."""
    settings = settings_from(config)
    period = _period(settings, kind, day)
    with opened_store(settings) as (store, _):
        maker = ReportMaker.of(settings, store)
        try:
            made = maker.make(period, to)
        except OSError as error:
            fail(f"{error.filename or to or maker.folder}: the report can't be written: {error.strerror or error}")
        if to is None:
            store.write_now(partial(made_reports.record, kind=kind, first=period.first, files=made.files, now=datetime.now(UTC)))
        folder = to or maker.folder
    paths = {name: str(folder / path) for name, path in made.files.items()}
    if as_json:
        print_json({"kind": kind.value, "first": period.name, "last": period.last.isoformat(), "files": paths})
    else:
        for path in paths.values():
            typer.echo(path)


@app.command("list", epilog="Example: ivrd reports list --kind month")
def list_made(
    config: ConfigOption = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    limit: LimitOption = 30,
    as_json: JsonOption = False,
) -> None:
    """The reports that were made, the newest first, and what became of sending them."""
    settings = settings_from(config)
    found = read_store(settings, lambda session, _: [_told(session, made, settings) for made in made_reports.latest(session, limit, kind)])
    if as_json:
        print_json(found)
        return
    table = Table("report", "period", "made", "sent")
    for made in found:
        sent = ", ".join(f"{one['recipient']} {one['state']}" for one in made["sent"])
        period = made["first"] if made["last"] == made["first"] else f"{made['first']} – {made['last']}"
        table.add_row(made["kind"], period, made["made_at"][:16].replace("T", " "), sent or "-")
    plain_console().print(table)


@app.command("send", epilog="Example: ivrd reports send day 2026-11-21 --only leaders")
def send(
    kind: KindArgument,
    day: DateArgument = "",
    config: ConfigOption = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only to this recipient of [reports.to]; may be repeated.")] = None,
) -> None:
    """Send a report to its recipients, again if it was sent before; it is made first if it wasn't yet. The running daemon delivers it."""
    settings = settings_from(config)
    period = _period(settings, kind, day)
    wanted = {name: who for name, who in settings.reports.to.items() if kind.value in who.kinds}
    if unknown := set(only or ()) - set(wanted):
        known = ", ".join(wanted) or "nobody"
        fail(f"{sorted(unknown)[0]} gets no such report: the {kind} goes to {known} ([reports.to] in the settings)")
    if not wanted:
        fail(f"nobody gets the {kind}: name recipients in [reports.to] of the settings")
    recipients = {name: who for name, who in wanted.items() if not only or name in only}
    now = datetime.now(UTC)
    with opened_store(settings) as (store, _):
        maker = ReportMaker.of(settings, store)
        try:
            made = maker.make(period)
        except OSError as error:
            fail(f"{error.filename or maker.folder}: the report can't be written: {error.strerror or error}")

        def keep(session: Session) -> list[str]:
            made_reports.record(session, kind, period.first, made.files, now)
            if not only and period.end(settings.zone) <= now:  # the clock need not send it to the same people
                made_reports.mark_told(session, kind, period.first, now)
            return tell(session, made.notices, recipients, now, again=f"{now:%Y%m%dT%H%M%S}")

        told = store.write_now(keep)
    typer.echo(f"on its way to {', '.join(told)}")


def _period(settings: Settings, kind: Kind, text: str) -> Period:
    today = datetime.now(settings.zone).date()
    if not text:
        return Period.around(kind, today).previous
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is no date: write it as {today - timedelta(days=1)}") from None
    if day > today:
        raise typer.BadParameter(f"{day} is still to come")
    return Period.around(kind, day)


def _told(session: Session, made: MadeReport, settings: Settings) -> dict[str, Any]:
    period = Period(Kind(made.kind), made.first)
    sent = made_reports.sendings(session, subject_of(period), CHANNEL_PREFIX)
    return {
        "kind": made.kind,
        "first": period.name,
        "last": period.last.isoformat(),
        "made_at": made.made_at.astimezone(settings.zone).isoformat(timespec="seconds"),
        "files": dict(made.files),
        "sent": [{"recipient": one.recipient, "state": one.state, "last_error": one.last_error} for one in sent],
    }

"""``ivrd report``: figures of any period. A Typer command that ``ivr.cli`` hangs in."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli_common import ConfigOption, fail, print_json, settings_from
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.intervals import Grain
from ivr.domain.measures import Limits
from ivr.domain.spoken_periods import UnknownPeriodError, period
from ivr.report_rows import flat, row_as_json, table
from ivr.reporting import HOTLINE, Ask, By, ReportRow, limits_from
from ivr.reporting import report as make_report
from ivr.reports.workbook import figures_workbook
from ivr.settings import Settings
from ivr.store.sealing import Sealer
from ivr.store.visit_rows import View
from ivr.views import spreadsheet_safe

app = typer.Typer()


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


PERIOD_HELP = "ISO 8601, or a word: today, yesterday, this-week, last-week, this-month, last-month"


@app.command(epilog="Example: ivrd report --from 2026-11-21 --by line --grain 1h")
def report(
    config: ConfigOption = None,
    from_: Annotated[str, typer.Option("--from", help=f"Beginning, {PERIOD_HELP}; today by default. A word alone is that period.")] = "",
    to: Annotated[str, typer.Option("--to", help="End, not included; as a word that period's end. Now by default.")] = "",
    by: Annotated[By, typer.Option(help="Whose figures.")] = By.QUEUE,
    grain: Annotated[Grain | None, typer.Option(help="Cut into intervals; one for the whole period by default.")] = None,
    view: Annotated[
        View, typer.Option(help="cohort: a visit counts where it entered the queue. activity: each event when it happened.")
    ] = View.COHORT,
    tz: Annotated[str, typer.Option("--tz", help="Time zone of the report; the hotline's by default.")] = "",
    definition: Annotated[list[str] | None, typer.Option("--definition", help="A figure by name; can be repeated.")] = None,
    definitions: Annotated[bool, typer.Option("--definitions", help="List every definition with its formula, and end.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
    to_file: Annotated[Path | None, typer.Option("--to-file", help="Write it there instead of printing it; xlsx needs it.")] = None,
) -> None:
    """Offered, answered, lost, loss rate 呼损率, service level and answer times of a period."""
    if definitions:
        _list_definitions(form)
        return
    settings = settings_from(config)
    wanted = tuple(dict.fromkeys(definition or ()))
    check_names(wanted)
    zone, start, end, now = period_of(settings, from_, to, tz)
    if form is Format.XLSX and to_file is None:
        fail("a workbook can't be printed: say where to write it, --to-file figures.xlsx")
    ask = Ask(start, end, zone, by, grain, view, _names(settings, by), wanted)
    rows = read_store(settings, partial(_make, ask=ask, limits=limits_from(settings), now=now))
    _put_out(rows, ask, form, to_file)


def period_of(settings: Settings, from_: str, to: str, tz: str) -> tuple[ZoneInfo, datetime, datetime, datetime]:
    """The zone, the period's beginning and end, and now; or exit 1 with a sentence."""
    now = datetime.now(UTC)
    try:
        zone = ZoneInfo(tz) if tz else settings.zone
        return zone, *period(from_, to, now, zone), now
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        fail(str(error) if isinstance(error, UnknownPeriodError) else f"--tz: there is no time zone {tz!r}")


def check_names(names: tuple[str, ...]) -> None:
    """Exit 1 with a sentence for a definition that isn't in the book."""
    for name in names:
        if name not in DEFINITIONS:
            fail(f"there is no definition {name!r}; `ivrd report --definitions` lists them")


def _make(session: Session, _: Sealer, ask: Ask, limits: Limits, now: datetime) -> list[ReportRow]:
    return make_report(session, ask, limits, now)


def _names(settings: Settings, by: By) -> tuple[str, ...]:
    """Who gets rows even without calls."""
    match by:
        case By.QUEUE:
            return tuple(sorted(settings.queues))
        case By.LINE:
            return tuple(sorted(settings.lines))
        case By.HOTLINE:
            return (HOTLINE,)
        case By.AGENT:
            return ()


def _put_out(rows: list[ReportRow], ask: Ask, form: Format, to_file: Path | None) -> None:
    records = [row_as_json(row, ask.by, ask.zone, ask.definitions) for row in rows]
    start, end = ask.start.astimezone(ask.zone).isoformat(), ask.end.astimezone(ask.zone).isoformat()
    try:
        if form is Format.XLSX and to_file is not None:
            figures_workbook(to_file, f"{start[:16]} - {end[:16]}", [flat(record) for record in records], ask.zone)
            return
        text = _written(rows, records, ask, form, start, end)
        if to_file:
            to_file.write_text(text, encoding="utf-8")
        else:
            typer.echo(text, nl=False)
    except OSError as error:
        fail(f"{to_file}: can't be written: {error.strerror or error}")


def _written(rows: list[ReportRow], records: list[dict[str, Any]], ask: Ask, form: Format, start: str, end: str) -> str:
    if form is Format.JSON:
        whole = {"from": start, "to": end, "tz": str(ask.zone), "view": ask.view.value, "rows": records}
        return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
    if form is Format.CSV:
        return _csv(records)
    console = plain_console()
    with console.capture() as captured:
        console.print(table(rows, ask, console.width))
    return captured.get()


def _csv(records: list[dict[str, Any]]) -> str:
    """A name that begins like a formula is made text."""
    rows = [flat(record) for record in records]
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: spreadsheet_safe(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def _list_definitions(form: Format) -> None:
    if form is Format.JSON:
        print_json(
            [
                {
                    "name": known.name, "version": known.version, "unit": known.unit.value,
                    "formula": {"zh": known.formula_zh, "en": known.formula_en}, "source": known.source,
                }
                for known in DEFINITIONS.values()
            ]
        )  # fmt: skip
        return
    listed = Table(show_lines=True, pad_edge=False)
    listed.add_column("name", no_wrap=True)
    listed.add_column("formula")
    for known in DEFINITIONS.values():
        listed.add_row(f"{known.name}\nversion {known.version}", f"{known.formula_en}\n{known.formula_zh}\n{known.source}")
    plain_console().print(listed)

"""``ivrd report``: figures of any period. A Typer command that ``ivr.cli`` hangs in."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.table import Table

from ivr.cli_common import ConfigOption, fail, plain_console, read_store, settings_from
from ivr.domain.figures import Thresholds
from ivr.domain.intervals import Grain, floor
from ivr.reporting import By, ReportRow, report_rows, row_as_json
from ivr.store import contacts
from ivr.views import spreadsheet_safe


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def report(
    config: ConfigOption = None,
    from_: Annotated[str, typer.Option("--from", help="Beginning, ISO 8601; today's midnight by default.")] = "",
    to: Annotated[str, typer.Option("--to", help="End, not included; now by default.")] = "",
    by: Annotated[By, typer.Option(help="Whose figures.")] = By.QUEUE,
    grain: Annotated[Grain | None, typer.Option(help="Cut into intervals; one for the whole period by default.")] = None,
    view: Annotated[str, typer.Option(help="cohort: a visit counts where it entered the queue.")] = "cohort",
    tz: Annotated[str, typer.Option("--tz", help="Time zone of the report; the hotline's by default.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Offered, answered, lost, loss rate 呼损率, service level and answer times of a period."""
    settings = settings_from(config)
    if view != "cohort":
        fail(f"there is no view {view!r} yet, only cohort")
    try:
        zone = ZoneInfo(tz) if tz else settings.zone
        now = datetime.now(UTC)
        start = _moment(from_, zone) if from_ else floor(now, Grain.DAY, zone)
        end = _moment(to, zone) if to else now + timedelta(seconds=1)
    except (ValueError, ZoneInfoNotFoundError) as error:
        fail(str(error))
    if start >= end:
        fail("--from must be before --to")
    found = read_store(settings, partial(contacts.with_visits_between, start=start, end=end))
    rows = report_rows(
        found, start, end,
        by=by, grain=grain, zone=zone, now=now,
        thresholds=Thresholds(settings.targets.service_s, settings.targets.short_s),
        names=sorted(settings.queues) if by is By.QUEUE else sorted(settings.lines) if by is By.LINE else (),
    )  # fmt: skip
    records = [row_as_json(row, by, zone) for row in rows]
    if form is Format.JSON:
        head = {"from": start.astimezone(zone).isoformat(), "to": end.astimezone(zone).isoformat(), "tz": str(zone), "view": view}
        typer.echo(json.dumps({**head, "rows": records}, ensure_ascii=False, indent=2))
    elif form is Format.CSV:
        typer.echo(_csv(records), nl=False)
    else:
        plain_console().print(_table(rows, by, zone))


def _moment(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _table(rows: list[ReportRow], by: By, zone: ZoneInfo) -> Table:
    table = Table(by.value, "from", "offered", "answered", "lost", "呼损率", "≤3 s", "≤10 s", "≤20 s", "SL", "ASA s", "longest s")
    for row in rows:
        f = row.figures
        table.add_row(
            row.name,
            row.start.astimezone(zone).strftime("%m-%d %H:%M"),
            *(str(count) for count in (f.offered, f.answered, f.lost)),
            _percent(f.loss_rate),
            *(str(count) for _, count in f.answered_within),
            _percent(f.service_level_strict),
            _cell(None if f.average_speed_of_answer is None else round(f.average_speed_of_answer, 1)),
            _cell(None if f.longest_wait is None else round(f.longest_wait, 1)),
        )
    return table


def _csv(records: list[dict[str, Any]]) -> str:
    """Nested keys become columns like ``sl.strict`` and ``asa.mean``; a name that begins like a formula is made text."""
    flat = [
        {
            (inner if "." in inner or key == "abandon" else f"{key}.{inner}") if isinstance(value, dict) else key: item
            for key, value in record.items()
            for inner, item in (value.items() if isinstance(value, dict) else [(key, value)])
        }
        for record in records
    ]
    out = io.StringIO()
    if flat:
        writer = csv.DictWriter(out, list(flat[0]))
        writer.writeheader()
        writer.writerows({key: spreadsheet_safe(value) for key, value in row.items()} for row in flat)
    return out.getvalue()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _cell(value: object) -> str:
    return "-" if value is None else str(value)

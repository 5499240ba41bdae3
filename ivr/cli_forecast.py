"""``ivrd forecast``: the calls to expect, and the agents they need, half hour by half hour. A Typer command that ``ivr.cli`` hangs in."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from callflows.calendar import AlwaysOpen, CalendarError
from ivr.assembly import calendars
from ivr.cli_common import ConfigOption, fail, print_json, settings_from
from ivr.cli_report import Format
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console
from ivr.domain.erlang import Target
from ivr.forecasting import QueueForecast, Wish, as_records, back_test_as_json, forecast, kinds, known_since, slots_of
from ivr.settings import Settings
from ivr.store.figure_cells import quarters_by_queue
from ivr.views import spreadsheet_safe

app = typer.Typer()

_TARGET = re.compile(r"(\d{1,2}(?:\.\d+)?)/(\d{1,3})")


@app.command("forecast", epilog="Example: ivrd forecast --queue hr --from 2026-12-01 --target 80/20")
def forecast_command(
    config: ConfigOption = None,
    queues: Annotated[list[str] | None, typer.Option("--queue", help="Only this queue; may be given again.")] = None,
    from_: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD; tomorrow by default.")] = "",
    days: Annotated[int, typer.Option(min=1, max=92, help="How many days.")] = 7,
    target: Annotated[str, typer.Option(help="80/20: 80 % answered within 20 s; the settings' targets by default.")] = "",
    most_busy: Annotated[float, typer.Option(min=0.1, max=1.0, help="Nobody is to be busier than this share of his time.")] = 0.85,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="From how many weeks of the past.")] = 8,
    cautious: Annotated[bool, typer.Option("--cautious", help="Staff for the busier one of four such half hours.")] = False,
    back_test: Annotated[bool, typer.Option("--back-test", help="Only how good forecasts of the last four weeks would have been.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Calls to expect in each half hour and the agents they need: Erlang A with the callers' measured patience, else Erlang C."""
    settings = settings_from(config)
    today = datetime.now(UTC).astimezone(settings.zone).date()
    wish = Wish(_first_day(from_, today), days, weeks, _target(target, most_busy, settings), cautious)
    chosen = queues or sorted(settings.queues)
    if unknown := sorted(set(chosen) - settings.queues.keys()):
        fail(f"there is no queue {unknown[0]!r}; the settings have {', '.join(sorted(settings.queues))}")
    forecasts = _forecasts(settings, chosen, wish, today)
    if form is Format.JSON:
        print_json({
            "target": {"share": wish.target.share, "within_s": wish.target.within_s, "most_busy": wish.target.most_busy},
            "tz": str(settings.zone),
            "back_test": [back_test_as_json(each) for each in forecasts],
            "rows": [] if back_test else as_records(forecasts, settings.zone),
        })  # fmt: skip
    elif form is Format.CSV:
        typer.echo(_csv(forecasts, settings.zone), nl=False)
    else:
        console = plain_console()
        if not back_test:
            for each in forecasts:
                _print_days(console, each, settings.zone)
        console.print(_back_test_table(forecasts))


def _forecasts(settings: Settings, queues: list[str], wish: Wish, today: date) -> list[QueueForecast]:
    try:
        calendar_of = calendars(settings)
    except CalendarError as error:
        fail(*str(error).splitlines())
    line_of = {line.queue: name for name, line in sorted(settings.lines.items(), reverse=True)}
    start, end = known_since(wish, today, settings.zone), datetime.combine(today, time(), settings.zone).astimezone(UTC)
    found = read_store(settings, lambda session, _: quarters_by_queue(session, start, end))
    forecasts = []
    for queue in queues:
        kind_of = kinds(calendar_of.get(line_of.get(queue, ""), AlwaysOpen()))
        try:
            forecasts.append(forecast(queue, slots_of(found.get(queue, ())), kind_of, wish, today, settings.zone))
        except ValueError as error:
            fail(f"{queue}: {error}")
    return forecasts


def _first_day(text: str, today: date) -> date:
    if not text:
        return today + timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"--from {text!r} is no day; write it like {today + timedelta(days=1)}")


def _target(text: str, most_busy: float, settings: Settings) -> Target:
    if not text:
        return Target(settings.targets.service_level, settings.targets.service_s, most_busy)
    found = _TARGET.fullmatch(text)
    if not found or not 0 < float(found[1]) < 100:
        fail(f"--target {text!r} is no target; write it like 80/20: 80 % answered within 20 s")
    return Target(float(found[1]) / 100, float(found[2]), most_busy)


def _print_days(console: Console, each: QueueForecast, zone: ZoneInfo) -> None:
    if not each.expected:
        typer.echo(f"{each.queue}: nothing is known yet of days like these ({each.known_days} days of calls so far)\n")
        return
    for day, slots in groupby(each.expected, key=lambda slot: slot.start.astimezone(zone).date()):
        table = Table(
            "from", "calls", "high", "handling s", "agents", "in time", "abandoned", "busy", title=f"{each.queue} {day:%a %Y-%m-%d}"
        )
        for slot in slots:
            staff = slot.staff
            table.add_row(
                slot.start.astimezone(zone).strftime("%H:%M"),
                f"{slot.calls:.1f}",
                f"{slot.high:.1f}",
                f"{slot.handling_s:.0f}",
                *(
                    ("-",) * 4
                    if staff is None
                    else (str(staff.agents), *map(_percent, (staff.answered_in_time, staff.abandoned, staff.occupancy)))
                ),
            )
        console.print(table)
    calls, patience = sum(slot.calls for slot in each.expected), each.expected[0].patience_s
    way = "Erlang C, for too few gave up to know their patience" if patience is None else f"Erlang A, patience {patience:.0f} s"
    typer.echo(f"{each.queue}: {calls:.0f} calls, {each.agent_hours:g} agent hours; {way}\n")


def _back_test_table(forecasts: list[QueueForecast]) -> Table:
    table = Table("queue", "days", "calls", "error", "a week ago", "day's error", "bias", "high kept", title="How good such forecasts were")
    for each in forecasts:
        tested = each.back_test
        shares = (tested.error, tested.naive_error, tested.day_error, tested.bias, tested.kept)
        table.add_row(each.queue, str(tested.days), str(tested.calls), *map(_percent, shares))
    return table


def _csv(forecasts: list[QueueForecast], zone: ZoneInfo) -> str:
    records, out = as_records(forecasts, zone), io.StringIO()
    if records:
        writer = csv.DictWriter(out, list(records[0]))
        writer.writeheader()
        writer.writerows({key: spreadsheet_safe(value) for key, value in record.items()} for record in records)
    return out.getvalue()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"

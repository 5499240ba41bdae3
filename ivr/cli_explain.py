"""``ivrd explain``: why a figure is what it is. A Typer application of one command for ``ivr.cli``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, print_json, settings_from
from ivr.cli_report import PERIOD_HELP, period_of
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console
from ivr.domain.definition_book import find
from ivr.domain.definitions import Definition
from ivr.domain.measures import Limits
from ivr.explaining import Counted, Explanation, Narrowed, NotExplainableError
from ivr.explaining import explain as explain_figure
from ivr.report_rows import written
from ivr.reporting import limits_from
from ivr.store.sealing import Sealer

app = typer.Typer()


@app.command(epilog="Example: ivrd explain sl.strict --from yesterday --queue complaint")
def explain(
    definition: Annotated[str, typer.Argument(help="A figure's name; `ivrd report --definitions` lists them.")],
    config: ConfigOption = None,
    from_: Annotated[str, typer.Option("--from", help=f"Beginning, {PERIOD_HELP}; today by default. A word alone is that period.")] = "",
    to: Annotated[str, typer.Option("--to", help="End, not included; as a word that period's end. Now by default.")] = "",
    queue: Annotated[str | None, typer.Option(help="Of this queue alone.")] = None,
    line: Annotated[str | None, typer.Option(help="Of this line alone; none: of callers who chose none.")] = None,
    agent: Annotated[str | None, typer.Option(help="Of this agent alone.")] = None,
    tz: Annotated[str, typer.Option("--tz", help="Time zone; the hotline's by default.")] = "",
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """A figure's formula and version, its numbers, and the calls in its numerator and in its denominator."""
    settings = settings_from(config)
    try:
        known = find(definition)
    except KeyError:
        fail(f"there is no definition {definition!r}; `ivrd report --definitions` lists them")
    zone, start, end, now = period_of(settings, from_, to, tz)
    narrowed = Narrowed(queue, line, agent)
    work = partial(
        _explain, definition=known, start=start, end=end, narrowed=narrowed, limits=limits_from(settings), now=now, most=limit
    )  # fmt: skip
    found = read_store(settings, work)
    if as_json:
        period = {"from": start.astimezone(zone).isoformat(), "to": end.astimezone(zone).isoformat(), "tz": str(zone)}
        print_json({**found.as_json(zone), **period, "queue": queue, "line": line, "agent": agent})
        return
    _print_explanation(found, zone)


def _explain(
    session: Session,
    _: Sealer,
    definition: Definition,
    start: datetime,
    end: datetime,
    narrowed: Narrowed,
    limits: Limits,
    now: datetime,
    most: int,
) -> Explanation:
    try:
        return explain_figure(session, definition, start, end, narrowed, limits, now, most)
    except NotExplainableError as error:
        fail(str(error))


def _print_explanation(found: Explanation, zone: ZoneInfo) -> None:
    known, console = found.definition, plain_console(soft_wrap=True)
    limits = ", ".join(f"{line or 'hotline'}: T = {each.service_s:g} s, S = {each.short_s:g} s" for line, each in found.limits.items())
    console.print(f"{known.name} (version {known.version}, {known.source})")
    console.print(f"  {known.formula_en}\n  {known.formula_zh}\n  {limits}")
    counts = str(found.numerator_count)
    if found.denominator_count is not None:
        counts = f"{counts} of {found.denominator_count}" if known.unit == "share" else f"of {found.denominator_count}"
    console.print(f"  = {written(known.name, found.value)}  ({counts})\n")
    _print_counted("in the numerator", found.numerator, found.numerator_count, zone)
    if found.denominator_count is not None:
        _print_counted("in the denominator alone", found.only_denominator, found.denominator_count - found.numerator_count, zone)


def _print_counted(title: str, calls: Sequence[Counted], count: int, zone: ZoneInfo) -> None:
    if count <= 0:
        return
    # What is the same for all, or is not there, takes no room: the calls' ids must be whole.
    said = {name for name in ("queue", "line", "agent") if len({getattr(call, name) for call in calls}) > 1}
    table = Table(title=f"{title}: {count}", title_justify="left", pad_edge=False, box=box.SIMPLE_HEAD)
    for head in ("contact", "entered", *(name for name in ("queue", "line", "agent") if name in said), "wait s", "outcome"):
        table.add_column(head, no_wrap=head in ("contact", "entered"))
    for call in calls:
        table.add_row(
            call.contact,
            call.at.astimezone(zone).strftime("%m-%d %H:%M:%S"),
            *(getattr(call, name) or "-" for name in ("queue", "line", "agent") if name in said),
            "-" if call.wait_s is None else f"{call.wait_s:.1f}",
            call.outcome,
        )
    plain_console().print(table)
    if len(calls) < count:
        typer.echo(f"… and {count - len(calls)} more (--limit)")

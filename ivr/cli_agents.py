"""``ivrd agents``: what agents do now, did in any period, and how their time went. Typer commands that ``ivr.cli`` hangs in."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from sqlalchemy.orm import Session

from ivr.agent_reporting import agent_rows, interval_as_json, joined, local, row_as_json, tally_as_json
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_store import read_store
from ivr.cli_tables import plain_console, print_fitting
from ivr.domain.agent_figures import tally
from ivr.domain.intervals import Grain, floor
from ivr.domain.shifts import ShiftsError
from ivr.domain.spoken_periods import period
from ivr.settings import Settings
from ivr.shift_plan import ShiftPlan, load_shifts
from ivr.store import agents as store
from ivr.views import spreadsheet_safe

app = typer.Typer(help="Agents: what they do now, their figures, how their time went.", no_args_is_help=True)
FromOption = Annotated[str, typer.Option("--from", help="Beginning, ISO 8601 or a word such as this-week; today by default.")]
ToOption = Annotated[str, typer.Option("--to", help="End, not included; now by default.")]
ZoneOption = Annotated[str, typer.Option("--tz", help="Time zone; the hotline's by default.")]


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command("now", epilog="Example: ivrd agents now --json")
def now_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Each agent: his state since when, with whom in which queue, and today's figures."""
    settings = settings_from(config)
    now, zone = datetime.now(UTC), settings.zone
    midnight = floor(now, Grain.DAY, zone)
    kept = read_store(settings, lambda session, _: store.between(session, midnight, now))
    plan, longest = _plan(settings), settings.shifts.longest_break
    records: list[dict[str, Any]] = []
    for key, found in kept.items():
        current = joined(found.intervals)[-1:] if found.intervals else []
        if not current or current[0].ended_at is not None:
            continue
        today = tally(
            found.intervals, found.events, midnight, now, now=now, shifts=plan.planned(key.agent, midnight, now), longest_break=longest
        )
        records.append({"agent": key.agent, "pbx": key.pbx, **interval_as_json(current[0], zone, now), "today": tally_as_json(today)})
    if as_json:
        print_json({"at": local(now, zone), "agents": records})
        return
    heads = ("agent", "state", "since", "for", "queue", "call", "reason", "handled", "occupancy", "AHT s", "quality")
    rows = []
    for record in records:
        today_ = record["today"]
        since = (record["from"] or "")[11:19]
        cells = (record["agent"], record["state"], since, _duration(record["seconds"]), record["queue"], record["call"], record["reason"])
        figures = (today_["handled"], _percent(today_["occupancy"]), today_["aht"], record["quality"])
        rows.append([_cell(value) for value in (*cells, *figures)])
    print_fitting(plain_console(), heads, rows, least=("call", "quality", "AHT s", "occupancy", "since"))


@app.command(epilog="Example: ivrd agents report --from 2026-11-01 --to 2026-12-01 --format csv")
def report(
    config: ConfigOption = None,
    from_: FromOption = "",
    to: ToOption = "",
    tz: ZoneOption = "",
    agent: Annotated[str, typer.Option(help="This agent's alone.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Times in each state, offers and how they ended, occupancy, handled per hour, adherence 遵时率: by agent, and of all together."""
    settings = settings_from(config)
    start, end, now, zone = _period(settings, from_, to, tz)
    work = partial(
        agent_rows, start=start, end=end, now=now, plan=_plan(settings), longest_break=settings.shifts.longest_break, agent=agent
    )
    rows = read_store(settings, lambda session, _: work(session))
    records = [row_as_json(row) for row in rows]
    if form is Format.JSON:
        print_json({"from": local(start, zone), "to": local(end, zone), "tz": str(zone), "rows": records})
    elif form is Format.CSV:
        typer.echo(_csv(records), nl=False)
    else:
        print_fitting(plain_console(), _HEADS, _rows(records), least=_LEAST)


@app.command(epilog='Example: ivrd agents intervals "Li Na" --from 2026-11-21')
def intervals(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")],
    config: ConfigOption = None,
    from_: FromOption = "",
    to: ToOption = "",
    tz: ZoneOption = "",
    as_json: JsonOption = False,
) -> None:
    """How an agent's time went: each state from when to when, and how well it is known."""
    settings = settings_from(config)
    start, end, now, zone = _period(settings, from_, to, tz)

    def read(session: Session) -> list[dict[str, Any]]:
        found = store.between(session, start, end, agent=agent)
        touching = [each for kept in found.values() for each in joined(kept.intervals) if each.ended_at is None or each.ended_at > start]
        return [interval_as_json(interval, zone, now) for interval in touching]

    records = read_store(settings, lambda session, _: read(session))
    if not records:
        fail(f"nothing is known of an agent {agent!r} in this period")
    if as_json:
        print_json(records)
        return
    rows = []
    for record in records:
        ends = record["to"][11:19] if record["to"] else None
        cells = (record["from"][:19].replace("T", " "), ends, _duration(record["seconds"]), record["state"], record["queue"])
        rows.append([_cell(value) for value in (*cells, record["call"], record["reason"], record["quality"])])
    heads = ("from", "to", "for", "state", "queue", "call", "reason", "quality")
    print_fitting(plain_console(), heads, rows, least=("call", "quality", "queue"))


def _plan(settings: Settings) -> ShiftPlan:
    """The plan, or exit 1 with every fault of it."""
    plan, names = ShiftPlan(settings.shifts.file, settings.zone), [agent.name for agent in settings.agents.values()]
    if settings.shifts.file is not None:
        try:
            load_shifts(settings.shifts.file, settings.zone, names)
        except ShiftsError as error:
            fail(*error.problems)
        plan.refresh()
    return plan


def _period(settings: Settings, from_: str, to: str, tz: str) -> tuple[datetime, datetime, datetime, ZoneInfo]:
    now = datetime.now(UTC)
    try:
        zone = ZoneInfo(tz) if tz else settings.zone
        start, end = period(from_, to, now, zone)
    except (ValueError, OverflowError, ZoneInfoNotFoundError) as error:
        fail(str(error))
    if start >= end:
        fail("--from must be before --to")
    return start, end, now, zone


_HEADS = (
    *("agent", "logged in", "available", "talk", "hold", "wrap-up", "break", "over", "offers", "handled", "refused", "no answer"),
    *("cancelled", "out", "in", "occupancy", "per hour", "AHT s", "adherence"),
)
# In the order in which they give way on a narrow terminal.
_LEAST = (
    *("in", "out", "cancelled", "over", "hold", "wrap-up", "available", "per hour", "talk", "no answer", "break", "logged in"),
    *("AHT s", "refused", "adherence"),
)


def _rows(records: list[dict[str, Any]]) -> list[list[str]]:
    counts = ("offers", "handled", "refused", "no_answer", "cancelled", "transferred_out", "transferred_in")
    times = ("logged_in", "available", "talk", "hold", "wrap_up", "on_break", "over_break")
    return [
        [
            record["agent"] or "all",
            *(_duration(record[name]) for name in times),
            *(str(record[name]) for name in counts),
            _percent(record["occupancy"]),
            _cell(record["handled_per_hour"]),
            _cell(record["aht"]),
            _percent(record["adherence"]),
        ]
        for record in records
    ]


def _csv(records: list[dict[str, Any]]) -> str:
    """Breaks by reason in one column, the reasons being anybody's words; a text that begins like a formula is made text."""
    out = io.StringIO()
    if records:
        flat = [{**row, "breaks": "; ".join(f"{reason or '-'} {lasted:g}" for reason, lasted in row["breaks"].items())} for row in records]
        writer = csv.DictWriter(out, list(flat[0]))
        writer.writeheader()
        writer.writerows({key: spreadsheet_safe(value) for key, value in row.items()} for row in flat)
    return out.getvalue()


def _duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else str(value)

"""``ivrd``: the command line. Exits 0 when all is well, 1 when what it looked at is bad, 2 on wrong usage; errors to stderr."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.table import Table

from ivr import (
    cli_agents,
    cli_asterisk,
    cli_callbacks,
    cli_complaints,
    cli_explain,
    cli_flow,
    cli_forecast,
    cli_hours,
    cli_ledger,
    cli_prompts,
    cli_record,
    cli_replay,
    cli_report,
    cli_reports,
    cli_users,
    log,
)
from ivr.cli_common import ConfigOption, JsonOption, LimitOption, fail, plain_console, print_json, read_store, settings_from
from ivr.store import contacts as contact_store
from ivr.store.database import Database, StoreError
from ivr.views import contact_as_json

T = TypeVar("T")

app = typer.Typer(help="The daemon behind a 400 hotline on Asterisk.", no_args_is_help=True, pretty_exceptions_enable=False)
calls = typer.Typer(help="Service records: one for every call.", no_args_is_help=True)
database = typer.Typer(help="The database's schema.", no_args_is_help=True)
app.add_typer(calls, name="calls")
app.add_typer(cli_complaints.app, name="complaints")
app.add_typer(cli_callbacks.app, name="callbacks")
app.add_typer(cli_prompts.app, name="prompts")
app.add_typer(cli_flow.app, name="flow")
app.add_typer(cli_hours.app, name="hours")
app.add_typer(cli_ledger.app, name="ledger")
app.add_typer(cli_agents.app, name="agents")
app.add_typer(cli_reports.app, name="reports")
app.add_typer(cli_asterisk.app, name="asterisk")
app.add_typer(cli_users.app, name="users")
app.add_typer(database, name="db")

app.command(epilog="Example: ivrd report --from 2026-11-21 --by line --grain 1h")(cli_report.report)
app.command(epilog="Example: ivrd explain sl.strict --from yesterday --queue complaint")(cli_explain.explain)
calls.command("explain", epilog="Example: ivrd calls explain 1795296429.69")(cli_explain.calls_explain)
app.command("forecast", epilog="Example: ivrd forecast --queue hr --from 2026-12-01 --target 80/20")(cli_forecast.forecast_command)
app.command(epilog="Example: ivrd replay abandon.ami queue_log --explain")(cli_replay.replay)
app.command(epilog="Example: ivrd record --to recording --seconds 600")(cli_record.record)


@app.command(epilog="Example: ivrd run --config /etc/ivrd/ivrd.toml")
def run(config: ConfigOption = None) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C."""
    from ivr.app import Daemon, StartError  # the daemon's imports are heavy, and only this command needs them

    settings = settings_from(config)
    log.configure(settings.log.format, settings.log.level)

    async def serve() -> int:
        return await Daemon(settings).run()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(serve())
    except StartError as error:
        fail(*error.sentences)
    raise typer.Exit(code)


@app.command(epilog="Example: ivrd check --json")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Settings, flows, calendar, prompts and the Asterisk configuration: every fault with where it is."""
    from ivr.checking import faults_of, warnings_of

    settings = settings_from(config)
    faults, warnings = faults_of(settings), warnings_of(settings)
    if as_json:
        typer.echo(json.dumps({"ok": not faults, "problems": faults, "warnings": warnings}, ensure_ascii=False))
    else:
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
        for fault in faults:
            typer.echo(fault, err=True)
        if not faults:
            typer.echo("all is well: settings, flows, calendar, prompts, Asterisk configuration")
    raise typer.Exit(1 if faults else 0)


@app.command(epilog="Example: ivrd doctor --json")
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The running system, part by part: daemon, AGI, AMI, database, queue_log, settings, clock, disk. Exits 1 when something is bad."""
    from ivr.doctor import examine

    diagnosis = examine(settings_from(config))
    if as_json:
        print_json(diagnosis.as_json())
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for finding in diagnosis.findings:
            table.add_row(finding.state.value, finding.part, finding.sentence)
        plain_console(soft_wrap=True).print(table)
        typer.echo(", ".join(f"{name} {version}" for name, version in diagnosis.versions.items()))
    raise typer.Exit(0 if diagnosis.ok else 1)


@calls.command("list", epilog="Example: ivrd calls list --line complaint --limit 20")
def calls_list(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    limit: LimitOption = 50,
    line: Annotated[str | None, typer.Option(help="Only this line's.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only with this outcome.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Started at or after, in the hotline's time zone.")] = None,
) -> None:
    """The newest calls first."""
    settings = settings_from(config)
    start = since.replace(tzinfo=settings.zone) if since else None
    found = read_store(
        settings,
        lambda session, sealer: contact_store.latest(session, sealer, limit=limit, line=line, outcome=outcome, since=start),
    )
    records = [contact_as_json(contact, settings.zone) for contact in found]
    if as_json:
        print_json(records)
        return
    table = Table("started", "id", "caller", "line", "outcome", "path", "agent", "wait s", "complaint")
    for record in records:
        served: dict[str, Any] = next((visit for visit in record["visits"] if visit["agent"]), {})
        table.add_row(
            str(record["started_at"])[:19].replace("T", " "),
            record["id"],
            record["caller"] or "withheld",
            record["line"] or "-",
            record["outcome"] or "running",
            " ".join(step["node"] for step in record["path"][-3:]),
            served.get("agent") or "-",
            str(served.get("wait") or "-"),
            record["complaint"] or "-",
        )
    plain_console().print(table)


@calls.command("show", epilog="Example: ivrd calls show 1795296429.69")
def calls_show(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its SIP Call-ID.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """One call's whole service record."""
    settings = settings_from(config)
    contact = read_store(
        settings,
        lambda session, sealer: contact_store.load(session, sealer, call_id) or contact_store.by_sip_call_id(session, sealer, call_id),
    )
    if contact is None:
        fail(f"there is no call {call_id}")
    _print_record(contact_as_json(contact, settings.zone), as_json)


@database.command("upgrade", epilog="Example: ivrd db upgrade")
def database_upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this version's schema."""
    settings = settings_from(config)
    store = Database(settings.store_url)
    try:
        changed = store.upgrade()
    except StoreError as error:
        fail(str(error))
    finally:
        store.close()
    typer.echo("the schema was brought up to date" if changed else "the schema is up to date")


def _print_record(record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(record)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in record.items():
        if key == "path":
            steps = [f"{step['at'][11:19]}  {step['node']}" + (f"  [{step['keys']}]" if step["keys"] else "") for step in value]
            table.add_row(key, "\n".join(steps))
        elif key == "visits":
            table.add_row(key, "\n".join(_visit_line(visit) for visit in value) or "-")
        else:
            table.add_row(key, "-" if value is None or value == "" else str(value))
    plain_console(soft_wrap=True).print(table)


def _visit_line(visit: dict[str, Any]) -> str:
    parts = [visit["queue"], visit["outcome"] or "waiting"]
    parts += [f"{name} {visit[name]} s" for name in ("wait", "ring", "talk") if visit[name] is not None]
    parts += [f"agent {visit['agent']}"] if visit["agent"] else []
    parts += [f"ended by {visit['ended_by']}"] if visit["ended_by"] else []
    return ", ".join(parts)


def main() -> None:
    """The console script."""
    app()

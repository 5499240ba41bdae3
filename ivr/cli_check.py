"""``ivrd check``: what is wrong, before a start. A Typer application of one command for ``ivr.cli``."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import typer

from ivr.checking import faults_of, warnings_of
from ivr.cli_common import ConfigOption, JsonOption, settings_from

app = typer.Typer()


@app.command(epilog="Example: ivrd check --json")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Settings, flows, calendar, prompts and the Asterisk configuration: every fault with where it is."""
    settings = settings_from(config)
    faults, warnings = faults_of(settings), warnings_of(settings, datetime.now(UTC))
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

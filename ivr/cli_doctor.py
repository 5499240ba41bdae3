"""``ivrd doctor``: what is wrong, while the daemon runs. A Typer application of one command for ``ivr.cli``."""

from __future__ import annotations

import typer
from rich.table import Column, Table

from ivr.cli_common import ConfigOption, JsonOption, print_json, settings_from
from ivr.cli_tables import plain_console
from ivr.doctor import examine

app = typer.Typer()


@app.command(epilog="Example: ivrd doctor --json")
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """The running system, part by part: daemon, AGI, AMI, database, queue_log, settings, clock, disk. Exits 1 when something is bad."""
    diagnosis = examine(settings_from(config))
    if as_json:
        print_json(diagnosis.as_json())
    else:
        table = Table(Column(), Column(no_wrap=True), Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
        for finding in diagnosis.findings:
            table.add_row(finding.state.value, finding.part, finding.sentence)
        plain_console().print(table)
        typer.echo(", ".join(f"{name} {version}" for name, version in diagnosis.versions.items()))
    raise typer.Exit(0 if diagnosis.ok else 1)

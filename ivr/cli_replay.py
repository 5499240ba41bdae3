"""``ivrd replay``: what recorded AMI streams and queue_logs tell. A Typer command that ``ivr.cli`` hangs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.cli_tables import NOTHING, plain_console, print_fitting
from ivr.replaying import RecordingError
from ivr.replaying import replay as replay_files

app = typer.Typer()

_COLUMNS = ("contact", "queue", "outcome", "wait", "ring", "talk", "agent", "ended by", "quality", "source")
_SECONDS = ("wait", "ring", "talk")


@app.command(epilog="Example: ivrd replay abandon.ami queue_log --explain")
def replay(
    files: Annotated[list[Path], typer.Argument(help="AMI streams and queue_logs of one Asterisk, in any mix; gzip is unpacked.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each visit why its outcome is what it is.")] = False,
) -> None:
    """Contacts and visits of recorded AMI streams and queue_logs, without Asterisk and without a database."""
    settings = settings_from(config)
    try:
        found = replay_files(files)
    except RecordingError as error:
        fail(str(error))
    told = found.as_json(settings.zone)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    rows = [[NOTHING if (value := visit[name.replace(" ", "_")]) is None else str(value) for name in _COLUMNS] for visit in told["visits"]]
    print_fitting(
        plain_console(),
        [f"{name} s" if name in _SECONDS else name for name in _COLUMNS],
        rows,
        least=("source", "ring s", "quality", "ended by", "talk s"),
    )
    for visit in told["visits"] if explain else ():
        typer.echo(f"{visit['contact']} in {visit['queue']}: {visit['why']}")
    for line in (*(gap["why"] for gap in found.gaps), *found.warnings):
        typer.echo(line, err=True)

"""``ivrd flow``: look at call flows without placing a call. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from callflows import linter, loader
from callflows.calendar import CalendarError
from callflows.loader import FlowError, Problem
from ivr.assembly import calendars
from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from

app = typer.Typer(help="Call flows: find what is wrong with them.", no_args_is_help=True)


@app.command(epilog="Example: ivrd flow lint callflows/flows")
def lint(
    folder: Annotated[Path | None, typer.Argument(help="A folder of flow files, or one file; the hotline's by default.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every fault of the flows with file, line and code; exits 1 when there is an error."""
    settings = settings_from(config)
    place = folder or settings.flows or loader.SHIPPED_FLOWS
    try:
        sources = {str(place): place.read_text(encoding="utf-8")} if place.is_file() else loader.read_folder(place)
        book = loader.load(sources)
        house = linter.House(settings.queues, settings.lines, calendars(settings), settings.hotline.languages)
        main = settings.hotline.flow if place.is_dir() else next(iter(book.flows))
        problems = linter.lint(book, house, main)
    except FlowError as error:
        problems = error.problems
    except (CalendarError, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    bad = any(problem.severity == "error" for problem in problems)
    _tell(problems, bad, as_json)
    raise typer.Exit(1 if bad else 0)


def _tell(problems: list[Problem], bad: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ok": not bad, "problems": [problem.as_json() for problem in problems]}, ensure_ascii=False))
        return
    for problem in problems:
        typer.echo(str(problem))
    if not problems:
        typer.echo("no problem found")

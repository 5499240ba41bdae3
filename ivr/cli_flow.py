"""``ivrd flow``: look at call flows without placing a call. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from callflows import linter, loader
from callflows.calendar import CalendarError
from callflows.flow import FlowBook
from callflows.loader import FlowError, Problem
from ivr import cli_flow_draw, cli_flow_versions
from ivr.cli_common import ConfigOption, JsonOption, fail, print_json, settings_from
from ivr.cli_flow_common import book_and_flow, flow_folder, linter_house
from ivr.cli_flow_simulate import simulate_flow
from ivr.cli_flow_test import run_cases

app = typer.Typer(help="Call flows: find what is wrong with them, play, test, draw and publish them.", no_args_is_help=True)
app.command("simulate", epilog='Example: ivrd flow simulate hotline --keys "4 12345678# 1 1 t6 # #" --at 2026-02-14T10:00:00+08:00')(
    simulate_flow
)
app.command("test", epilog="Example: ivrd flow test callflows/flows")(run_cases)
app.add_typer(cli_flow_draw.app)
app.add_typer(cli_flow_versions.app)


@app.command(epilog="Example: ivrd flow lint callflows/flows")
def lint(
    folder: Annotated[Path | None, typer.Argument(help="A folder of flow files, or one file; the hotline's by default.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every fault of the flows with file, line and code; exits 1 when there is an error."""
    settings = settings_from(config)
    place = folder or flow_folder(settings)
    try:
        sources = {str(place): place.read_text(encoding="utf-8")} if place.is_file() else loader.read_folder(place)
        book = loader.load(sources)
        main = settings.hotline.flow if place.is_dir() else next(iter(book.flows))
        problems = linter.lint(book, linter_house(settings), main)
    except FlowError as error:
        problems = error.problems
    except (CalendarError, OSError, UnicodeDecodeError) as error:
        fail(str(error))
    bad = any(problem.severity == "error" for problem in problems)
    _tell(problems, bad, as_json)
    raise typer.Exit(1 if bad else 0)


@app.command(epilog="Example: ivrd flow show complaint_intake")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A flow's name, or a flow file.")] = "hotline",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """A flow's nodes in the order of the file: what each says, and where it leads."""
    try:
        book, flow = book_and_flow(name, settings_from(config))
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))
    except (ValueError, OSError) as error:
        fail(str(error))
    shown = _as_json(book, flow)
    if as_json:
        print_json(shown)
        return
    typer.echo(f"{flow}, version {book.version}, {shown['file']}: begins at {shown['start']}")
    for node in shown["nodes"]:
        typer.echo(f"{node['line']:5d}  {node['name']} ({node['kind']})")
        for slot, words in node["words"].items():
            for language, text in words.items():
                typer.echo(f"         {slot + ' ' if slot else ''}{language}: {text}")
        for exit_name, target in node["exits"].items():
            typer.echo(f"         {exit_name} → {target}")


def _as_json(book: FlowBook, name: str) -> dict[str, Any]:
    flow = book.flow(name)
    return {
        "flow": name,
        "version": book.version,
        "file": flow.file,
        "start": flow.start,
        "on_hang_up": flow.on_hang_up,
        "nodes": [
            {
                "name": node_name,
                "kind": node.kind,
                "line": flow.lines.get(node_name, 1),
                "words": {slot: words.model_dump(exclude_none=True) for slot, words in node.words().items()},
                "exits": dict(node.exits()),
            }
            for node_name, node in flow.nodes.items()
        ],
    }


def _tell(problems: list[Problem], bad: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ok": not bad, "problems": [problem.as_json() for problem in problems]}, ensure_ascii=False))
        return
    for problem in problems:
        typer.echo(str(problem))
    if not problems:
        typer.echo("no problem found")

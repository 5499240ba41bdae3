"""``ivrd flow``: look at call flows without placing a call. A Typer application that ``ivr.cli`` hangs in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from callflows import linter, loader, simulator
from callflows.calendar import CalendarError
from callflows.loader import FlowError, Problem
from callflows.simulator import parse_script
from ivr.assembly import calendars
from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.domain.numbers import normalise, spoken

app = typer.Typer(help="Call flows: find what is wrong with them, and play them.", no_args_is_help=True)


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


@app.command(epilog='Example: ivrd flow simulate hotline --keys "4 12345678# 1 1 t6 # #" --at 2026-02-14T10:00:00+08:00')
def simulate(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A flow's name, or a flow file.")] = "hotline",
    config: ConfigOption = None,
    keys: Annotated[str, typer.Option(help="Groups of keys; p = silence, t5 = five seconds of talk, h = hang up.")] = "",
    at: Annotated[str, typer.Option(help="When the call comes in, ISO 8601; now by default.")] = "",
    caller: Annotated[str, typer.Option(help="The caller's number; empty = withheld.")] = "13800138000",
    as_json: JsonOption = False,
) -> None:
    """Play a call without Asterisk: the same flows and the same engine as the live one."""
    settings = settings_from(config)
    try:
        begin = datetime.fromisoformat(at) if at else datetime.now(UTC)
        words = parse_script(keys)
        place = Path(name)
        if place.is_file():
            book = loader.load({name: place.read_text(encoding="utf-8")})
            flow = next(iter(book.flows))
        else:
            book, flow = loader.load(loader.read_folder(settings.flows or loader.SHIPPED_FLOWS)), name
        if flow not in book.flows:
            fail(f"no flow is named {flow!r}; there is {', '.join(sorted(book.flows))}")
        call = simulator.simulate(
            book,
            flow,
            words,
            at=begin if begin.tzinfo else begin.replace(tzinfo=settings.zone),
            caller=spoken(normalise(caller, settings.hotline.country, settings.hotline.area_code), settings.hotline.country),
            language=settings.hotline.language,
            calendars=calendars(settings),
            zone=settings.zone,
        )
    except FlowError as error:
        fail(*(str(problem) for problem in error.problems))
    except (CalendarError, ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(call.as_json(), ensure_ascii=False))
    else:
        typer.echo("\n".join(call.path))
        ending = f"{call.ending} {call.queue}" if call.ending == "queue" else call.ending
        typer.echo(f"{ending} after {call.seconds:.1f} s" + (f": {call.error}" if call.error else ""))
        for filed in call.filed:
            typer.echo(f"filed: {json.dumps(filed, ensure_ascii=False)}")
    raise typer.Exit(1 if call.ending == "error" else 0)


def _tell(problems: list[Problem], bad: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ok": not bad, "problems": [problem.as_json() for problem in problems]}, ensure_ascii=False))
        return
    for problem in problems:
        typer.echo(str(problem))
    if not problems:
        typer.echo("no problem found")

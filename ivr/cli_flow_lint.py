"""``ivrd flow lint``: all that is wrong with flows, and what is proven of those where nothing is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from callflows import linter
from callflows.calendar import CalendarError
from callflows.loader import FlowError
from callflows.nodes.subflow import EndNode
from callflows.problems import Problem
from callflows.proofs import Proof
from ivr.assembly import flow_house
from ivr.cli_common import ConfigOption, JsonOption, fail, settings_from
from ivr.cli_flow_common import flow_folder, flow_in, sources_at
from ivr.settings import Settings

app = typer.Typer()


@app.command("lint", epilog="Example: ivrd flow lint callflows/flows")
def lint_flows(
    place: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER|FILE]", help="A folder of flow files, or one file; the hotline's by default.")
    ] = None,
    config: ConfigOption = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="Also texts without a sound file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Every fault of the flows with file, line and code, and for each flow how long it takes at most until a caller is helped.

    Exits 1 when there is an error.
    """
    settings = settings_from(config)
    place = place or flow_folder(settings)
    proofs: list[Proof] = []
    try:
        house = _with_prompts(flow_house(settings), settings) if prompts else flow_house(settings)
        sources = sources_at(place)
        main = settings.hotline.flow if place.is_dir() else _main_in(place, sources)
        book, problems = linter.check(sources, house, main)
        if book is not None:
            proofs = linter.proofs(book, house, main)
    except FlowError as error:
        problems = error.problems
    except CalendarError as error:
        fail(str(error))
    bad = any(problem.severity == "error" for problem in problems)
    _tell(problems, proofs, bad, as_json)
    raise typer.Exit(1 if bad else 0)


def _main_in(place: Path, sources: dict[str, str]) -> str | None:
    """The file's flow, where calls can begin with it; None for one that only others run: it ends in ways that lead on there."""
    flow = flow_in(place, sources)
    return None if flow is None or any(isinstance(node, EndNode) for node in flow.nodes.values()) else flow.name


def _with_prompts(house: linter.House, settings: Settings) -> linter.House:
    files = settings.paths.prompts.glob("*/ivrd/*.wav")
    return dataclasses.replace(house, prompts=frozenset(f"{file.parts[-3]}/{file.stem}" for file in files))


def _tell(problems: list[Problem], proofs: list[Proof], bad: bool, as_json: bool) -> None:
    if as_json:
        told = {"ok": not bad, "problems": [problem.as_json() for problem in problems], "proofs": [proof.as_json() for proof in proofs]}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for problem in problems:
        typer.echo(str(problem))
    if not problems:
        typer.echo("no problem found")
    for proof in proofs:
        typer.echo(proof.sentence())

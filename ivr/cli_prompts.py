"""``ivrd prompts``: make the sound files, say what is wrong with them, list them.

A Typer application for ``ivr.cli`` to hang in. Exits 0 when all is well, 1 when a prompt is at fault, 2 on wrong usage.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from callflows.loader import FlowError
from callflows.speech import Prompt
from ivr.prompts.errors import PromptsError
from ivr.prompts.library import PromptLibrary, PromptProblem
from ivr.prompts.wanted import prompts_in_use, wanted_prompts
from ivr.settings import SettingsError, load
from ivr.store.database import StoreError

app = typer.Typer(help="The sound files callers hear: make, check and list them.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


@app.command(epilog="Example: ivrd prompts build")
def build(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove rendered files nobody wants; never a recording, and nothing of flows in service.")
    ] = False,
) -> None:
    """Render missing and stale prompts, install the recordings in STATE/prompts/custom/LANGUAGE/NAME.wav."""
    library, wanted = _open(config)
    if prune:
        wanted += _in_use(config)

    def progress(done: int, total: int, prompt: Prompt) -> None:
        # A line of its own now and then, not a moving bar: this also runs in logs.
        if done == total or done % 50 == 0:
            print(f"rendered {done} of {total}: {prompt.language} {prompt.name}", file=sys.stderr)

    try:
        report = library.build(wanted, progress=None if as_json else progress, prune=prune)
    except PromptsError as error:
        _fail(str(error))
    bad = _errors(report.problems)
    if as_json:
        print(
            json.dumps(
                {
                    "ok": not bad,
                    "rendered": report.rendered,
                    "recordings": report.recordings,
                    "tones": report.tones,
                    "kept": report.kept,
                    "pruned": [str(path) for path in report.pruned],
                    "problems": _rows(report.problems),
                },
                ensure_ascii=False,
            )
        )
    else:
        _tell(report.problems)
        pruned = f", {len(report.pruned)} removed" if prune else ""
        print(
            f"{report.rendered} rendered, {report.recordings} recordings installed, {report.tones} tones made, "
            f"{report.kept} as they were{pruned}"
        )
    raise typer.Exit(1 if bad else 0)


@app.command(epilog="Example: ivrd prompts check --json")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which prompts are missing, stale, unreadable, silent, too loud or too quiet. Changes nothing."""
    library, wanted = _open(config)
    try:
        problems = library.check(wanted)
    except PromptsError as error:
        _fail(str(error))
    bad = _errors(problems)
    if as_json:
        print(json.dumps({"ok": not bad, "checked": len(wanted), "problems": _rows(problems)}, ensure_ascii=False))
    else:
        _tell(problems)
        if not bad:
            print(f"{len(wanted)} prompts are there and fit to play")
    raise typer.Exit(1 if bad else 0)


@app.command("list", epilog="Example: ivrd prompts list --json")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List every prompt with its text, where its sound comes from and how long it is; unused files last."""
    library, wanted = _open(config)
    try:
        rows = library.status(wanted)
    except PromptsError as error:
        _fail(str(error))
    if as_json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False))
        return
    for row in rows:
        seconds = "      -" if row.seconds is None else f"{row.seconds:5.1f} s"
        print(f"{row.state:8}{row.source or '-':12}{seconds}  {row.key}  {row.text}")


def _open(config: Path | None) -> tuple[PromptLibrary, list[Prompt]]:
    try:
        settings = load(config)
        return PromptLibrary(settings.paths.prompts), wanted_prompts(settings)
    except (SettingsError, FlowError) as error:
        _fail(str(error))


def _in_use(config: Path | None) -> list[Prompt]:
    """What running calls may still play must not be removed."""
    try:
        return prompts_in_use(load(config))
    except (SettingsError, StoreError) as error:
        _fail(f"{error}; nothing is removed while it isn't known which flows are in service")


def _errors(problems: Sequence[PromptProblem]) -> list[PromptProblem]:
    return [problem for problem in problems if problem.severity == "error"]


def _rows(problems: Sequence[PromptProblem]) -> list[dict[str, Any]]:
    return [{**dataclasses.asdict(problem), "path": str(problem.path)} for problem in problems]


def _tell(problems: Sequence[PromptProblem]) -> None:
    for problem in problems:
        print(f"{problem.severity}: {problem.message} [{problem.code}]", file=sys.stderr)


def _fail(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(1)

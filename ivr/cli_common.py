"""What every command of ``ivrd`` shares: its options, its settings, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ivr.settings import Settings, SettingsError, load

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]


def settings_from(config: Path | None) -> Settings:
    """The settings, or exit 1 with every problem as a sentence on stderr."""
    try:
        return load(config)
    except SettingsError as error:
        fail(*error.problems)


def print_json(value: Any) -> None:
    """JSON alone on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def fail(*sentences: str) -> NoReturn:
    """Say what is wrong on stderr and exit 1."""
    for sentence in sentences:
        typer.echo(f"ivrd: {sentence}", err=True)
    raise typer.Exit(1)

"""What every command of ``ivrd`` shares: its options, its settings, and how it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ivr.settings import Settings, SettingsError, load

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


def settings_from(config: Path | None) -> Settings:
    """The settings, or exit 1 with every problem as a sentence on stderr."""
    try:
        return load(config)
    except SettingsError as error:
        fail(*error.problems)


def fail(*sentences: str) -> NoReturn:
    """Say what is wrong on stderr and exit 1."""
    for sentence in sentences:
        typer.echo(f"ivrd: {sentence}", err=True)
    raise typer.Exit(1)

"""What every command of ``ivrd`` shares: its options, its settings, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from sqlalchemy.orm import Session

from ivr.settings import DATA_KEY, Settings, SettingsError, load
from ivr.store.database import Database, StoreError
from ivr.store.sealing import SealBrokenError, Sealer

T = TypeVar("T")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


def settings_from(config: Path | None) -> Settings:
    """The settings, or exit 1 with every problem as a sentence on stderr."""
    try:
        return load(config)
    except SettingsError as error:
        fail(*error.problems)


def read_store(settings: Settings, work: Callable[[Session, Sealer], T]) -> T:
    """Run ``work`` on the database of these settings, or exit 1 with a sentence."""
    if settings.store.url is None and not settings.paths.database.exists():
        fail(f"{settings.paths.database}: there is no database yet; start `ivrd run` first, or set STATE to where it runs")
    store = Database(settings.store_url)
    sealer = Sealer(settings.paths.secret(DATA_KEY))
    try:
        return store.read_now(lambda session: work(session, sealer))
    except (StoreError, SealBrokenError) as error:
        fail(str(error))
    finally:
        store.close()


def fail(*sentences: str) -> NoReturn:
    """Say what is wrong on stderr and exit 1."""
    for sentence in sentences:
        typer.echo(f"ivrd: {sentence}", err=True)
    raise typer.Exit(1)

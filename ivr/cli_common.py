"""What every command of ``ivrd`` shares: its options, its settings, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from sqlalchemy.orm import Session

from ivr.settings import DATA_KEY, Settings, SettingsError, load
from ivr.store.database import Database, StoreError
from ivr.store.sealing import SealBrokenError, Sealer

T = TypeVar("T")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]


def plain_console(*, soft_wrap: bool = False) -> Console:
    """Prints tables whose cells are what they are: a caller named ``[red]`` or a key ``[#]`` is no markup."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap)


def settings_from(config: Path | None) -> Settings:
    """The settings, or exit 1 with every problem as a sentence on stderr."""
    try:
        return load(config)
    except SettingsError as error:
        fail(*error.problems)


@contextmanager
def opened_store(settings: Settings) -> Iterator[tuple[Database, Sealer]]:
    """The database of these settings and what opens its sealed columns; their errors exit 1 with a sentence."""
    if settings.store.url is None and not settings.paths.database.exists():
        fail(f"{settings.paths.database}: there is no database yet; start `ivrd run` first, or set STATE to where it runs")
    store = Database(settings.store_url)
    sealer = Sealer(settings.paths.secret(DATA_KEY))
    try:
        yield store, sealer
    except (StoreError, SealBrokenError) as error:
        fail(str(error))
    finally:
        store.close()


def read_store(settings: Settings, work: Callable[[Session, Sealer], T]) -> T:
    """Run ``work`` on the database of these settings, or exit 1 with a sentence."""
    with opened_store(settings) as (store, sealer):
        return store.read_now(lambda session: work(session, sealer))


def print_json(value: Any) -> None:
    """JSON alone on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def fail(*sentences: str) -> NoReturn:
    """Say what is wrong on stderr and exit 1."""
    for sentence in sentences:
        typer.echo(f"ivrd: {sentence}", err=True)
    raise typer.Exit(1)

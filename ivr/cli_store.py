"""What commands share that look into the database: opening it, reading from it, and how that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.orm import Session

from ivr.cli_common import fail
from ivr.settings import DATA_KEY, Settings
from ivr.store.database import Database, StoreError
from ivr.store.sealing import SealBrokenError, Sealer

T = TypeVar("T")


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

"""Both databases for the contract tests: one server for all of them, and a schema that was migrated once and is copied since."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support.postgresql import postgresql

from ivr.store.database import Database

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server's URL without a database; it has the migrated database ``template``."""
    with postgresql() as url:
        _run(url, "CREATE DATABASE template")
        _migrated(f"{url}/template")
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema alone."""
    file = tmp_path_factory.mktemp("migrated") / "ivrd.db"
    _migrated(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Empty, of the newest schema; each test runs with both."""
    store: Database = request.getfixturevalue(f"on_{request.param}")
    return store


@pytest.fixture
def on_sqlite(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    file = shutil.copy(migrated, tmp_path / "ivrd.db")
    store = Database(f"sqlite:///{file}")
    yield store
    store.close()


@pytest.fixture
def on_postgresql(server: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE template")
    store = Database(f"{server}/{name}")
    yield store
    store.close()


def _migrated(url: str) -> None:
    database = Database(url)
    database.upgrade()
    database.close()


def _run(server: str, statement: str) -> None:
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

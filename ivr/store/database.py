"""The database off the event loop: one writer thread, a few readers, one transaction per call. Used by the daemon and the CLI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

T = TypeVar("T")
MIGRATIONS = Path(__file__).parent / "migrations"
READERS = 4
# A write waits for its turn behind others and for the disk; a caller hears a prompt meanwhile, so it must not take longer.
WRITE_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 20.0
WRITE_ATTEMPTS = 5
SQLITE_BUSY_TIMEOUT_MS = 5000


class StoreError(Exception):
    """The database could not do it: full disk, lost connection, broken file. The message says which."""


class Database:
    """One engine. SQLite has one writer, in WAL with full synchronisation: what is committed survives a power cut."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    async def write(self, work: Callable[[Session], T], timeout_s: float = WRITE_TIMEOUT_S) -> T:
        """Run ``work`` in one transaction on the writer's thread and wait for the commit. Raises StoreError.

        After a time-out the transaction may still commit: work must be idempotent by a key.
        """
        return await self._run(self._writer, self.write_now, work, timeout_s)

    async def read(self, work: Callable[[Session], T], timeout_s: float = READ_TIMEOUT_S) -> T:
        """Run ``work`` on a reader's thread. Raises StoreError."""
        return await self._run(self._readers, self.read_now, work, timeout_s)

    def write_now(self, work: Callable[[Session], T]) -> T:
        """The blocking form, for the CLI and the threads. Raises StoreError."""
        for attempt in range(WRITE_ATTEMPTS):
            try:
                with self._sessions.begin() as session:
                    if self.engine.dialect.name == "sqlite":
                        # Take the write lock at once: a read lock raised later can fail without waiting.
                        session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
                    return work(session)
            except IntegrityError as error:
                # Another writer was first with a key: the next look finds its row. PostgreSQL alone lets it come so far.
                if attempt == WRITE_ATTEMPTS - 1:
                    raise StoreError(sentence_of(error)) from error
            except SQLAlchemyError as error:
                raise StoreError(sentence_of(error)) from error
        raise AssertionError("every attempt returns or raises")

    def read_now(self, work: Callable[[Session], T]) -> T:
        """Raises StoreError."""
        try:
            with self._sessions() as session:
                return work(session)
        except SQLAlchemyError as error:
            raise StoreError(sentence_of(error)) from error

    async def _run(
        self, pool: ThreadPoolExecutor, how: Callable[[Callable[[Session], T]], T], work: Callable[[Session], T], timeout_s: float
    ) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                working = loop.run_in_executor(pool, how, work)
                working.add_done_callback(_look_at)
                return await asyncio.shield(working)
        except TimeoutError as error:
            raise StoreError(f"the database did not answer within {timeout_s:g} s") from error

    def close(self) -> None:
        """Wait for the write in progress, then let go of the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()

    def upgrade(self) -> bool:
        """Bring the schema to this version; tells whether it changed. Raises StoreError."""
        try:
            at, newest = self.schema_version(), self.newest_schema()
            if at == newest:
                return False
            if at is not None and at > newest:
                raise StoreError(f"the database's schema {at} is of a newer ivrd, this one knows {newest}: start the newer one")
            from ivr.store.migrating import migrate  # once a version: every other start does without Alembic

            migrate(self.engine, MIGRATIONS)
        except SQLAlchemyError as error:
            raise StoreError(sentence_of(error)) from error
        return True

    def newest_schema(self) -> str:
        """The revision that this program needs. Revisions are numbered, and their files are named by their numbers."""
        return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))

    def schema_version(self) -> str | None:
        """The revision the database is at; None for an empty one. Raises SQLAlchemyError."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    async def probe(self) -> None:
        """Can the database be written? Raises StoreError."""
        await self.write(lambda session: session.execute(text("SELECT 1")), timeout_s=3.0)


def _look_at(working: asyncio.Future[Any]) -> None:
    """What fails after its time-out has nobody waiting for it, and has been told already."""
    if not working.cancelled():
        working.exception()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_size=READERS + 2, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _open(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


def sentence_of(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return f"the database refused: {str(cause).splitlines()[0]}"

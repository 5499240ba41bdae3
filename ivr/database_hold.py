"""One daemon on one database, whatever STATE and machine it runs with: two would deliver every message and keep every promise twice.

SQLite is held by a locked file beside it, PostgreSQL by a session's advisory lock on a connection of its own. Both go with the process,
however it ends. The connection is watched: where it is lost, the lock is taken again, and if somebody else has it, the daemon ends.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import structlog
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from ivr import sole_daemon
from ivr.sole_daemon import SOMEBODY, AnotherDaemonError, Holder
from ivr.store.database import StoreError, sentence_of

log = structlog.get_logger(__name__)

# A daemon that was killed a moment ago may not be gone yet for the server.
PATIENCE_S = 3.0
_RETRY_S = 0.1
WATCH_INTERVAL_S = 1.0
LOOK_TIMEOUT_S = 15.0
# Advisory locks of a database are named by two numbers, which all its users share.
LOCK = {"space": 0x69767264, "number": 1}  # "ivrd"
_TAKE = text("SELECT pg_try_advisory_lock(:space, :number)")
_LOCKS = "pg_locks l WHERE l.locktype = 'advisory' AND l.classid = :space AND l.objid = :number AND l.objsubid = 2 AND l.granted"
_OURS = text(f"SELECT count(*) FROM {_LOCKS} AND l.pid = pg_backend_pid()")  # noqa: S608 - no text of others
_HOLDER = text(f"SELECT application_name FROM pg_stat_activity WHERE pid IN (SELECT l.pid FROM {_LOCKS} AND l.database = datid)")  # noqa: S608
_NAMED = re.compile(r"ivrd (.+)")
# A machine that lost its power says no good-bye: the server finds out after 20 s, not after two hours. Without effect on Unix sockets.
_SESSION = (
    "SELECT set_config('application_name', :name, false), set_config('tcp_keepalives_idle', '5', false),"
    " set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false)"
)
_LIBPQ = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 10_000}


class DatabaseHold(Protocol):
    """Held until it is closed."""

    async def watch(self) -> None:
        """Until cancelled. Raises AnotherDaemonError once somebody else holds it."""

    def close(self) -> None: ...


def hold_database(url: str, patience_s: float = PATIENCE_S) -> DatabaseHold:
    """Blocks while somebody holds it who may just be ending. Raises AnotherDaemonError, StoreError."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _hold(url)
        except AnotherDaemonError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_RETRY_S)


def holder_of(url: str) -> str | None:
    """Who runs ivrd on this database, in words; None for nobody. Raises StoreError."""
    if file := _file_of(url):
        try:
            held, holder = sole_daemon.is_held(file)
        except OSError as error:
            raise StoreError(f"{file} can't be read: {error.strerror}") from error
        return str(holder or SOMEBODY) if held else None
    engine = _engine(url)
    with _told(), engine.connect() as connection:
        found = _holder(connection)
        return None if found is None else str(found)


def _hold(url: str) -> DatabaseHold:
    if file := _file_of(url):
        return _HeldFile(file)
    return _HeldServer(_engine(url))


def _file_of(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(f"{parsed.database}.lock") if parsed.get_backend_name() == "sqlite" and parsed.database else None


class _HeldFile:
    """A lock of the kernel's on a file beside the database."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = sole_daemon.take(path)
        except OSError as error:
            raise StoreError(f"{path} can't be written: {error.strerror}") from error
        if isinstance(held, Holder | None):
            raise _refusal(str(held or SOMEBODY))
        self._file: IO[str] = held

    async def watch(self) -> None:
        """Nobody can take it away."""
        await asyncio.Event().wait()

    def close(self) -> None:
        self._file.close()


class _HeldServer:
    """PostgreSQL's advisory lock, on a connection that does nothing else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._me = Holder.me()
        self._connection = self._take(again=False)
        self._lost = False

    def _take(self, *, again: bool) -> Connection:
        with _told():
            connection = self._engine.connect()
            try:
                connection.execute(text(_SESSION), {"name": f"ivrd {self._me.line}"})
                if connection.scalar(_TAKE, LOCK):
                    return connection
                holder = _holder(connection)
                if again and holder == self._me:
                    raise StoreError("the server has not noticed yet that our last connection is gone")
                raise _refusal(str(holder or SOMEBODY))
            except BaseException:
                connection.close()
                raise

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            try:
                async with asyncio.timeout(LOOK_TIMEOUT_S):
                    await asyncio.to_thread(self._look)
            except (StoreError, TimeoutError) as error:
                # Nothing can be delivered either while the database is away: every delivery is claimed in it first.
                if not self._lost:
                    log.error("the lock on the database is lost; it is taken again as soon as it answers", reason=str(error) or "no answer")
                self._lost = True

    def _look(self) -> None:
        if not self._lost:
            try:
                if self._connection.scalar(_OURS, LOCK):
                    return
            except SQLAlchemyError:
                self._connection.invalidate()
            self._connection.close()
        self._connection = self._take(again=True)
        self._lost = False
        log.warning("the lock on the database was lost and is ours again")

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    options: dict[str, Any] = _LIBPQ if "psycopg" in parsed.drivername else {}
    return create_engine(parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={**options})


def _holder(connection: Connection) -> Holder | str | None:
    """Who has it, as he called his session; None for nobody."""
    name = connection.scalar(_HOLDER, LOCK)
    if name is None:
        return None
    said = _NAMED.fullmatch(name)
    return (Holder.written(said[1]) if said else None) or SOMEBODY


def _refusal(holder: str) -> AnotherDaemonError:
    return AnotherDaemonError(
        f"{holder} runs ivrd on this database already, and two would deliver everything twice: "
        "stop that one (`ivrd doctor` tells who it is), or give this one another store.url"
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(sentence_of(error)) from error

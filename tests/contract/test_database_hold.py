"""One daemon on one database: the second is told who has it; who is killed has nothing; who loses it ends, or takes it again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

import pytest
from sqlalchemy import text

from ivr import database_hold
from ivr.database_hold import hold_database, holder_of
from ivr.sole_daemon import AnotherDaemonError
from ivr.store.database import Database

HOLDER = """
import sys, time
from ivr.database_hold import hold_database
held = hold_database(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""
END_HOLDER = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted")
WAIT_FOR_IT = text(f"SELECT pg_advisory_lock({database_hold.LOCK['space']}, {database_hold.LOCK['number']})")
WAITS = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


def url_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def test_the_second_is_told_who_holds_it_and_since_when(database: Database) -> None:
    url = url_of(database)
    assert holder_of(url) is None
    with closing(hold_database(url)):
        said = holder_of(url)
        assert said is not None
        found = re.fullmatch(rf"process {os.getpid()} on [\w.-]+, since (.+),", said)
        assert found is not None
        assert datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S %z")
        with pytest.raises(AnotherDaemonError, match=rf"process {os.getpid()} on .* runs ivrd on this database already.* store\.url"):
            hold_database(url, patience_s=0.0)
    with closing(hold_database(url)):
        pass


def test_whoever_is_killed_holds_nothing_any_more(database: Database) -> None:
    url = url_of(database)
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert f"process {other.pid} " in (holder_of(url) or "")
        other.send_signal(signal.SIGKILL)
        # Not waited for: the next start may come at once.
        with closing(hold_database(url)):
            assert f"process {os.getpid()} " in (holder_of(url) or "")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_lost_connection_is_made_again_unless_somebody_else_was_quicker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_hold, "WATCH_INTERVAL_S", 0.02)
    with closing(hold_database(url_of(database))) as held:
        watching = asyncio.create_task(held.watch())
        await end_holder(database)
        async with asyncio.timeout(30):
            await until(lambda: holder_of(url_of(database)) is not None)
        assert not watching.done()
        with database.engine.connect() as other:
            # It stands in PostgreSQL's own queue for the lock, so that it is the next.
            taking = asyncio.create_task(asyncio.to_thread(other.execute, WAIT_FOR_IT))
            async with asyncio.timeout(30):
                await until(lambda: database.read_now(lambda session: session.scalar(WAITS)) == 1)
                await end_holder(database)
                await taking
                with pytest.raises(AnotherDaemonError, match="another process runs ivrd on this database already"):
                    await watching


async def end_holder(database: Database) -> None:
    await asyncio.to_thread(database.write_now, lambda session: session.execute(END_HOLDER))


async def until(true: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(true):  # noqa: ASYNC110 - a server tells nobody
        await asyncio.sleep(0.02)

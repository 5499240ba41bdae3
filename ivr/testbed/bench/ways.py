"""The ways of serving the menu that are set side by side, each with what runs for it and the proof that it served its calls.

For ``bench`` alone. A way's server runs only while that way is measured: ivrd listens to every call of its Asterisk.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from ivr.domain.contacts import ContactOutcome
from ivr.store.database import Database, StoreError
from ivr.store.schema import ContactRow
from ivr.testbed.bench.load import KEY
from ivr.testbed.bench.stage import AGI_SERVER, DIALPLAN, HOTLINE, Stage
from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import is_bound

_READY_DEADLINE_S = 15.0
_RECORDS_DEADLINE_S = 10.0
_POLL_S = 0.1
# The path of a call that was served, as its record has it.
_SERVED_PATH = (("menu", KEY), ("goodbye", ""))


class Way(Protocol):
    """``key`` for machines, ``title`` for people; calls go to ``number``."""

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def pid(self) -> int | None:
        """The server's process, where there is one."""

    async def start(self) -> None:
        """Raises TestbedError."""

    async def stop(self) -> None: ...

    async def faults(self, tag: str, calls: int) -> tuple[str, ...]:
        """What is missing of these calls beyond what SIPp sees; their Call-IDs begin with ``tag``."""


@dataclass(slots=True)
class PureDialplan:
    """The yardstick: no server at all."""

    stage: Stage
    key: str = "dialplan"
    title: str = "pure dialplan"
    number: str = DIALPLAN
    pid: int | None = None

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def faults(self, tag: str, calls: int) -> tuple[str, ...]:
        return ()


@dataclass(slots=True)
class SmallServer:
    """One of ``agi_servers``."""

    stage: Stage
    kind: str
    title: str
    child: Child | None = None
    number: str = AGI_SERVER

    @property
    def key(self) -> str:
        return self.kind

    @property
    def pid(self) -> int | None:
        return self.child.process.pid if self.child else None

    async def start(self) -> None:
        stage = self.stage
        log = _log(stage, self.kind)
        command = [sys.executable, "-m", "ivr.testbed.bench.agi_servers", self.kind, str(stage.agi_server_port), stage.menu, stage.goodbye]
        self.child = await Child.start(self.kind, command, log=log)
        deadline = asyncio.get_running_loop().time() + _READY_DEADLINE_S
        while not is_bound("TCP", stage.agi_server_port):
            if not self.child.running or asyncio.get_running_loop().time() > deadline:
                raise TestbedError(f"the {self.kind} server doesn't listen on port {stage.agi_server_port}. {last_lines(log)}")
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            await child.stop(2.0)

    async def faults(self, tag: str, calls: int) -> tuple[str, ...]:
        return () if self.child and self.child.running else (f"the {self.kind} server ended by itself.",)


@dataclass(slots=True)
class Ivrd:
    """The daemon as `make run` has it: session, AMI link, service records in SQLite, log to a file."""

    stage: Stage
    key: str = "ivrd"
    title: str = "ivrd"
    number: str = HOTLINE

    @property
    def pid(self) -> int | None:
        daemon = self.stage.system.daemon
        return daemon.process.pid if daemon else None

    async def start(self) -> None:
        await self.stage.system.start_daemon(_log(self.stage, self.key))

    async def stop(self) -> None:
        await self.stage.system.stop_daemon()

    async def faults(self, tag: str, calls: int) -> tuple[str, ...]:
        """Every call placed must have left a whole service record: ended, self-served, with its key."""
        deadline = asyncio.get_running_loop().time() + _RECORDS_DEADLINE_S
        while True:
            found, whole = await asyncio.to_thread(records_of, self.stage.system.settings.store_url, tag)
            if found == whole == calls:
                return ()
            if asyncio.get_running_loop().time() > deadline:
                return (f"ivrd has {found} records of {calls} calls, {whole} of them whole.",)
            await asyncio.sleep(_POLL_S)


def all_ways(stage: Stage) -> list[Way]:
    """In the order of the table; the yardstick first."""
    return [
        PureDialplan(stage),
        SmallServer(stage, "panoramisk", f"panoramisk {version('panoramisk')} FastAGI"),
        SmallServer(stage, "bare", "ivrd's AGI server alone"),
        Ivrd(stage),
    ]


def records_of(url: str, tag: str) -> tuple[int, int]:
    """How many calls with this tag there are in the store, and how many are whole."""
    database = Database(url)
    query = select(ContactRow.outcome, ContactRow.ended_at, ContactRow.path).where(ContactRow.sip_call_id.startswith(f"{tag}-"))
    try:
        rows = database.read_now(lambda session: session.execute(query).all())
    except StoreError as error:
        raise TestbedError(f"the service records can't be read: {error}") from error
    finally:
        database.close()
    whole = [
        outcome == ContactOutcome.SELF_SERVED and ended is not None and tuple((step["node"], step["keys"]) for step in path) == _SERVED_PATH
        for outcome, ended, path in rows
    ]
    return len(rows), sum(whole)


def _log(stage: Stage, name: str) -> Path:
    folder = stage.system.folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"

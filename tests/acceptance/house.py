"""A whole system for acceptance tests, with settings, STATE and ports of its own, and its records as ``ivrd`` tells them.

For the tests of this folder and ``stage``; built on ``ivr.testbed``, which starts and ends the parts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from acceptance.settings_file import LINES, PORTS, Phones, Setup, settings_toml
from ivr.settings import Settings
from ivr.settings import load as load_settings
from ivr.testbed.agents import DemoAgents, Manners
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.children import Child
from ivr.testbed.errors import TestbedError
from ivr.testbed.system import System
from ivr.testbed.whereabouts import Whereabouts

IVRD = str(Path(sys.executable).with_name("ivrd"))
COMMAND_DEADLINE_S = 30.0
RECORD_DEADLINE_S = 12.0
_POLL_S = 0.2
# Far from what `make run` uses, and below the ports the kernel gives to whoever connects: a daemon that is down for a while
# must find its own free. Only the RTP ranges overlap; Asterisk looks for free ones in them.
_FIRST_OFFSET, _OFFSET_STEP, _OFFSETS = 20_000, 100, 43
_HEALTH_DEADLINE_S = 5.0
_PHONES_DEADLINE_S = 60.0
_ASK_AGAIN_S = 2.0
_CONTACT = re.compile(r"^\s*Contact:\s+(?P<phone>[^/\s]+)/\S+\s+\S+\s+(?P<status>\S+)", re.MULTILINE)
_in_use: set[int] = set()
# Two houses are opened at a time, and nobody calls meanwhile: what a start costs would make callers late.
_opening = asyncio.Semaphore(2)
_to_open: set[House] = set()
_all_open = asyncio.Event()

# Ringing and talking times in s. The deaf ring for ever; the gone have no phone.
MANNERS: dict[Phones, Manners] = {
    "brisk": Manners(ring_s=(0.3, 0.3), talk_s=(2.0, 2.0)),
    "slow": Manners(ring_s=(1.0, 1.0), talk_s=(50.0, 50.0)),
    "patient": Manners(ring_s=(4.0, 4.0), talk_s=(25.0, 25.0)),
    "chatty": Manners(ring_s=(4.0, 4.0), talk_s=(60.0, 60.0)),
    "deaf": Manners(ring_s=(3600.0, 3600.0), talk_s=(1.0, 1.0)),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str


@dataclass(slots=True)
class Called:
    """A call that is over: who called, and what the caller's side saw of it."""

    caller: str
    result: CallResult


@dataclass(eq=False)
class House:
    """``async with House(folder, prompts, setup) as house:`` starts all of it; ``open`` alone prepares and starts nothing."""

    folder: Path
    prompts: Path
    setup: Setup = field(default_factory=Setup)

    def __post_init__(self) -> None:
        self.agents: dict[Phones, DemoAgents] = {}
        self._calls = 0
        self._daemons = 0

    # ------------------------------------------------------------------------------------------------ its parts

    async def __aenter__(self) -> House:
        async with self.opening():
            await self.open()
            await self.start()
        return self

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """Within it the house is opened and started: as one of few at a time, and at the end all are open."""
        _to_open.add(self)
        _all_open.clear()
        try:
            async with _opening:
                yield
        except BaseException:
            await self.close()
            raise
        finally:
            _to_open.discard(self)
            if not _to_open:
                _all_open.set()
        await _all_open.wait()

    async def __aexit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        await self.close()

    async def open(self) -> None:
        """Settings written, free ports found, prompts linked and Asterisk's configuration made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)
        config, calendar = self.folder / "ivrd.toml", self.folder / "calendar.yaml"
        config.write_text(settings_toml(self.setup, calendar), encoding="utf-8")
        if self.setup.calendar:
            calendar.write_text(self.setup.calendar, encoding="utf-8")
        if not (self.state / "prompts").exists():
            shutil.copytree(self.prompts, self.state / "prompts", copy_function=_link_or_copy)
        for number in range(_OFFSETS):
            # Another suite on this machine begins elsewhere.
            self.offset = _FIRST_OFFSET + (os.getpid() + number) % _OFFSETS * _OFFSET_STEP
            if self.offset in _in_use:
                continue
            self.environment = {**_environment(config, self.state, self.offset), **self.setup.environment}
            self.settings: Settings = load_settings(environment=self.environment)
            self.system = System.of(self.settings, self.environment)
            try:
                self.system.check_ports(with_agents=True)
            except TestbedError:
                continue
            self.whereabouts = Whereabouts(self.settings.paths.database)
            _in_use.add(self.offset)
            break
        else:
            raise TestbedError(f"no ports are free for a house: {_OFFSETS} offsets from {_FIRST_OFFSET} on were tried.")
        await asyncio.to_thread(self.system.prepare)

    async def start(self) -> None:
        """The phones first, so that Asterisk finds them there, then Asterisk, then the daemon."""
        await self.start_phones()
        await self.system.start_asterisk()
        await self.start_daemon()
        await self._phones_are_known()

    async def _phones_are_known(self) -> None:
        """A phone that misses Asterisk's first OPTIONS, for the machine is busy, would not be rung until the next, 15 s later."""
        expected = sum(self.setup.team(line).size for line in LINES if self.setup.team(line).phones != "gone")
        asterisk = self.system.asterisk
        if asterisk is None:
            return
        async with asyncio.timeout(_PHONES_DEADLINE_S):
            for attempt in itertools.count():
                status = {found["phone"]: found["status"] for found in _CONTACT.finditer(await asterisk.rx("pjsip show contacts"))}
                missing = [phone for phone, status in status.items() if status != "Avail"]
                if len(status) - len(missing) >= expected:
                    return
                if attempt % round(_ASK_AGAIN_S / _POLL_S) == 0:
                    for phone in missing:
                        await asterisk.rx(f"pjsip qualify {phone}")
                await asyncio.sleep(_POLL_S)

    async def start_phones(self) -> None:
        for phones in sorted(self.setup.phones() - {"gone"}):
            place, port = self.folder / f"phones-{phones}", self.settings.shifted(PORTS[phones])
            self.agents[phones] = await DemoAgents.start(place, port, MANNERS[phones])

    async def start_daemon(self) -> None:
        self._daemons += 1
        await self.system.start_daemon(self.folder / f"ivrd-{self._daemons}.log")

    async def stop_daemon(self) -> int | None:
        """SIGTERM, and its exit status."""
        return await self.system.stop_daemon()

    async def kill_daemon(self) -> None:
        """SIGKILL: no last word."""
        await self.system.stop_daemon(hurry=True)

    @property
    def daemon(self) -> Child:
        if self.system.daemon is None:
            raise AssertionError("the daemon of this house has not been started")
        return self.system.daemon

    async def close(self) -> None:
        """End what runs of it. Nobody is calling any more, so the daemon needs no grace."""
        if hasattr(self, "system"):
            await self.system.stop(hurry=True)
        for agents in self.agents.values():
            await agents.child.stop(1.0, how=signal.SIGKILL)
        _in_use.discard(getattr(self, "offset", 0))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def spool(self) -> Path:
        return self.settings.paths.spool

    @property
    def agi_port(self) -> int:
        return self.settings.shifted(self.settings.agi.port)

    @property
    def ami_port(self) -> int:
        return self.settings.shifted(self.settings.ami.port)

    def log(self) -> str:
        """What the daemons of this house have logged so far."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.folder.glob("ivrd-*.log")))

    def prompt(self, name: str, language: str = "zh") -> Path:
        """The one sound file whose name begins so, e.g. ``hotline-menu-`` or ``number-7``."""
        folder = self.state / "prompts" / language / "ivrd"
        found = [*folder.glob(f"{name}.wav")] or [file for file in folder.glob(f"{name}*.wav") if len(file.stem) == len(name) + 8]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} sound files in {folder} are called {name}")
        return found[0]

    # ------------------------------------------------------------------------------------------------ calling

    def next_caller(self) -> str:
        """A mobile number nobody else of this house calls from; its last four digits stay visible when masked."""
        self._calls += 1
        return f"1380000{self._calls:04}"

    async def call(self, keys: str, **script: Any) -> Called:
        """One call to its end; ``script`` is more of ``CallScript``."""
        caller = script.setdefault("caller", self.next_caller())
        result = await place_call(CallScript(keys=keys, **script), self.system.sip_port, whereabouts=self.whereabouts)
        return Called(caller, result)

    # ------------------------------------------------------------------------------------------------ what it tells

    async def ivrd(self, *arguments: str, environment: dict[str, str] | None = None) -> Answer:
        """Run the command in this house's environment."""
        return await run_ivrd(*arguments, environment={**self.environment, **(environment or {})})

    async def records(self) -> list[dict[str, Any]]:
        """Every service record, the newest first."""
        answer = await self.ivrd("calls", "list", "--json", "--limit", "100000")
        assert answer.status == 0, answer.err
        records: list[dict[str, Any]] = json.loads(answer.out)
        return records

    async def complaints(self) -> list[dict[str, Any]]:
        """Every complaint, the newest first."""
        answer = await self.ivrd("complaints", "list", "--json", "--limit", "100000")
        assert answer.status == 0, answer.err
        complaints: list[dict[str, Any]] = json.loads(answer.out)
        return complaints

    async def complaint(self, number: str) -> dict[str, Any]:
        answer = await self.ivrd("complaints", "show", number, "--json")
        assert answer.status == 0, answer.err
        complaint: dict[str, Any] = json.loads(answer.out)
        return complaint

    async def record(self, called: Called, *, deadline_s: float = RECORD_DEADLINE_S) -> dict[str, Any]:
        """The one record of this call, once it has an end. Fails when there is none within the deadline, or more than one."""
        found = of_call(await self.records_with(called, deadline_s), called)
        assert len(found) == 1, f"one call left {len(found)} records: {found}"
        return found[0]

    async def records_with(self, called: Called, deadline_s: float = RECORD_DEADLINE_S) -> list[dict[str, Any]]:
        """Every service record, once this call has one with an end."""
        deadline = asyncio.get_running_loop().time() + deadline_s
        while True:
            records = await self.records()
            found = of_call(records, called)
            if found and all(record["ended_at"] for record in found):
                return records
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"no finished record of the call from {called.caller}: {found}\n{self.log()[-3000:]}")
            await asyncio.sleep(_POLL_S)

    async def readiness(self) -> dict[str, Any]:
        """What /readyz says."""
        return await asyncio.to_thread(_get_json, f"{self.system.console_url}/readyz")


async def until(condition: Callable[[], bool], deadline_s: float, every_s: float = _POLL_S) -> None:
    """Wait until it holds. Raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while True:
            if condition():
                return
            await asyncio.sleep(every_s)


def of_call(records: list[dict[str, Any]], called: Called) -> list[dict[str, Any]]:
    """The records of one call, by its SIP Call-ID, or by its number where Asterisk served it without the daemon."""
    shown = f"+86138****{called.caller[-4:]}" if called.caller.startswith("1380000") else None
    return [record for record in records if record["sip_call_id"] == called.result.call_id or (shown and record["caller"] == shown)]


async def run_ivrd(*arguments: str, environment: dict[str, str], deadline_s: float = COMMAND_DEADLINE_S) -> Answer:
    process = await asyncio.create_subprocess_exec(
        IVRD,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), deadline_s)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"ivrd {' '.join(arguments)} did not end within {deadline_s:g} s") from None
    return Answer(process.returncode or 0, out.decode(), err.decode())


def _environment(config: Path, state: Path, offset: int) -> dict[str, str]:
    """The caller's own, without what would change the settings, and with this house's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("IVRD_") and name != "DEMO"}
    return {**own, "IVRD_CONFIG": str(config), "STATE": str(state), "PORT_OFFSET": str(offset)}


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _get_json(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_HEALTH_DEADLINE_S) as answer:  # noqa: S310 - a URL of this house
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    state: dict[str, Any] = json.loads(body)
    return state

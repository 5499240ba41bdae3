"""What keeps ``ivrd run`` from starting is told in one sentence with what and where, and it ends with status 1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from acceptance.house import Answer, House, run_ivrd
from acceptance.scenes import Scenes
from callflows.loader import SHIPPED_FLOWS

# Asterisk is waited for: whoever starts both at once needs no order.
LONGEST_START_S = 45.0
# Above all ports of a house, each tried once.
_candidates = iter(range(15_000, 20_000))


@dataclass(frozen=True, slots=True)
class Bad:
    """A start that can't succeed: changes ``environment`` and the files in ``folder``; all of ``told`` must stand in the sentence."""

    name: str
    change: Callable[[dict[str, str], Path], None]
    told: tuple[str, ...]
    waits: bool = False  # for Asterisk, and costs nothing meanwhile

    def __str__(self) -> str:
        return self.name


def setting(name: str, value: str) -> Callable[[dict[str, str], Path], None]:
    def change(environment: dict[str, str], _: Path) -> None:
        environment[name] = value

    return change


def settings_text(text: str) -> Callable[[dict[str, str], Path], None]:
    def change(environment: dict[str, str], folder: Path) -> None:
        config = folder / "bad.toml"
        config.write_text(text + "\n" + Path(environment["IVRD_CONFIG"]).read_text())
        environment["IVRD_CONFIG"] = str(config)

    return change


def flow_text(old: str, new: str) -> Callable[[dict[str, str], Path], None]:
    def change(environment: dict[str, str], folder: Path) -> None:
        flows = folder / "flows"
        flows.mkdir()
        for file in SHIPPED_FLOWS.glob("*.yaml"):
            (flows / file.name).write_text(file.read_text().replace(old, new))
        environment["IVRD_FLOWS"] = str(flows)

    return change


def in_own_state(change: Callable[[dict[str, str], Path], None]) -> Callable[[dict[str, str], Path], None]:
    """The house's own is kept by its daemon."""

    def both(environment: dict[str, str], folder: Path) -> None:
        change(environment, folder)
        own_state(environment, folder)

    return both


def as_it_runs(_: dict[str, str], __: Path) -> None:
    """A second daemon beside the first."""


def state_is_a_file(environment: dict[str, str], folder: Path) -> None:
    (folder / "file").write_text("")
    environment["STATE"] = str(folder / "file" / "state")


def database_is_rubbish(environment: dict[str, str], folder: Path) -> None:
    state = folder / "state"
    state.mkdir()
    (state / "prompts").symlink_to(Path(environment["STATE"]) / "prompts")
    (state / "ivrd.db").write_bytes(b"this is no database" * 1000)
    environment["STATE"] = str(state)


def wrong_secret(environment: dict[str, str], folder: Path) -> None:
    state = folder / "state"
    (state / "secrets").mkdir(parents=True)
    (state / "prompts").symlink_to(Path(environment["STATE"]) / "prompts")
    (state / "secrets" / "ami").write_text("wrong\n")
    environment["STATE"] = str(state)
    free_ports(environment)


def nobody_at_the_manager(environment: dict[str, str], folder: Path) -> None:
    own_state(environment, folder)
    free_ports(environment)
    environment["IVRD_AMI__PORT"] = free_port(environment)


def console_port_taken(environment: dict[str, str], folder: Path) -> None:
    own_state(environment, folder)
    environment["IVRD_AGI__PORT"] = free_port(environment)


def own_state(environment: dict[str, str], folder: Path) -> None:
    state = folder / "state"
    state.mkdir()
    (state / "prompts").symlink_to(Path(environment["STATE"]) / "prompts")
    environment["STATE"] = str(state)


def same_database(environment: dict[str, str], folder: Path) -> None:
    environment["IVRD_STORE__URL"] = f"sqlite:///{environment['STATE']}/ivrd.db"
    own_state(environment, folder)


def free_ports(environment: dict[str, str]) -> None:
    """The house's own daemon has the others."""
    for name in ("IVRD_AGI__PORT", "IVRD_CONSOLE__PORT"):
        environment[name] = free_port(environment)


def free_port(environment: dict[str, str]) -> str:
    """One above all of a house, without the offset that is added to it."""
    for port in _candidates:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + int(environment["PORT_OFFSET"]))):
            return str(port)
    raise AssertionError("no port is free")


BAD = [
    Bad("unknown-setting", settings_text("always_opne = true"), ("bad.toml:1", "always_opne", "always_open")),
    Bad("wrong-value", setting("IVRD_AGI__MAX_CONNECTIONS", "many"), ("agi.max_connections", "many")),
    Bad("no-toml", settings_text("[["), ("bad.toml", "line 1")),
    Bad("no-settings-file", setting("IVRD_CONFIG", "/nonexistent/ivrd.toml"), ("/nonexistent/ivrd.toml", "No such file")),
    Bad("time-zone", setting("IVRD_HOTLINE__TIME_ZONE", "Asia/Nowhere"), ("Asia/Nowhere",)),
    Bad("agi-port-taken", own_state, ("can't listen", "agi.port", "{agi_port}", "PORT_OFFSET")),
    Bad("console-port-taken", console_port_taken, ("can't listen", "console.port", "{console_port}")),
    Bad("asterisk-not-there", nobody_at_the_manager, ("manager (AMI)", "127.0.0.1:", "is Asterisk running"), waits=True),
    Bad("asterisk-refuses-us", wrong_secret, ("manager (AMI)", "{ami_port}", "Authentication failed")),
    Bad("flow-is-no-yaml", in_own_state(flow_text("nodes:", "nodes: [")), (".yaml:", "not YAML")),
    Bad("flow-leads-nowhere", in_own_state(flow_text("next: menu", "next: nowhere")), ("hotline.yaml:", "nowhere")),
    Bad("no-flows", in_own_state(setting("IVRD_FLOWS", "/nonexistent/flows")), ("/nonexistent/flows",)),
    Bad("no-calendar", in_own_state(setting("IVRD_CALENDAR", "/nonexistent/calendar.yaml")), ("/nonexistent/calendar.yaml",)),
    Bad("state-in-use", as_it_runs, ("/state:", "runs ivrd with this STATE already")),
    Bad("database-in-use", same_database, ("ivrd.db: process ", "runs ivrd on this database already", "store.url")),
    Bad("state-cannot-be-written", state_is_a_file, ("file/state", "STATE")),
    Bad("database-is-rubbish", database_is_rubbish, ("ivrd.db", "not a database")),
]


@dataclass(frozen=True, slots=True)
class Started:
    """How every bad start ended, and whether the daemon that runs beside them still serves."""

    house: House
    answers: dict[str, Answer]


@asynccontextmanager
async def bad_starts(folder: Path, prompts: Path) -> AsyncIterator[Started]:
    few = asyncio.Semaphore(1)  # a start costs a processor two seconds, and others call meanwhile

    async def start(house: House, bad: Bad) -> Answer:
        environment, place = dict(house.environment), folder / bad.name
        place.mkdir()
        bad.change(environment, place)
        async with contextlib.nullcontext() if bad.waits else few:
            try:
                return await run_ivrd("run", environment=environment, deadline_s=LONGEST_START_S)
            except AssertionError as error:  # one that doesn't end is that one's failure alone
                return Answer(-1, "", str(error))

    async with House(folder, prompts) as house:
        answers = await asyncio.gather(*(start(house, bad) for bad in BAD))
        yield Started(house, dict(zip(map(str, BAD), answers, strict=True)))


SCENES = (bad_starts,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def started(scenes: Scenes) -> Started:
    told: Started = await scenes.outcome(bad_starts)
    return told


@pytest.mark.parametrize("bad", BAD, ids=str)
async def test_a_bad_start_ends_with_one_sentence(started: Started, bad: Bad) -> None:
    answer, settings = started.answers[bad.name], started.house.settings
    sentences = [line for line in answer.err.splitlines() if not line.startswith("{")]  # what stands in braces is the log
    assert answer.status == 1, answer
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert len(sentences) >= 1
    ports = {
        "agi_port": settings.shifted(settings.agi.port),
        "ami_port": settings.shifted(settings.ami.port),
        "console_port": settings.shifted(settings.console.port),
    }
    for told in bad.told:
        assert told.format(**ports) in sentences[0]


async def test_the_daemon_that_runs_is_not_disturbed_by_a_second_start(started: Started) -> None:
    house = started.house
    again = await house.ivrd("run")
    assert again.status == 1
    assert f"process {house.daemon.process.pid} on " in again.err
    assert "runs ivrd with this STATE already" in again.err
    record = await house.record(await house.call("1@survey h", before_keys_s=2.5))
    assert (record["served_by"], record["outcome"]) == ("flow", "answered")

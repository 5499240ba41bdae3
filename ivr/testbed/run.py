"""What ``make run`` does: a whole system in the foreground, until Ctrl-C or until one of its parts ends.

Nobody imports it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ivr.cli_users import first_administrator
from ivr.settings import SettingsError
from ivr.settings import load as load_settings
from ivr.testbed.call import DEFAULT_NUMBER
from ivr.testbed.children import Child, end_with_parent
from ivr.testbed.errors import TestbedError
from ivr.testbed.system import System, chosen_environment

INTERRUPTED = 130  # what a shell reports for SIGINT
SAME_WISH_S = 1.0  # a signal to the whole process group comes twice: from its sender and from make


def main() -> int:
    """Exit status 0 after Ctrl-C or SIGTERM, 1 when something can't be started or ends by itself."""
    parser = argparse.ArgumentParser(
        prog="make run",
        description="Start Asterisk, the demo agents and ivrd. Settings come from the environment: STATE, PORT_OFFSET, "
        "DEMO=0 for no agents, IVRD_CONFIG for another settings file. Example: make run PORT_OFFSET=100 STATE=.state-2",
    )
    parser.parse_args()
    if "MAKELEVEL" in os.environ:
        end_with_parent()  # make killed outright can't pass anything on
    # Line by line, also into a file: whoever waits for "ready" must see it.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    environment = chosen_environment()
    # A terminal or a file: a person reads it either way.
    environment.setdefault("IVRD_LOG__FORMAT", "console")
    demo = environment.get("DEMO", "1") != "0"
    began = time.monotonic()
    try:
        settings = load_settings(environment=environment)
        with _own_state(settings.paths.root):
            system = System.of(settings, environment)
            system.check_ports(with_agents=demo)
            system.prepare(tell)
            return asyncio.run(_run(system, environment, demo, began))
    except (TestbedError, SettingsError) as error:
        for sentence in error.problems if isinstance(error, SettingsError) else [str(error)]:
            print(f"run: {sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run: interrupted", file=sys.stderr)
        return INTERRUPTED


def tell(sentence: str) -> None:
    print(f"run: {sentence}")


async def _run(system: System, environment: dict[str, str], demo: bool, began: float) -> int:
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    first = 0.0

    def asked_to_stop() -> None:
        nonlocal first
        if not stop.is_set():
            first = loop.time()
            stop.set()
        elif loop.time() - first > SAME_WISH_S:
            hurry.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked_to_stop)
    starting = asyncio.create_task(_start(system, demo), name="start")
    asked = asyncio.create_task(stop.wait(), name="asked to stop")
    status = 0
    try:
        await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            seconds = time.monotonic() - began
            _welcome(system, environment, demo, seconds, await asyncio.to_thread(first_administrator, system.settings))
            status = await _until_something_ends(system, asked)
    finally:
        starting.cancel()
        asked.cancel()
        await asyncio.wait([starting, asked])
        await _end(system, hurry)
    return status


async def _start(system: System, demo: bool) -> None:
    if demo:
        tell("starting the demo agents' phones and the network behind them")
        await system.start_agents()
        await system.start_network()
    tell(f"starting Asterisk {system.program.version} ({system.program.origin})")
    await system.start_asterisk()
    if system.asterisk is not None:
        for message in system.asterisk.errors():
            tell(f"Asterisk says: {message}")
    tell("starting ivrd")
    await system.start_daemon()
    if demo and not await system.phones_there():
        tell("not every phone of the demo agents has answered Asterisk yet: the first callers may hear that nobody is there")


async def _until_something_ends(system: System, asked: asyncio.Task[bool]) -> int:
    parts: dict[asyncio.Task[int], Child] = {
        asyncio.create_task(child.process.wait(), name=f"end of {child.name}"): child for child in system.children()
    }
    done, _ = await asyncio.wait([*parts, asked], return_when=asyncio.FIRST_COMPLETED)
    ended = [child for task, child in parts.items() if task in done]
    for task in parts:
        task.cancel()
    if asked.done():
        return 0
    for child in ended:
        print(f"run: {child.name} ended by itself with status {child.process.returncode}", file=sys.stderr)
    return 1


async def _end(system: System, hurry: asyncio.Event) -> None:
    """In order; a second Ctrl-C doesn't wait for the calls that are still going on."""
    if not system.children():
        return
    tell("stopping; calls that are going on may take a moment, Ctrl-C again cuts them off")
    stopping = asyncio.create_task(system.stop(), name="stop")
    impatient = asyncio.create_task(hurry.wait(), name="hurry")
    await asyncio.wait([stopping, impatient], return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        for child in system.children():
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
    impatient.cancel()
    await stopping
    tell("stopped")


def _welcome(system: System, environment: dict[str, str], demo: bool, seconds: float, administrator: tuple[str, str] | None) -> None:
    """``administrator``: name and one-time password, while nobody but the first one has an account."""
    number = next(iter(system.settings.hotline.numbers), DEFAULT_NUMBER)
    given = "".join(f" {name}={environment[name]}" for name in ("PORT_OFFSET", "STATE", "DEMO") if _set(environment, name))
    tell(f"ready after {seconds:.1f} s")
    tell(f"  the hotline   sip:{number}@127.0.0.1:{system.sip_port}")
    tell(f"  the console   {system.console_url}/")
    if administrator:
        tell(f"                log in as {administrator[0]} with the one-time password {administrator[1]}")
    tell(f"  health        {system.console_url}/healthz and /readyz")
    tell(f"  place a call  make call LINE=hr{given}    (or course, product, complaint)")
    tell(f"  many calls    make demo-traffic RATE=6{given}    (a minute)")
    tell(f"  look at it    {_exports(environment)}.venv/bin/ivrd calls list    (or doctor, or --help)")
    if not demo:
        tell("  no agents     DEMO=0: a queue rings whoever [agents] in the settings names")
    tell("  Ctrl-C stops all of it")


def _exports(environment: dict[str, str]) -> str:
    """What a second terminal needs so that `ivrd` there looks at this system."""
    names = [name for name in ("PORT_OFFSET", "STATE") if _set(environment, name)]
    values = {name: environment[name] for name in names}
    if config := environment.get("IVRD_CONFIG"):
        file = Path(config)
        values["IVRD_CONFIG"] = str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
    return "".join(f"export {name}={shlex.quote(value)}; " for name, value in values.items())


def _set(environment: dict[str, str], name: str) -> bool:
    return environment.get(name, "") not in {"", {"PORT_OFFSET": "0", "STATE": ".state", "DEMO": "1"}[name]}


@contextlib.contextmanager
def _own_state(state: Path) -> Iterator[None]:
    """Two systems in one STATE would write each other's files; the lock goes when its holder does, however it ends."""
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TestbedError(f"STATE can't be {state}: {error.strerror}.") from error
    lock = os.open(state / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            raise TestbedError(
                f"{state} is in use by `make run` (process {holder}); stop that, or give STATE=DIR and PORT_OFFSET=N."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


if __name__ == "__main__":
    sys.exit(main())

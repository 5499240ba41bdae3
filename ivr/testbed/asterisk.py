"""A running Asterisk of ours: started from a plan, waited for until it is fully booted, asked, and stopped.

For ``run``, the acceptance tests and the benchmark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import uuid
from dataclasses import dataclass

from ami_bridge.plan import AsteriskPlan
from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import NeededPort, check_free
from ivr.testbed.program import AsteriskProgram

BOOT_DEADLINE_S = 30.0  # half a second on an idle machine
STOP_GRACE_S = 8.0
CONSOLE_DEADLINE_S = 10.0
_POLL_S = 0.1
_BOOTED = "fully booted"
# [2026-11-21 10:00:00.000] ERROR[123] file.c: what happened
_LOG_LINE = re.compile(r"^\[[^\]]+\] (?P<level>ERROR|WARNING)\[[^\]]*\](?:\[[^\]]*\])? (?P<message>.*)$")
# With these Asterisk goes on, without SIP or AMI. Other errors of a start are in ``errors``.
_NO_PORT = re.compile(r"\bbind\b|could not be started", re.IGNORECASE)


@dataclass(slots=True)
class RunningAsterisk:
    """One Asterisk and where its logs lie."""

    program: AsteriskProgram
    plan: AsteriskPlan
    child: Child
    container: str
    _log_from: int

    @classmethod
    async def start(cls, program: AsteriskProgram, plan: AsteriskPlan) -> RunningAsterisk:
        """Start it on the plan's written configuration and wait until it is fully booted.

        Raises TestbedError when a port is taken, it ends early, or it isn't ready within ``BOOT_DEADLINE_S``.
        """
        check_free(needed_ports(plan))
        log = plan.state / "log"
        log.mkdir(parents=True, exist_ok=True)
        console = log / "console.log"
        console.write_bytes(b"")
        messages = log / "messages.log"
        written = messages.stat().st_size if messages.exists() else 0
        container = f"ivrd-asterisk-{uuid.uuid4().hex[:12]}"
        command = program.foreground(plan.configuration, plan.configuration.parents[1], container)
        try:
            child = await Child.start("Asterisk", command, log=console, environment=_environment())
        except OSError as error:
            raise TestbedError(f"Asterisk can't be started: {command[0]}: {error.strerror}.") from error
        asterisk = cls(program, plan, child, container, written)
        try:
            await asterisk._wait_until_booted()
        except BaseException:
            await asterisk.stop()
            raise
        return asterisk

    async def rx(self, command: str) -> str:
        """What a console command prints, e.g. ``core show channels``. Raises TestbedError when nobody answers."""
        status, output = await self._console(command)
        if status:
            raise TestbedError(f"Asterisk didn't answer {command!r}: {output.strip() or f'status {status}'}.")
        return output

    async def stop(self, grace_s: float = STOP_GRACE_S) -> int:
        """End it at once, with the calls it has. Returns its exit status."""
        return await self.child.stop(grace_s)

    def kill(self) -> None:
        """End it as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            self.child.process.kill()

    def errors(self) -> list[str]:
        """What this run has logged as ERROR."""
        return [message for level, message in self._logged() if level == "ERROR"]

    def warnings(self) -> list[str]:
        """What this run has logged as WARNING."""
        return [message for level, message in self._logged() if level == "WARNING"]

    def _logged(self) -> list[tuple[str, str]]:
        try:
            with (self.plan.state / "log" / "messages.log").open("rb") as file:
                file.seek(self._log_from)
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        found = (_LOG_LINE.match(line) for line in text.splitlines())
        return [(line["level"], line["message"]) for line in found if line]

    async def _wait_until_booted(self) -> None:
        deadline = asyncio.get_running_loop().time() + BOOT_DEADLINE_S
        while asyncio.get_running_loop().time() < deadline:
            if not self.child.running:
                said = last_lines(self.plan.state / "log" / "console.log")
                raise TestbedError(f"Asterisk ended at its start with status {self.child.process.returncode}. {said}")
            status, output = await self._console("core waitfullybooted")
            if status == 0 and _BOOTED in output:
                break
            await asyncio.sleep(_POLL_S)
        else:
            raise TestbedError(f"Asterisk was not ready within {BOOT_DEADLINE_S:.0f} s; see {self.plan.state / 'log'}.")
        if deaf := [message for message in self.errors() if _NO_PORT.search(message)]:
            raise TestbedError(f"Asterisk started, but nobody could call it: {'; '.join(deaf)}.")

    async def _console(self, command: str) -> tuple[int, str]:
        line = self.program.console(self.plan.configuration, command, self.container)
        process = await asyncio.create_subprocess_exec(
            *line,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment(),
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), CONSOLE_DEADLINE_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise TestbedError(f"Asterisk didn't answer {command!r} within {CONSOLE_DEADLINE_S:.0f} s.") from None
        return process.returncode or 0, output.decode(errors="replace")


def needed_ports(plan: AsteriskPlan) -> list[NeededPort]:
    """What Asterisk is going to bind, RTP left out: it looks for free ones in its range by itself."""
    return [
        NeededPort("UDP", plan.bind_address, plan.sip_port, "asterisk.sip_port"),
        NeededPort("TCP", plan.ami_bind, plan.ami_port, "ami.port"),
    ]


def _environment() -> dict[str, str]:
    # The terminal's type and size would only colour the log; HOME is where Asterisk would keep a console history.
    return {**os.environ, "TERM": "dumb", "HOME": "/nonexistent"}

"""A whole system on this machine: the agents' phones, Asterisk and the daemon, each started, waited for and stopped.

For ``run``, the acceptance tests and the benchmark. Nothing of another system is touched: ports and STATE are its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.conf_text import ConfigurationError
from ami_bridge.plan import AsteriskPlan
from callflows.loader import FlowError
from callflows.speech import Prompt
from ivr.asterisk_plan import asterisk_plan, link_data
from ivr.prompts.errors import PromptsError
from ivr.prompts.fixed import fixed_prompts
from ivr.prompts.library import PromptLibrary
from ivr.prompts.wanted import wanted_prompts
from ivr.settings import SHIPPED_CONFIG, Settings
from ivr.testbed import agents, public_network
from ivr.testbed.agents import DemoAgents, Manners
from ivr.testbed.asterisk import RunningAsterisk, needed_ports
from ivr.testbed.children import Child, last_lines
from ivr.testbed.errors import TestbedError
from ivr.testbed.ports import NeededPort, check_free
from ivr.testbed.program import AsteriskProgram, find_asterisk
from ivr.testbed.public_network import PublicNetwork

DEMO_CONFIG = SHIPPED_CONFIG.with_name("demo.toml")
DAEMON_DEADLINE_S = 30.0
# What the daemon may take beyond shutdown.grace_s, which it gives to running calls.
DAEMON_MARGIN_S = 5.0
# A phone that isn't there doesn't answer; a machine that is busy with something else may be late.
PHONES_DEADLINE_S = 5.0
_POLL_S = 0.1
_HTTP_DEADLINE_S = 2.0


def chosen_environment(environment: dict[str, str] | None = None) -> dict[str, str]:
    """The environment with ``IVRD_CONFIG`` set to the demo's settings, unless DEMO=0 or a file is chosen already."""
    env = dict(os.environ) if environment is None else dict(environment)
    if env.get("DEMO", "1") != "0":
        env.setdefault("IVRD_CONFIG", str(DEMO_CONFIG))
    return env


@dataclass(slots=True)
class System:
    """What runs of it. Parts are started one by one after ``prepare``, so that a test can do without any of them."""

    settings: Settings
    program: AsteriskProgram
    environment: dict[str, str]
    asterisk: RunningAsterisk | None = None
    agents: DemoAgents | None = None
    network: PublicNetwork | None = None
    daemon: Child | None = None

    @classmethod
    def of(cls, settings: Settings, environment: dict[str, str]) -> System:
        """A system of these settings on the Asterisk this machine has; nothing is written or started.

        ``environment`` is what the daemon is started in; the same settings must come of it. Raises TestbedError.
        """
        return cls(settings, find_asterisk(environment), environment)

    def prepare(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Render the missing prompts and write Asterisk's configuration. Blocks for seconds.

        Raises SettingsError, and TestbedError for everything else that keeps a system from running.
        """

        def rendering(done: int, total: int, _: object) -> None:
            if done == total or done % 50 == 0:
                progress(f"prompts: {done} of {total} rendered")

        settings = self.settings
        try:
            library = PromptLibrary(settings.paths.prompts)
            for problem in library.build(prompts_to_have(settings, progress), progress=rendering).problems:
                progress(f"prompts: {problem.message}")
            plan = self.plan
            write_configuration(plan)
            link_data(plan, self.program.installation, settings.paths.prompts)
        except (PromptsError, FlowError, ConfigurationError) as error:
            raise TestbedError(str(error)) from error
        except OSError as error:
            raise TestbedError(f"{error.filename or settings.state}: {error.strerror}.") from error

    @property
    def plan(self) -> AsteriskPlan:
        """What Asterisk is configured as. Raises SettingsError."""
        return asterisk_plan(self.settings, self.program.installation)

    @property
    def sip_port(self) -> int:
        return self.settings.shifted(self.settings.asterisk.sip_port)

    @property
    def console_url(self) -> str:
        """Where the daemon's HTTP side is."""
        host = self.settings.console.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.shifted(self.settings.console.port)}"

    @property
    def folder(self) -> Path:
        """Where the testbed keeps what only it needs."""
        return self.settings.paths.root / "testbed"

    def check_ports(self, *, with_agents: bool) -> None:
        """Raises TestbedError naming every port this system needs and can't have, before anything is started."""
        settings = self.settings
        ports = needed_ports(self.plan)
        ports.append(NeededPort("TCP", settings.agi.host, settings.shifted(settings.agi.port), "agi.port"))
        ports.append(NeededPort("TCP", settings.console.host, settings.shifted(settings.console.port), "console.port"))
        if with_agents:
            ports.append(NeededPort("UDP", "127.0.0.1", settings.shifted(agents.SIP_PORT), "the demo agents' phones"))
            ports.append(NeededPort("UDP", "127.0.0.1", settings.shifted(public_network.SIP_PORT), "the demo's public network"))
        check_free(ports)

    async def start_agents(self, manners: Manners | None = None) -> None:
        """The phones come before Asterisk: one that doesn't answer its first OPTIONS is not rung for a while."""
        self.agents = await DemoAgents.start(self.folder, self.settings.shifted(agents.SIP_PORT), manners)

    async def start_network(self) -> None:
        """Everybody who can be called back."""
        self.network = await PublicNetwork.start(self.folder, self.settings.shifted(public_network.SIP_PORT))

    async def start_asterisk(self) -> None:
        self.asterisk = await RunningAsterisk.start(self.program, asterisk_plan(self.settings, self.program.installation))

    async def phones_there(self, deadline_s: float = PHONES_DEADLINE_S) -> bool:
        """Wait until every phone with a contact has answered Asterisk's OPTIONS: until then its queue takes nobody. False: not in time.

        Asterisk asks them within a second of its start (``max_initial_qualify_time``).
        """
        if self.asterisk is None:
            return False
        deadline = asyncio.get_running_loop().time() + deadline_s
        asked = {phone.extension for phone in self.plan.phones if phone.contact is not None and phone.qualify_s}
        while True:
            lines = [line.split() for line in (await self.asterisk.rx("pjsip show contacts")).splitlines()]
            there = {words[1].partition("/")[0] for words in lines if words[:1] == ["Contact:"] and "Avail" in words}
            if asked <= there:
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)

    async def start_daemon(self, log: Path | None = None) -> None:
        """Start ``ivrd run`` with its log in a file or on our own output, and wait until it takes calls.

        Raises TestbedError when it ends or isn't ready within ``DAEMON_DEADLINE_S``.
        """
        command = [str(Path(sys.executable).with_name("ivrd")), "run"]
        try:
            self.daemon = await Child.start("ivrd", command, log=log, environment=self.environment)
        except OSError as error:
            raise TestbedError(f"{command[0]} can't be run: {error.strerror}; run `make setup`.") from error
        deadline = asyncio.get_running_loop().time() + DAEMON_DEADLINE_S
        answer = ""
        while asyncio.get_running_loop().time() < deadline:
            if not self.daemon.running:
                said = f" {last_lines(log)}" if log else ""
                raise TestbedError(f"ivrd ended at its start with status {self.daemon.process.returncode}.{said}")
            ready, answer = await asyncio.to_thread(_ask, f"{self.console_url}/readyz")
            if ready:
                return
            await asyncio.sleep(_POLL_S)
        raise TestbedError(f"ivrd was not ready to take calls within {DAEMON_DEADLINE_S:.0f} s: {answer}")

    async def stop_daemon(self, *, hurry: bool = False) -> int | None:
        """SIGTERM and time for its calls, or with ``hurry`` SIGKILL as in a crash. Returns its exit status."""
        daemon, self.daemon = self.daemon, None
        if daemon is None:
            return None
        grace_s = self.settings.shutdown.grace_s + DAEMON_MARGIN_S
        return await daemon.stop(grace_s, how=signal.SIGKILL if hurry else signal.SIGTERM)

    async def stop_asterisk(self) -> None:
        asterisk, self.asterisk = self.asterisk, None
        if asterisk is not None:
            await asterisk.stop()

    async def stop_agents(self) -> None:
        running, self.agents = self.agents, None
        if running is not None:
            await running.stop()

    async def stop_network(self) -> None:
        running, self.network = self.network, None
        if running is not None:
            await running.stop()

    async def stop(self, *, hurry: bool = False) -> None:
        """End what was started, the daemon first: it sees its calls through while Asterisk and the phones still work."""
        try:
            await self.stop_daemon(hurry=hurry)
        finally:
            try:
                await self.stop_asterisk()
            finally:
                try:
                    await self.stop_agents()
                finally:
                    await self.stop_network()

    def children(self) -> list[Child]:
        """What runs of it now."""
        others = [part.child for part in (self.agents, self.network, self.asterisk) if part is not None]
        parts = [*others, self.daemon]
        return [part for part in parts if part is not None]


def prompts_to_have(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> list[Prompt]:
    """The prompts to have. Raises FlowError, unless there is a daemon's database: then flows that can't be read are the daemon's to refuse,
    and the last good ones stay in service."""
    try:
        return wanted_prompts(settings)
    except FlowError as error:
        if settings.store.url is None and not settings.paths.database.exists():
            raise
        for problem in error.problems:
            progress(f"the edited flows stay out of service: {problem}")
        return fixed_prompts()


def _ask(url: str) -> tuple[bool, str]:
    """Whether the URL, one of our own on this machine, answers 200, and what it says."""
    try:
        with urllib.request.urlopen(url, timeout=_HTTP_DEADLINE_S) as answer:  # noqa: S310 - http, from the settings
            return answer.status == 200, ""
    except urllib.error.HTTPError as error:
        return False, error.read(2000).decode(errors="replace")
    except OSError as error:
        return False, f"{url} doesn't answer: {error}"

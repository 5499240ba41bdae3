"""Where the benchmark plays: an Asterisk of its own on loopback with ivrd's generated configuration, and two numbers beside the hotline's.

For ``bench`` alone. State, secrets, prompts and ports are its own; nothing of another system is touched.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.pjsip_file import INBOUND_CONTEXT
from callflows.flow import FlowBook
from callflows.loader import load as load_flows
from callflows.loader import read_folder
from ivr.asterisk_plan import link_data
from ivr.prompts.errors import PromptsError
from ivr.prompts.library import PromptLibrary
from ivr.prompts.wanted import wanted_prompts
from ivr.settings import load as load_settings
from ivr.testbed.bench.agi_servers import ROUTE, SERVED, TOKEN
from ivr.testbed.bench.load import ADDRESS, KEY
from ivr.testbed.bench.processes import asterisk_pid
from ivr.testbed.errors import TestbedError
from ivr.testbed.system import System

FLOWS = Path(__file__).with_name("flow")
LANGUAGE = "zh"
# Beside `make run` and `make test` at the same PORT_OFFSET.
OFFSET = 7000
HOTLINE, DIALPLAN, AGI_SERVER = "4001234567", "4001234568", "4001234569"
_AGI_SERVER_PORT = 4574  # before the offset, like every port here
_OPEN_FILES = 20_000  # five or so for every call that is going on, in Asterisk and in the server


@dataclass(slots=True)
class Stage:
    """The written configuration and what runs on it. ``menu`` and ``goodbye`` are the two sounds, as Asterisk names them."""

    system: System
    menu: str
    goodbye: str

    @classmethod
    def set_up(cls, folder: Path, environment: Mapping[str, str]) -> Stage:
        """Render the prompts and write the configuration below ``folder``. Blocks for a few seconds.

        Raises TestbedError, and SettingsError where a port goes beyond 65535.
        """
        settings_environment = bench_environment(folder, environment)
        system = System.of(load_settings(environment=settings_environment), settings_environment)
        book = load_flows(read_folder(FLOWS))
        names = {place: _sound(book, place) for place in ("bench-menu", "bench-goodbye")}
        stage = cls(system, f"ivrd/{names['bench-menu']}", f"ivrd/{names['bench-goodbye']}")
        _allow_open_files()
        try:
            report = PromptLibrary(system.settings.paths.prompts).build(wanted_prompts(system.settings))
            plan = system.plan
            write_configuration(plan)
            link_data(plan, system.program.installation, system.settings.paths.prompts)
            with (plan.configuration / "extensions.conf").open("a", encoding="utf-8") as file:
                file.write(dialplan(stage.menu, stage.goodbye, stage.agi_server_port))
        except PromptsError as error:
            raise TestbedError(str(error)) from error
        except OSError as error:
            raise TestbedError(f"{error.filename or folder}: {error.strerror}.") from error
        if report.problems:
            raise TestbedError(f"the prompts can't be rendered: {report.problems[0].message}")
        return stage

    @property
    def agi_server_port(self) -> int:
        return self.system.settings.shifted(_AGI_SERVER_PORT)

    @property
    def asterisk(self) -> int:
        """The process id. Raises TestbedError when it doesn't run."""
        running = self.system.asterisk
        if running is None:
            raise TestbedError("Asterisk doesn't run.")
        if self.system.program.image is None:
            return running.child.process.pid
        return asterisk_pid(self.system.plan.configuration)


def bench_environment(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that the benchmark's settings come of: shipped ones, not those that are set here for another system."""
    kept = {name: value for name, value in environment.items() if not name.startswith("IVRD_")}
    return {
        **kept,
        "STATE": str(folder),
        "PORT_OFFSET": str(OFFSET + int(environment.get("PORT_OFFSET") or 0)),
        "IVRD_FLOWS": str(FLOWS),
        "IVRD_HOTLINE__FLOW": "bench",
        "IVRD_HOTLINE__NUMBERS": f'["{HOTLINE}"]',
        "IVRD_HOTLINE__LANGUAGES": f'["{LANGUAGE}"]',
        "IVRD_ASTERISK__RTP_LAST_PORT": "14999",
        "IVRD_AGI__MAX_CONNECTIONS": "5000",
        "IVRD_LOG__FORMAT": "json",
        "IVRD_SHUTDOWN__GRACE_S": "2",  # after a ramp's failure nobody waits for what hangs
    }


def dialplan(menu: str, goodbye: str, port: int) -> str:
    """The same menu twice more: in dialplan alone, and by whichever of the small AGI servers runs.

    A caller who was not served is left waiting: SIPp then counts his call as failed.
    """
    return f"""
[{INBOUND_CONTEXT}](+)
exten => {DIALPLAN},1,Answer()
 same => n,Read(KEY,{menu},1,,1,5)
 same => n,GotoIf($["${{KEY}}" = "{KEY}"]?served)
 same => n,Wait(60)
 same => n,Hangup()
 same => n(served),Playback({goodbye})
 same => n,Hangup()

exten => {AGI_SERVER},1,AGI(agi://{ADDRESS}:{port}/{ROUTE},{TOKEN})
 same => n,GotoIf($["${{{SERVED}}}" = "1"]?served)
 same => n,Wait(60)
 same => n(served),Hangup()
"""


def _sound(book: FlowBook, place: str) -> str:
    found = next((prompt.name for prompt in book.prompts((LANGUAGE,)) if prompt.name.rpartition("-")[0] == place), None)
    if found is None:
        raise TestbedError(f"the flow in {FLOWS} has no words at {place}.")
    return found


def _allow_open_files() -> None:
    """Raise our own limit, which every child inherits, as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))

"""A real Asterisk loads what we generate without complaint, and leads calls the way the dialplan's contract says.

Calls are Local channels, so no telephone is needed: what the dialplan does with them is the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from support.scripted_daemon import ScriptedDaemon

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.plan import AsteriskPlan, Phone, QueuePlan
from ami_bridge.spool import SpoolEntry, read_entries
from ivr.asterisk_plan import asterisk_plan, link_data
from ivr.settings import load
from ivr.testbed.asterisk import RunningAsterisk
from ivr.testbed.program import find_asterisk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT_OFFSET = "400"
START_BUDGET_S = 10.0  # the whole of `make run` has ten seconds for its second start
DEADLINE_S = 15.0
TESTER = """
[tester]
secret = contract-test
read = user,call
write = originate
"""


@dataclass
class House:
    plan: AsteriskPlan
    asterisk: RunningAsterisk
    started_in_s: float
    complaints: list[str]  # of the start alone
    daemon: ScriptedDaemon
    server: asyncio.Server | None = None
    calls: int = 0

    async def daemon_up(self) -> None:
        self.server = await asyncio.start_server(self.daemon.serve, "127.0.0.1", self.plan.agi_port)

    async def daemon_down(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None

    async def call(self, dialled: str, *legs: dict[str, str] | None, caller: str = "<13800001111>") -> list[tuple[str, str]]:
        """Place a call and wait for its end; gives the queues and statuses the dialplan reported."""
        self.daemon.legs, self.daemon.asked, self.daemon.environments = list(legs), [], []
        exits: list[tuple[str, str]] = []
        self.calls += 1
        call = f"contract-{self.calls}"
        async with asyncio.timeout(DEADLINE_S), self._ami() as (reader, writer):
            # The half that runs the dialplan is the second one; it gets the id's own ending.
            writer.write(
                f"Action: Originate\r\nChannel: Local/{dialled}@ivrd-inbound/n\r\nChannelId: {call}\r\n"
                f"Application: Wait\r\nData: 60\r\nCallerID: {caller}\r\nAsync: true\r\n\r\n".encode()
            )
            while True:
                event = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
                headers = dict(line.partition(": ")[::2] for line in event.split("\r\n"))
                if headers.get("Uniqueid") != f"{call};2":
                    continue
                if headers.get("UserEvent") == "QueueExit":
                    exits.append((headers["Queue"], headers["QueueStatus"]))
                if headers["Event"] == "Hangup":
                    return exits

    @contextlib.asynccontextmanager
    async def _ami(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.ami_port)
        try:
            writer.write(b"Action: Login\r\nUsername: tester\r\nSecret: contract-test\r\n\r\n")
            assert b"Success" in await reader.readuntil(b"\r\n\r\n")
            yield reader, writer
        finally:
            writer.close()

    def entries(self) -> list[SpoolEntry]:
        found = list(read_entries(self.plan.fallback_spool, datetime.now(UTC)))
        assert all(isinstance(entry, SpoolEntry) for entry in found), found
        return [entry for entry in found if isinstance(entry, SpoolEntry)]


def music(file: Path) -> None:
    """A second of silence: prompts aren't rendered here, and a hotline without hold music is a warning."""
    file.parent.mkdir(parents=True)
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 8000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    state = tmp_path_factory.mktemp("a")
    settings = load(environment={"STATE": str(state), "PORT_OFFSET": PORT_OFFSET})
    program = find_asterisk()
    plan = replace(
        asterisk_plan(settings, program.installation),
        phones=(
            Phone("101", "李娜", secret="a-phone-secret"),
            Phone("102", "Dead", contact="sip:102@127.0.0.1:9"),
            Phone("103", "Deaf", contact="sip:103@127.0.0.1:9", qualify_s=0),
        ),
        queues=(
            QueuePlan("hr", ("101",), 15, 30),
            QueuePlan("complaint", ("101", "102"), 15, 30),
            QueuePlan("rings", ("103",), 5, 0),
            QueuePlan("empty", (), 15, 30),
        ),
        hotline_numbers=("4001234567", "+862112345678"),
        run_user=None,
    )
    write_configuration(plan)
    link_data(plan, program.installation, settings.paths.prompts)
    music(settings.paths.prompts / "moh" / "hold.wav")
    with (plan.configuration / "manager.conf").open("a") as file:
        file.write(TESTER)
    before = time.monotonic()
    asterisk = await RunningAsterisk.start(program, plan)
    started_in_s = time.monotonic() - before
    house = House(plan, asterisk, started_in_s, asterisk.errors() + asterisk.warnings(), ScriptedDaemon())
    yield house
    await house.daemon_down()
    await asterisk.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def daemon(house: House) -> AsyncIterator[ScriptedDaemon]:
    await house.daemon_up()
    yield house.daemon
    await house.daemon_down()


async def test_it_starts_without_a_complaint_and_soon(house: House) -> None:
    # Nothing is tolerated: what Asterisk can be made silent about by a setting, it is made silent about.
    assert house.complaints == []
    assert house.started_in_s < START_BUDGET_S


async def test_every_listed_module_runs_and_no_other(house: House) -> None:
    listed = (house.plan.configuration / "modules.conf").read_text()
    wanted = {line.split("= ")[1] for line in listed.splitlines() if ".so" in line}
    shown = (await house.asterisk.rx("module show")).splitlines()
    running = {line.split()[0] for line in shown if ".so" in line and "Running" in line and "Not Running" not in line}
    assert running == wanted


async def test_queues_members_and_their_states(house: House) -> None:
    shown = await house.asterisk.rx("queue show")
    for queue in ("hr", "complaint", "rings", "empty"):
        assert f"{queue} has 0 calls" in shown
    assert "'rrmemory' strategy" in shown
    states = {line.split(" (PJSIP/")[0].strip(): line for line in shown.splitlines() if " (PJSIP/" in line}
    assert "Unavailable" in states["李娜"], "nobody has registered"
    assert "Unavailable" in states["Dead"], "it doesn't answer OPTIONS"
    assert "Not in use" in states["Deaf"], "it is never asked"


async def test_endpoints(house: House) -> None:
    shown = await house.asterisk.rx("pjsip show endpoints")
    for endpoint in ("101/101", "102/102", "103/103", "ivrd-trunk"):
        assert f"Endpoint:  {endpoint}" in shown
    assert "Match: 127.0.0.1/32" in shown
    assert "anonymous" not in (await house.asterisk.rx("pjsip show identifiers"))


async def test_the_dialplan_is_whole(house: House) -> None:
    written = (house.plan.configuration / "extensions.conf").read_text()
    priorities = sum(line.startswith(("exten =>", " same =>")) for line in written.splitlines())
    shown = await house.asterisk.rx("dialplan show")
    assert f"({priorities} priorities) in 7 contexts" in shown


@pytest.mark.parametrize(
    "digits",
    [
        "110",
        "4001234567",
        "00442079460000",
        "008613800138000",
        "138001380001",
        "13800138000&PJSIP",
        "13800138000,1",
        "${SHELL(x)}",
        "s",
        "h1",
    ],
)
async def test_digits_that_stand_on_no_list_are_not_dialled(house: House, digits: str) -> None:
    house.calls += 1
    call = f"contract-{house.calls}"
    async with asyncio.timeout(DEADLINE_S), house._ami() as (reader, writer):
        writer.write(
            f"Action: Originate\r\nChannel: Local/{digits}@ivrd-callback/n\r\nChannelId: {call}\r\n"
            "Application: Wait\r\nData: 60\r\nAsync: true\r\n\r\n".encode()
        )
        while True:
            event = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
            headers = dict(line.partition(": ")[::2] for line in event.split("\r\n"))
            assert not headers.get("DestChannel", "").startswith("PJSIP"), "the network was asked"
            if headers.get("UserEvent") == "CallbackResult" and headers["Uniqueid"] == f"{call};2":
                assert headers["Result"] == "FORBIDDEN"
                return
            if headers.get("Event") == "OriginateResponse" and headers["Uniqueid"] == call:
                # No extension takes it at all: Asterisk didn't even begin.
                assert (headers["Response"], "Local/" + digits[:3] in headers["Channel"]) == ("Failure", True)
                return


async def test_the_ami_user_may_do_little(house: House) -> None:
    shown = await house.asterisk.rx(f"manager show user {house.plan.ami_user}")
    rights = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in shown.splitlines()) if value}
    assert rights["read perm"] == "system,call,agent,user"
    assert rights["write perm"] == "call,agent,reporting,originate"


async def test_a_refused_caller_comes_back_with_the_reason(house: House, daemon: ScriptedDaemon) -> None:
    exits = await house.call("4001234567", {"IVR_NEXT": "queue", "IVR_QUEUE": "empty", "IVR_QUEUE_WAIT": "5"})
    assert exits == [("empty", "JOINEMPTY")]
    assert daemon.asked == [["start"], ["queue", "empty", "JOINEMPTY"]]


async def test_a_queue_whose_only_phone_is_dead_is_refused_at_once(house: House, daemon: ScriptedDaemon) -> None:
    assert await house.call("4001234567", {"IVR_NEXT": "queue", "IVR_QUEUE": "complaint", "IVR_QUEUE_WAIT": "5"}) == [
        ("complaint", "JOINEMPTY")
    ]
    assert daemon.asked[1:] == [["queue", "complaint", "JOINEMPTY"]]


async def test_the_wait_is_the_daemons(house: House, daemon: ScriptedDaemon) -> None:
    before = time.monotonic()
    exits = await house.call("4001234567", {"IVR_NEXT": "queue", "IVR_QUEUE": "rings", "IVR_QUEUE_WAIT": "2"})
    assert exits == [("rings", "TIMEOUT")]
    assert 1.0 < time.monotonic() - before < 5.0
    assert daemon.asked[1:] == [["queue", "rings", "TIMEOUT"]]


async def test_a_flow_that_goes_round_in_circles_ends_in_goodbye(house: House, daemon: ScriptedDaemon) -> None:
    legs = [{"IVR_NEXT": "queue", "IVR_QUEUE": "empty", "IVR_QUEUE_WAIT": "5"}] * 20
    exits = await house.call("4001234567", *legs)
    assert len(exits) == 12
    assert len(daemon.asked) == 12


@pytest.mark.parametrize(
    "nonsense",
    [
        {"IVR_NEXT": "System(reboot)"},
        {"IVR_NEXT": ""},
        {"IVR_NEXT": "queue", "IVR_QUEUE": "nobody"},
        {"IVR_NEXT": "queue", "IVR_QUEUE": ""},
        {"IVR_NEXT": "queue", "IVR_QUEUE": "empty,c,,,9)"},
    ],
)
async def test_nonsense_from_the_daemon_ends_in_the_static_branch(house: House, daemon: ScriptedDaemon, nonsense: dict[str, str]) -> None:
    assert await house.call("4001234567", nonsense) == [("complaint", "JOINEMPTY")]
    assert daemon.asked == [["start"]]


async def test_a_hostile_caller_id_is_cleaned_before_the_daemon_sees_it(house: House, daemon: ScriptedDaemon) -> None:
    await house.call("+862112345678", caller='"${EXTEN} 王, (x) \\\\ \x01z" <138${EXTEN}>')
    seen = daemon.environments[0]
    assert (seen["agi_callerid"], seen["agi_extension"]) == ("unknown", "+862112345678")
    assert "王" in seen["agi_calleridname"]
    assert "${EXTEN}" in seen["agi_calleridname"], "kept as text, not evaluated"
    assert not set(seen["agi_calleridname"]) & set('"\\\x01')


async def test_a_number_with_separators_is_kept(house: House, daemon: ScriptedDaemon) -> None:
    await house.call("4001234567", caller="<+86-138.0000.1111>")
    assert daemon.environments[0]["agi_callerid"] == "+8613800001111"


async def test_without_the_daemon_the_fallback_script_serves_and_notes(house: House) -> None:
    known = {entry.id for entry in house.entries()}
    assert await house.call("4001234567") == [("complaint", "JOINEMPTY")]
    start, after = (entry for entry in house.entries() if entry.id not in known)
    assert [step.node for step in start.path] == ["fallback", "fallback_menu", "fallback_queue"]
    assert [step.node for step in after.path] == ["fallback_after_queue", "fallback_record"]
    assert (start.caller, start.dialled, start.call) == ("13800001111", "4001234567", after.call)


async def test_a_daemon_that_dies_in_a_leg_is_replaced(house: House, daemon: ScriptedDaemon) -> None:
    known = {entry.id for entry in house.entries()}
    exits = await house.call("4001234567", None, {"IVR_NEXT": "hangup"})
    assert exits == [("complaint", "JOINEMPTY")]
    assert daemon.asked == [["start"], ["queue", "complaint", "JOINEMPTY"]], "it is asked again as soon as it is back"
    assert len([entry for entry in house.entries() if entry.id not in known]) == 1


async def test_with_the_script_gone_too_the_static_branch_queues_the_caller(house: House) -> None:
    assert house.plan.fallback_command is not None
    hidden = house.plan.fallback_command.rename(house.plan.fallback_command.with_suffix(".gone"))
    try:
        assert await house.call("4001234567") == [("complaint", "JOINEMPTY")]
    finally:
        hidden.rename(house.plan.fallback_command)

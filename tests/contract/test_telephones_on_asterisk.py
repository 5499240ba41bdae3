"""Telephones that flows dial, and who goes first in a queue, on a real Asterisk with real telephones beside it.

The daemon is a scripted one; what Asterisk reports comes by our own link.
"""

from __future__ import annotations

import asyncio
import re
import time
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from support.fact_recorder import FactRecorder, running
from support.scripted_daemon import ScriptedDaemon

from ami_bridge.asterisk_files import write_configuration
from ami_bridge.facts import DialExited
from ami_bridge.link import AmiAddress, AmiLink, LinkSettings
from ami_bridge.plan import AsteriskPlan, Destination, Phone, QueuePlan
from ami_bridge.spool import SpoolEntry, read_entries
from ivr.asterisk_plan import asterisk_plan, link_data
from ivr.settings import load
from ivr.testbed import agents
from ivr.testbed.agents import DemoAgents, Manners
from ivr.testbed.asterisk import RunningAsterisk
from ivr.testbed.caller import CallResult, CallScript, place_call
from ivr.testbed.program import find_asterisk
from ivr.testbed.public_network import SIP_PORT, PublicNetwork, Timing

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT_OFFSET = 8100
TALK_S = 1.5
RING_S = 2  # of who doesn't answer
ANSWERED_S = 20  # more than enough for who does
# The public network's people act by the last digit of their number.
HANGS_UP, BUSY, DOES_NOT_ANSWER, REJECTS = "13800138005", "13800138003", "13800138004", "13800138006"
DESTINATIONS = (
    Destination("desk", contact=f"sip:desk@127.0.0.1:{agents.SIP_PORT + PORT_OFFSET}"),
    Destination("mobile", digits=HANGS_UP),
    Destination("busy", digits=BUSY),
    Destination("away", digits=DOES_NOT_ANSWER),
    Destination("unwilling", digits=REJECTS),
    Destination("dead", contact="sip:dead@127.0.0.1:9"),
    Destination("agent", extension="101"),
)
QUEUE_LINE = re.compile(r"^\s+(?P<place>[0-9]+)\. (?P<channel>\S+) \(wait: .*, prio: (?P<priority>[0-9]+)\)", re.MULTILINE)


@dataclass
class House:
    plan: AsteriskPlan
    asterisk: RunningAsterisk
    daemon: ScriptedDaemon
    facts: FactRecorder

    async def call(self, *legs: dict[str, str], keys: str = "") -> tuple[CallResult, list[DialExited]]:
        self.daemon.legs, self.daemon.asked = list(legs), []
        self.facts.facts.clear()
        result = await asyncio.wait_for(place_call(CallScript(keys=keys, wait_s=20.0), self.plan.sip_port), 60)
        return result, [fact for fact in await self.facts.of(DialExited) if isinstance(fact, DialExited)]


def dial(phone: str, ring_s: int = RING_S) -> dict[str, str]:
    return {"IVR_NEXT": "dial", "IVR_PHONE": phone, "IVR_RING": str(ring_s)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    state = tmp_path_factory.mktemp("t")
    settings = load(environment={"STATE": str(state), "PORT_OFFSET": str(PORT_OFFSET)})
    program = find_asterisk()
    plan = replace(
        asterisk_plan(settings, program.installation),
        phones=(Phone("101", "Deaf", contact="sip:101@127.0.0.1:9", qualify_s=0),),
        queues=(QueuePlan("hr", ("101",), 60, 0), QueuePlan("complaint", (), 15, 0)),
        destinations=DESTINATIONS,
    )
    write_configuration(plan)
    link_data(plan, program.installation, settings.paths.prompts)
    music(settings.paths.prompts / "moh" / "hold.wav")
    phones = await DemoAgents.start(state / "phones", agents.SIP_PORT + PORT_OFFSET, Manners((0.3, 0.3), (TALK_S, TALK_S)))
    network = await PublicNetwork.start(state / "network", SIP_PORT + PORT_OFFSET, Timing(ring_s=0.3))
    asterisk = await RunningAsterisk.start(program, plan)
    daemon, facts = ScriptedDaemon(answers=True), FactRecorder()
    server = await asyncio.start_server(daemon.serve, "127.0.0.1", plan.agi_port)
    link = AmiLink(AmiAddress("127.0.0.1", plan.ami_port, plan.ami_user, plan.ami_secret), on_fact=facts, settings=LinkSettings())
    try:
        async with running(link):
            yield House(plan, asterisk, daemon, facts)
    finally:
        server.close()
        await asterisk.stop()
        await network.stop()
        await phones.stop()


def music(file: Path) -> None:
    file.parent.mkdir(parents=True)
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 8000)


@pytest.mark.parametrize("phone", ["desk", "mobile"])
async def test_they_talk_and_the_other_side_hangs_up(house: House, phone: str) -> None:
    result, exits = await house.call(dial(phone, ANSWERED_S))
    assert house.daemon.asked == [["start"], ["dial", phone, "ANSWER"]]
    assert [(fact.phone, fact.status) for fact in exits] == [(phone, "ANSWER")]
    assert result.ended_by == "system"


@pytest.mark.parametrize(
    ("phone", "status"), [("busy", "BUSY"), ("away", "NOANSWER"), ("unwilling", "CHANUNAVAIL"), ("dead", "NOANSWER"), ("agent", "NOANSWER")]
)
async def test_nobody_talks_and_the_caller_comes_back_soon(house: House, phone: str, status: str) -> None:
    began = time.monotonic()
    _, exits = await house.call(dial(phone))
    assert house.daemon.asked[1:] == [["dial", phone, status]]
    assert [(fact.phone, fact.status) for fact in exits] == [(phone, status)]
    assert time.monotonic() - began < RING_S + 6


async def test_a_name_the_configuration_doesnt_know_comes_back_as_a_failure(house: House) -> None:
    house.daemon.legs, house.daemon.asked = [dial("nobody&PJSIP/101")], []
    await asyncio.wait_for(place_call(CallScript(wait_s=10.0), house.plan.sip_port), 40)
    assert house.daemon.asked == [["start"], ["dial", "nobody101", "CHANUNAVAIL"]]


@pytest.mark.parametrize(("phone", "keys", "status"), [("desk", "h", "ANSWER"), ("away", "h", "CANCEL")])
async def test_the_caller_hangs_up(house: House, phone: str, keys: str, status: str) -> None:
    _, exits = await house.call(dial(phone, ANSWERED_S), keys=keys)
    assert [(fact.phone, fact.status) for fact in exits] == [(phone, status)]
    assert house.daemon.asked == [["start"]], "no leg follows"


async def test_a_daemon_that_is_gone_after_the_talk_is_replaced(house: House) -> None:
    house.daemon.legs = [dial("desk", ANSWERED_S), None]
    result = await asyncio.wait_for(place_call(CallScript(wait_s=20.0), house.plan.sip_port), 60)
    (entry,) = read_entries(house.plan.fallback_spool, datetime.now(UTC))
    assert isinstance(entry, SpoolEntry)
    assert ([step.node for step in entry.path], entry.to_queue) == (["fallback_after_talk"], None)
    assert result.ended_by == "system"


async def test_somebody_hears_it_ring_at_once(house: House) -> None:
    result, _ = await house.call(dial("away"))
    assert result.heard.seconds > 0.5


async def queue_of(house: House, callers: int) -> list[str]:
    """The lines of ``queue show`` once so many callers wait."""
    for _ in range(75):
        if len(shown := QUEUE_LINE.findall(await house.asterisk.rx("queue show hr"))) == callers:
            return shown
        await asyncio.sleep(0.2)
    raise AssertionError(f"{callers} callers should wait; there are {shown}")


async def test_who_has_priority_waits_in_front(house: House) -> None:
    def queued(priority: str) -> dict[str, str]:
        return {"IVR_NEXT": "queue", "IVR_QUEUE": "hr", "IVR_QUEUE_WAIT": "40", "IVR_QUEUE_PRIO": priority}

    shown: list[str] = []
    callers: list[asyncio.Task[CallResult]] = []
    try:
        for count, priority in enumerate(("", "3", "0", "10", "3", "11", "9;x"), start=1):
            house.daemon.legs = [queued(priority)]
            script = CallScript(wait_s=30.0)
            callers.append(asyncio.create_task(place_call(script, house.plan.sip_port), name=f"caller {count}"))
            shown = await queue_of(house, count)
    finally:
        await house.asterisk.rx("channel request hangup all")
        await asyncio.gather(*callers)
    # Beyond the highest is nonsense, and counts as none.
    assert [priority for _, _, priority in shown] == ["10", "9", "3", "3", "0", "0", "0"]

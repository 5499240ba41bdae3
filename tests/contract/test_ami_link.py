"""What the AMI link relies on, asked of a real Asterisk running the configuration we generate.

The fake of the unit tests claims what is measured here: framing, limits, order of events, hostile numbers over SIP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from support.fact_recorder import DEADLINE_S, FactRecorder, running
from support.tcp_proxy import TcpProxy

from ami_bridge import requests
from ami_bridge.asterisk_files import ROTATED_LOGS, write_configuration
from ami_bridge.disguise import Disguise
from ami_bridge.facts import (
    AgentAnswered,
    AgentStateReported,
    AnyFact,
    AsteriskStarted,
    AsteriskStopped,
    CallArrived,
    CallEnded,
    CallerQueued,
    CallerWaiting,
    CallPresent,
    LinkEstablished,
    LinkLost,
    QueueExited,
    SnapshotComplete,
    TalkEnded,
)
from ami_bridge.link import AmiAddress, AmiLink, AmiRefused, AmiUnavailable, LinkSettings, LinkState
from ami_bridge.plan import AsteriskPlan
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.recording import Recorder
from ami_bridge.requests import MAX_LINE_BYTES, Request
from ivr.asterisk_plan import asterisk_plan, link_data
from ivr.domain.contacts import VisitOutcome
from ivr.log_rotation import LogRotation
from ivr.replaying import replay
from ivr.settings import load
from ivr.testbed.asterisk import RunningAsterisk
from ivr.testbed.program import find_asterisk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORT_OFFSET = "200"
SOON = LinkSettings(backoff_first_s=0.05, backoff_cap_s=0.5, ping_interval_s=1.0, boot_wait_s=5.0)
# Beside ours: a user who may originate, queues with agents who need no telephone, and callers who do nothing.
TESTER = """
[tester]
secret = contract-test
read = call
write = originate,call,reporting,agent
"""
QUEUES = """
[contract]
strategy = ringall
timeout = 10
member => Local/answers@contract/n,0,客服 一号,Local/answers@contract
[contract-nobody]
joinempty = no
leavewhenempty = yes
[contract-busy]
strategy = ringall
timeout = 2
retry = 1
member => Local/rings@contract/n,0,Rings,Local/rings@contract
"""
DIALPLAN = """
[contract]
exten => hold,1,Answer()
 same => n,Wait(60)
exten => answers,1,Wait(0.3)
 same => n,Answer()
 same => n,Wait(60)
exten => rings,1,Ringing()
 same => n,Wait(60)
exten => _queue-.,1,Queue(${EXTEN:6},c,,,3)
 same => n,UserEvent(QueueExit,Queue: ${EXTEN:6},QueueStatus: ${QUEUESTATUS})
 same => n,Wait(60)
exten => inject,1,Set(CALLERID(num)=${BASE64_DECODE(%s)})
 same => n,Queue(contract,c,,,3)
exten => forge,1,Set(CALLERID(num)=${BASE64_DECODE(%s)})
 same => n,Queue(contract-busy,c,,,1)
"""
HOSTILE = b"1\r\nUniqueid: victim\r\n\r\nEvent: QueueCallerAbandon\r\nUniqueid: victim\r\nQueue: contract"


FORGED_ROW = b"1\n1795296079|victim|contract|X|CONNECT|0|x|0"


@dataclass
class House:
    """The Asterisk of this module, and a hand to place calls with."""

    plan: AsteriskPlan
    asterisk: RunningAsterisk
    version: str

    def link(self, recorder: FactRecorder, port: int | None = None, settings: LinkSettings = SOON) -> AmiLink:
        address = AmiAddress("127.0.0.1", port or self.plan.ami_port, self.plan.ami_user, self.plan.ami_secret)
        return AmiLink(address, on_fact=recorder, settings=settings)

    def tester(self) -> AmiLink:
        address = AmiAddress("127.0.0.1", self.plan.ami_port, "tester", "contract-test")
        return AmiLink(address, on_fact=FactRecorder(), settings=replace(SOON, boot_wait_s=0.0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    state = tmp_path_factory.mktemp("state")
    settings = load(environment={"STATE": str(state), "PORT_OFFSET": PORT_OFFSET})
    program = find_asterisk()
    plan = replace(asterisk_plan(settings, program.installation), fallback_command=None, run_user=None)
    write_configuration(plan)
    link_data(plan, program.installation, settings.paths.prompts)
    for name, more in (
        ("manager.conf", TESTER),
        ("queues.conf", QUEUES),
        ("extensions.conf", DIALPLAN % (b64encode(HOSTILE).decode(), b64encode(FORGED_ROW).decode())),
    ):
        _append(plan.configuration / name, more)
    house = House(plan, await RunningAsterisk.start(program, plan), program.version)
    yield house
    await house.asterisk.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def recorder() -> FactRecorder:
    return FactRecorder()


@pytest_asyncio.fixture(loop_scope="module")
async def link(house: House, recorder: FactRecorder) -> AsyncIterator[AmiLink]:
    async with running(house.link(recorder)) as link:
        await recorder.of(SnapshotComplete)
        yield link


@pytest_asyncio.fixture(loop_scope="module")
async def hand(house: House) -> AsyncIterator[AmiLink]:
    async with running(house.tester()) as tester:
        await until_connected(tester)
        yield tester


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


async def until_present(hand: AmiLink, call_id: str, *, present: bool = True) -> None:
    """An Originate's answer only says that Asterisk has begun; and a ChannelId is free again when its channel is gone."""
    async with asyncio.timeout(DEADLINE_S):
        while present != (call_id in await _calls(hand)):  # noqa: ASYNC110 - Asterisk is asked
            await asyncio.sleep(0.02)


async def until_gone(hand: AmiLink, call_id: str) -> None:
    await until_present(hand, call_id, present=False)


async def _calls(hand: AmiLink) -> set[str]:
    return {item.get("Uniqueid") for item in (await hand.request(requests.core_show_channels())).items}


async def until_connected(link: AmiLink) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not link.connected:  # noqa: ASYNC110 - the link has no event for it
            await asyncio.sleep(0.01)


def call(channel_id: str, extension: str, *, channel: str = "Local/hold@contract/n", **variables: str) -> Request:
    return requests.originate(
        channel=channel,
        context="contract",
        extension=extension,
        channel_id=channel_id,
        timeout_s=20,
        caller_id='"张三" <13800138000>',
        variables=variables,
    )


def about(recorder: FactRecorder, call_id: str) -> list[AnyFact]:
    return [fact for fact in recorder.facts if getattr(fact, "contact", "") == call_id]


async def test_the_snapshot_of_a_quiet_asterisk(house: House, link: AmiLink, recorder: FactRecorder) -> None:
    first, *_, last = recorder.facts
    assert isinstance(first, LinkEstablished)
    assert first.gap_from is None
    assert first.asterisk_version.startswith(house.version)
    assert isinstance(last, SnapshotComplete)
    agents = [fact for fact in recorder.facts if isinstance(fact, AgentStateReported)]
    assert {(fact.queue, fact.agent) for fact in agents} == {("contract", "客服 一号"), ("contract-busy", "Rings")}
    assert link.status.state is LinkState.UP
    assert abs(link.status.clock_ahead_s) < 1


async def test_a_served_call_from_join_to_hang_up(link: AmiLink, hand: AmiLink, recorder: FactRecorder) -> None:
    await hand.request(call("served-1", "queue-contract"))
    await recorder.until(lambda: "AgentAnswered" in recorder.kinds)
    await asyncio.sleep(0.2)
    await link.request(requests.hangup("served-1"))
    await recorder.of(TalkEnded)
    await until_gone(hand, "served-1")
    await recorder.until(lambda: any(isinstance(f, CallEnded) and f.call == "served-1" for f in recorder.facts))
    kinds = [type(fact).__name__ for fact in about(recorder, "served-1")]
    assert [kind for kind in kinds if kind not in ("CallEnded", "HangupRequested")] == [
        "CallerQueued",
        "AgentRang",
        "AgentPickedUp",
        "CallerLeftQueue",
        "AgentAnswered",
        "TalkEnded",
    ]
    times = [fact.at for fact in about(recorder, "served-1")]
    assert times[0] < times[2]
    assert 0.2 < (times[2] - times[0]).total_seconds() < 2  # the agent waits 0.3 s


async def test_nobody_there_is_told_by_the_dialplan_alone(link: AmiLink, hand: AmiLink, recorder: FactRecorder) -> None:
    await hand.request(call("refused-1", "queue-contract-nobody"))
    (exited,) = await recorder.of(QueueExited)
    assert exited == QueueExited(exited.at, "refused-1", "refused-1", "contract-nobody", "JOINEMPTY")
    assert "CallerQueued" not in recorder.kinds
    await link.request(requests.hangup("refused-1"))


async def test_a_time_out_with_its_rings(link: AmiLink, hand: AmiLink, recorder: FactRecorder) -> None:
    await hand.request(call("late-1", "queue-contract-busy"))
    await recorder.of(QueueExited)
    kinds = [type(fact).__name__ for fact in about(recorder, "late-1") if not isinstance(fact, CallEnded)]
    assert kinds[:3] == ["CallerQueued", "AgentRang", "AgentRingEnded"]
    assert kinds[-3:] == ["LeftUnanswered", "CallerLeftQueue", "QueueExited"]
    assert kinds.count("AgentRang") == kinds.count("AgentRingEnded")
    await link.request(requests.hangup("late-1"))


async def test_a_name_arrives_whole_one_byte_at_a_time(house: House, hand: AmiLink) -> None:
    recorder = FactRecorder()
    async with TcpProxy(house.plan.ami_port) as proxy:
        proxy.piece = 1
        async with running(house.link(recorder, proxy.port)) as link:
            await recorder.of(SnapshotComplete)
            await hand.request(call("whole-1", "hold", channel="Local/4001234567@ivrd-inbound/n"))
            (arrived,) = await recorder.of(CallArrived)
            assert isinstance(arrived, CallArrived)
            assert (arrived.contact, arrived.dialled) == ("whole-1", "4001234567")
            agents = {fact.agent for fact in recorder.facts if isinstance(fact, AgentStateReported)}
            assert "客服 一号" in agents
            with contextlib.suppress(AmiRefused):  # nobody serves the call: by now it may be over
                await link.request(requests.hangup("whole-1"))


@pytest.mark.parametrize("value", ['Doe, "J" \\ ,INJ=1', "a|b;c&d", "${SHELL(id)}", "(unbalanced", "[x", "张三, 'ok'"])
async def test_a_variable_arrives_as_it_was_meant(hand: AmiLink, value: str) -> None:
    await hand.request(call("variable-1", "hold", WORD=value))
    await until_present(hand, "variable-1")
    for name, expected in (("WORD", value), ("INJ", "")):
        got = await hand.request(Request("Getvar", (("Channel", "variable-1"), ("Variable", name))))
        assert got.message.get("Value") == expected
    await hand.request(requests.hangup("variable-1"))
    await until_gone(hand, "variable-1")


async def test_the_longest_line_we_allow_is_one_asterisk_reads(link: AmiLink) -> None:
    longest = Request("Ping", (("Note", "x" * (MAX_LINE_BYTES - len("Note: "))),))
    for _ in range(2):
        assert (await link.request(longest)).message.get("Ping") == "Pong"


async def test_refusals_come_in_asterisks_words(house: House, link: AmiLink, hand: AmiLink) -> None:
    for code in ("Command", "ModuleLoad", "DBPut"):  # what would be as good as a shell, or a database of Asterisk's
        with pytest.raises(AmiRefused, match="Permission denied"):
            await link.request(Request(code))
    with pytest.raises(AmiRefused, match="Extension does not exist"):
        await hand.request(call("denied-2", "no-such-extension"))
    with pytest.raises(AmiRefused, match="No such channel"):
        await link.request(requests.hangup("no-such-call"))
    assert link.connected


async def test_a_wrong_secret(house: House) -> None:
    recorder = FactRecorder()
    address = AmiAddress("127.0.0.1", house.plan.ami_port, house.plan.ami_user, "wrong")
    link = AmiLink(address, on_fact=recorder, settings=SOON)
    async with running(link):
        async with asyncio.timeout(DEADLINE_S):
            while not link.status.trouble:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert link.status.trouble == "login refused: Authentication failed"
    assert recorder.facts == []


async def test_a_call_is_found_again_after_the_connection_broke(house: House, hand: AmiLink) -> None:
    recorder = FactRecorder()
    async with TcpProxy(house.plan.ami_port) as proxy, running(house.link(recorder, proxy.port)):
        await recorder.of(SnapshotComplete)
        await hand.request(call("stays-1", "queue-contract-busy"))
        await hand.request(call("goes-1", "hold"))
        await until_present(hand, "goes-1")
        await recorder.of(CallerQueued)
        proxy.cut()
        await recorder.of(LinkLost)
        await hand.request(requests.hangup("goes-1"))
        await until_gone(hand, "goes-1")
        await recorder.of(SnapshotComplete, 2)
        snapshot = recorder.facts[recorder.kinds.index("LinkLost") :]
        calls = {fact.call for fact in snapshot if isinstance(fact, CallPresent)}
        waiting = [fact for fact in snapshot if isinstance(fact, CallerWaiting)]
        assert "stays-1" in calls
        assert [(fact.contact, fact.queue) for fact in waiting] == [("stays-1", "contract-busy")]
        (established,) = [fact for fact in snapshot if isinstance(fact, LinkEstablished)]
        assert established.gap_from is not None
        await hand.request(requests.hangup("stays-1"))
        await until_gone(hand, "stays-1")


async def test_a_connection_that_goes_silent_is_noticed(house: House) -> None:
    recorder = FactRecorder()
    impatient = replace(SOON, pong_timeout_s=0.5)
    async with TcpProxy(house.plan.ami_port) as proxy, running(house.link(recorder, proxy.port, impatient)) as link:
        await recorder.of(SnapshotComplete)
        proxy.stall()
        (lost,) = await recorder.of(LinkLost)
        assert isinstance(lost, LinkLost)
        assert "no sign of life" in lost.reason
        with pytest.raises(AmiUnavailable):
            await link.request(requests.ping())
        proxy.flow()
        await recorder.of(SnapshotComplete, 2)


def invite(port: int, sip_port: int, number: str, dialled: str = "4001234567") -> bytes:
    """The first message of a call; nobody answers what comes back."""
    body = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
    head = [
        f"INVITE sip:{dialled}@127.0.0.1:{sip_port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{abs(hash((number, dialled)))}",
        f"From: <sip:{number}@127.0.0.1>;tag=1",
        "To: <sip:4001234567@127.0.0.1>",
        f"Call-ID: {abs(hash((number, dialled)))}@contract",
        "CSeq: 1 INVITE",
        f"Contact: <sip:caller@127.0.0.1:{port}>",
        "Max-Forwards: 70",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@pytest.mark.parametrize(
    ("number", "dialled", "arrives"),
    [
        ("13800138000", "4001234567", True),
        ("1%0D%0AUniqueid%3A%20victim", "4001234567", True),
        ("1%0AUniqueid%3A%20victim", "4001234567", True),
        ("13800138000", "4001234567%0D%0AUniqueid%3A%20victim", True),
        ("1%0D%0A%0D%0AEvent%3A%20Hangup%0D%0AUniqueid%3A%20victim%0D%0A%0D%0AEvent%3A%20Z", "4001234567", False),
        ("1%0D%0A%0D%0AEvent%3A%20Shutdown%0D%0APrivilege%3A%20%0D%0ATimestamp%3A%201%0D%0A"
         "Shutdown%3A%20%0D%0ARestart%3A%20%0D%0A%0D%0A", "4001234567", False),
    ],
)  # fmt: skip
async def test_a_number_with_line_breaks_over_sip(
    house: House, link: AmiLink, recorder: FactRecorder, number: str, dialled: str, arrives: bool
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.bind(("127.0.0.1", 0))
        message = invite(caller.getsockname()[1], house.plan.sip_port, number, dialled)
        caller.sendto(message, ("127.0.0.1", house.plan.sip_port))
        (ended, *_) = await recorder.of(CallEnded)
    assert isinstance(ended, CallEnded)
    arrived = [fact for fact in recorder.facts if isinstance(fact, CallArrived)]
    # A number that cuts the event in two costs its own call's arrival, and nothing else.
    assert [fact.call for fact in arrived] == ([ended.call] if arrives else [])
    assert [fact.caller for fact in arrived] == ([number.partition("%")[0]] if arrives else [])
    assert not any("victim" in str(fact) for fact in recorder.facts)
    assert "AsteriskStopped" not in recorder.kinds
    assert (link.status.suspicions > 0) == ("%" in number + dialled)


async def test_a_number_with_line_breaks_set_by_a_dialplan(link: AmiLink, hand: AmiLink, recorder: FactRecorder) -> None:
    await hand.request(call("hostile-1", "inject"))
    # The queue and its agent take the call, though the events that name the caller are refused.
    await recorder.until(lambda: any(isinstance(fact, AgentStateReported) and fact.state == 2 for fact in recorder.facts))
    await hand.request(requests.hangup("hostile-1"))
    await until_gone(hand, "hostile-1")
    await link.request(requests.ping())
    assert link.status.suspicions > 5
    assert not any("victim" in str(fact) for fact in recorder.facts)


async def test_a_recording_tells_of_the_call_and_not_who_called(
    house: House, link: AmiLink, hand: AmiLink, recorder: FactRecorder, tmp_path: Path
) -> None:
    address = AmiAddress("127.0.0.1", house.plan.ami_port, house.plan.ami_user, house.plan.ami_secret)
    recording, stop = Recorder(address, house.plan.state / "log" / "queue_log", Disguise(agents=True)), asyncio.Event()
    task = asyncio.create_task(recording.run(tmp_path / "to", stop), name="recorder under test")
    async with asyncio.timeout(DEADLINE_S):
        while b"CoreShowChannelsComplete" not in await asyncio.to_thread(_read, tmp_path / "to" / "stream.ami"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await hand.request(call("recorded-1", "queue-contract"))
    await recorder.of(AgentAnswered)
    await hand.request(requests.hangup("recorded-1"))
    await until_gone(hand, "recorded-1")
    await recorder.of(TalkEnded)
    stop.set()
    await task
    for files in (["stream.ami"], ["queue_log"], ["stream.ami", "queue_log"]):
        (contact,) = replay([tmp_path / "to" / name for name in files]).contacts
        (visit,) = contact.visits
        assert (visit.queue, visit.outcome, (visit.agent or "")[:6]) == ("contract", VisitOutcome.ANSWERED, "Agent ")
    assert "客服 一号".encode() not in _read(tmp_path / "to" / "stream.ami") + _read(tmp_path / "to" / "queue_log")


async def test_a_number_with_a_line_break_forges_no_row_of_queue_log(house: House, hand: AmiLink) -> None:
    await hand.request(call("forge-1", "forge"))
    raw, log = b"\n1795296079|victim|contract|X|CONNECT|0|x|0|1\n", b""  # what we have to live with
    async with asyncio.timeout(DEADLINE_S):
        while raw not in log:  # the call begins when Asterisk comes to it
            await asyncio.sleep(0.05)
            log = (house.plan.state / "log" / "queue_log").read_bytes()
    reader = QueueLogReader("queue_log")
    facts = [fact for line in log.splitlines(keepends=True) for fact in reader.line(line)]
    assert "victim" not in {getattr(fact, "call", "") for fact in facts}
    assert reader.counts["after a broken number"] >= 1


async def test_logs_that_have_grown_are_rotated_and_the_oldest_removed(house: House, link: AmiLink) -> None:
    logs = house.plan.state / "log"
    rotation = LogRotation(logs, link.request, {"queue_log": 0})
    for _ in range(ROTATED_LOGS["messages.log"] + 2):
        assert await rotation.look()
    kept = {file.name for file in logs.iterdir() if file.name.startswith("messages.log")}
    assert kept == {"messages.log", *(f"messages.log.{number}" for number in range(ROTATED_LOGS["messages.log"]))}
    assert await LogRotation(logs, link.request).look() is False


async def test_the_end_of_asterisk_and_its_return(house: House) -> None:
    recorder = FactRecorder()
    async with running(house.link(recorder)) as link:
        await recorder.of(SnapshotComplete)
        await house.asterisk.stop()
        await recorder.of(LinkLost)
        assert recorder.kinds[-2:] == ["AsteriskStopped", "LinkLost"]
        assert isinstance(recorder.facts[-2], AsteriskStopped)
        house.asterisk = await RunningAsterisk.start(house.asterisk.program, house.plan)
        await recorder.of(SnapshotComplete, 2)
        await until_connected(link)
        assert link.status.reconnects == 1
        (started,) = [fact for fact in recorder.facts if isinstance(fact, AsteriskStarted)]
        assert timedelta(0) <= datetime.now(UTC) - started.at < timedelta(seconds=DEADLINE_S)
        assert recorder.kinds[recorder.kinds.index("AsteriskStarted") - 1] == "LinkEstablished"
        agents = [fact.queue for fact in recorder.facts[recorder.kinds.index("LinkLost") :]
                  if isinstance(fact, AgentStateReported)]  # fmt: skip
        assert "contract" in agents  # the snapshot waited for queues to be there

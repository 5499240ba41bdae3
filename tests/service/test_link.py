"""The link holds through everything a manager connection does in ten years, played by a fake on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs
from support.fact_recorder import DEADLINE_S, FactRecorder, running
from support.fake_ami import FakeAmi, channel, encode, event, hung_up, joined

from ami_bridge import requests
from ami_bridge.facts import (
    AgentStateReported,
    AsteriskStarted,
    CallEnded,
    CallerQueued,
    CallerWaiting,
    CallPresent,
    LinkEstablished,
    LinkLost,
    SnapshotComplete,
)
from ami_bridge.link import (
    AmiAddress,
    AmiLink,
    AmiRefused,
    AmiTimeout,
    AmiUnavailable,
    LinkSettings,
    LinkState,
)
from ami_bridge.link_state import backoff_s, outdated
from ami_bridge.requests import Request, UnfitRequest

FAST = LinkSettings(
    connect_timeout_s=1.0,
    action_timeout_s=1.0,
    ping_interval_s=60.0,
    boot_wait_s=0.05,
    fact_timeout_s=5.0,
    close_grace_s=0.1,
    backoff_first_s=0.01,
    backoff_cap_s=0.05,
)


def link_to(ami: FakeAmi, recorder: FactRecorder, **changes: Any) -> AmiLink:
    address = AmiAddress("127.0.0.1", ami.port, "ivrd", "s3cret")
    return AmiLink(address, on_fact=recorder, settings=replace(FAST, **changes))


def queued(recorder: FactRecorder) -> list[str]:
    return [fact.call for fact in recorder.facts if isinstance(fact, CallerQueued)]


@pytest.fixture
def logs() -> Iterator[list[dict[str, object]]]:
    with capture_logs() as entries:
        yield entries  # type: ignore[misc]  # structlog types them as MutableMapping


async def test_a_connection_begins_with_its_snapshot() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        own = [("Application", "Queue"), ("ApplicationData", "hr"), ("Duration", "00:00:07")]
        ami.channels = [[*channel("1.1"), *own]]
        member = [("Queue", "hr"), ("Name", "Agent One"), ("Status", "1"), ("Paused", "0")]
        entry = [("Queue", "hr"), ("Position", "1"), ("Uniqueid", "1.1"), ("Wait", "5")]
        ami.queues = [("QueueParams", [("Queue", "hr")]), ("QueueMember", member), ("QueueEntry", entry)]
        async with running(link_to(ami, recorder)) as link:
            await recorder.of(SnapshotComplete)
            await until(lambda: link.connected)
            status = link.status
    at = datetime(2026, 11, 21, 21, 21, 40, 500000, tzinfo=UTC)  # the fake's Pong
    assert recorder.facts[:5] == [
        LinkEstablished(at, "22.10.1", None),
        AgentStateReported(at, "hr", "Agent One", 1, paused=False),
        CallPresent(at, "1.1", "1.1", "Queue", 7.0),
        CallerWaiting(at, "1.1", "1.1", "hr", 1, 5.0),
        SnapshotComplete(at),
    ]
    assert recorder.kinds[5:] == ["LinkLost"]  # close() ends an established link
    assert status.state is LinkState.UP
    assert status.asterisk_version == "22.10.1"
    assert status.reconnects == 0
    assert status.last_heard is not None


async def test_a_restart_of_asterisk_is_told_before_the_snapshot() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        ami.drop()
        await recorder.of(SnapshotComplete, 2)  # it was the network
        ami.started, ami.uptime = "2026-11-22 05:21:30", "10"
        ami.drop()
        await recorder.of(SnapshotComplete, 3)
    assert recorder.kinds[:8] == [
        *("LinkEstablished", "SnapshotComplete", "LinkLost"),
        *("LinkEstablished", "SnapshotComplete", "LinkLost"),
        *("LinkEstablished", "AsteriskStarted"),
    ]
    assert recorder.facts[7] == AsteriskStarted(datetime(2026, 11, 21, 21, 21, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("heard_until", "started"), [(datetime(2026, 11, 21, 12, tzinfo=UTC), 1), (datetime(2099, 1, 1, tzinfo=UTC), 0), (None, 0)]
)
async def test_a_restart_while_no_daemon_ran(heard_until: datetime | None, started: int) -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        link = AmiLink(AmiAddress("127.0.0.1", ami.port, "ivrd", "s3cret"), on_fact=recorder, settings=FAST, heard_until=heard_until)
        async with running(link):
            await recorder.of(SnapshotComplete)
    assert recorder.kinds.count("AsteriskStarted") == started


async def test_a_user_who_may_not_ask_for_the_status_is_linked_all_the_same() -> None:
    recorder = FactRecorder()
    async with FakeAmi(refuses={"CoreStatus": "Permission denied"}) as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        ami.uptime = "10"
        ami.drop()
        await recorder.of(SnapshotComplete, 2)
    assert recorder.kinds.count("AsteriskStarted") == 1


async def test_events_that_come_during_the_snapshot_follow_it() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        early = {"Login": "1.1", "CoreSettings": "1.2", "CoreShowChannels": "1.3", "QueueStatus": "1.4"}
        ami.before_answer = lambda action: joined(early[action]) if action in early else b""
        async with running(link_to(ami, recorder)):
            await recorder.of(CallerQueued, 4)
            await ami.send(joined("1.5"))
            await recorder.of(CallerQueued, 5)
    assert recorder.kinds[:2] == ["LinkEstablished", "SnapshotComplete"]
    assert queued(recorder) == ["1.1", "1.2", "1.3", "1.4", "1.5"]


async def test_events_keep_their_order_however_they_are_cut() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        member = [("MemberName", "张三"), ("Interface", "PJSIP/1"), ("StateInterface", ""), ("Membership", "static")]
        rest = [("Penalty", "0"), ("CallsTaken", "0"), ("LastCall", "0"), ("Status", "1"), ("Paused", "0")]
        data = joined("1.1") + event("QueueMemberStatus", ("Queue", "hr"), *member, *rest) + joined("1.2")
        middle = data.index("三".encode()) + 1  # inside the character
        for piece in (data[:middle], data[middle : middle + 1], data[middle + 1 :]):
            await ami.send(piece)
            await asyncio.sleep(0.01)
        await recorder.of(CallerQueued, 2)
    assert recorder.kinds[2:5] == ["CallerQueued", "AgentStateReported", "CallerQueued"]
    state = recorder.facts[3]
    assert isinstance(state, AgentStateReported)
    assert state.agent == "张三"


async def test_a_connection_broken_inside_a_message_is_made_anew() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        await ami.send(joined("1.1") + joined("1.2")[:-40])
        await recorder.of(CallerQueued)
        before = datetime.now(UTC)
        ami.drop()
        established = await recorder.of(LinkEstablished, 2)
        await recorder.of(SnapshotComplete, 2)
        await ami.send(joined("1.3"))
        await recorder.of(CallerQueued, 2)
        status = link.status
    assert queued(recorder) == ["1.1", "1.3"]
    assert recorder.kinds[2:5] == ["CallerQueued", "LinkLost", "LinkEstablished"]
    second = established[1]
    assert isinstance(second, LinkEstablished)
    assert second.gap_from is not None
    assert before - timedelta(seconds=1) < second.gap_from <= before
    assert status.reconnects == 1
    assert 0 < status.gap_seconds < 5
    assert status.trouble  # a reset may be seen as "broke" or as "closed": uvloop and asyncio differ


async def test_failed_tries_are_part_of_the_gap() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        ami.refuses["Login"] = "Authentication failed"
        before = datetime.now(UTC)
        ami.drop()
        await until(lambda: ami.connections >= 4)  # three of them answered, but told nothing
        ami.refuses.clear()
        established = await recorder.of(LinkEstablished, 2)
        await until(lambda: link.connected)
        assert link.status.reconnects == 1
    second = established[1]
    assert isinstance(second, LinkEstablished)
    assert second.gap_from is not None
    assert second.gap_from <= before
    assert recorder.kinds.count("LinkLost") == 2  # the break and the close, no failed try


async def test_a_half_open_connection_is_dropped() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        link = link_to(ami, recorder, ping_interval_s=0.05, pong_timeout_s=0.4)
        async with running(link):
            await recorder.of(SnapshotComplete)
            ami.freeze()
            (lost,) = await recorder.of(LinkLost)
            assert not link.connected
            ami.thaw()
            await recorder.of(SnapshotComplete, 2)
    assert isinstance(lost, LinkLost)
    assert lost.reason == "Asterisk gave no sign of life for 0.4 s"


async def test_a_late_pong_is_no_reason_to_drop_while_events_come() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        link = link_to(ami, recorder, ping_interval_s=0.02, pong_timeout_s=0.3)
        async with running(link):
            await recorder.of(SnapshotComplete)
            ami.silent_on.add("Ping")
            for number in range(30):
                await ami.send(joined(f"1.{number}"))
                await asyncio.sleep(0.02)
            await recorder.of(CallerQueued, 30)
            assert len(ami.named("Ping")) >= 2
            assert ami.connections == 1


async def test_a_wrong_secret_is_told_and_not_hammered(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        ami.secret = "another"
        link = link_to(ami, recorder, backoff_cap_s=0.15)
        async with running(link):
            began = time.monotonic()
            await until(lambda: ami.connections == 2)
            assert time.monotonic() - began >= 0.15  # the cap, at the first failure
            with pytest.raises(AmiUnavailable, match="login refused: Authentication failed"):
                await link.request(requests.ping())
    assert recorder.facts == []
    refusals = [entry for entry in logs if "refused the manager login" in str(entry["event"])]
    assert refusals[0]["user"] == "ivrd"
    assert b"s3cret" not in ami.raw


async def test_a_login_refused_in_passing_is_tried_again_soon(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    refuses = {"Login": "Asterisk is shutting down"}
    async with FakeAmi(refuses=refuses) as ami, running(link_to(ami, recorder, backoff_cap_s=60.0)) as link:
        await until(lambda: ami.connections >= 3)
        ami.refuses.clear()
        await until(lambda: link.connected)
    assert not [entry for entry in logs if "refused the manager login" in str(entry["event"])]


async def test_a_refused_ping_is_a_sign_of_life() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder, ping_interval_s=0.02)) as link:
        await recorder.of(SnapshotComplete)
        ami.refuses["Ping"] = "Asterisk is shutting down"
        await until(lambda: len(ami.named("Ping")) > 4)
        assert link.connected
        assert ami.connections == 1


async def test_nobody_there_is_told_in_one_sentence() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        pass  # nobody listens on its port any more
    link = link_to(ami, recorder)
    async with running(link):
        await until(lambda: link.status.trouble != "")
        assert link.status.trouble.startswith("can't connect: ")
    assert recorder.facts == []


async def test_something_else_than_asterisk_is_told() -> None:
    recorder = FactRecorder()
    async with FakeAmi(greeting=b"SSH-2.0-OpenSSH_9.2\r\n", silent_on={"Challenge"}) as ami:
        link = link_to(ami, recorder, action_timeout_s=0.1)
        async with running(link):
            await until(lambda: "isn't Asterisk's manager" in link.status.trouble)


async def test_a_reply_that_never_comes() -> None:
    recorder = FactRecorder()
    async with FakeAmi(silent_on={"Hangup"}) as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        began = time.monotonic()
        with pytest.raises(AmiTimeout, match=r"didn't answer Hangup within 0\.1 s"):
            await link.request(requests.hangup("PJSIP/1"), timeout_s=0.1)
        assert time.monotonic() - began < 0.5
        # Its answer comes too late; nobody else may get it.
        late = encode([("Response", "Error"), ("ActionID", ami.named("Hangup")[0]["ActionID"]), ("Message", "late")])
        ami.before_answer = lambda action: late if action == "Ping" else b""
        pong = await link.request(requests.ping())
        assert pong.message.get("Ping") == "Pong"
        assert link.connected


async def test_asterisks_refusal_is_told_in_its_words() -> None:
    recorder = FactRecorder()
    refuses = {"Originate": "Extension does not exist.", "QueueStatus2": ""}
    async with FakeAmi(refuses=refuses) as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        with pytest.raises(AmiRefused, match="Extension does not exist"):
            await link.request(originate("cb-1"))
        # A refused list ends too, though no closing event comes.
        with pytest.raises(AmiRefused, match="gave no reason"):
            await link.request(Request("QueueStatus2", ends_with="QueueStatusComplete"))


async def test_a_lost_originate_is_never_sent_again() -> None:
    recorder = FactRecorder()
    async with FakeAmi(silent_on={"Originate"}) as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        asking = asyncio.create_task(link.request(originate("cb-1")))
        await until(lambda: len(ami.named("Originate")) == 1)
        ami.drop()
        with pytest.raises(AmiUnavailable) as lost:
            await asking
        assert lost.value.sent
        await recorder.of(SnapshotComplete, 2)
        await link.request(requests.ping())
        await asyncio.sleep(0.1)
    assert len(ami.named("Originate")) == 1
    with pytest.raises(AmiUnavailable) as closed:
        await link.request(originate("cb-2"))
    assert not closed.value.sent


async def test_nothing_unfit_reaches_the_wire() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        before = bytes(ami.raw)
        with pytest.raises(UnfitRequest):
            await link.request(requests.hangup("PJSIP/1\r\n\r\nAction: Originate"))
        await link.request(requests.ping())
        assert bytes(ami.raw[len(before) :]).startswith(b"Action: Ping\r\n")


async def test_text_inside_an_event_answers_no_request() -> None:
    recorder = FactRecorder()
    async with FakeAmi(silent_on={"Hangup"}) as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        forged = "1\r\n\r\nResponse: Success\r\nActionID: 1\r\nMessage: forged\r\n\r\nEvent: Y"
        await ami.send(event("NewCallerid", *channel("1.1", CallerIDNum=forged)))
        with pytest.raises(AmiTimeout):
            await link.request(requests.hangup("PJSIP/1"), timeout_s=0.1)


async def test_a_forged_list_item_is_nobody_waiting() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        entry = [("Queue", "hr"), ("Position", "1"), ("Uniqueid", "1.1"), ("Wait", "5"), ("ActionID", "1")]
        await ami.send(encode([("Event", "QueueEntry"), *entry]) + joined("1.2"))
        await recorder.of(CallerQueued)
        assert "CallerWaiting" not in recorder.kinds
        assert link.status.suspicions == 0


async def test_suspicions_are_counted_and_logged_without_end_only_once(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        hostile = event("Hangup", *channel("1.1", CallerIDNum="13800138000\r\nUniqueid: victim"), ("Cause", "16"))
        await ami.send(100 * hostile)
        ended = await recorder.of(CallEnded, 100)
        assert link.status.suspicions == 100
    assert {fact.call for fact in ended if isinstance(fact, CallEnded)} == {"1.1"}
    told = [entry for entry in logs if "line break" in str(entry["event"])]
    assert len(told) == 20
    assert not any(word in str(logs) for word in ("13800138000", "victim"))


async def test_too_many_events_for_the_consumer_begin_a_new_connection() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder, inbox_limit=50)) as link:
        await recorder.of(SnapshotComplete)
        recorder.wait_for = asyncio.Event()
        for number in range(200):
            await ami.send(joined(f"1.{number}"))
        await until(lambda: not link.connected)
        recorder.wait_for.set()
        recorder.wait_for = None
        (lost,) = await recorder.of(LinkLost)
        await recorder.of(SnapshotComplete, 2)
    assert isinstance(lost, LinkLost)
    assert "inbox is full" in lost.reason
    # What came before the overflow is kept, in order, and nothing after it.
    came = queued(recorder)
    assert 50 <= len(came) < 200
    assert came == [f"1.{number}" for number in range(len(came))]
    assert recorder.kinds.index("LinkLost") > recorder.kinds.index("CallerQueued")


async def test_a_message_without_end_begins_a_new_connection() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        await ami.send(b"Event: X\r\nA: " + b"a" * 300_000)
        (lost,) = await recorder.of(LinkLost)
        await recorder.of(SnapshotComplete, 2)
    assert isinstance(lost, LinkLost)
    assert "longer than" in lost.reason


async def test_a_server_that_stops_reading_is_not_written_to_without_end() -> None:
    recorder = FactRecorder()
    large = Request("Ping", tuple(("Variable", "x" * 900) for _ in range(100)))
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        ami.freeze()
        outcomes = await asyncio.gather(*(link.request(large, timeout_s=0.1) for _ in range(200)), return_exceptions=True)
        ami.thaw()
    assert {type(outcome) for outcome in outcomes} == {AmiTimeout, AmiUnavailable}
    refused = [outcome for outcome in outcomes if isinstance(outcome, AmiUnavailable)]
    assert "stopped reading" in str(refused[0])
    assert not refused[0].sent


async def test_a_failing_consumer_loses_its_fact_and_nothing_else(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    recorder.fail_on = {CallerQueued}
    async with FakeAmi() as ami, running(link_to(ami, recorder)) as link:
        await recorder.of(SnapshotComplete)
        await ami.send(joined("1.1") + hung_up("1.1"))
        await recorder.of(CallEnded)
        assert link.connected
        assert ami.connections == 1
    (told,) = [entry for entry in logs if entry["event"] == "a fact was lost: its consumer failed"]
    assert told["fact"] == "CallerQueued"
    assert str(told["error"]).startswith("ValueError at ")
    assert "fact_recorder.py:" in str(told["error"])
    assert "13800138000" not in str(logs)


async def test_a_hanging_consumer_loses_its_fact_and_nothing_else(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami, running(link_to(ami, recorder, fact_timeout_s=0.05)):
        await recorder.of(SnapshotComplete)
        recorder.wait_for = asyncio.Event()
        await ami.send(joined("1.1"))
        await until(lambda: any(str(entry.get("error")).startswith("TimeoutError") for entry in logs))
        recorder.wait_for = None
        await ami.send(joined("1.2"))
        await recorder.of(CallerQueued)
    assert queued(recorder) == ["1.2"]


async def test_the_consumer_may_ask_asterisk_while_it_handles_a_fact() -> None:
    answers: list[str] = []

    async def ask(fact: object) -> None:
        if isinstance(fact, SnapshotComplete | CallerQueued):
            answers.append((await link.request(requests.ping())).message.get("Ping"))

    async with FakeAmi() as ami:
        link = AmiLink(AmiAddress("127.0.0.1", ami.port, "ivrd", "s3cret"), on_fact=ask, settings=FAST)
        async with running(link):
            await until(lambda: answers == ["Pong"])
            await ami.send(joined("1.1"))
            await until(lambda: answers == ["Pong", "Pong"])


async def test_a_booting_asterisk_is_asked_again_when_it_is_up() -> None:
    recorder = FactRecorder()
    async with FakeAmi(fully_booted=False) as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        await ami.send(joined("1.1") + encode([("Event", "FullyBooted"), ("Privilege", "system,all")]) + joined("1.2"))
        await recorder.of(CallerQueued, 2)
    assert recorder.kinds[:7] == [
        "LinkEstablished",
        "SnapshotComplete",
        "CallerQueued",
        "LinkEstablished",
        "SnapshotComplete",
        "CallerQueued",
        "LinkLost",
    ]


async def test_an_asterisk_without_queues_is_tried_again() -> None:
    recorder = FactRecorder()
    refuses = {"QueueStatus": "Invalid/unknown command"}
    async with FakeAmi(refuses=refuses) as ami, running(link_to(ami, recorder)) as link:
        await until(lambda: ami.connections >= 2)
        assert link.status.trouble == "Invalid/unknown command"
        ami.refuses.clear()
        await recorder.of(SnapshotComplete)
    assert recorder.kinds[:2] == ["LinkEstablished", "SnapshotComplete"]  # never half a bracket


@pytest.mark.parametrize("moment", ["connecting", "logging in", "waiting", "up", "consuming"])
async def test_close_ends_it_at_any_moment(moment: str) -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        link = link_to(ami, recorder, backoff_cap_s=30.0, backoff_first_s=30.0)
        if moment == "logging in":
            ami.silent_on.add("Login")
        if moment == "waiting":
            ami.refuses["Login"] = "Authentication failed"
        task = asyncio.create_task(link.run())
        if moment == "connecting":
            await asyncio.sleep(0)
        if moment == "logging in":
            await until(lambda: len(ami.named("Login")) == 1)
        if moment == "waiting":
            await until(lambda: link.status.state is LinkState.WAITING)
        if moment in {"up", "consuming"}:
            await until(lambda: link.connected)
        if moment == "consuming":
            recorder.wait_for = asyncio.Event()
            await ami.send(joined("1.1"))
            await asyncio.sleep(0.05)
        began = time.monotonic()
        await asyncio.wait_for(link.close(), DEADLINE_S)
        assert time.monotonic() - began < 1.0
        await asyncio.wait_for(task, 1.0)
        connections = ami.connections
        await asyncio.sleep(0.1)
        assert ami.connections == connections
        assert link.status.state is LinkState.CLOSED
        assert not link.connected


async def test_a_cancelled_run_lets_go_of_the_connection() -> None:
    recorder = FactRecorder()
    async with FakeAmi() as ami:
        link = link_to(ami, recorder)
        task = asyncio.create_task(link.run())
        await until(lambda: link.connected)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert link.status.state is LinkState.CLOSED
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("ami-")]


async def test_a_link_that_never_ran_can_be_closed() -> None:
    await AmiLink(AmiAddress("127.0.0.1", 1, "ivrd", "s"), on_fact=FactRecorder()).close()


def test_the_address_keeps_its_secret() -> None:
    assert "s3cret" not in repr(AmiAddress("127.0.0.1", 5038, "ivrd", "s3cret"))


def test_the_pause_grows_to_its_cap_with_full_jitter() -> None:
    longest = [backoff_s(failures, 0.5, 30.0, 1.0) for failures in range(8)]
    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff_s(10_000, 0.5, 30.0, 0.5) == 15.0
    assert backoff_s(5, 0.5, 30.0, 0.0) == 0.0


@pytest.mark.parametrize("version", ["20.20.1", "20.21.0", "22.10.1", "22.11.0", "23.0.0", "certified/22.10.1-cert1"])
def test_versions_with_the_fixes(version: str) -> None:
    assert outdated(version) is None


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("20.20.0", "upgrade to 20.20.1"),
        ("22.10.0", "upgrade to 22.10.1"),
        ("22.9", "upgrade to 22.10.1"),
        ("21.12.3", "isn't supported"),
        ("18.24.1", "isn't supported"),
        ("GIT-master-abc", "says nothing"),
        ("", "says nothing"),
    ],
)
def test_versions_without_them(version: str, sentence: str) -> None:
    assert sentence in (outdated(version) or "")


async def test_an_old_asterisk_is_warned_of_once(logs: list[dict[str, object]]) -> None:
    recorder = FactRecorder()
    async with FakeAmi(version="22.5.0") as ami, running(link_to(ami, recorder)):
        await recorder.of(SnapshotComplete)
        ami.drop()
        await recorder.of(SnapshotComplete, 2)
    assert len([entry for entry in logs if "upgrade to 22.10.1" in str(entry["event"])]) == 1


@pytest.mark.parametrize(
    "scenario",
    [
        test_a_connection_begins_with_its_snapshot,
        test_a_connection_broken_inside_a_message_is_made_anew,
        test_a_half_open_connection_is_dropped,
        test_too_many_events_for_the_consumer_begin_a_new_connection,
        test_a_cancelled_run_lets_go_of_the_connection,
    ],
)
def test_it_is_the_same_on_the_daemons_loop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """uvloop delivers bytes and resets at other moments than asyncio's own loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def originate(channel_id: str) -> Request:
    return requests.originate(channel="Local/1@out", context="ivrd-call", extension="s", channel_id=channel_id, timeout_s=30)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)

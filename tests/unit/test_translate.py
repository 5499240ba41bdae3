"""Every capture gives the facts in the table beside it, and a hostile caller ID gives none that aren't so.

The tables are ``tests/golden/facts``. A new capture comes with a new table, read through by a person.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fact_table import table
from support.fake_ami import channel, encode, event

from ami_bridge.ami_wire import AmiFraming, AmiMessage, parse
from ami_bridge.facts import (
    AgentAdded,
    AgentAnswered,
    AgentPaused,
    AgentPickedUp,
    AgentRang,
    AgentRemoved,
    AgentRingEnded,
    AgentStateReported,
    AgentUnpaused,
    AnyFact,
    AsteriskStopped,
    CallArrived,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    CallerWaiting,
    CallerWentOn,
    CallHeld,
    CallPresent,
    CallResumed,
    CallTransferred,
    ChannelReplaced,
    DialExited,
    EndedBy,
    HangupRequested,
    QueueExited,
    TalkEnded,
    TransferKind,
)
from ami_bridge.provenance import unescape
from ami_bridge.translate import EVENT_NAMES, Suspicion, Translator, timestamp

GOLDEN = Path(__file__).parents[1] / "golden"
CAPTURES = sorted((GOLDEN / "captures").glob("*.ami"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
AT = datetime(2026, 11, 21, 21, 21, 19, 187158, tzinfo=UTC)  # what fake_ami.event writes


def messages(*data: bytes) -> list[AmiMessage]:
    return [parse(raw) for raw in AmiFraming().feed(b"".join(data))]


def facts_and_suspicions(data: bytes, translator: Translator | None = None) -> list[AnyFact | Suspicion]:
    translator = translator or Translator()
    found: list[AnyFact | Suspicion] = []
    for message in messages(data):
        facts, suspicion = translator.translate(message, NOW)
        found.extend(facts)
        if suspicion is not None:
            found.append(suspicion)
    return found


def two(caller: str, agent: str) -> list[tuple[str, str]]:
    return [*channel(caller), *channel(agent, prefix="Dest", Linkedid=caller, Context="ivrd-phones")]


def called(caller: str, agent: str) -> bytes:
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One")]
    return event("AgentCalled", *two(caller, agent), *own)


def dial_end(caller: str, agent: str, status: str) -> bytes:
    return event("DialEnd", *two(caller, agent), ("DialStatus", status))


def connected(caller: str, agent: str) -> bytes:
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One"), ("HoldTime", "2")]
    return event("AgentConnect", *two(caller, agent), *own, ("RingTime", "2"))


@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_a_capture_gives_the_facts_of_its_table(capture: Path) -> None:
    expected = (GOLDEN / "facts" / f"{capture.stem}.facts").read_text(encoding="utf-8")
    assert table(facts_and_suspicions(capture.read_bytes())) == expected


def test_no_capture_is_without_its_table() -> None:
    assert {path.stem for path in (GOLDEN / "facts").iterdir()} == {path.stem for path in CAPTURES}


def test_a_call_arrives_only_when_asterisk_is_called_in_our_context() -> None:
    ringing = {"ChannelState": "4", "ChannelStateDesc": "Ring"}
    assert facts_and_suspicions(event("Newchannel", *channel("1.1", **ringing))) == [
        CallArrived(AT, "1.1", "1.1", "13800138000", "", "4001234567")
    ]
    outbound = {"ChannelState": "0", "ChannelStateDesc": "Down"}
    for changes in (outbound, {**ringing, "Context": "ivrd-phones"}):
        assert facts_and_suspicions(event("Newchannel", *channel("1.1", **changes))) == []
    elsewhere = Translator(inbound_context="ivrd-phones")
    data = event("Newchannel", *channel("1.1", **ringing, Context="ivrd-phones"))
    assert len(facts_and_suspicions(data, elsewhere)) == 1


def test_names_arrive_whole() -> None:
    data = event("Newchannel", *channel("1.1", ChannelState="4", CallerIDName='Ev\\"il\\\\ 张三\\n'))
    (arrived,) = facts_and_suspicions(data)
    assert isinstance(arrived, CallArrived)
    assert arrived.caller_name == 'Ev"il\\ 张三 '


@pytest.mark.parametrize(("escaped", "plain"), [("\\a\\t\\0", "  0"), ("\\", "\\"), ("\x1b[2J\u202e", " [2J "), ("a\\'b", "a'b")])
def test_unescaping_leaves_nothing_that_moves_a_cursor(escaped: str, plain: str) -> None:
    assert unescape(escaped) == plain


def test_one_ring_ends_once() -> None:
    data = called("1.1", "2.1") + dial_end("1.1", "2.1", "NOANSWER") + dial_end("1.1", "2.1", "CANCEL")
    assert facts_and_suspicions(data) == [
        AgentRang(AT, "1.1", "1.1", "hr", "Agent One", "2.1"),
        AgentRingEnded(AT, "1.1", "1.1", "2.1", "NOANSWER"),
    ]


def test_the_first_answer_is_the_pick_up() -> None:
    data = called("1.1", "2.1") + 2 * dial_end("1.1", "2.1", "ANSWER") + connected("1.1", "2.1")
    assert facts_and_suspicions(data)[1:] == [
        AgentPickedUp(AT, "1.1", "1.1", "2.1"),
        AgentAnswered(AT, "1.1", "1.1", "hr", "Agent One", "2.1"),
    ]


def test_a_pick_up_without_talk_is_taken_back() -> None:
    data = called("1.1", "2.1") + dial_end("1.1", "2.1", "ANSWER") + dial_end("1.1", "2.1", "NOANSWER")
    assert facts_and_suspicions(data)[1:] == [
        AgentPickedUp(AT, "1.1", "1.1", "2.1"),
        AgentRingEnded(AT, "1.1", "1.1", "2.1", "NOANSWER"),
    ]


def test_what_comes_after_the_joining_is_no_ring() -> None:
    data = called("1.1", "2.1") + dial_end("1.1", "2.1", "ANSWER") + connected("1.1", "2.1")
    assert facts_and_suspicions(data + dial_end("1.1", "2.1", "CANCEL"))[3:] == []


def test_legs_that_no_queue_called_are_none_of_our_business() -> None:
    assert facts_and_suspicions(dial_end("1.1", "2.1", "ANSWER") + dial_end("1.1", "2.2", "BUSY")) == []


def test_an_agent_who_leaves_during_the_announcement() -> None:
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One")]
    dump = event("AgentDump", *two("1.1", "2.1"), *own)
    data = called("1.1", "2.1") + dial_end("1.1", "2.1", "ANSWER") + dump + dial_end("1.1", "2.1", "CANCEL")
    assert facts_and_suspicions(data)[2:] == [AgentRingEnded(AT, "1.1", "1.1", "2.1", "AGENTDUMP")]


def test_a_leg_begins_anew_after_its_hang_up() -> None:
    data = called("1.1", "2.1") + dial_end("1.1", "2.1", "BUSY") + event("Hangup", *channel("2.1"), ("Cause", "17"))
    again = facts_and_suspicions(data + called("1.1", "2.1") + dial_end("1.1", "2.1", "ANSWER"))
    assert again[2] == CallEnded(AT, "2.1", "2.1", 17)
    assert again[4] == AgentPickedUp(AT, "1.1", "1.1", "2.1")


def step(call: str, application: str, data: str = "", **changes: str) -> bytes:
    own = [("Extension", changes.get("Exten", "4001234567")), ("Application", application), ("AppData", data)]
    return event("Newexten", *channel(call, **changes), *own)


def status_set(call: str, value: str) -> bytes:
    return event("VarSet", *channel(call), ("Variable", "QUEUESTATUS"), ("Value", value))


def joined_queue(call: str, queue: str = "hr") -> bytes:
    return event("QueueCallerJoin", *channel(call), ("Queue", queue), ("Position", "1"), ("Count", "1"))


def test_another_dialplan_tells_of_a_refusal_by_its_variable() -> None:
    data = step("1.1", "Queue", "hr,tT,,,30") + status_set("1.1", "") + status_set("1.1", "FULL") + step("1.1", "Playback", "busy")
    assert facts_and_suspicions(data + step("1.1", "Wait", "1")) == [
        QueueExited(AT, "1.1", "1.1", "hr", "FULL"),
        CallerWentOn(AT, "1.1", "1.1", "Playback", "4001234567"),
    ]


def test_a_status_without_its_queue_is_told_all_the_same() -> None:
    assert facts_and_suspicions(status_set("1.1", "TIMEOUT")) == [QueueExited(AT, "1.1", "1.1", "", "TIMEOUT")]


def test_a_variable_of_another_name_is_silence() -> None:
    assert facts_and_suspicions(event("VarSet", *channel("1.1"), ("Variable", "QUEUEPOSITION"), ("Value", "1"))) == []


def test_who_goes_on_behind_a_queue_lives() -> None:
    data = joined_queue("1.1") + step("1.1", "Queue", "hr") + step("1.1", "Wait", "1", Exten="h") + step("1.2", "Wait")
    assert facts_and_suspicions(data)[1:] == []
    data += (
        step("1.1", "Queue", "hr", Exten="redirected") + 2 * step("1.1", "Wait", "1") + event("Hangup", *channel("1.1"), ("Cause", "16"))
    )
    assert facts_and_suspicions(data + step("1.1", "Wait"))[1:] == [
        CallerWentOn(AT, "1.1", "1.1", "Wait", "4001234567"),
        CallEnded(AT, "1.1", "1.1", 16),
    ]


def left_queue(call: str) -> bytes:
    return event("QueueCallerLeave", *channel(call), ("Queue", "hr"), ("Position", "1"), ("Count", "0"))


PULLED_OUT = step("1.1", "Queue", "hr", Exten="redirected")  # the old step once more, at the place he is to go on at


@pytest.mark.parametrize("hint", [PULLED_OUT, b""])
def test_who_is_redirected_lives_as_soon_as_he_is_out_of_the_queue_or_in_the_next(hint: bytes) -> None:
    """Where his next step is the same Queue() as before, there is no Newexten for it."""
    data = step("1.1", "Queue", "hr") + joined_queue("1.1") + hint + left_queue("1.1") + joined_queue("1.1")
    facts = facts_and_suspicions(data)[1:]
    assert facts.count(CallerWentOn(AT, "1.1", "1.1", "", "4001234567")) == 1
    assert [type(fact) for fact in facts] == [CallerLeftQueue, CallerWentOn, CallerQueued]


def test_a_line_break_in_a_steps_data_forges_no_step() -> None:
    forged = "x\r\nPriority: 1\r\nUniqueid: 1.1\r\nLinkedid: 1.1\r\nExtension: s\r\nApplication: Wait"
    (suspicion,) = facts_and_suspicions(joined_queue("1.1") + step("1.2", "Queue", forged))[1:]
    assert isinstance(suspicion, Suspicion)
    assert not suspicion.kept


def test_the_link_asks_for_no_steps() -> None:
    assert EVENT_NAMES.isdisjoint({"Newexten", "VarSet"})


def parties(**calls: str) -> list[tuple[str, str]]:
    return [header for prefix, call in calls.items() for header in channel(call, prefix=prefix)]


BRIDGE = [("BridgeUniqueid", "b-1"), ("BridgeType", "basic"), ("BridgeNumChannels", "2")]


def blind_transfer(*, result: str = "Success", transferee: bool = True) -> bytes:
    named = parties(Transferer="2.1") + (parties(Transferee="1.1") if transferee else [])
    return event("BlindTransfer", ("Result", result), *named, *BRIDGE, ("IsExternal", "Yes"), ("Context", "x"), ("Extension", "201"))


def blind_transfer_by(agent_call: str) -> bytes:
    return event("BlindTransfer", ("Result", "Success"), *parties(Transferer=agent_call), *BRIDGE, ("Context", "x"), ("Extension", "201"))


def attended_transfer(destination: str, *, result: str = "Success", **more: str) -> bytes:
    named = [
        *parties(OrigTransferer="2.1"),
        ("OrigBridgeUniqueid", "b-1"),
        *parties(SecondTransferer="2.2"),
        ("SecondBridgeUniqueid", "b-2"),
    ]
    named += parties(Transferee="1.1", TransferTarget="3.1")
    end = [("IsExternal", "No"), ("DestType", destination), *more.items()]
    return event("AttendedTransfer", ("Result", result), *named, *end)


def test_an_agent_gives_the_caller_away() -> None:
    given = CallTransferred(AT, "1.1", "1.1", TransferKind.BLIND, "2.1", "201")
    assert facts_and_suspicions(blind_transfer()) == [given]
    assert facts_and_suspicions(connected("1.1", "2.1") + blind_transfer(transferee=False))[1:] == [given]
    unnamed = CallTransferred(AT, "2.1", "", TransferKind.BLIND, "2.1", "201")
    assert facts_and_suspicions(blind_transfer(transferee=False)) == [unnamed]
    assert facts_and_suspicions(blind_transfer(result="Invalid")) == []


def test_an_agent_hands_the_caller_over() -> None:
    handed = CallTransferred(AT, "1.1", "1.1", TransferKind.ATTENDED, "2.1", "3.1")
    assert facts_and_suspicions(attended_transfer("Bridge", DestBridgeUniqueid="b-2")) == [handed]
    assert facts_and_suspicions(attended_transfer("Fail")) == []
    assert facts_and_suspicions(attended_transfer("Bridge", result="Not Permitted")) == []


def test_a_transfer_into_an_application_goes_to_it() -> None:
    data = event(
        "AttendedTransfer",
        ("Result", "Success"),
        *parties(OrigTransferer="2.1"),
        *BRIDGE,
        *parties(SecondTransferer="2.2"),
        ("IsExternal", "No"),
        ("DestType", "App"),
        ("DestApp", "Voicemail"),
    )
    assert facts_and_suspicions(connected("1.1", "2.1") + data)[1:] == [
        CallTransferred(AT, "1.1", "1.1", TransferKind.ATTENDED, "2.1", "Voicemail", place="2.2")
    ]


@pytest.mark.parametrize("number", ["1\r\nTransfereeUniqueid: 9.9", "1\r\nResult: Success", "1\nExtension: 900"])
def test_a_forged_transfer_is_refused(number: str) -> None:
    named = [*parties(Transferer="2.1"), *channel("1.1", prefix="Transferee", CallerIDNum=number)]
    data = event("BlindTransfer", ("Result", "Success"), *named, *BRIDGE, ("IsExternal", "Yes"), ("Context", "x"), ("Extension", "201"))
    (suspicion,) = facts_and_suspicions(data)
    assert isinstance(suspicion, Suspicion)
    assert not suspicion.kept


def test_a_channels_variables_and_tenant_are_no_forgery() -> None:
    extra = [("TransfererTenantid", "a"), ("TransfererChanVariable", "X=1"), ("TransfererChanVariable", "Y=2")]
    own = [*BRIDGE, ("IsExternal", "Yes"), ("Context", "x"), ("Extension", "201")]
    data = event("BlindTransfer", ("Result", "Success"), *parties(Transferer="2.1"), *extra, *parties(Transferee="1.1"), *own)
    assert facts_and_suspicions(data) == [CallTransferred(AT, "1.1", "1.1", TransferKind.BLIND, "2.1", "201")]


@pytest.mark.parametrize(
    "preamble",
    [
        [("SystemName", "main")],
        [("SequenceNumber", "1"), ("File", "manager.c"), ("Line", "7"), ("Func", "f"), ("SystemName", "main")],
        [("SequenceNumber", "1"), ("File", "manager.c"), ("Line", "7"), ("Func", "f")],
    ],
)
def test_what_asterisk_may_write_before_the_channels(preamble: list[tuple[str, str]]) -> None:
    assert facts_and_suspicions(event("Hangup", *preamble, *channel("main-1.1"), ("Cause", "16"))) == [
        CallEnded(AT, "main-1.1", "main-1.1", 16)
    ]
    data = event("BlindTransfer", *preamble, ("Result", "Success"), *parties(Transferer="2.1", Transferee="1.1"), ("Extension", "201"))
    assert facts_and_suspicions(data) == [CallTransferred(AT, "1.1", "1.1", TransferKind.BLIND, "2.1", "201")]
    stop = [("Event", "Shutdown"), ("Privilege", "system,all"), ("Timestamp", "1795296079.187158"), *preamble]
    assert facts_and_suspicions(encode([*stop, ("Shutdown", "Cleanly"), ("Restart", "False")])) == [AsteriskStopped(AT)]


def test_on_hold_and_back() -> None:
    data = event("Hold", *channel("2.1", Linkedid="1.1"), ("MusicClass", "default")) + event("Unhold", *channel("2.1", Linkedid="1.1"))
    assert facts_and_suspicions(data) == [CallHeld(AT, "1.1", "2.1"), CallResumed(AT, "1.1", "2.1")]


def test_who_asked_a_channel_to_end() -> None:
    data = event("HangupRequest", *channel("1.1")) + event("SoftHangupRequest", *channel("1.1"), ("Cause", "4"))
    assert facts_and_suspicions(data) == [
        HangupRequested(AT, "1.1", "1.1", soft=False, cause=0),
        HangupRequested(AT, "1.1", "1.1", soft=True, cause=4),
    ]


MEMBER = [
    *(("Queue", "hr"), ("MemberName", "Agent One"), ("Interface", "PJSIP/101"), ("StateInterface", "PJSIP/101")),
    *(("Membership", "dynamic"), ("Penalty", "0"), ("CallsTaken", "0"), ("LastCall", "0"), ("Status", "1")),
]


@pytest.mark.parametrize(
    ("later", "reason", "wrapup_s"),
    [
        ([("Ringinuse", "1")], "", 0),
        ([("RingInUse", "1"), ("Pausedreason", "lunch")], "lunch", 0),
        ([("LoginTime", "1"), ("PausedReason", "tea\\n"), ("Ringinuse", "1"), ("Wrapuptime", "15")], "tea ", 15),
        ([("Wrapuptime", "soon")], "", 0),
    ],
)
def test_members_of_every_version(later: list[tuple[str, str]], reason: str, wrapup_s: int) -> None:
    def state(*, paused: bool, removed: bool = False) -> AgentStateReported:
        return AgentStateReported(AT, "hr", "Agent One", 1, paused, removed, reason, wrapup_s)

    def told(name: str, paused: str) -> list[AnyFact | Suspicion]:
        return facts_and_suspicions(event(name, *MEMBER, ("Paused", paused), *later))

    assert told("QueueMemberStatus", "0") == [state(paused=False)]
    assert told("QueueMemberAdded", "1") == [AgentAdded(AT, "hr", "Agent One", paused=True), state(paused=True)]
    assert told("QueueMemberPause", "1") == [AgentPaused(AT, "hr", "Agent One", reason), state(paused=True)]
    assert told("QueueMemberPause", "0") == [AgentUnpaused(AT, "hr", "Agent One", reason), state(paused=False)]
    assert told("QueueMemberRemoved", "0") == [AgentRemoved(AT, "hr", "Agent One"), state(paused=False, removed=True)]


def completed(*channels: tuple[str, str], talk_s: int = 0, at: str = "1795296079.187158") -> bytes:
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One"), ("HoldTime", "2")]
    return event("AgentComplete", *channels, *own, ("TalkTime", str(talk_s)), ("Reason", "caller"), at=at)


def ended(call: str, agent_call: str) -> TalkEnded:
    return TalkEnded(AT, call, call, "hr", "Agent One", EndedBy.CALLER, agent_call, 0)


def hung_up(call: str) -> bytes:
    return event("Hangup", *channel(call), ("Cause", "16"))


@pytest.mark.parametrize("before", [b"", hung_up("1.1"), hung_up("2.1"), hung_up("1.1") + hung_up("2.1")])
@pytest.mark.parametrize("named", ["both", "agent", "nobody"])
def test_the_end_of_a_talk_finds_its_call(named: str, before: bytes) -> None:
    channels = {"both": two("1.1", "2.1"), "agent": two("1.1", "2.1")[14:], "nobody": []}[named]
    found = facts_and_suspicions(connected("1.1", "2.1") + before + completed(*channels))
    assert found[-1] == ended("1.1", "2.1")


def talk(call: str, leg: str, began: int, **hung_up_at: int) -> bytes:
    """A talk that began so many seconds into the hour; ``caller`` and ``agent`` hang up then."""
    at = [f"{1795294800 + second}.5" for second in (began, *hung_up_at.values())]
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One"), ("HoldTime", "2"), ("RingTime", "2")]
    who = {"caller": call, "agent": leg}
    ends = [event("Hangup", *channel(who[name]), ("Cause", "16"), at=when) for name, when in zip(hung_up_at, at[1:], strict=True)]
    return event("AgentConnect", *two(call, leg), *own, at=at[0]) + b"".join(ends)


def test_a_nameless_end_is_of_the_talk_that_began_as_long_ago_as_it_says() -> None:
    # Both callers were redirected and live on; then the second hangs up, and so does the next one the agent talked with.
    data = talk("1.1", "2.1", 0, agent=10) + talk("1.2", "2.2", 20, agent=30)
    found = facts_and_suspicions(data + completed(talk_s=15, at="1795294835.6") + completed(talk_s=40, at="1795294840.6"))
    assert [fact.call for fact in found if isinstance(fact, TalkEnded)] == ["1.2", "1.1"]


def test_an_end_that_fits_no_talk_is_nobodys() -> None:
    # After a lost link: its own talk isn't known any more, the one that goes on is another.
    assert facts_and_suspicions(talk("1.1", "2.1", 100) + completed(talk_s=90, at="1795294930.5"))[-1] == TalkEnded(
        datetime.fromtimestamp(1795294930.5, UTC), "", "", "hr", "Agent One", EndedBy.CALLER, "", 90
    )


def test_talks_whose_end_nobody_could_tell_apart_do_not_blur_later_ones() -> None:
    data = talk("1.1", "2.1", 0, agent=5, caller=6) + talk("1.2", "2.2", 1, agent=5, caller=6) + completed(talk_s=6, at="1795294806.6")
    found = facts_and_suspicions(data + talk("1.3", "2.3", 20, caller=30) + completed(talk_s=99, at="1795294830.6"))
    assert [fact.call for fact in found if isinstance(fact, TalkEnded)] == ["", "1.3"]


def test_a_telephone_behind_a_local_channel_takes_its_halfs_place() -> None:
    bridge = [("BridgeUniqueid", "b-1"), ("BridgeType", "basic"), ("BridgeName", "<unknown>")]
    swap = event("BridgeEnter", *bridge, *channel("3.1", Linkedid="1.1"), ("SwapUniqueid", "2.1"))
    data = connected("1.1", "2.1") + event("BridgeEnter", *bridge, *channel("2.1")) + swap + hung_up("2.1")
    found = facts_and_suspicions(data + completed(*two("1.1", "3.1")[14:]))
    assert found[1:] == [ChannelReplaced(AT, "1.1", "2.1", by="3.1"), CallEnded(AT, "2.1", "2.1", 16), ended("1.1", "2.1")]
    found = facts_and_suspicions(data + blind_transfer_by("3.1"))
    assert found[-1] == CallTransferred(AT, "1.1", "1.1", TransferKind.BLIND, "3.1", "201")


def test_a_late_end_is_not_the_agents_next_talks() -> None:
    # The first caller was redirected away; the agent has been given the next one; then the first hangs up.
    data = connected("1.1", "2.1") + hung_up("2.1") + connected("1.2", "2.2") + completed()
    assert facts_and_suspicions(data)[-1] == ended("1.1", "2.1")
    assert facts_and_suspicions(data + hung_up("1.2") + completed())[-1] == ended("1.2", "2.2")


def test_an_end_that_could_be_of_two_talks_names_neither() -> None:
    data = connected("1.1", "2.1") + connected("1.2", "2.2") + completed()
    assert facts_and_suspicions(data)[-1] == ended("", "")
    assert facts_and_suspicions(completed(*two("1.1", "2.1")[14:]))[-1] == ended("", "2.1")


def test_what_never_ends_is_forgotten_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ami_bridge.agent_legs._MOST", 2)
    rings = b"".join(called(f"1.{i}", f"2.{i}") for i in range(3))
    picked_up = facts_and_suspicions(rings + b"".join(dial_end(f"1.{i}", f"2.{i}", "ANSWER") for i in range(3)))[3:]
    assert [fact.call for fact in picked_up if isinstance(fact, AgentPickedUp)] == ["1.1", "1.2"]
    talks = b"".join(connected(f"1.{i}", f"2.{i}") for i in range(3))
    ends = b"".join(completed(*two(f"1.{i}", f"2.{i}")[14:]) for i in range(3))
    assert facts_and_suspicions(talks + ends)[3:] == [ended("", "2.0"), ended("1.1", "2.1"), ended("1.2", "2.2")]


def test_a_lost_link_forgets_the_legs() -> None:
    translator = Translator()
    facts_and_suspicions(called("1.1", "2.1") + connected("1.2", "2.2"), translator)
    translator.link_lost()
    assert facts_and_suspicions(dial_end("1.1", "2.1", "ANSWER") + completed(), translator) == [ended("", "")]


def test_events_carry_other_peoples_variables() -> None:
    extra = [("ChanVariable", "A=1"), ("ChanVariable", "B=2")]
    data = event("QueueCallerJoin", *channel("1.1"), ("Tenantid", "t"), *extra, ("Queue", "hr"), ("Position", "3"))
    assert facts_and_suspicions(data) == [CallerQueued(AT, "1.1", "1.1", "hr", 3)]


def test_without_timestamps_the_given_now_is_used() -> None:
    data = event("QueueCallerLeave", *channel("1.1"), ("Queue", "hr"), at="")
    assert facts_and_suspicions(data) == [CallerLeftQueue(NOW, "1.1", "1.1", "hr")]
    odd = event("QueueCallerLeave", *channel("1.1"), ("Queue", "hr"), at="yesterday")
    assert facts_and_suspicions(odd) == [CallerLeftQueue(NOW, "1.1", "1.1", "hr")]


@pytest.mark.parametrize("text", ["", "x", "1.x", "-1", "1e5", "9" * 12, "٣"])
def test_what_is_no_timestamp(text: str) -> None:
    assert timestamp(text) is None


def test_timestamps_keep_their_microseconds() -> None:
    assert timestamp("1795296079.187158") == AT
    assert timestamp("1795296079") == AT.replace(microsecond=0)
    assert timestamp("1795296079.5") == AT.replace(microsecond=500_000)


def test_other_dialplans_events_are_silence() -> None:
    odd = event("UserEvent", *channel("1.1"), ("UserEvent", "Theirs"), ("Channel", "x"), ("Channel", "y"))
    assert facts_and_suspicions(odd + step("1.1", "NoOp") + event("Cdr", ("Source", "1"))) == []


def test_our_dialplans_exit_report() -> None:
    data = event("UserEvent", *channel("1.1"), ("UserEvent", "QueueExit"), ("Queue", "hr"), ("QueueStatus", ""))
    assert facts_and_suspicions(data) == [QueueExited(AT, "1.1", "1.1", "hr", "")]


def test_the_snapshot_finds_the_contact_of_who_waits() -> None:
    channels = [
        encode([("Event", "CoreShowChannel"), ("ActionID", "x-1."), *channel(call, Linkedid=contact), *own])
        for call, contact, own in (
            ("1.2", "1.1", [("Application", "Queue"), ("ApplicationData", "hr"), ("Duration", "00:01:05")]),
            ("2.1", "1.1", [("Application", "AppQueue"), ("ApplicationData", ""), ("Duration", "100:00:00")]),
        )
    ]
    member = [("Name", "Agent One"), ("Status", "6"), ("Paused", "0")]
    queues = [
        encode([("Event", "QueueParams"), ("Queue", "hr"), ("Calls", "1")]),
        encode([("Event", "QueueMember"), ("Queue", "hr"), *member, ("ActionID", "x-2.")]),
        encode([("Event", "QueueEntry"), ("Queue", "hr"), ("Position", "1"), ("Uniqueid", "1.2"), ("Wait", "60")]),
        encode([("Event", "QueueEntry"), ("Queue", "hr"), ("Position", "2"), ("Uniqueid", "9.9"), ("Wait", "1")]),
    ]
    translator = Translator()
    facts, suspicions = translator.snapshot(messages(*channels), messages(*queues), NOW)
    assert suspicions == []
    assert facts == [
        AgentStateReported(NOW, "hr", "Agent One", 6, paused=False),
        CallPresent(NOW, "1.1", "1.2", "Queue", 65.0),
        CallPresent(NOW, "1.1", "2.1", "AppQueue", 360000.0),
        CallerWaiting(NOW, "1.1", "1.2", "hr", 1, 60.0),
        CallerWaiting(NOW, "", "9.9", "hr", 2, 1.0),
    ]


@pytest.mark.parametrize(("state", "expected"), [("5", [AgentPickedUp]), ("6", [])])
def test_a_snapshot_tells_which_legs_still_ring(state: str, expected: list[type]) -> None:
    own = [("Application", "AppQueue"), ("ApplicationData", ""), ("Duration", "00:00:01")]
    leg = encode([("Event", "CoreShowChannel"), ("ActionID", "x-1."), *channel("2.1", ChannelState=state), *own])
    translator = Translator()
    translator.snapshot(messages(leg), [], NOW)
    assert [type(fact) for fact in facts_and_suspicions(dial_end("1.1", "2.1", "ANSWER"), translator)] == expected


# What a caller can do with a line break in his number. SIP leaves him 79 bytes of it.


def test_a_header_added_to_an_event_with_one_channel_is_seen_through() -> None:
    for number in (
        "1\r\nUniqueid: victim",
        "1\nUniqueid: victim",
        "1\r\nContext: c\r\nExten: e\r\nPriority: 1\r\nUniqueid: victim\r\nLinkedid: victim",
        "1\r\nCause: 99\r\nUniqueid: victim",
        "1\r\nnonsense",
    ):
        for where in ("CallerIDNum", "ConnectedLineNum", "Exten"):
            data = event("Hangup", *channel("1.1", **{where: number}), ("Cause", "16"))
            ended, suspicion = facts_and_suspicions(data)
            assert ended == CallEnded(AT, "1.1", "1.1", 16)
            assert isinstance(suspicion, Suspicion)
            assert suspicion.kept


def test_the_arrival_of_a_hostile_caller_is_still_told() -> None:
    number = "1\r\nUniqueid: victim"
    data = event("Newchannel", *channel("1.1", ChannelState="4", CallerIDNum=number, CallerIDName="x"))
    assert facts_and_suspicions(data)[0] == CallArrived(AT, "1.1", "1.1", "1", "", "4001234567")


def test_a_header_added_to_an_event_with_two_channels_makes_it_refused() -> None:
    for where in ({"CallerIDNum": "1\r\nUniqueid: victim"}, {"ConnectedLineNum": "1\r\nDestUniqueid: victim"}):
        data = event("DialEnd", *channel("1.1", **where), *channel("2.1", prefix="Dest"), ("DialStatus", "ANSWER"))
        (suspicion,) = facts_and_suspicions(called("1.1", "2.1") + data)[1:]
        assert isinstance(suspicion, Suspicion)
        assert not suspicion.kept
    data = event("DialEnd", *channel("1.1"), *channel("2.1", prefix="Dest", ConnectedLineNum="1\r\nUniqueid: v"))
    assert [type(each) for each in facts_and_suspicions(data)] == [Suspicion]


@pytest.mark.parametrize("end", ["\r\n\r\n", "\n\n"])
@pytest.mark.parametrize(
    "forged",
    [
        "Event: QueueCallerAbandon\r\nQueue: hr",
        "Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: victim\r\nLinkedid: victim",
        "Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/x\r\nUniqueid: victim\r\nCause: 16",
        "Event: Shutdown\r\nPrivilege: system,all\r\nTimestamp: 1\r\nShutdown: Cleanly",
        "Event: AgentComplete\r\nPrivilege: agent,all\r\nQueue: hr\r\nReason: caller",
        "Event: QueueMemberRemoved\r\nPrivilege: agent,all\r\nQueue: hr\r\nMemberName: x",
        "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: QueueExit\r\nQueue: hr",
    ],
)
def test_an_event_begun_inside_a_number_gives_no_fact(end: str, forged: str) -> None:
    for tail in ("", end, end + "Event: Z"):
        data = event("Hangup", *channel("1.1", CallerIDNum=f"1{end}{forged}{tail}"), ("Cause", "16"))
        found = facts_and_suspicions(data)
        assert found
        assert all(isinstance(each, Suspicion) and not each.kept for each in found), found


def test_a_shutdown_is_believed_only_word_for_word() -> None:
    def shutdown(how: str, restart: str, *more: tuple[str, str], privilege: str = "system,all", at: str = "1.5") -> bytes:
        head = [("Event", "Shutdown"), ("Privilege", privilege), *([("Timestamp", at)] if at else [])]
        return encode([*head, ("Shutdown", how), ("Restart", restart), *more])

    assert [type(each) for each in facts_and_suspicions(shutdown("Cleanly", "False"))] == [AsteriskStopped]
    for forged in (
        shutdown("", ""),
        shutdown("Cleanly", "0"),
        shutdown("Cleanly", "True", privilege="s"),
        shutdown("Cleanly", "True", at=""),
        shutdown("Cleanly", "True", ("CallerIDName", "<unknown>")),
    ):
        assert [type(each) for each in facts_and_suspicions(forged)] == [Suspicion]
    # What is believed is longer than the 79 bytes SIP leaves of a number.
    assert len(shutdown("Cleanly", "True", at="1")) > 79


@pytest.mark.parametrize("value", ["", "x", "1x", "٣", "1" * 20])
def test_numbers_that_are_none(value: str) -> None:
    (suspicion,) = facts_and_suspicions(event("Hangup", *channel("1.1"), ("Cause", value)))
    assert suspicion == Suspicion("Hangup", "its Cause is no number", kept=False)


def test_a_suspicion_quotes_no_value() -> None:
    data = event("Hangup", *channel("1.1", CallerIDNum="13800138000\r\nUniqueid: victim"), ("Cause", "16"))
    assert not any(word in table(facts_and_suspicions(data)[1:]) for word in ("13800138000", "victim"))


def test_every_event_survives_losing_any_header() -> None:
    own = [("Queue", "hr"), ("Interface", "PJSIP/101"), ("MemberName", "Agent One"), ("HoldTime", "2")]
    whole = [("Event", "AgentConnect"), ("Privilege", "agent,all"), ("Timestamp", "1.5"), *two("1.1", "2.1"), *own]
    for missing in range(1, len(whole)):
        found = facts_and_suspicions(encode(whole[:missing] + whole[missing + 1 :]))
        needed = whole[missing][0] not in {"Timestamp", "Interface", "HoldTime"}
        assert [type(each) for each in found] == [Suspicion if needed else AgentAnswered], whole[missing]


def _pieces() -> list[bytes]:
    lines = {line for path in CAPTURES for line in path.read_bytes().split(b"\r\n") if line}
    return sorted(lines)[::7] + [b"Event: " + name.encode() for name in sorted(EVENT_NAMES)] + [b"ActionID: x-1."]


@given(st.lists(st.one_of(st.sampled_from(_pieces()), st.binary(max_size=30)), max_size=40))
def test_no_bytes_whatever_raise(lines: list[bytes]) -> None:
    for name in (b"Event: Hangup", b"Event: CoreShowChannel", b"Event: QueueEntry"):
        data = b"\r\n".join([name, *lines]) + b"\r\n\r\n"
        facts_and_suspicions(data)  # that it returns is the point
        Translator().snapshot(messages(data), messages(data), NOW)


@given(st.binary(max_size=79))
def test_no_number_ends_anothers_call(number: bytes) -> None:
    head, tail = event("Hangup", *channel("1.1", CallerIDNum="@"), ("Cause", "16")).split(b"@")
    for fact in facts_and_suspicions(head + number.replace(b"\0", b"") + tail):
        assert isinstance(fact, Suspicion) or fact == CallEnded(AT, "1.1", "1.1", 16)


@pytest.mark.parametrize("status", ["ANSWER", ""])
def test_a_telephone_the_dialplan_rang(status: str) -> None:
    data = event("UserEvent", *channel("1.1"), ("UserEvent", "DialExit"), ("Phone", "reception"), ("DialStatus", status))
    assert facts_and_suspicions(data) == [DialExited(AT, "1.1", "1.1", "reception", status)]

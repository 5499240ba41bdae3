"""No number and no name of a caller is left in what was disguised; the same becomes the same, and Asterisk's own words stay."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_ami import Headers, channel, encode, event

from ami_bridge.disguise import Disguise
from ami_bridge.pseudonyms import Pseudonyms


def ami(disguise: Disguise, data: bytes) -> str:
    return disguise.ami(data.removesuffix(b"\r\n\r\n")).decode()


def value(text: str, header: str) -> str:
    (found,) = re.findall(rf"^{header}: (.*?)\r?$", text, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize(
    ("number", "form"),
    [
        ("13800138000", r"1[3-9]\d{9}"),
        ("+8613800138000", r"\+861[3-9]\d{9}"),
        ("013800138000", r"01[3-9]\d{9}"),
        ("02088889999", r"0\d{10}"),
        ("4001234567", r"4\d{9}"),
        ("06123", r"0\d{4}"),
        ("138-0013-8000", r"1\d\d-\d{4}-\d{4}"),
        ("sip:alice13800", r"xxx:xxxxx1\d{4}"),
    ],
)
def test_a_number_keeps_its_form(number: str, form: str) -> None:
    disguise = Disguise()
    false = value(ami(disguise, event("Newchannel", *channel("1795296079.1", CallerIDNum=number))), "CallerIDNum")
    assert re.fullmatch(form, false)
    assert false != number
    assert false == value(ami(disguise, event("Newstate", *channel("1795296079.1", CallerIDNum=number))), "CallerIDNum")


def test_one_number_is_one_however_it_is_written() -> None:
    false = Pseudonyms()
    plain = false.number("13800138000")
    assert [false.number(prefix + "13800138000") for prefix in ("+86", "0086", "0", "86")] == [
        "+86" + plain,
        "0086" + plain,
        "0" + plain,
        "86" + plain,
    ]
    assert "".join(re.findall(r"\d", false.number("138 0013 8000"))) == plain
    assert plain in false.numbers_in("PJSIP/13800138000@trunk")


def test_different_numbers_stay_different() -> None:
    false = Pseudonyms()
    numbers = [f"{number:05}" for number in range(10_000, 13_000)]
    assert len({false.digits(number) for number in numbers}) == len(numbers)


def test_when_no_other_is_left_a_number_is_made_zeros() -> None:
    false = Pseudonyms(digit=lambda: 7)
    assert [false.digits("12345"), false.digits("12346"), false.digits("17777")] == ["17777", "10000", "10000"]


@pytest.mark.parametrize("text", ["<unknown>", "unknown", "", "201", "hr"])
def test_what_names_nobody_outside_stays(text: str) -> None:
    disguise = Disguise()
    disguise.queue_log(b"1795296079|1.1|hr|NONE|ENTERQUEUE||138|1\n")
    assert value(ami(disguise, event("Newchannel", *channel("1.1", CallerIDNum=text))), "CallerIDNum") == text


def test_asterisks_own_words_and_numbers_stay() -> None:
    own: Headers = [
        *(("Queue", "4001234567"), ("MemberName", "Agent One"), ("HoldTime", "12"), ("RingTime", "600000"), ("LastCall", "1795296079")),
        *(("BridgeUniqueid", "1b9e-4a"), ("Cause", "16"), ("Cause-txt", "Normal Clearing"), ("DialStatus", "ANSWER")),
        ("Interface", "PJSIP/101"),
    ]
    data = event("AgentConnect", *channel("main-1795296079.187158"), *own)
    told = ami(Disguise(), data)
    for header, text in [("Timestamp", "1795296079.187158"), ("Uniqueid", "main-1795296079.187158"), *own]:
        assert value(told, header) == text


def test_what_a_dialplan_keeps_and_says_is_veiled() -> None:
    disguise = Disguise()

    def variable(name: str, text: str) -> str:
        return value(ami(disguise, event("VarSet", *channel("1.1"), ("Variable", name), ("Value", text))), "Value")

    assert variable("QUEUESTATUS", "TIMEOUT") == "TIMEOUT"
    assert variable("QUEUEPOSITION", "3") == "3"
    assert variable("QUEUESTATUS", "John Smith") == "Xxxx Xxxxx"
    assert variable("PIN", "4711") == "0000"
    assert variable("WHO", "张三, John") == "某某, Xxxx"
    step: Headers = [("Extension", "s"), ("Application", "Set"), ("AppData", "CALLERID(name)=张三")]
    assert "张三" not in ami(disguise, event("Newexten", *channel("1.1"), *step))
    into: Headers = [("Extension", "s"), ("Application", "Queue"), ("AppData", "8008208820,c,,,30")]
    assert value(ami(disguise, event("Newexten", *channel("1.1"), *into)), "AppData") == "8008208820,c,,,30"
    theirs = event("UserEvent", *channel("1.1"), ("UserEvent", "Theirs"), ("Customer", "John 4711"))
    assert value(ami(disguise, theirs), "Customer") == "Xxxx 0000"
    ours = event("UserEvent", *channel("1.1"), ("UserEvent", "QueueExit"), ("Queue", "hr"), ("QueueStatus", "FULL"))
    assert value(ami(disguise, ours), "QueueStatus") == "FULL"


def test_agents_keep_their_names_or_lose_them_everywhere() -> None:
    member: Headers = [("Queue", "hr"), ("MemberName", "Li Lei"), ("Interface", "PJSIP/lilei"), ("Status", "1")]
    ring = event("DialBegin", *channel("1.1", ConnectedLineName="Li Lei", Channel="PJSIP/lilei-0000001a"))
    row = b"1795296079|1.1|hr|Li Lei|COMPLETEAGENT|2|60|1\n"
    kept, lost = Disguise(), Disguise(agents=True)
    both = [ami(each, event("QueueMemberStatus", *member)) + ami(each, ring) + each.queue_log(row).decode() for each in (kept, lost)]
    assert both[0].count("Li Lei") == 3
    assert ("lilei" in both[0], "Li Lei" in both[1], "lilei" in both[1]) == (True, False, False)
    assert both[1].count("Agent 1") == 3
    assert "Channel: PJSIP/agent1-0000001a" in both[1]


@pytest.mark.parametrize(
    ("line", "false"),
    [
        (b"1795296079|main-1795296079.7|hr|Li Lei|CONNECT|2|main-1795296080.8|2\n", None),
        (b"1795296079|1795296079.7|4001234567|NONE|EXITWITHKEY|9|1|1|2\n", None),
        (b"1795296079|1795296079.7|hr|Li Lei|RINGNOANSWER|1500000\n", None),
        (b"1795296079|NONE|NONE|NONE|QUEUESTART|\r\n", None),
        (b"1795296079|cb-1|NONE|NONE|CALLBACK|BUSY|017\n", None),
        (b"1795296079|1.1|hr|NONE|ENTERQUEUE||101|3\n", None),
        (b"1795296079|1.1|hr|NONE|DID|John 4711\n", b"1795296079|1.1|hr|NONE|DID|Xxxx 0000\n"),
        (b"John 4711\n", b"Xxxx 0000\n"),
        (b"1795296079|1.1|hr|NONE|ENTERQUEUE||101|3|John\n", b"1795296079|1.1|hr|NONE|ENTERQUEUE||101|3|Caller 1\n"),
    ],
)
def test_rows(line: bytes, false: bytes | None) -> None:
    assert Disguise().queue_log(line) == (line if false is None else false)


_NUMBERS = st.one_of(
    st.integers(13_000_000_000, 19_999_999_999).map(str),
    st.integers(13_000_000_000, 19_999_999_999).map("+86{}".format),
    st.integers(1_000_000_000, 9_999_999_999).map("0{}".format),
    st.integers(1_000_000, 9_999_999_999).map(str),
)
_PARTIES = ("CallerIDNum", "ConnectedLineNum", "CallerIDName", "ConnectedLineName", "AccountCode", "Exten", "Channel")
_OWN = ("DialString", "AppData", "Value", "Interface", "X-Theirs", "Cause-txt", "Reason")
_SHAPES = ("{}", "<{}>", "PJSIP/{}-0000001a", "Local/{}@x-0000001a;2", "call {} back", "{}@{}", "sip:{}@192.0.2.1")


@settings(max_examples=50)
@given(st.lists(_NUMBERS, min_size=1, max_size=4, unique=True), st.integers())
def test_no_number_is_left_wherever_it_stood(numbers: list[str], seed: int) -> None:
    chance, disguise, told = random.Random(seed), Disguise(), b""

    def words() -> str:
        return chance.choice(_SHAPES).replace("{}", chance.choice(numbers))

    for name in ("Newexten", "VarSet", "UserEvent", "AgentCalled"):
        headers = channel("1795296079.1", **{header: words() for header in _PARTIES})
        told += disguise.ami(event(name, *headers, *((header, words()) for header in _OWN)))
        told += disguise.queue_log(f"1795296079|1795296079.1|hr|{words()}|ENTERQUEUE|{words()}|{words()}|1|{words()}\n".encode())
        told += disguise.queue_log(f"1795296079|1795296079.1|hr|NONE|DID|{words()}\n{words()}\n".encode())
    left = [number for number in numbers if re.search(rf"(?<![0-9]){re.escape(number)}(?![0-9])", told.decode())]
    assert left == []


@given(st.binary(max_size=300))
def test_any_bytes_are_disguised_and_keep_their_lines(data: bytes) -> None:
    assert Disguise().ami(data).count(b"\n") == data.count(b"\n")
    assert Disguise().queue_log(data + b"\n").endswith(b"\n")


def test_forged_lines_stay_where_they_are() -> None:
    forged = encode(
        [("Event", "Hangup"), ("CallerIDNum", "138\r\nUniqueid: victim\r\nno header 13800138000"), ("Uniqueid", "1795296079.1")]
    )
    told = ami(Disguise(), forged)
    assert told.split("\r\n")[2] == "Uniqueid: victim"
    assert re.fullmatch(r"xx xxxxxx 1\d{10}", told.split("\r\n")[3])
    assert "13800138000" not in told

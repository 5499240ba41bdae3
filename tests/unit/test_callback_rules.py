"""The rules of calling back: who may be called, what follows from an attempt, and what the dialplan lets through."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.asterisk_plan import PLAN

from ami_bridge.ami_wire import parse
from ami_bridge.asterisk_files import configuration_files
from ami_bridge.conf_text import ConfigurationError
from ami_bridge.dialplan import extensions_conf
from ami_bridge.facts import CallbackReported
from ami_bridge.outbound_numbers import dial_patterns
from ami_bridge.plan import OutboundPlan
from ami_bridge.translate import Translator
from callbacks.model import Result, State, channel_id
from callbacks.numbers import AllowList
from callbacks.policy import Policy, UnfitPolicyError, Verdict, after_attempt, lease_is_over
from ivr.callback_dialler import reported_result
from ivr.console import texts
from ivr.console.refusals import words_of
from ivr.domain.numbers import spoken
from ivr.promises import RefusedError

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
POLICY = Policy()
HOME = AllowList(frozenset({"CN"}), frozenset({"mobile", "fixed_line", "fixed_line_or_mobile"}))
KINDS = ("mobile", "fixed_line", "fixed_line_or_mobile")
OUTBOUND = OutboundPlan("192.0.2.9:5070", "4001234567", 45, dial_patterns(("CN",), KINDS, "CN"))


@pytest.mark.parametrize("number", ["+8613800138000", "+8619912345678", "+862112345678".replace("1234", "6234"), "+861062345678"])
def test_people_at_home_may_be_called(number: str) -> None:
    assert HOME.refusal(number) is None


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("", "withheld"),
        ("110", "short"),
        ("12345678901", "short or incomplete"),
        ("+", "no telephone number"),
        ("+86x", "no telephone number"),
        ("+8613800", "can't be"),
        ("+442079460000", "belongs to GB"),
        ("+12025550123", "belongs to US"),
        ("+8613800138000&+442079460000", ""),
        ("+864001234567", ""),  # our own kind: a service number
        ("+881612345678", ""),  # satellite
        ("+9791234567890", ""),  # international premium rate
    ],
)
def test_everybody_else_is_refused_with_a_sentence_that_does_not_quote_the_number(number: str, why: str) -> None:
    refusal = HOME.refusal(number)
    assert refusal is not None
    assert why in str(refusal)
    assert len(number) < 4 or number not in str(refusal)
    for language in texts.LANGUAGES:  # a supervisor is told so in his own (a code without words would be told in English)
        told = words_of(RefusedError(refusal.code, str(refusal), refusal.values), language)
        assert told != str(refusal)
        assert "{" not in told


def test_a_kind_that_is_not_allowed_is_named() -> None:
    mobiles = AllowList(frozenset({"CN"}), frozenset({"mobile"}))
    assert "fixed line" in str(mobiles.refusal("+861062345678"))


@pytest.mark.parametrize(
    ("result", "attempts", "verdict"),
    [
        (Result.BRIDGED, 1, Verdict(State.DONE)),
        (Result.BRIDGED, 3, Verdict(State.DONE)),
        (Result.BUSY, 1, Verdict(State.DUE, NOW + timedelta(minutes=15))),
        (Result.NO_ANSWER, 2, Verdict(State.DUE, NOW + timedelta(hours=2))),
        (Result.NO_KEY, 3, Verdict(State.FAILED)),
        (Result.REACHED, 1, Verdict(State.DUE, NOW + timedelta(minutes=15))),
        (Result.UNCONFIRMED, 1, Verdict(State.DUE, NOW + timedelta(minutes=15))),
        (Result.UNCONFIRMED, 3, Verdict(State.FAILED)),
        (Result.FORBIDDEN, 1, Verdict(State.FAILED)),
    ],
)
def test_what_follows_from_an_attempt(result: Result, attempts: int, verdict: Verdict) -> None:
    assert after_attempt(result, attempts, NOW, POLICY) == verdict


@pytest.mark.parametrize("gaps", [(2, 1), (1, 1), (0, 1), (1, 2, 3)])
def test_gaps_that_do_not_grow_and_a_fourth_attempt_are_refused(gaps: tuple[int, ...]) -> None:
    with pytest.raises(UnfitPolicyError):
        Policy(retry_gaps=tuple(timedelta(minutes=gap) for gap in gaps))


@pytest.mark.parametrize(("ends_in_s", "over"), [(-1, True), (0, True), (30, False), (60, False), (61, True), (3600, True)])
def test_a_lease_ends_also_when_the_clock_was_set_back(ends_in_s: int, over: bool) -> None:
    assert lease_is_over(NOW + timedelta(seconds=ends_in_s), NOW, POLICY) is over


@pytest.mark.parametrize(
    ("told", "cause", "result"),
    [
        ("BUSY", 17, Result.BUSY),
        ("CHANUNAVAIL", 21, Result.REFUSED),
        ("CONGESTION", 17, Result.BUSY),
        ("NOANSWER", 0, Result.NO_ANSWER),
        ("CANCEL", 0, Result.NO_ANSWER),
        ("CHANUNAVAIL", 19, Result.NO_ANSWER),
        ("CHANUNAVAIL", 1, Result.UNREACHABLE),
        ("CONGESTION", 34, Result.UNREACHABLE),
        ("", 0, Result.UNREACHABLE),
        ("FORBIDDEN", 0, Result.FORBIDDEN),
        ("NOKEY", 0, Result.NO_KEY),
        ("KEY", 0, None),
        ("LEFT", 0, Result.REACHED),
        ("SERVED", 0, Result.BRIDGED),
    ],
)
def test_the_dialplans_word_becomes_a_result(told: str, cause: int, result: Result | None) -> None:
    assert reported_result(told, cause) is result


def matches(pattern: str, digits: str) -> bool:
    """As Asterisk does: X is any digit, Z not 0, N neither 0 nor 1."""
    classes = pattern.removeprefix("_").replace("X", "[0-9]").replace("Z", "[1-9]").replace("N", "[2-9]")
    return re.fullmatch(classes, digits) is not None


@pytest.mark.parametrize(
    "number", ["+8613800138000", "+861062345678", "+862162345678", "+8675586123456", "+863161234567".replace("1234567", "2234567")]
)
def test_whoever_may_be_called_passes_the_dialplan_too(number: str) -> None:
    assert HOME.refusal(number) is None
    assert any(matches(pattern, spoken(number, "CN")) for pattern in OUTBOUND.patterns)


@pytest.mark.parametrize(
    "digits",
    [
        "110",
        "4001234567",
        "00442079460000",
        "008613800138000",
        "1380013800",
        "138001380001",
        "12800138000",
        "9591234",
        "13800138000&PJSIP/x",
    ],
)
def test_nothing_else_passes_the_dialplan(digits: str) -> None:
    assert not any(matches(pattern, digits) for pattern in OUTBOUND.patterns)


def test_a_kind_or_country_that_is_not_allowed_has_no_pattern() -> None:
    assert dial_patterns(("CN",), ("mobile",), "CN") == ("_1[3-9]XXXXXXXXX",)
    assert dial_patterns((), KINDS, "CN") == ()
    assert all(pattern.startswith("_00852") for pattern in dial_patterns(("HK",), KINDS, "CN"))


def test_without_a_trunk_nothing_leads_out() -> None:
    files = {file.path.name: file.text for file in configuration_files(PLAN)}
    assert "ivrd-outbound" not in files["pjsip.conf"] + files["extensions.conf"]
    assert "originate" not in files["manager.conf"]


def test_with_a_trunk_the_right_to_originate_is_the_only_one_added() -> None:
    files = {file.path.name: file.text for file in configuration_files(replace(PLAN, outbound=OUTBOUND))}
    assert "write = reporting,agent,call,originate\n" in files["manager.conf"]
    assert "contact = sip:192.0.2.9:5070\n" in files["pjsip.conf"]
    assert "match" not in files["pjsip.conf"].split("[ivrd-outbound]")[1].split("[101]")[0], "no call comes in by it"


def test_the_outbound_dialplan_dials_listed_digits_alone_and_never_answers_first() -> None:
    text = extensions_conf(replace(PLAN, outbound=OUTBOUND))
    dial = text.split("[ivrd-callback]\n")[1].split("\n\n")[0]
    assert [line.split(",")[0] for line in dial.splitlines() if line.startswith("exten")] == [
        *(f"exten => {pattern}" for pattern in OUTBOUND.patterns),
        "exten => _[0-9+*#a-zA-Z]!",
        "exten => h",
    ]
    assert dial.count("Dial(PJSIP/${FILTER(0-9,${EXTEN})}@ivrd-outbound,45)") == len(OUTBOUND.patterns)
    assert "Answer(" not in text.split("[ivrd-callback]\n")[1]
    assert "include" not in text
    inbound = text.split("[ivrd-callback]\n")[0].replace(text.split("[ivrd-queue-keys]\n")[1].split("\n\n")[0], "")
    assert "ivrd-callback" not in inbound, "no caller and no phone reaches it"


@pytest.mark.parametrize("pattern", ["_X.", "_!", "13800138000", "_X,1,System(x)", "_1[3-9]X.", "_1)\nexten => x"])
def test_a_pattern_that_takes_anything_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="pattern"):
        extensions_conf(replace(PLAN, outbound=replace(OUTBOUND, patterns=(pattern,))))


def user_event(unique: str, result: str, cause: str) -> bytes:
    channel = ["Channel: Local/1@x-1;2", "ChannelState: 6", "ChannelStateDesc: Up", "CallerIDNum: 1", "CallerIDName: x"]
    channel += ["ConnectedLineNum: <unknown>", "ConnectedLineName: <unknown>", "Language: zh", "AccountCode: ", "Context: ivrd-callback"]
    channel += ["Exten: h", "Priority: 2", f"Uniqueid: {unique}", "Linkedid: cb-7-1"]
    head = ["Event: UserEvent", "Privilege: user,all", "Timestamp: 1795219200.000000"]
    return "\r\n".join([*head, *channel, "UserEvent: CallbackResult", f"Result: {result}", f"Cause: {cause}"]).encode()


@pytest.mark.parametrize("unique", ["cb-7-1", "cb-7-1;2"])
def test_either_end_of_the_local_channel_tells_of_the_same_call(unique: str) -> None:
    told = Translator().translate(parse(user_event(unique, "BUSY", "017")), NOW)
    (fact,) = told.facts
    assert isinstance(fact, CallbackReported)
    assert (fact.call, fact.result, fact.cause) == (channel_id("7", 1), "BUSY", 17)


def test_a_result_without_a_cause_of_its_own_is_not_believed() -> None:
    told = Translator().translate(parse(user_event("cb-7-1", "BUSY", "x")), NOW)
    assert told.facts == ()
    assert told.suspicion is not None

"""The simulator's clock and hands: digit timing to the millisecond, barge-in, recordings, and every effect with what surrounds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callflows import loader
from callflows.calendar import AlwaysOpen
from callflows.caller_steps import Choose, HangUp, Hear, Press, Reach, ScriptError, Silence, Step, Talk, Wait, parse_script
from callflows.choosing import ChoiceError
from callflows.outcomes import (
    CustomerKnown,
    DialEnd,
    Hours,
    HoursState,
    QueueEnd,
    QueueOutlook,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.surroundings import Surroundings

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=ZONE)
SPEECH_S = 2.0  # every prompt lasts this long here


def play(nodes: str, *steps: Step, head: str = "", **around: Any) -> SimulatedCall:
    """One call through a flow that begins at node ``a``; ``nodes`` are written as in a file."""
    text = f"flow: f\nstart: a\n{head}\nnodes:\n" + "\n".join(f"  {line}" for line in nodes.strip().splitlines())
    book = loader.load({"f.yaml": text})
    around.setdefault("caller", "13800138000")
    house = Surroundings(NOON, ZONE, {"hr": AlwaysOpen()}, saying=lambda speech, _: SPEECH_S * len(speech), **around)
    return simulate(book, "f", steps, house, language="zh")


COLLECT = """
a:
  collect: {zh: 请输入}
  into: x
  longest: 6
  first_digit_s: 5
  inter_digit_s: 3
  overall_s: 8
  next: good
  no_input: {tries: 1, then: none}
  wrong_key: {tries: 1, then: bad}
good: {hang_up: {zh: "{x}"}}
none: {hang_up: {zh: 没有}}
bad: {hang_up: {zh: 错}}
"""


def collected(*steps: Step) -> tuple[str, str]:
    """The node that followed, and what was kept."""
    call = play(COLLECT, *steps)
    return call.path[-1], call.heard[-1].text


@pytest.mark.parametrize(("pause", "node"), [(4.9, "good"), (4.999, "good"), (5.0, "none"), (5.1, "none")])
def test_the_first_key_is_waited_for_from_the_end_of_the_speech(pause: float, node: str) -> None:
    assert collected(Hear(), Wait(pause), Press("1"))[0] == node


@pytest.mark.parametrize(("pause", "kept"), [(2.9, "12"), (2.999, "12"), (3.0, "1"), (3.1, "1")])
def test_each_further_key_is_waited_for_from_the_one_before(pause: float, kept: str) -> None:
    assert collected(Press("1"), Wait(pause), Press("2")) == ("good", kept)


@pytest.mark.parametrize(("last", "kept"), [(1.9, "12345"), (2.1, "1234")])
def test_an_answer_as_a_whole_has_a_time_too(last: float, kept: str) -> None:
    steps = [step for key in "234" for step in (Wait(2.0), Press(key))]
    assert collected(Press("1"), *steps, Wait(last), Press("5"))[1] == kept


def test_a_hash_ends_the_input_and_is_no_part_of_it() -> None:
    call = play(COLLECT, Press("12#"))
    assert call.heard[-1].text == "12"
    assert call.heard[-1].at == pytest.approx(SPEECH_S + 2 * 0.25)


def test_a_lone_hash_stands_for_itself() -> None:
    assert collected(Press("#"))[0] == "bad"


def test_the_longest_input_is_complete_without_a_hash() -> None:
    call = play(COLLECT, Press("123456", apart_s=1.0))
    assert (call.heard[-1].text, call.heard[-1].at) == ("123456", pytest.approx(SPEECH_S + 5.0))


TWO_INPUTS = (
    COLLECT.replace("next: good", "next: b")
    + """
b: {collect: {zh: 再输}, into: y, longest: 4, inter_digit_s: 1.5, barge_in: BARGE, next: c, skip: none, no_input: {then: none}, \
wrong_key: {then: bad}}
c: {confirm: {zh: "{x}{y}"}, yes: good, no: bad, yes_key: "#", no_key: "2", no_input: {then: none}, wrong_key: {then: none}}
"""
)


@pytest.mark.parametrize("barge_in", ["true", "false"])
def test_a_hash_after_a_whole_input_is_no_answer_to_what_comes_next(barge_in: str) -> None:
    nodes = TWO_INPUTS.replace("BARGE", barge_in)
    call = play(nodes, Press("123456#"), Press("7890#"), Press("#"))
    assert (call.path, call.unused) == (["a", "b", "c", "good"], [])
    # It belongs to the input for as long as a key would: 1.5 s.
    assert play(nodes, Press("123456#"), Press("7890"), Wait(1.4), Press("#"), Press("2")).path[-1] == "bad"
    assert play(nodes, Press("123456#"), Press("7890"), Wait(1.6), Press("#")).path[-1] == "good"


def test_there_is_one_such_hash_and_nothing_before_it() -> None:
    nodes = TWO_INPUTS.replace("BARGE", "true")
    assert play(nodes, Press("123456##")).path == ["a", "b", "none"], "the second skips"
    assert play(nodes, Press("12345#"), Wait(0.2), Press("#")).path == ["a", "b", "none"], "the input was ended already"
    assert play(nodes, Press("123456"), Wait(0.2), Press("7#"), Press("#")).path == ["a", "b", "c", "good"]


def test_a_slow_finger_is_as_slow_as_it_says() -> None:
    assert collected(Press("123", apart_s=3.1)) == ("good", "1")


MENU = """
a:
  menu: {zh: 投诉请按一，其他请按二}
  barge_in: BARGE
  keys: {1: one, 2: two}
  no_input: {tries: 2, say: {zh: 没有听到}, then: none}
  wrong_key: {tries: 2, say: {zh: 没有这个选项}, then: bad}
one: {hang_up: {zh: 一}}
two: {hang_up: {zh: 二}}
none: {hang_up: {zh: 没有}}
bad: {hang_up: {zh: 错}}
"""
FREE, STUBBORN = MENU.replace("BARGE", "true"), MENU.replace("BARGE", "false")


def test_a_key_cuts_the_question_short() -> None:
    call = play(FREE, Reach("a"), Wait(0.5), Press("1"))
    assert (call.path, call.heard[0].seconds, call.seconds) == (["a", "one"], 0.5, 0.5 + SPEECH_S)


def test_a_question_that_must_be_heard_takes_no_key_before_its_end() -> None:
    call = play(STUBBORN, Reach("a"), Wait(0.5), Press("1"), Wait(1.6), Press("2"))
    assert (call.path, call.heard[0].seconds) == (["a", "two"], SPEECH_S)


def test_no_input_and_wrong_keys_have_budgets_of_their_own() -> None:
    call = play(FREE, Silence(), Press("7"), Press("1"))
    assert [said.text for said in call.heard][1:4:2] == ["没有听到", "没有这个选项"]
    assert call.path[-1] == "one"
    assert play(FREE, Silence(), Silence()).path[-1] == "none"
    assert play(FREE, Press("7"), Press("8")).path[-1] == "bad"


SAY = """
a: {say: {zh: 您好}, barge_in: BARGE, next: b}
b:
  menu: {zh: 请按键}
  keys: {1: one, 2: two}
  no_input: {tries: 1, then: none}
  wrong_key: {tries: 1, then: none}
one: {hang_up: {zh: 一}}
two: {hang_up: {zh: 二}}
none: {hang_up: {zh: 没有}}
"""


def test_a_key_pressed_into_an_announcement_answers_the_question_after_it() -> None:
    call = play(SAY.replace("BARGE", "true"), Reach("a"), Wait(1.0), Press("2"))
    assert (call.path, [said.text for said in call.heard], call.seconds) == (["a", "b", "two"], ["您好", "二"], 1.0 + SPEECH_S)


def test_an_announcement_that_must_be_heard_takes_no_key() -> None:
    call = play(SAY.replace("BARGE", "false"), Reach("a"), Wait(1.0), Press("2"))
    assert (call.path[-1], call.heard[0].seconds) == ("none", SPEECH_S)


def test_keys_beyond_an_answer_fall_to_what_comes_next() -> None:
    twice = FREE.replace("one: {hang_up: {zh: 一}}", SAY.replace("\na:", "one:", 1).split("b:")[0].replace("next: b", "next: a"))
    assert play(twice.replace("BARGE", "true"), Press("12")).path == ["a", "one", "a", "two"]


RECORD = """
a: {record: {zh: 请说}, into: r, longest_s: 20, silence_s: 4, next: heard, nothing: nothing}
heard: {hang_up: {zh: 好}}
nothing: {hang_up: {zh: 没有}}
"""


@pytest.mark.parametrize(
    ("steps", "node", "seconds"),
    [
        ([Talk(6.0), Press("#")], "heard", 6.0),
        ([Talk(6.0)], "heard", 10.0),  # four seconds of silence end it
        ([Talk(60.0)], "heard", 20.0),
        ([Talk(2.0), Wait(3.0), Press("1"), Press("#")], "heard", 5.0),  # other keys don't
        ([Silence()], "nothing", 4.0),
        ([Talk(0.5), Press("#")], "nothing", 0.5),
        ([], "heard", 9.0),  # whoever has no script speaks for five seconds
    ],
)
def test_a_recording_ends_by_hash_by_silence_or_when_it_is_full(steps: list[Step], node: str, seconds: float) -> None:
    call = play(RECORD, *steps)
    assert call.path[-1] == node
    assert call.seconds == pytest.approx(2 * SPEECH_S + seconds)


def test_hanging_up_in_a_recording_keeps_what_was_said() -> None:
    kept = "take_message: r, complete: false, taken: end, not_stored: end"
    call = play(f"{RECORD}\nkeep: {{{kept}}}\nend: {{end: over}}", Talk(3.0), Wait(1.0), HangUp(), head="on_hang_up: keep")
    assert call.ending == "caller_hung_up"
    assert call.filed == [{"kind": "message", "recording": "recording-1", "complete": False}]
    assert (call.seconds, call.path) == (SPEECH_S + 4.0, ["a"])


QUEUE = """
a: {queue: hr, served: s, timeout: t, key: k, closed: c, _: other}
s: {hang_up: {zh: 再见}}
t: {hang_up: {zh: 忙}}
k: {hang_up: {zh: 键}}
c: {hang_up: {zh: 下班}}
other: {hang_up: {zh: 其他}}
"""


@pytest.mark.parametrize(
    ("end", "node"),
    [(QueueEnd.SERVED, "s"), (QueueEnd.TIMEOUT, "t"), (QueueEnd.KEY, "k"), (QueueEnd.CLOSED, "c"), (QueueEnd.FULL, "other")],
)
def test_a_caller_comes_back_from_a_queue_as_the_script_says(end: QueueEnd, node: str) -> None:
    call = play(QUEUE, queue_ends=(end,), queue_wait_s=30.0)
    assert (call.path, call.queue, call.ending, call.seconds) == (["a", node], "hr", "hangup", 30.0 + SPEECH_S)


def test_without_an_end_given_the_call_ends_in_the_queue() -> None:
    call = play(QUEUE)
    assert (call.ending, call.queue, call.seconds) == ("queue", "hr", 0.0)


def test_the_caller_can_leave_a_queue_by_key_or_for_good() -> None:
    assert play(QUEUE, Reach("a"), Wait(7.0), Press("5"), Wait(1.0), Press("1")).path[-1] == "k"
    call = play(QUEUE, Reach("a"), Wait(7.0), HangUp(), queue_ends=(QueueEnd.SERVED,))
    assert (call.ending, call.seconds, call.path) == ("caller_hung_up", 7.0, ["a"])


DIAL = """
a: {dial: porter, served: s, busy: b, _: other}
s: {hang_up: {zh: 再见}}
b: {hang_up: {zh: 忙}}
other: {hang_up: {zh: 其他}}
"""


def test_a_dialled_telephone_ends_as_the_script_says() -> None:
    assert play(DIAL, dial_ends=(DialEnd.BUSY,)).path == ["a", "b"]
    assert play(DIAL, dial_ends=(DialEnd.FAILED,)).path == ["a", "other"]
    assert (play(DIAL).ending, play(DIAL).phone) == ("dial", "porter")
    assert play(DIAL, Reach("a"), Wait(3.0), HangUp(), dial_ends=(DialEnd.SERVED,)).ending == "caller_hung_up"


TWO_WAYS = "yes_: {hang_up: {zh: 是}}\nno_: {hang_up: {zh: 否}}"


@pytest.mark.parametrize(
    ("node", "around", "good"),
    [
        ("look_up: customer, known: yes_, unknown: no_", {"customer": CustomerKnown((("customer_name", "王"),), 2)}, True),
        ("look_up: customer, known: yes_, unknown: no_", {}, False),
        ("webhook: crm, answered: yes_, failed: no_", {"webhooks": {"crm": WebhookAnswered((("level", "gold"),))}}, True),
        ("webhook: crm, answered: yes_, failed: no_", {"webhooks": {"crm": WebhookFailed()}}, False),
        ("webhook: crm, answered: yes_, failed: no_", {}, False),
        ("hours: hr, open: yes_, closed: no_", {}, True),
        ("hours: hr, open: yes_, closed: no_", {"states": {"hr": Hours(HoursState.CLOSED)}}, False),
        ("hours: hr, open: no_, closed: no_, emergency: yes_", {"states": {"hr": Hours(HoursState.EMERGENCY)}}, True),
        ("expect_wait: hr, long: yes_, _: no_", {"outlooks": {"hr": QueueOutlook(3, 200.0, 400.0, True)}}, True),
        ("expect_wait: hr, long: yes_, _: no_", {}, False),
        ("request_callback: caller, promised: yes_, refused: no_", {}, True),
        ("request_callback: caller, promised: yes_, refused: no_", {"caller": ""}, False),
        ("request_callback: caller, promised: yes_, refused: no_", {"promises": False}, False),
        ("request_callback: caller, promised: yes_, refused: no_", {"stored": False}, False),
        ("file_complaint: {serial: x}, into: c, filed: yes_, not_stored: no_", {}, True),
        ("file_complaint: {serial: x}, into: c, filed: yes_, not_stored: no_", {"stored": False}, False),
    ],
)
def test_what_surrounds_the_call_decides(node: str, around: dict[str, Any], good: bool) -> None:
    call = play(f"a: {{{node}}}\n{TWO_WAYS}", **around)
    assert call.path == ["a", "yes_" if good else "no_"]


PIN = f"""
a: {{check_pin: {{zh: 密码}}, tries: 1, accepted: b, refused: no_}}
b: {{override_hours: hr, state: closed, minutes: 30, done: yes_, not_stored: no_}}
{TWO_WAYS}
"""


def test_hours_are_overridden_by_pin_which_nobody_gets_to_see() -> None:
    call = play(PIN, Press("4711#"), pins={"4711": "chief"})
    assert call.path == ["a", "b", "yes_"]
    assert call.filed == [{"kind": "hours", "line": "hr", "state": "closed", "minutes": 30, "by": "chief"}]
    assert "4711" not in str(call.as_json())
    assert play(PIN, Press("1234#"), pins={"4711": "chief"}).path == ["a", "no_"]
    assert play(PIN, Press("4711#"), pins={"4711": "chief"}, stored=False).path == ["a", "b", "no_"]


def test_what_is_remembered_is_told() -> None:
    call = play("a: {remember: line, value: hr, next: b}\nb: {hang_up: {zh: 再见}}")
    assert call.remembered == {"line": "hr"}


def test_a_hang_up_while_we_look_something_up_counts_when_we_speak_again() -> None:
    nodes = f"a: {{say: {{zh: 您好}}, next: b}}\nb: {{webhook: crm, answered: yes_, failed: no_}}\n{TWO_WAYS}"
    call = play(nodes, Reach("b"), Wait(0.2), HangUp(), webhook_s=1.0)
    assert (call.ending, call.path) == ("caller_hung_up", ["a", "b", "no_"])


def test_a_choice_is_a_key_by_node_or_by_what_the_menu_calls_it() -> None:
    assert play(FREE, Choose("two")).path == ["a", "two"]
    assert play(FREE, Choose("投诉")).path == ["a", "one"]
    assert play(FREE, Choose("其他")).path == ["a", "two"]
    with pytest.raises(ChoiceError, match=r"nothing here is called '赞扬'; there is 1 → one, 2 → two"):
        play(FREE, Choose("赞扬"))


@pytest.mark.parametrize(("label", "node"), [("Complain", "one"), ("hear this again", "two"), ("english", "three"), ("a person", "four")])
def test_english_menus_name_their_keys_before_or_after(label: str, node: str) -> None:
    menu = """
a:
  menu: {en: "To complain, press 1. Press 2 to hear this again. For English, press star. For a person press hash."}
  keys: {1: one, 2: two, "*": three, "#": four}
  no_input: {tries: 1, then: one}
  wrong_key: {tries: 1, then: one}
one: {hang_up: {en: "1"}}
two: {hang_up: {en: "2"}}
three: {hang_up: {en: "3"}}
four: {hang_up: {en: "4"}}
"""
    book = loader.load({"f.yaml": "flow: f\nstart: a\nnodes:\n" + "\n".join(f"  {line}" for line in menu.splitlines())})
    call = simulate(book, "f", [Choose(label)], Surroundings(NOON, ZONE, {}), language="en")
    assert call.path[-1] == node


def test_steps_that_never_had_their_moment_are_told() -> None:
    call = play(FREE, Press("1"), Reach("two"), Press("5"))
    assert call.unused == ["at two", "press 5"]


def test_a_flow_that_goes_in_circles_is_an_error_not_an_endless_call() -> None:
    call = play("a: {given: x, yes: b, no: b}\nb: {given: x, yes: a, no: a}\nc: {hang_up: {zh: 再见}}")
    assert call.ending == "error"
    assert "nodes entered without asking" in str(call.error)
    told = play("a: {say: {zh: 您好}, next: a}\nc: {hang_up: {zh: 再见}}", Reach("a"), Wait(1.0), Press("1"))
    assert "nodes entered without asking" in str(told.error)
    recorded = play("a: {record: {zh: 请说}, into: r, next: a, nothing: a}\nc: {hang_up: {zh: 再见}}")
    assert (recorded.ending, recorded.error) == ("error", "the call never ends")


def test_the_words_of_a_script() -> None:
    assert parse_script("4 12# p e t6 w2.5 h") == [Press("4"), Press("12#"), Silence(), Hear(), Talk(6.0), Wait(2.5), HangUp()]
    with pytest.raises(ScriptError, match="w9999"):
        parse_script("w9999")

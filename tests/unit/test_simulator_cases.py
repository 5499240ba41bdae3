"""A flow's tests: how they are read, how they are judged, how a real caller plays them, and what they leave untried."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callflows import loader
from callflows.calendar_file import load_calendars
from callflows.caller_steps import Hear, Press, Reach, Silence, Talk, Wait
from callflows.coverage import coverage
from callflows.flow_test_file import parse, parse_given, read_cases
from callflows.flow_tests import Case, House, as_steps, run, surroundings
from callflows.loader import FlowError, Problem
from callflows.outcomes import QueueEnd
from callflows.scripted_caller import TALK_S
from callflows.simulator import simulate

ZONE = ZoneInfo("Asia/Shanghai")
LINES = ("hr", "course", "product", "complaint")
CALENDAR = load_calendars(Path(__file__).parents[2] / "config" / "calendar.yaml")["hotline"]
CALENDARS = dict.fromkeys((*LINES, "hotline"), CALENDAR)
DESK = """flow: desk
start: greeting
nodes:
  greeting: {say: {zh: 您好}, next: menu}
  menu:
    menu: {zh: 人事请按一，课程请按二}
    keys: {1: hr, 2: course}
    no_input: {tries: 2, then: bye}
    wrong_key: {tries: 2, then: bye}
  hr: {line: hr, next: hr_hours}
  hr_hours: {hours: hr, open: hr_queue, closed: speak}
  hr_queue: {queue: hr, served: bye, _: speak}
  course: {line: course, next: bye}
  speak: {record: {zh: 请说}, into: r, next: keep, nothing: bye}
  keep: {take_message: r, taken: bye, not_stored: bye}
  bye: {hang_up: {zh: 再见}}
"""


@pytest.fixture(scope="module")
def shipped() -> House:
    return House(loader.load(loader.read_folder(loader.SHIPPED_FLOWS)), CALENDARS, ZONE, "zh")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return read_cases(loader.SHIPPED_FLOWS)


@pytest.fixture(scope="module")
def house() -> House:
    return House(loader.load({"desk.yaml": DESK}), CALENDARS, ZONE, "zh", saying=lambda speech, _: 2.0 * len(speech))


def test_the_shipped_flows_keep_their_tests(cases: list[Case], shipped: House) -> None:
    assert [f"{case.file}:{case.line}: {fault}" for case in cases for fault in run(case, shipped).faults] == []


def test_the_shipped_tests_come_to_every_node_and_take_every_way(cases: list[Case], shipped: House) -> None:
    calls = [call for case in cases if (call := run(case, shipped).call)]
    covered = coverage(shipped.book, set(shipped.book.flows), calls)
    assert [str(missing) for missing in (*covered.nodes.missing, *covered.edges.missing)] == []


def problems_of(text: str) -> list[str]:
    problems: list[Problem] = []
    parse("x.test.yaml", text, "x", problems)
    return [f"{problem.line}: {problem.code}: {problem.message}" for problem in problems]


GOOD = """- name: a
  at: 2026-11-20T10:00:00+08:00
  script: [{choose: hr}]
  expect: {ending: queue}
"""


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1: syntax: a test file is a list of cases, each with name, at, script and expect"]),
        ("a: 1", ["1: syntax: a test file is a list of cases, each with name, at, script and expect"]),
        (GOOD.replace("choose: hr", "choos: hr"), ["3: unknown-key: 'choos' is no key of script.0; did you mean 'choose'?"]),
        (GOOD.replace("ending: queue", "endng: queue"), ["4: unknown-key: 'endng' is no key of expect; did you mean 'ending'?"]),
        (GOOD.replace("choose: hr", "press: 0123"),
         ['3: syntax: script.0.press: put it in quotes, as "123": without them YAML drops leading zeros']),
        (GOOD.replace("choose: hr", "press: 1, wait: 3"),
         ["3: syntax: script.0: a step is one of press, choose, at, wait, talk, silence, hear, hang_up"]),
        (GOOD.replace("choose: hr", "choose: hr, apart: 3"), ["3: syntax: script.0: 'apart' says how far the keys of a 'press' are apart"]),
        (GOOD.replace("{ending: queue}", "{}"),
         ["4: syntax: expect: say what must come of the call: path, passes, ending, queue, line, filed, says, …"]),
        (GOOD.replace("  at: 2026-11-20T10:00:00+08:00\n", ""), ["1: syntax: at: Field required"]),
        (GOOD + GOOD, ["5: key-clash: a case 'a' is already in line 1"]),
        (GOOD + "  name: b\n", ["5: key-clash: 'name' is given twice in this table: keep one of them"]),
        (GOOD.replace("[{choose: hr}]", "[{choose: hr"), ["4: syntax: this is not YAML: expected ',' or '}', but got ':'"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_test_is_told_with_its_line(text: str, problems: list[str]) -> None:
    assert problems_of(text) == problems


def test_all_faults_of_a_file_are_told_at_once() -> None:
    assert len(problems_of(GOOD.replace("choose", "chose").replace("ending", "end"))) >= 2


def test_a_folder_without_tests_is_no_folder_of_tests(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="there are no tests"):
        read_cases(tmp_path)
    with pytest.raises(FlowError, match=r"gone\.test\.yaml:1: error: the file can't be read"):
        read_cases(tmp_path / "gone.yaml")


def test_what_surrounds_a_call_can_be_given_alone() -> None:
    assert parse_given("{queues: [timeout], stored: no}", "--given").queues == (QueueEnd.TIMEOUT,)
    with pytest.raises(FlowError, match="--given:1: error: 'quues' is no key of what is given; did you mean 'queues'"):
        parse_given("{quues: [timeout]}", "--given")


def case_of(text: str) -> Case:
    problems: list[Problem] = []
    (case,) = parse("desk.test.yaml", text, "desk", problems)
    assert problems == []
    return case


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ("{ending: hangup}", "ending: expected hangup, was queue"),
        ("{queue: course}", "queue: expected course, was hr"),
        ("{line: course}", "line: expected course, was hr"),
        ("{language: en}", "language: expected en, was zh"),
        ("{path: [greeting, menu, course]}", "path: after menu expected course, came hr"),
        ("{path: [greeting]}", "path: after greeting expected the end, came menu"),
        ("{passes: [hr, menu]}", "passes: never came to menu (in this order); the path was greeting menu hr hr_hours hr_queue"),
        ("{avoids: hr_hours}", "avoids: came to hr_hours"),
        ("{filed: [{kind: complaint}]}", "filed: expected 1, but 0 were: []"),
        ("{says: 再见}", "says: '再见' was never said"),
        ("{never_says: 您好}", "never_says: '您好' was said"),
        ("{within_s: 3}", "within_s: it took 4.0 s, more than 3 s"),
        ("{remembered: {line: hr}}", "remembered: expected {'line': 'hr'}, was {}"),
    ],
)
def test_a_call_that_goes_otherwise_is_told_how(expect: str, fault: str, house: House) -> None:
    assert run(case_of(GOOD.replace("{ending: queue}", expect)), house).faults == (fault,)


def test_what_was_kept_is_compared_part_by_part(house: House) -> None:
    text = GOOD.replace("10:00", "21:00").replace("{choose: hr}", "{choose: hr}, {talk: 5}")
    wrong = run(case_of(text.replace("{ending: queue}", "{filed: [{kind: message, recording: recording-2}]}")), house)
    assert wrong.faults == ("filed, no. 1: recording is 'recording-1', not 'recording-2'",)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("[{choose: 保险}]", "nothing here is called '保险'; there is 1 → hr"),
        ("[{choose: hr}, {at: course}]", "the caller never came to: at course; he was at hr_queue"),
        ("[{choose: hr}, {at: hr_hours}, {press: 1}]", "the caller never came to: press 1; he was at hr_queue"),
    ],
)
def test_a_script_that_can_not_be_played_fails(script: str, fault: str, house: House) -> None:
    (told,) = run(case_of(GOOD.replace("[{choose: hr}]", script)), house).faults
    assert told.startswith(fault)


def test_a_flow_that_is_not_there_fails(house: House) -> None:
    assert run(case_of(GOOD.replace("- name: a", "- name: a\n  flow: insurance")), house).faults == ("there is no flow 'insurance'",)


def test_names_that_would_let_a_case_prove_nothing_are_faults(house: House) -> None:
    slips = GOOD.replace("  script", "  given: {hours: {hrr: closed}}\n  script").replace("{ending: queue}", "{avoids: [coarse, desk.bye]}")
    assert run(case_of(slips), house).faults == (
        "given.hours: there is no line or calendar 'hrr'; did you mean 'hr'?",
        "avoids: there is no node 'coarse'; did you mean 'course'?",
    )


def test_a_time_without_offset_is_the_hotlines(house: House) -> None:
    night = GOOD.replace("2026-11-20T10:00:00+08:00", "2026-11-20T21:00:00").replace("{ending: queue}", "{passes: [hr_hours, speak]}")
    assert run(case_of(night), house).faults == ()


def test_a_real_caller_is_told_keys_and_where_to_wait(house: House) -> None:
    case = case_of(GOOD.replace("10:00", "21:00").replace("[{choose: hr}]", "[{choose: 人事}, {talk: 6}, {press: '#'}]"))
    assert as_steps(case, house) == (Reach("menu", 1), Press("1"), Reach("speak", 1), Hear(), Talk(6.0), Press("#"))


def test_a_real_caller_hears_what_he_is_asked_again(house: House) -> None:
    script = "[silence, {press: 8}, {choose: hr}, {at: hr_queue}, {wait: 9}, {press: 1}]"
    assert as_steps(case_of(GOOD.replace("[{choose: hr}]", script)), house) == (
        Reach("menu", 1), Silence(7.0), Hear(), Press("8"), Hear(), Press("1"), Reach("hr_queue", 1), Wait(9.0), Press("1"),
        Reach("speak", 1), Hear(), Talk(TALK_S),
    )  # fmt: skip


def test_every_shipped_case_played_by_the_steps_for_a_real_caller_goes_the_same_way(cases: list[Case], shipped: House) -> None:
    for case in cases:
        call = run(case, shipped).call
        around = surroundings(case.body.given, shipped, at=case.body.at, caller=case.body.caller)
        again = simulate(shipped.book, case.flow, as_steps(case, shipped), around, language=case.body.language or "zh")
        assert call is not None
        assert (again.path, again.filed, again.ending, again.effects) == (call.path, call.filed, call.ending, call.effects), case.name


def test_coverage_names_what_nobody_tried(house: House) -> None:
    call = run(case_of(GOOD), house).call
    assert call is not None
    covered = coverage(house.book, {"desk"}, [call])
    assert [missing.node for missing in covered.nodes.missing] == ["desk.course", "desk.speak", "desk.keep", "desk.bye"]
    assert str(covered.edges.missing[0]) == "desk.yaml:5: desk.menu --2--> course was never taken"
    assert (covered.nodes.covered, covered.edges.covered, covered.edges.of) == (5, 4, 15)


def test_an_ending_that_a_sub_flow_cant_have_needs_no_case() -> None:
    runner = "flow: outer\nstart: a\nnodes:\n  a: {run: inner, ends: {done: b, _: b}}\n  b: {hang_up: {zh: 再见}}"
    inner = "flow: inner\nstart: x\nnodes:\n  x: {end: done}"
    assert coverage(loader.load({"outer.yaml": runner, "inner.yaml": inner}), {"outer"}, []).edges.of == 1

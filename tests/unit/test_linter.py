"""What the linter finds: a minimal bad flow for each code fires it alone, at the line that says ``# HERE``; sound flows are proven."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callflows import linter, loader, proofs
from callflows.calendar import AlwaysOpen, Calendar
from callflows.problems import CODES, Problem

BAD_FLOWS = Path(__file__).parent / "bad_flows"
FILES = sorted(BAD_FLOWS.glob("*.yaml"))
HOUSE = linter.House(
    queues={"hr"},
    lines={"hr"},
    calendars={"hotline": AlwaysOpen(), "shut": Calendar()},
    languages=("zh", "en"),
    phones={"porter"},
    webhooks={"balance": ["balance"]},
    now=datetime(2026, 11, 22, 4, 0, tzinfo=UTC),
)
UNRECORDED = "没有录音"


def lint(text: str, house: linter.House = HOUSE, main: str | None = "main") -> list[Problem]:
    return linter.check({"f.yaml": text}, house, main)[1]


def codes(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in lint(text)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_flow_fires_its_code_alone_at_the_line_marked(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    house = HOUSE
    if file.stem == "missing-prompt":
        sounds = {f"{p.language}/{p.name}" for p in loader.load({"f.yaml": text}).prompts(("zh", "en")) if UNRECORDED not in p.text}
        house = replace(HOUSE, prompts=sounds)
    here = [number for number, line in enumerate(text.splitlines(), start=1) if line.endswith("# HERE")]
    assert [(problem.line, problem.code) for problem in lint(text, house)] == [(line, file.stem.partition("--")[0]) for line in here]
    assert len(here) == 1


def test_no_code_lacks_a_bad_flow() -> None:
    assert {file.stem.partition("--")[0] for file in FILES} == set(CODES)


def test_each_code_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs/flow-faults.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in page] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_sentence_says_which_node_and_what_to_do(file: Path) -> None:
    house = replace(HOUSE, prompts=()) if file.stem == "missing-prompt" else HOUSE
    for problem in lint(file.read_text(encoding="utf-8"), house):
        assert len(problem.message) > 30
        assert "Input should" not in problem.message


MENU = """\
flow: main
start: menu
nodes:
  menu:
    menu: {zh: 请按一, en: Press 1}
    keys: {1: hr, 9: menu}
    no_input: {tries: 2, then: hr}
    wrong_key: {tries: 3, then: hr}
  hr: {queue: hr, served: bye, _: bye}
  bye:
    hang_up: {zh: 再见, en: Goodbye}
"""


def proof(text: str, **others: str) -> proofs.Proof:
    book = loader.load({"f.yaml": text, **{f"{name}.yaml": other for name, other in others.items()}})
    assert linter.lint(book, HOUSE, "main") == []
    return next(each for each in linter.proofs(book, HOUSE, "main") if each.flow == "main")


def bound(seconds: float, prompts: int) -> object:
    return pytest.approx((seconds, prompts))


def test_a_menu_that_leads_back_to_itself_by_key_is_the_callers_own_choice() -> None:
    assert codes(MENU) == []


def test_the_longest_way_spends_both_budgets() -> None:
    """One silence and two wrong keys before the last: four askings of 11 characters at 77 ms and 5 s each."""
    proven = proof(MENU.replace("zh: 请按一, ", "zh: 请, "))
    assert proven.proven
    assert proven.until == ("human",)
    assert proven.worst == bound(4 * (7 * 0.077 + 5), 4)
    assert proven.silent == proven.worst
    assert proven.path == ("menu", "hr")


def test_the_quickest_human_needs_each_prompt_once() -> None:
    proven = proof(MENU)
    assert proven.human == proofs.QuickestHuman(0.75, 1, ("menu", "hr"))
    assert (
        proven.sentence()
        == "main: at most 23 s and 4 prompts until a human; 23 s when nothing right is pressed; a human after 1 s and 1 key at best"
    )


def test_the_proof_as_json_has_the_bounds() -> None:
    assert proof(MENU).as_json()["worst"] == {"seconds": 23.0, "prompts": 4}
    assert proof(MENU).as_json()["human"] == {"seconds": 0.8, "keys": 1, "path": ["menu", "hr"]}


INNER = """\
flow: inner
start: ask
nodes:
  ask:
    menu: {zh: 请按一, en: Press 1}
    keys: {1: back, 2: hr}
    no_input: {tries: 1, then: over}
    wrong_key: {tries: 1, then: over}
  hr: {queue: hr, served: over, _: over}
  back: {end: back}
  over: {end: over}
"""
OUTER = """\
flow: main
start: inner
nodes:
  inner:
    run: inner
    ends: {over: sorry, back: inner}
  sorry:
    say: {zh: 谢谢, en: Thank you}
    next: bye
  bye:
    hang_up: {zh: 再见, en: Goodbye}
"""


def test_bounds_go_through_flows_that_are_run() -> None:
    proven = proof(OUTER, inner=INNER)
    assert proven.until == ("human", "goodbye")
    assert proven.worst == bound(0.75 + 5 + 9 * 0.077, 2)
    assert proven.human == proofs.QuickestHuman(0.75, 1, ("inner",))


TALKS = """\
flow: inner
start: talk
nodes:
  talk: {say: {zh: 一二三四五六七八九十, en: Ten}, next: hr}
  hr: {queue: hr, key: more, served: over, _: over}
  more: {say: {zh: 一二三四五六七八九十一二三四五六七八九十, en: Twenty}, next: over}
  over: {end: over}
"""
RUNS = """\
flow: main
start: inner
nodes:
  bye: {hang_up: {zh: 再见, en: Bye}}
  sorry: {say: {zh: 一二三四, en: Sorry}, next: bye}
  inner: {run: inner, ends: {over: sorry}}
"""
LETTER_S = 0.25


def test_help_and_ways_within_a_flow_that_is_run_take_their_time() -> None:
    proven = proof(RUNS, inner=TALKS)
    assert proven.worst == proven.silent == bound(10 * LETTER_S, 1)
    assert proven.human == proofs.QuickestHuman(10 * LETTER_S, 0, ("inner",))
    assert proven.anywhere == bound(24 * LETTER_S, 2), "on from the queue, over the ending, to the goodbye"
    again = TALKS.replace("Twenty}, next: over}", "Twenty}, next: again}\n  again: {queue: hr, served: over, _: over}")
    assert proof(RUNS, inner=again).anywhere == bound(20 * LETTER_S, 1), "from within it to its second queue"
    unhelpful = TALKS.replace("queue: hr, key: more, served: over, _: over", "given: x, yes: more, no: over")
    waits = proof(RUNS, inner=f"variables: {{x: {{type: text, default: yes}}}}\n{unhelpful}")
    assert waits.worst == waits.silent == bound(34 * LETTER_S, 3)
    assert waits.anywhere == waits.worst


def test_nothing_is_proven_of_what_runs_a_faulty_flow() -> None:
    book = loader.load({"inner.yaml": TALKS.replace("served: over", "served: nowhere"), "main.yaml": RUNS})
    assert {each.flow: each.proven for each in linter.proofs(book, HOUSE, "main")} == {"inner": False, "main": False}


def test_a_flow_that_is_run_is_proven_to_its_end() -> None:
    book = loader.load({"inner.yaml": INNER, "main.yaml": OUTER})
    inner = linter.proofs(book, HOUSE, "main")[0]
    assert (inner.flow, inner.may_end) == ("inner", True)
    assert "until a human or its end" in inner.sentence()


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("{over: inner, back: sorry}", [(6, "unbounded-retries")]),
        ("{over: sorry, bcak: sorry}", [(6, "no-exit"), (6, "unreachable-node")]),
        ("{over: sorry, back: sorry, _: sorry}", []),
    ],
)
def test_the_endings_of_a_flow_that_is_run_are_followed(over: str, expected: list[tuple[int, str]]) -> None:
    outer = OUTER.replace("{over: sorry, back: inner}", over)
    _, problems = linter.check({"inner.yaml": INNER, "main.yaml": outer}, HOUSE, "main")
    assert [(problem.line, problem.code) for problem in problems] == expected


def test_a_loop_through_a_flow_that_asks_nothing_is_dead() -> None:
    silent = "flow: inner\nstart: set\nnodes:\n  set: {set: {a: 1}, next: over}\n  over: {end: over}\n"
    outer = OUTER.replace("{over: sorry, back: inner}", "{over: inner}")
    _, problems = linter.check({"inner.yaml": silent, "main.yaml": outer}, HOUSE, "main")
    assert [(problem.line, problem.code) for problem in problems] == [(6, "dead-loop"), (7, "unreachable-node"), (10, "unreachable-node")]


KEEPS = """\
flow: inner
start: story
nodes:
  story: {record: {zh: 请说, en: Speak}, into: story, next: keep, nothing: over}
  keep: {take_message: story, taken: over, not_stored: back}
  over: {end: over}
  back: {end: back}
"""


def test_a_loop_through_a_flow_that_can_go_on_failing_is_told() -> None:
    _, problems = linter.check({"inner.yaml": KEEPS, "main.yaml": OUTER}, HOUSE, "main")
    assert [(problem.file, problem.line, problem.code) for problem in problems] == [("main.yaml", 6, "unbounded-retries")]
    assert "for as long as it fails (inner → inner)" in problems[0].message


def test_back_to_where_he_may_choose_again_nobody_is_sent_for_ever() -> None:
    """What failed was his choice of several, or it wasn't we who failed."""
    inner = KEEPS.replace("story: {", "menu: {menu: {zh: 一, en: One}, keys: {1: story, 2: over}, no_input: {then: over}, _: }\n  story: {")
    inner = inner.replace("start: story", "start: menu").replace(", _: }", ", wrong_key: {then: over}}")
    assert linter.check({"inner.yaml": inner, "main.yaml": OUTER}, HOUSE, "main")[1] == []
    again = KEEPS.replace("keep: {take_message: story, taken: over, not_stored: back}", "keep: {given: story, yes: over, no: back}")
    assert linter.check({"inner.yaml": again, "main.yaml": OUTER}, HOUSE, "main")[1] == []


def test_who_chose_the_recording_may_choose_it_again_when_it_failed() -> None:
    text = """\
flow: main
start: menu
nodes:
  menu: {menu: {zh: 一, en: One}, keys: {1: told}, no_input: {then: bye}, wrong_key: {then: bye}}
  told: {voicemail: {zh: 请说, en: Speak}, taken: bye, nothing: bye, not_stored: menu}
  bye: {hang_up: {zh: 再见, en: Bye}}
"""
    assert codes(text) == []


def test_a_webhook_sets_what_the_settings_let_it() -> None:
    text = """\
flow: main
start: ask
nodes:
  ask: {webhook: balance, answered: told, failed: told}
  told: {hang_up: {zh: "{WHAT}再见", en: "{WHAT} Bye"}}
"""
    assert codes(text.replace("WHAT", "balance")) == []
    assert codes(text.replace("WHAT", "colour")) == [(5, "unknown-variable")]


def test_waiting_on_by_silence_between_two_turns_in_a_queue_is_no_loop() -> None:
    """ "Press 1 for a callback, or stay on the line": each turn there are people who may answer."""
    text = MENU.replace("_: bye", "_: menu")
    assert codes(text) == []


def test_a_caller_sent_back_by_his_own_key_or_by_an_agent_goes_in_no_dead_loop() -> None:
    assert codes(MENU.replace("served: bye, _: bye", "served: hr, key: hr, _: bye")) == []


def test_flows_that_run_each_other_are_refused_and_not_proven() -> None:
    other = "flow: other\nstart: back\nnodes:\n  back: {run: main, ends: {_: bye}}\n  bye: {hang_up: {zh: 再见, en: Bye}}\n"
    outer = OUTER.replace("run: inner", "run: other").replace("{over: sorry, back: inner}", "{_: sorry}")
    book, problems = linter.check({"main.yaml": outer, "other.yaml": other}, HOUSE, "main")
    assert {problem.code for problem in problems} == {"dead-loop"}
    assert book is not None
    assert [each.proven for each in linter.proofs(book, HOUSE, "main")] == [False, False]


def test_faults_of_form_and_of_sense_are_told_together() -> None:
    text = MENU.replace("tries: 2", "tries: 20").replace("queue: hr", "queue: hhr")
    assert codes(text) == [(7, "syntax"), (9, "unknown-queue")]


def test_a_broken_file_explains_what_others_miss_of_it() -> None:
    _, problems = linter.check({"main.yaml": OUTER, "inner.yaml": "flow: [", "x.yaml": INNER.replace("tries: 1", "trys: 1")}, HOUSE, "main")
    assert [(problem.file, problem.code) for problem in problems] == [
        ("inner.yaml", "syntax"),
        ("x.yaml", "unknown-key"),
        ("x.yaml", "unknown-key"),
    ]


def test_no_flow_begins_here() -> None:
    assert codes(MENU.replace("flow: main", "flow: mian")) == [(1, "unknown-flow")]


def test_a_part_of_a_book_may_end() -> None:
    """A sub-flow's file by itself: nobody knows what its callers bring and where its endings lead."""
    assert lint(INNER.replace("inner", "main"), main=None) == []


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("variables: {serial: {type: digits}}", ["unknown-variable"]),
        ("variables: {serial: {type: digits, default: 1234}}", []),
        ("parameters: {serial: {type: digits}}", []),
    ],
)
def test_a_declaration_alone_sets_nothing(head: str, code: list[str]) -> None:
    nodes = "  a: {given: serial, yes: bye, no: bye}\n  bye: {hang_up: {zh: 再见, en: Bye}}\n"
    text = f"flow: main\nstart: a\n{head}\nnodes:\n{nodes}"
    assert [problem.code for problem in lint(text)] == code


def test_variables_are_followed_into_flows_and_back() -> None:
    nodes = "  ask: {given: p, yes: set, no: over}\n  set: {set: {a: 1}, next: over}\n  over: {end: over}\n"
    inner = f"flow: inner\nstart: ask\nparameters: {{p: {{}}}}\nnodes:\n{nodes}"
    outer = OUTER.replace("{over: sorry, back: inner}", "{over: sorry}").replace("zh: 谢谢", 'zh: "{a}{p}"')
    _, problems = linter.check({"inner.yaml": inner, "main.yaml": outer}, HOUSE, "main")
    assert [(problem.line, problem.code, "'p'" in problem.message) for problem in problems] == [(8, "unknown-variable", True)]


def test_what_a_hang_up_may_cut_short_may_be_read_after_it() -> None:
    text = MENU.replace("nodes:", "on_hang_up: after\nnodes:") + "  after: {given: serial, yes: over, no: over}\n  over: {end: over}\n"
    set_somewhere = text.replace("served: bye", "served: note") + "  note: {set: {serial: 1}, next: bye}\n"
    assert codes(text) == [(13, "unknown-variable")]
    assert codes(set_somewhere) == []

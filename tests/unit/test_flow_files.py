"""Flow files with faults: every fault at once, each with its line and code, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callflows import linter, loader
from callflows.loader import FlowError

HOUSE = linter.House(queues={"hr"}, lines={"hr"}, calendars={"hotline"}, languages={"zh", "en"})
GOOD = """\
flow: hotline
start: menu
nodes:
  menu:
    menu: {zh: 请按一, en: Press 1}
    keys: {1: bye}
    no_input: {then: bye}
    wrong_key: {then: bye}
  bye:
    hang_up: {zh: 再见, en: Goodbye}
"""


def problems(text: str) -> list[tuple[int, str]]:
    try:
        book = loader.load({"f.yaml": text})
    except FlowError as error:
        return [(problem.line, problem.code) for problem in error.problems]
    return [(problem.line, problem.code) for problem in linter.lint(book, HOUSE, "hotline")]


def test_the_good_flow_is_good() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("nodes:", "nodes: [", [(5, "syntax")]),
        ("start: menu", "start: nowhere", [(2, "unknown-node")]),
        ("start: menu", "start: menu\nstrat: menu", [(3, "unknown-key")]),
        ("keys: {1: bye}", "keys: {1: bey}", [(6, "unknown-node")]),
        ("keys: {1: bye}", "keys: {1: bye, 1: menu}", [(6, "key-clash")]),
        ("keys: {1: bye}", "keys: {12: bye}", [(6, "syntax")]),
        ("keys: {1: bye}", "kyes: {1: bye}", [(4, "syntax"), (6, "unknown-key")]),
        ("en: Press 1", "fr: Un", [(5, "unknown-key")]),
        (", en: Press 1", "", [(5, "missing-language")]),
        ("  bye:\n", "  bye:\n    queue: hr\n", [(9, "syntax"), (9, "syntax"), (11, "unknown-key")]),
        ("hang_up:", "hangup:", [(9, "unknown-key")]),
        ("no_input: {then: bye}", "no_input: {tries: 0, then: bye}", [(7, "syntax")]),
        ("flow: hotline", "flow: other", [(1, "unknown-flow")]),
    ],
)
def test_a_fault_is_told_with_its_line_and_code(old: str, new: str, expected: list[tuple[int, str]]) -> None:
    assert old in GOOD
    assert sorted(problems(GOOD.replace(old, new))) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("  alone:\n    say: {zh: 好, en: Well}\n    next: bye\n", [(11, "unreachable-node")]),
        ("  bye2: {queue: nobody, served: bye, _: bye}\n", [(11, "unknown-queue"), (11, "unreachable-node")]),
        ("  bye2: {line: nothing, next: bye}\n", [(11, "unknown-line"), (11, "unreachable-node")]),
        ("  bye2: {hours: never, open: bye, closed: bye}\n", [(11, "bad-hours"), (11, "unreachable-node")]),
        ("  bye2: {run: absent, ends: {_: bye}}\n", [(11, "unknown-flow"), (11, "unreachable-node")]),
    ],
)
def test_the_linter_finds(extra: str, expected: list[tuple[int, str]]) -> None:
    assert problems(GOOD + extra) == expected


def test_all_faults_are_told_at_once() -> None:
    text = GOOD.replace("{1: bye}", "{12: bye}").replace("hang_up", "hangup")
    assert problems(text) == [(6, "syntax"), (9, "unknown-key")]


def test_sentences_say_what_was_meant() -> None:
    with pytest.raises(FlowError, match="did you mean 'hang_up'"):
        loader.load({"f.yaml": GOOD.replace("hang_up", "hangup")})


def test_two_flows_of_one_name_clash() -> None:
    with pytest.raises(FlowError, match=r"already in a\.yaml"):
        loader.load({"a.yaml": GOOD, "b.yaml": GOOD})


def test_an_empty_folder_and_a_binary_file_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="no flow file"):
        loader.read_folder(tmp_path)
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FlowError, match="can't be read"):
        loader.read_folder(tmp_path)


@given(st.text(max_size=200))
def test_any_text_is_a_flow_or_a_list_of_faults(text: str) -> None:
    assert problems(text)


@given(st.integers(0, len(GOOD)), st.text(max_size=3), st.integers(0, 20))
def test_a_flow_with_any_slip_of_the_hand_never_raises_anything_else(position: int, insert: str, cut: int) -> None:
    problems(GOOD[:position] + insert + GOOD[position + cut :])

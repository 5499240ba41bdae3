"""Flow files with faults: every fault at once, each with its line and code, and never a traceback."""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from callflows import linter, loader, yaml_text
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
        ("en: Press 1", 'en: "Press {x.__class__}"', [(5, "syntax")]),
        ("en: Press 1", 'en: "{x:money}"', [(5, "syntax")]),
        ("en: Press 1", 'en: "{ x }"', [(5, "syntax")]),
        ("en: Press 1", 'en: "Press {x"', [(5, "syntax")]),
        ("keys: {1: bye}", "keys: {<<: {1: bye}}", [(6, "syntax"), (6, "syntax"), (6, "syntax")]),
        ("en: Press 1", 'en: " ... "', [(5, "missing-language")]),
        ("en: Press 1", r'en: "\x1b[31mPress 1"', [(5, "syntax")]),
        ("en: Press 1", r'en: "\ud800"', [(5, "syntax")]),
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


def test_what_is_no_ordinary_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "round.yaml").symlink_to("round.yaml")
    with pytest.raises(FlowError) as caught:
        loader.read_folder(tmp_path)
    assert [(Path(problem.file).stem, problem.code) for problem in caught.value.problems] == [
        ("endless", "syntax"),
        ("folder", "syntax"),
        ("pipe", "syntax"),
        ("round", "syntax"),
    ]


def test_two_flows_of_one_name_clash() -> None:
    with pytest.raises(FlowError, match=r"already in a\.yaml"):
        loader.load({"a.yaml": GOOD, "b.yaml": GOOD})


def test_an_empty_folder_and_a_binary_file_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="no flow file"):
        loader.read_folder(tmp_path)
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FlowError, match="can't be read"):
        loader.read_folder(tmp_path)


def names(value: object) -> object:
    """As the loader reads it: every key is a text."""
    if isinstance(value, dict):
        return {str(key): names(item) for key, item in value.items()}
    return [names(item) for item in value] if isinstance(value, list) else value


ODD_WORDS = ("say", "menu", "hotline", "bye", "1", "yes", "no", "~", "0x1F", "1:30", "*", "#", "07")
WORDS = st.one_of(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=12), st.sampled_from(ODD_WORDS))
PLAIN = st.one_of(WORDS, st.integers(-99, 9999), st.booleans(), st.none())
VALUES = st.recursive(PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=4)), max_leaves=20)


@given(VALUES, st.booleans())
@settings(max_examples=60, deadline=None)
def test_values_are_read_as_yaml_means_them(value: object, flow_style: bool) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow_style
    stream = io.StringIO()
    yaml.dump(value, stream)
    try:
        meant = yaml.load(stream.getvalue())
    except YAMLError:  # it can't read all that it writes
        assume(False)
    document = yaml_text.read(stream.getvalue())
    assert (document.value, document.faults) == (names(meant), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, *x]\n", (1, "stands for nothing")),
        ("a: &x [1, *x]\n", (1, "stands for nothing")),
        ("a: 1\n---\nb: 2\n", (2, "second document")),
        ("a: 2026-02-30\n", (1, "is no value")),
        ("a:\n  b: !secret 3\n", (2, "can't be read")),
        ("? [a]\n: 3\n", (1, "single word")),
        ("a: 1\nb: \x07\n", (2, "U+0007")),
        ("a: " + "[" * 100_000, (1, "20 deep")),
        ("%YAML 1.10\n--- 1", (1, "not YAML")),
        ("a: &a [x, x]\n" + "".join(f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 9)}]\n" for k in "bcdefgh"), (6, "200000 values")),
    ],
)
def test_odd_yaml_is_a_sentence_with_its_line(text: str, expected: tuple[int, str]) -> None:
    (fault,) = yaml_text.read(text).faults
    assert fault.line == expected[0]
    assert expected[1] in fault.message


def whole_or_not_at_all(sources: dict[str, str]) -> None:
    """Either the book has every file's flow with every node, or there are faults, each in a line of a file."""
    book, problems = linter.check(sources, HOUSE, "hotline")
    for problem in problems:
        assert problem.file in {*sources, "flows"}
        assert 1 <= problem.line <= len(sources.get(problem.file, "").splitlines()) + 1
    if book is None:
        assert problems
        with pytest.raises(FlowError):
            loader.load(sources)
        return
    assert len(book.flows) == len(sources)
    for flow in book.flows.values():
        assert set(flow.nodes) == {key for key in flow.lines if "." not in key}
    linter.proofs(book, HOUSE, "hotline")


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_flow_or_a_list_of_faults(text: str) -> None:
    whole_or_not_at_all({"f.yaml": text})


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None)
def test_any_bytes_are_a_flow_or_a_list_of_faults(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f.yaml").write_bytes(data)
        with pytest.raises(FlowError):
            loader.load(loader.read_folder(Path(folder)))


NODE_KEYS = ("menu", "say", "run", "keys", "next", "no_input", "ends", "queue", "_", "served", "with", "set", "then")
NODES = st.fixed_dictionaries({}, optional=dict.fromkeys(NODE_KEYS, VALUES))


@given(VALUES, st.dictionaries(WORDS, st.one_of(NODES, VALUES), max_size=4), VALUES)
@settings(max_examples=60, deadline=None)
def test_any_yaml_is_a_flow_or_a_list_of_faults(start: object, nodes: dict[str, object], declared: object) -> None:
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump({"flow": "hotline", "start": start, "nodes": nodes, "parameters": declared}, stream)
    whole_or_not_at_all({"f.yaml": stream.getvalue()})


@given(st.integers(0, len(GOOD)), st.text(max_size=3), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_a_flow_with_any_slip_of_the_hand_never_raises_anything_else(position: int, insert: str, cut: int) -> None:
    whole_or_not_at_all({"f.yaml": GOOD[:position] + insert + GOOD[position + cut :]})


SHIPPED = {Path(file).name: text for file, text in loader.read_folder(loader.SHIPPED_FLOWS).items()}


@given(st.data())
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_shipped_flows_with_lines_lost_or_moved_never_raise(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(SHIPPED)))
    lines = SHIPPED[file].splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        line = lines.pop(data.draw(st.integers(0, len(lines) - 1)))
        if data.draw(st.booleans()):
            lines.insert(data.draw(st.integers(0, len(lines))), line)
    whole_or_not_at_all({**SHIPPED, file: "".join(lines)})


def test_the_words_of_the_shipped_flows_lead_anywhere_and_nothing_raises() -> None:
    """Every exit of the hotline in turn led to its start: loops of every kind, and each is told."""
    text = SHIPPED["hotline.yaml"]
    book = loader.load(SHIPPED)
    for target in sorted({target for node in book.flows["hotline"].nodes.values() for target in node.exits().values()})[::6]:
        whole_or_not_at_all({**SHIPPED, "hotline.yaml": re.sub(rf"\b{target}\b(?!:)", "greeting", text)})

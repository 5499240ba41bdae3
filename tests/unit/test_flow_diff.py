"""The differences between two versions of flows, as a caller would notice them."""

from __future__ import annotations

import pytest

from callflows import loader
from callflows.flow_diff import changes

OLD = """
flow: hotline
start: menu
nodes:
  menu:
    menu: {zh: 人工请按零。, en: Press 0.}
    keys: {0: operator, 9: menu}
    no_input: {tries: 2, then: operator}
    wrong_key: {tries: 3, say: {zh: 对不起。, en: Sorry.}, then: operator}
  operator: {queue: product, served: goodbye, _: goodbye}
  goodbye: {hang_up: {zh: 再见。, en: Goodbye.}}
"""


def told(new: str) -> list[str]:
    old_book, new_book = loader.load({"a.yaml": OLD}), loader.load({"a.yaml": new})
    return [str(change) for change in changes(old_book, new_book)]


def edited(*edits: tuple[str, str]) -> str:
    new = OLD
    for before, after in edits:
        assert before in new
        new = new.replace(before, after)
    return new


def test_the_same_flows_written_otherwise_are_the_same() -> None:
    assert told("# a comment\n" + OLD.replace("{tries: 2, then: operator}", "{then: operator,   tries: 2}")) == []


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([("人工请按零。", "人工服务请按零。")], ["~ hotline.menu: words zh: 人工请按零。 → 人工服务请按零。"]),
        ([("zh: 对不起。, ", "")], ["~ hotline.menu: words wrong-key zh is gone: 对不起。"]),
        ([("9: menu", "9: goodbye")], ["~ hotline.menu: exit 9: menu → goodbye"]),
        ([(", 9: menu", "")], ["~ hotline.menu: exit 9 is gone: menu"]),
        ([("tries: 3", "tries: 4")], ["~ hotline.menu: setting wrong_key.tries: 3 → 4"]),
        ([("queue: product", "queue: hr")], ["~ hotline.operator: setting queue: product → hr"]),
        ([("start: menu", "start: operator")], ["~ hotline: setting start: menu → operator"]),
        (
            [("{queue: product, served: goodbye, _: goodbye}", "{line: hr, next: goodbye}")],
            [
                "~ hotline.operator: kind: queue → line",
                "~ hotline.operator: exit next is new: goodbye",
                "~ hotline.operator: exit served is gone: goodbye",
                "~ hotline.operator: exit _ is gone: goodbye",
            ],
        ),
        (
            [("9: menu", "5: partners"), ("  goodbye:", "  partners: {queue: hr, served: goodbye, _: goodbye}\n  goodbye:")],
            [
                "~ hotline.menu: exit 5 is new: partners",
                "~ hotline.menu: exit 9 is gone: menu",
                "+ node hotline.partners: queue",
            ],
        ),
    ],
)
def test_what_a_caller_would_notice(edits: list[tuple[str, str]], expected: list[str]) -> None:
    assert told(edited(*edits)) == expected


def test_flows_come_and_go() -> None:
    one = loader.load({"a.yaml": OLD})
    two = loader.load({"a.yaml": OLD, "b.yaml": "flow: message\nstart: done\nnodes:\n  done: {end: taken}\n"})
    assert [str(change) for change in changes(one, two)] == ["+ flow message: 1 nodes"]
    assert [str(change) for change in changes(two, one)] == ["- flow message: 1 nodes"]

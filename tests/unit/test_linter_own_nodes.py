"""Nodes of other packages, of which the linter knows nothing but the interface of every node; and how its work grows with a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from unit.test_linter import HOUSE, bound

from callflows import linter
from callflows.flow import Flow, FlowBook
from callflows.nodes.base import Node, Saying, Stay, Words


class EchoNode(Node):
    """A node of another package: the linter knows nothing of it but the interface of every node."""

    kind: ClassVar[str] = "echo"
    visits: ClassVar[dict[str, int]] = {}
    next: dict[str, str]
    said: Words = Words(zh="好", en="Well")

    def exits(self) -> Mapping[str, str]:
        self._visit("exits")
        return self.next

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        self._visit("stays")
        return {name: Stay(saying(self.said), 1, asked=int(name == "chosen")) for name in self.next}

    def words(self) -> Mapping[str, Words]:
        self._visit("words")
        return {"": self.said}

    @classmethod
    def _visit(cls, method: str) -> None:
        cls.visits[method] = cls.visits.get(method, 0) + 1


class GiftNode(EchoNode):
    kind: ClassVar[str] = "gift"
    gives = "human"


class SlowGiftNode(EchoNode):
    """What it gives takes half a minute; to be refused, a second."""

    kind: ClassVar[str] = "slow"
    gives = "message"
    gives_by: ClassVar[frozenset[str]] = frozenset({"given"})

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return {"given": Stay(30.0, 2), "on": Stay(1.0, 1)}


class OpenNode(EchoNode):
    """Asks, and doesn't say which way he leaves by who presses nothing."""

    kind: ClassVar[str] = "open"
    not_chosen: ClassVar[frozenset[str]] = frozenset()

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return dict.fromkeys(self.next, Stay(7.0, 1, 1))


def book_of(nodes: Mapping[str, Node], on_hang_up: str | None = None) -> FlowBook:
    lines = {name: number for number, name in enumerate(nodes, start=1)}
    flow = Flow("main", next(iter(nodes)), nodes, on_hang_up, "f.yaml", lines)
    return FlowBook({"main": flow}, "")


def found(nodes: Mapping[str, Node]) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in linter.lint(book_of(nodes), HOUSE, "main")]


def test_nodes_of_other_packages_are_linted_by_their_interface() -> None:
    gift = GiftNode(next={})
    assert found({"a": EchoNode(next={"on": "b"}), "b": gift}) == []
    assert found({"a": EchoNode(next={"on": "b", "off": "a"}), "b": gift}) == [(1, "dead-loop")]
    assert found({"a": EchoNode(next={"on": "b", "chosen": "a"}), "b": gift}) == []
    assert found({"a": EchoNode(next={"on": "b"}), "b": EchoNode(next={})}) == [(2, "no-exit")]
    assert found({"a": EchoNode(next={"chosen": "b"}), "b": EchoNode(next={"chosen": "a"})}) == [(1, "no-exit")]


def test_what_a_node_of_another_package_gives_takes_its_time() -> None:
    slow = linter.proofs(book_of({"a": SlowGiftNode(next={"given": "b", "on": "b"}), "b": GiftNode(next={})}), HOUSE, "main")[0]
    assert slow.worst == slow.silent == bound(30.0, 2)
    asks = linter.proofs(book_of({"a": OpenNode(next={"one": "b", "other": "b"}), "b": GiftNode(next={})}), HOUSE, "main")[0]
    assert asks.silent == bound(7.0, 1)


def test_ways_round_that_have_two_entrances_are_bounded_too() -> None:
    """None of the two lies on every way to the other: each is counted once."""
    menu: dict[str, Any] = {"x": {"chosen": "y", "on": "help"}, "y": {"chosen": "x", "on": "help"}}
    nodes = {
        "start": EchoNode(next={"to_x": "x", "to_y": "y"}),
        **{k: EchoNode(next=v) for k, v in menu.items()},
        "help": GiftNode(next={}),
    }
    assert linter.proofs(book_of(nodes), HOUSE, "main")[0].worst == bound(3 * len("Well") * 0.077, 3)


@pytest.mark.parametrize("size", [200, 2000])
def test_the_work_grows_no_faster_than_the_flow(size: int) -> None:
    """2 000 nodes in a deep chain with ways ahead and back: each is asked a fixed number of times for what it says of itself."""
    nodes: dict[str, Node] = {
        f"n{i}": EchoNode(next={"on": f"n{i + 1}", "ahead": f"n{min(i + 7, size)}", "chosen": f"n{max(i - 11, 0)}"}) for i in range(size)
    }
    nodes[f"n{size}"] = GiftNode(next={})
    EchoNode.visits.clear()
    assert {problem.code for problem in linter.lint(book_of(nodes), HOUSE, "main")} >= {"too-many-nodes"}
    assert set(EchoNode.visits) == {"exits", "stays", "words"}
    assert max(EchoNode.visits.values()) <= 12 * len(nodes)

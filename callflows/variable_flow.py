"""Which variables can have a value where: set by nodes, parameters and the call itself, followed over every way. Pure; for the linter.

A caller may come to a node by many ways; a variable counts as set there when it is on one of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from callflows.flow import Flow, FlowBook
from callflows.nodes.base import Node
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode

Spot = tuple[str, str]  # flow and node
ANY = "*"  # a node sets it; with a beginning before it, all names that begin so


@dataclass(frozen=True, slots=True)
class NeverSet:
    """``slot`` is the words that read it out, None where the node itself needs it."""

    flow: str
    node: str
    variable: str
    slot: str | None


def never_set(book: FlowBook, main: str, begin: Collection[str], webhooks: Mapping[str, Collection[str]] | None) -> Iterator[NeverSet]:
    """Every variable that is read on a caller's way from the start of ``main`` and set on none to there.

    ``begin`` are those that each call begins with, ``webhooks`` the variables that each may set. Every exit must lead somewhere.
    """
    sets = _Sets(book, webhooks)
    for (flow, name), known in sorted(sets.at_nodes(main, begin).items()):
        node = book.flows[flow].nodes[name]
        for variable in sorted(node.reads()):
            if not sets.holds(known, variable):
                yield NeverSet(flow, name, variable, None)
        known |= sets.set_by(node)  # its words may read out what it has just found: a place in the queue, a number
        for slot, words in node.words().items():
            for variable in sorted(words.placeholders()):
                if not sets.holds(known, variable):
                    yield NeverSet(flow, name, variable, slot)


class _Sets:
    """Sets of variables as the bits of whole numbers: a flow of thousands of nodes is joined together thousands of times."""

    def __init__(self, book: FlowBook, webhooks: Mapping[str, Collection[str]] | None) -> None:
        self._book = book
        self._webhooks = webhooks
        self._bits: dict[str, int] = {}
        self._sufficient: dict[str, int] = {}
        self._assigned: dict[int, int] = {}
        self._runners: dict[str, list[tuple[Spot, RunNode]]] = {}
        self._order: dict[Spot, int] = {}
        anywhere = 0
        for flow in book.flows.values():
            anywhere |= self._declared(flow)
            for name, node in flow.nodes.items():
                self._order[flow.name, name] = len(self._order)
                anywhere |= self.set_by(node)
                if isinstance(node, RunNode):
                    anywhere |= self._set(node.given)
                    self._runners.setdefault(node.run, []).append(((flow.name, name), node))
        self._anywhere = anywhere

    def at_nodes(self, main: str, begin: Collection[str]) -> dict[Spot, int]:
        """Node → what can be set when a caller comes to it; only nodes that he can come to."""
        flow = self._book.flows[main]
        known: dict[Spot, int] = {}
        todo: list[tuple[int, Spot]] = []  # in the order of the files, which is about that of the calls

        def come(spot: Spot, names: int) -> None:
            if spot not in known or known[spot] | names != known[spot]:
                known[spot] = known.get(spot, 0) | names
                heapq.heappush(todo, (self._order[spot], spot))

        come((main, flow.start), self._set(begin) | self._declared(flow))
        looked_at: dict[Spot, int] = {}
        while todo:
            _, spot = heapq.heappop(todo)
            if looked_at.get(spot) != known[spot]:
                looked_at[spot] = known[spot]
                for target, names in self._onward(spot, known):
                    come(target, names)
        return known

    def holds(self, known: int, variable: str) -> bool:
        if variable not in self._sufficient:
            beginnings = {variable[:length] + ANY for length in range(len(variable) + 1)}
            self._sufficient[variable] = self._set({variable, *beginnings} & self._bits.keys())
        return bool(known & self._sufficient[variable])

    def set_by(self, node: Node) -> int:
        """What this node sets, a webhook as far as the settings let it."""
        if id(node) not in self._assigned:
            names = set(node.assigns())
            webhook = node.names().get("webhook")
            if webhook and self._webhooks is not None and webhook in self._webhooks and ANY in names:
                names = names - {ANY} | set(self._webhooks[webhook])
            self._assigned[id(node)] = self._set(names)
        return self._assigned[id(node)]

    def _onward(self, spot: Spot, known: Mapping[Spot, int]) -> Iterator[tuple[Spot, int]]:
        flow = self._book.flows[spot[0]]
        node = flow.nodes[spot[1]]
        names = known[spot]
        if flow.on_hang_up and spot[1] == flow.start:  # he may hang up anywhere, in a flow that this one runs too
            yield (flow.name, flow.on_hang_up), self._anywhere | names
        if isinstance(node, RunNode):
            if (inner := self._book.flows.get(node.run)) is not None:
                yield (inner.name, inner.start), names | self._set(node.given) | self._declared(inner)
                for end, known_at_end in self._ended(inner, known):
                    if target := node.ends.get(end, node.ends.get(ANY_ENDING)):
                        yield (flow.name, target), known_at_end | names
        elif isinstance(node, EndNode):
            own = self._set(flow.parameters)
            for runner, run in self._runners.get(flow.name, ()):
                target = run.ends.get(node.end, run.ends.get(ANY_ENDING))
                if target and runner in known:
                    yield (runner[0], target), (names & ~own) | known[runner]
        else:
            for target in node.exits().values():
                yield (flow.name, target), names | self.set_by(node)

    def _ended(self, flow: Flow, known: Mapping[Spot, int]) -> Iterator[tuple[str, int]]:
        own = self._set(flow.parameters)
        for name, node in flow.nodes.items():
            if isinstance(node, EndNode) and (flow.name, name) in known:
                yield node.end, known[flow.name, name] & ~own

    def _declared(self, flow: Flow) -> int:
        """What may have a value since the flow began. A variable declared without default has none until it is set."""
        return self._set([*flow.parameters, *(name for name, declared in flow.variables.items() if declared.default)])

    def _set(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            bits |= 1 << self._bits.setdefault(name, len(self._bits))
        return bits

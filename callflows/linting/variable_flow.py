"""Which variables can have a value where: set by nodes, parameters and the call itself, followed over every way. Pure; for the linter.

A caller may come to a node by many ways; a variable counts as set there when it is on one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from callflows.flow import Flow, FlowBook
from callflows.linting.graphs import components, reached
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


@dataclass(frozen=True, slots=True)
class _Step:
    """To the spot numbered ``target``; what is set on the way there, and what is lost."""

    target: int
    sets: int
    loses: int = 0


class _Sets:
    """Sets of variables as the bits of whole numbers: in a flow of thousands of nodes they are joined thousands of times."""

    def __init__(self, book: FlowBook, webhooks: Mapping[str, Collection[str]] | None) -> None:
        self._book = book
        self._webhooks = webhooks
        self._bits: dict[str, int] = {}
        self._sufficient: dict[str, int] = {}
        self._assigned: dict[int, int] = {}
        self._runners: dict[str, list[tuple[str, RunNode]]] = {}
        self._number: dict[Spot, int] = {}
        self._anywhere = 0
        for flow in book.flows.values():
            self._anywhere |= self._declared(flow)
            for name, node in flow.nodes.items():
                self._number[flow.name, name] = len(self._number)
                self._anywhere |= self.set_by(node)
                if isinstance(node, RunNode):
                    self._anywhere |= self._set(node.given)
                    self._runners.setdefault(node.run, []).append((flow.name, node))

    def at_nodes(self, main: str, begin: Collection[str]) -> dict[Spot, int]:
        """Node → what can be set when a caller comes to it; only nodes that he can come to."""
        flow = self._book.flows[main]
        start = self._number[main, flow.start]
        steps = [list(self._onward(*spot)) for spot in self._number]
        successors = [[step.target for step in onward] for onward in steps]
        there = reached(successors, [start])
        known = [0] * len(steps)
        known[start] = self._set(begin) | self._declared(flow)
        for together in reversed(components(successors)):
            # Of nodes that lead to each other each can have come after all the others.
            among = set(together)
            if len(together) > 1 and not among.isdisjoint(there):
                joined = 0
                for number in together:
                    joined |= known[number]
                    for step in steps[number]:
                        joined |= step.sets if step.target in among else 0
                for number in together:
                    known[number] = joined
            for number in among & there:
                for step in steps[number]:
                    known[step.target] |= (known[number] & ~step.loses) | step.sets
        return {spot: known[number] for spot, number in self._number.items() if number in there}

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

    def _onward(self, flow_name: str, node_name: str) -> Iterator[_Step]:
        flow = self._book.flows[flow_name]
        node = flow.nodes[node_name]
        if flow.on_hang_up and node_name == flow.start:  # he may hang up anywhere, in a flow that this one runs too
            yield _Step(self._number[flow_name, flow.on_hang_up], self._anywhere)
        if isinstance(node, EndNode):
            for runner, run in self._runners.get(flow_name, ()):
                target = run.ends.get(node.end, run.ends.get(ANY_ENDING))
                if target:
                    yield _Step(self._number[runner, target], 0, self._set(flow.parameters))
            return
        if isinstance(node, RunNode) and (inner := self._book.flows.get(node.run)) is not None:
            yield _Step(self._number[inner.name, inner.start], self._set(node.given) | self._declared(inner))
        for target in node.exits().values():
            yield _Step(self._number[flow_name, target], self.set_by(node))

    def _declared(self, flow: Flow) -> int:
        """What may have a value since the flow began. A variable declared without default has none until it is set."""
        return self._set([*flow.parameters, *(name for name, declared in flow.variables.items() if declared.default)])

    def _set(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            bits |= 1 << self._bits.setdefault(name, len(self._bits))
        return bits

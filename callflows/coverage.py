"""Which nodes and ways of the flows a set of simulated calls went through, and which none did. Pure; for ``ivrd flow test``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from callflows.flow import FlowBook
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode
from callflows.simulated_call import SimulatedCall


@dataclass(frozen=True, slots=True)
class Missing:
    """A node that no call came to (``exit`` and ``target`` empty), or an exit that none took."""

    file: str
    line: int
    node: str
    exit: str = ""
    target: str = ""

    def __str__(self) -> str:
        what = f"{self.node} --{self.exit}--> {self.target} was never taken" if self.exit else f"{self.node} was never come to"
        return f"{self.file}:{self.line}: {what}"

    def as_json(self) -> dict[str, Any]:
        edge = {"exit": self.exit, "target": self.target} if self.exit else {}
        return {"file": self.file, "line": self.line, "node": self.node, **edge}


@dataclass(frozen=True, slots=True)
class Share:
    """``covered`` of ``of``; ``missing`` in the order of the files."""

    covered: int
    of: int
    missing: tuple[Missing, ...]

    def __str__(self) -> str:
        return f"{self.covered} of {self.of} ({self.percent:.0f} %)"

    @property
    def percent(self) -> float:
        """100 only when nothing is missing."""
        return 100.0 * self.covered / self.of if self.of else 100.0

    def as_json(self) -> dict[str, Any]:
        return {
            "covered": self.covered,
            "of": self.of,
            "percent": round(self.percent, 1),
            "missing": [missing.as_json() for missing in self.missing],
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    nodes: Share
    edges: Share


def coverage(book: FlowBook, flows: Collection[str], calls: Iterable[SimulatedCall]) -> Coverage:
    """Of these flows of the book. An edge is a node's exit: two keys that lead to one node are two."""
    entered: set[tuple[str, str]] = set()
    exits: set[tuple[str, str, str]] = set()
    for call in calls:
        entered |= call.entered
        exits |= call.exits
    nodes: list[Missing] = []
    edges: list[Missing] = []
    node_count = edge_count = 0
    for name in sorted(flows):
        flow = book.flow(name)
        for node_name, node in flow.nodes.items():
            line, shown = flow.lines.get(node_name, 1), f"{name}.{node_name}"
            node_count += 1
            if (name, node_name) not in entered:
                nodes.append(Missing(flow.file, line, shown))
            for exit_name, target in node.exits().items():
                if exit_name == ANY_ENDING and isinstance(node, RunNode) and _all_named(book, node):
                    continue  # nothing can lead here until the other flow gets one more ending
                edge_count += 1
                if (name, node_name, exit_name) not in exits:
                    edges.append(Missing(flow.file, line, shown, exit_name, target))
    return Coverage(
        Share(node_count - len(nodes), node_count, tuple(nodes)),
        Share(edge_count - len(edges), edge_count, tuple(edges)),
    )


def _all_named(book: FlowBook, runner: RunNode) -> bool:
    return {node.end for node in book.flow(runner.run).nodes.values() if isinstance(node, EndNode)} <= {*runner.exits()}

"""How many real calls took each way through the flows, and where callers were lost: counted from the paths in their records.

Pure. For the drawing. A path names nodes only, so each is followed through the book: a step that no exit leads to (another version's, or
a restart in between) counts as a visit and as nobody's way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callflows.flow import FlowBook
from callflows.nodes.subflow import EndNode, RunNode

Place = tuple[str, str]  # flow and node


@dataclass(frozen=True, slots=True)
class Traffic:
    """``ways``: (flow, node, next node) → calls over it, times counted. ``lost``: where callers were when they left with nothing."""

    calls: int
    visits: Counter[Place]
    ways: Counter[tuple[str, str, str]]
    lost: Counter[Place]


def traffic(book: FlowBook, main: str, paths: Iterable[tuple[Sequence[str], bool]]) -> Traffic:
    """Count paths: node names as the walk gives them, and whether the caller was lost at the last. ``main``: where calls begin."""
    counted = Traffic(0, Counter(), Counter(), Counter())
    calls = 0
    for names, lost in paths:
        calls += 1
        stack: list[Place] = []
        for name in names:
            place = _place(name, main)
            counted.visits[place] += 1
            _step(book, stack, place, counted.ways)
        if lost and stack:
            counted.lost[stack[-1]] += 1
    return Traffic(calls, counted.visits, counted.ways, counted.lost)


def _place(name: str, main: str) -> Place:
    flow, dot, node = name.partition(".")
    return (flow, node) if dot else (main, name)


def _step(book: FlowBook, stack: list[Place], place: Place, ways: Counter[tuple[str, str, str]]) -> None:
    """Follow one step: on in the same flow, down into a sub-flow, or up out of sub-flows that have ended."""
    while stack:
        flow, node = stack[-1]
        known = book.flows.get(flow)
        at = known.nodes.get(node) if known else None
        if isinstance(at, RunNode) and place[0] == at.run:
            stack.append(place)
            return
        if at and flow == place[0] and place[1] in at.exits().values():
            ways[(flow, node, place[1])] += 1
            stack[-1] = place
            return
        if not isinstance(at, EndNode):
            break
        stack.pop()
    stack[:] = [place]

"""How many nodes can follow each other without anybody being asked anything: the walk gives up a call that enters too many (see ``walk``).

Pure; for the linter. Counted over the flows that are run, each of their nodes and the node that runs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from callflows.linting.graphs import components
from callflows.linting.ways import Place, Way, ending
from callflows.nodes.subflow import RunNode


@dataclass(frozen=True, slots=True)
class Strides:
    """``ahead``: from the flow's start until something is asked; ``through``: from there to an ending; ``behind``: since something was
    asked, to an ending. ``longest`` is the most that any node begins, ``begins`` that node."""

    ahead: int
    through: Mapping[str, int]
    behind: Mapping[str, int]
    longest: int
    begins: str


def strides(places: Sequence[Place], start: int, there: set[int], inner: Mapping[str, Strides]) -> Strides:
    """Of the nodes ``there``. Where nodes send the caller round (another fault) each is counted once."""
    ahead = [0] * len(places)
    through: list[dict[str, int]] = [{} for _ in places]
    free = [[way for way in place.ways if way.free] for place in places]
    for component in components([[way.target for way in ways] for ways in free]):
        for number in component:
            place = places[number]
            run = _run(place, inner)
            ahead[number] = 1 + (run.ahead if run else 0)
            if (end := ending(place.node)) is not None:
                through[number][end] = 1
            for way in free[number]:
                steps = 1 + (run.through.get(way.inner, 0) if run and way.inner else 0)
                ahead[number] = max(ahead[number], steps + ahead[way.target])
                for goal, rest in through[way.target].items():
                    through[number][goal] = max(through[number].get(goal, 0), steps + rest)
    behind: dict[str, int] = {}
    longest, begins = max(((ahead[number], -number) for number in there), default=(0, -start))
    for number in there:
        for goal, steps in through[number].items():
            behind[goal] = max(behind.get(goal, 0), steps)
        for way, before in _out_of_run(places[number], inner):
            if before + ahead[way.target] > longest:
                longest, begins = before + ahead[way.target], -number
            for goal, rest in through[way.target].items():
                behind[goal] = max(behind.get(goal, 0), before + rest)
    return Strides(ahead[start], through[start], behind, longest, places[-begins].name)


def _run(place: Place, inner: Mapping[str, Strides]) -> Strides | None:
    return inner.get(place.node.run) if isinstance(place.node, RunNode) else None


def _out_of_run(place: Place, inner: Mapping[str, Strides]) -> Iterator[tuple[Way, int]]:
    """The ways out of a flow that is run, and how many nodes of it came before since something was asked there."""
    run = _run(place, inner)
    for way in place.ways if run else ():
        if run and way.inner in run.behind:
            yield way, run.behind[way.inner or ""]

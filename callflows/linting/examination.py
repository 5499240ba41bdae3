"""Every flow of a book looked through once, those that are run before those that run them. For the linter and its proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from callflows.flow import Flow, FlowBook
from callflows.linting.bounds import Longest, longest, quickest
from callflows.linting.graphs import Dominators, components, reached, rounds
from callflows.linting.strides import Strides, strides
from callflows.linting.ways import HELP, Place, Quick, Reach, Summary, Way, ending, places_of
from callflows.nodes.base import Saying
from callflows.nodes.subflow import RunNode


@dataclass(frozen=True, slots=True)
class Loop:
    """Nodes among which a caller can be sent round though he chooses nothing: ``exit`` of ``node`` keeps him in it.

    ``failing``: though he does all that he is asked for, because we go on failing him.
    """

    code: Literal["dead-loop", "unbounded-retries"]
    nodes: tuple[str, ...]
    node: str
    exit: str
    failing: bool = False


@dataclass(slots=True)
class Examined:
    """One flow. ``heard`` are the numbers of the nodes a caller can come to, ``after`` those that follow a hang-up alone."""

    flow: Flow
    places: list[Place]
    start: int
    heard: set[int]
    after: set[int]
    loops: list[Loop]
    stuck: list[str]  # nodes from which nothing leads on, though the caller has got nothing
    worst: Longest
    silent: Longest
    quick: Mapping[str, Quick]
    quick_path: list[int]
    strides: Strides
    summary: Summary


@dataclass(slots=True)
class Examination:
    """``circles`` are flows that run each other: they are not examined, nor are those that run them."""

    flows: dict[str, Examined] = field(default_factory=dict)
    circles: list[list[str]] = field(default_factory=list)


def examine(book: FlowBook, saying: Saying) -> Examination:
    """Look through the flows whose every exit leads somewhere; the others are left out, and so are the ways through them."""
    found = Examination()
    names = list(book.flows)
    number = {name: index for index, name in enumerate(names)}
    runs = [_runs(book.flows[name], number) for name in names]
    summaries: dict[str, Summary] = {}
    for component in components(runs):
        if len(component) > 1 or component[0] in runs[component[0]]:
            found.circles.append([names[index] for index in sorted(component)])
            continue
        flow = book.flows[names[component[0]]]
        if _leads_somewhere(flow):
            unasked_in = {name: examined.strides for name, examined in found.flows.items()}
            examined = _examine(flow, saying, summaries, unasked_in)
            found.flows[flow.name] = examined
            summaries[flow.name] = examined.summary
    return found


def _runs(flow: Flow, number: Mapping[str, int]) -> list[int]:
    return [number[node.run] for node in flow.nodes.values() if isinstance(node, RunNode) and node.run in number]


def _leads_somewhere(flow: Flow) -> bool:
    targets = {flow.start, *([flow.on_hang_up] if flow.on_hang_up else [])}
    return all(target in flow.nodes for target in targets.union(*(node.exits().values() for node in flow.nodes.values())))


def _examine(flow: Flow, saying: Saying, summaries: Mapping[str, Summary], unasked_in: Mapping[str, Strides]) -> Examined:
    places = places_of(flow, saying, summaries)
    number = {place.name: index for index, place in enumerate(places)}
    start = number[flow.start]
    successors = [[way.target for way in place.ways] for place in places]
    heard = reached(successors, [start])
    after = reached(successors, [number[flow.on_hang_up]] if flow.on_hang_up else []) - heard
    before = Dominators(successors, start)
    loops = _loops(places, heard | after, before)
    # Back to where he has been is the caller's own choice (else it is a loop, refused): no bound can hold for how often he takes it.
    worst = longest(places, _worst, lambda place: place.helped, partial(_goes_back, before))
    silent = longest(places, _silent, lambda place: place.helped_silent, lambda number, way: False)
    quick, quick_path = quickest(places, start)
    summary = Summary(
        endings=frozenset(end for index in heard if (end := ending(places[index].node)) is not None),
        worst=worst.reaches[start],
        silent=silent.reaches[start],
        quick=quick,
        free=_endings(places, [start], lambda way: way.free),
        silently=_endings(places, [start], lambda way: way.silently),
        forced=_endings(places, [start], lambda way: way.forced),
        failing=_endings(places, _failed_at(places, start), lambda way: way.forced),
        tails=_tails(places, heard, worst, summaries),
        anywhere=_anywhere(places, heard, worst, summaries),
        first=_first(places, start),
        gives=any(_gives(places[index], summaries) for index in heard),
    )
    stuck = _stuck(places, successors, heard, loops, summaries)
    unasked = strides(places, start, heard | after, unasked_in)
    return Examined(flow, places, start, heard, after, loops, stuck, worst, silent, quick, quick_path, unasked, summary)


def _worst(way: Way) -> Reach | None:
    return way.worst


def _silent(way: Way) -> Reach | None:
    return way.silent


def _goes_back(before: Dominators, number: int, way: Way) -> bool:
    return before.passed(way.target, number)


def _loops(places: list[Place], looked_at: set[int], before: Dominators) -> list[Loop]:
    def among(kept: Callable[[Way], bool]) -> list[list[int]]:
        return rounds([[way.target for way in place.ways if kept(way)] if n in looked_at else [] for n, place in enumerate(places)])

    found: list[Loop] = []
    dead: set[int] = set()
    for nodes in among(lambda way: way.free):
        dead |= set(nodes)
        ring = set(nodes)
        inner = [(n, way) for n in nodes for way in places[n].ways if way.free and way.target in ring]
        node, way = next(((n, way) for n, way in inner if before.passed(way.target, n)), inner[0])
        found.append(Loop("dead-loop", tuple(places[n].name for n in nodes), places[node].name, way.exit))
    for nodes in among(lambda way: way.silently):
        if dead.isdisjoint(nodes):
            ring = set(nodes)
            inner = [(n, way) for n in nodes for way in places[n].ways if way.silently and not way.free and way.target in ring]
            node, way = inner[0]
            found.append(Loop("unbounded-retries", tuple(places[n].name for n in nodes), places[node].name, way.exit))
            dead |= set(nodes)
    for nodes in among(lambda way: way.forced):
        ring = set(nodes)
        failed = [(n, way) for n in nodes for way in places[n].ways if way.fails and way.target in ring]
        if failed and dead.isdisjoint(nodes):
            node, way = failed[0]
            found.append(Loop("unbounded-retries", tuple(places[n].name for n in nodes), places[node].name, way.exit, failing=True))
    return found


def _failed_at(places: list[Place], start: int) -> list[int]:
    """Where those are whom we failed, though they did all that was asked."""
    there = reached([[way.target for way in place.ways if way.forced] for place in places], [start])
    return [way.target for number in there for way in places[number].ways if way.fails]


def _endings(places: list[Place], starts: Iterable[int], kept: Callable[[Way], bool]) -> frozenset[str]:
    there = reached([[way.target for way in place.ways if kept(way)] for place in places], starts)
    return frozenset(end for number in there if (end := ending(places[number].node)) is not None)


def _gives(place: Place, summaries: Mapping[str, Summary]) -> bool:
    if isinstance(place.node, RunNode):
        return place.node.run not in summaries or summaries[place.node.run].gives
    return place.node.gives is not None


def _first(places: list[Place], start: int) -> frozenset[str]:
    there = reached([[way.target for way in place.ways if way.worst is not None] for place in places], [start])
    return frozenset().union(*(places[number].first for number in there if places[number].helped is not None))


def _tails(places: list[Place], heard: set[int], worst: Longest, summaries: Mapping[str, Summary]) -> dict[str, Reach]:
    tails: dict[str, Reach] = {}
    for number in heard:
        for goal, reach in (*worst.reaches[number].items(), *_after_run(places[number], worst, summaries)):
            if goal != HELP:
                tails[goal] = reach.or_else(tails.get(goal))
    return tails


def _anywhere(places: list[Place], heard: set[int], worst: Longest, summaries: Mapping[str, Summary]) -> Reach:
    bound = Reach()
    for number in heard:
        node = places[number].node
        if isinstance(node, RunNode) and node.run in summaries:
            bound = bound.or_else(summaries[node.run].anywhere)
        for _, reach in (*worst.reaches[number].items(), *_after_run(places[number], worst, summaries)):
            bound = bound.or_else(reach)
    return bound


def _after_run(place: Place, worst: Longest, summaries: Mapping[str, Summary]) -> list[tuple[str, Reach]]:
    """From the worst place within the flow that is run, over its endings, to whatever follows here."""
    if not isinstance(place.node, RunNode) or place.node.run not in summaries:
        return []
    tails = summaries[place.node.run].tails
    return [
        (goal, tail.then(rest))
        for way in place.ways
        if way.inner is not None and (tail := tails.get(way.inner)) is not None
        for goal, rest in worst.reaches[way.target].items()
    ]


def _stuck(
    places: list[Place], successors: list[list[int]], heard: set[int], loops: list[Loop], summaries: Mapping[str, Summary]
) -> list[str]:
    looping = {name for loop in loops for name in loop.nodes}
    found: list[str] = []
    for component in components(successors):
        among = set(component)
        if not among & heard or any(target not in among for number in component for target in successors[number]):
            continue
        if not any(
            _gives(places[number], summaries) or ending(places[number].node) is not None or places[number].name in looping
            for number in component
        ):
            found.append(places[min(component)].name)
    return found

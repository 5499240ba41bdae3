"""The longest and the shortest ways over a flow's places: how late and how soon a caller can be somewhere. Pure; for the proofs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from callflows.linting.graphs import components
from callflows.linting.ways import HELP, Place, Quick, Reach, Way, ending


@dataclass(slots=True)
class Longest:
    """For every node: ``HELP`` or an ending → the longest way to it. ``onward`` is the next node on the longest of all, in seconds."""

    reaches: list[dict[str, Reach]]
    onward: list[int | None]


def longest(
    places: Sequence[Place],
    cost: Callable[[Way], Reach | None],
    helped: Callable[[Place], Reach | None],
    goes_back: Callable[[int, Way], bool],
) -> Longest:
    """Longest ways over what ``cost`` prices, leaving out those that go back.

    Where nodes lead to each other all the same, none of them is counted more than once: the sum of their dearest ways is the bound.
    """
    ways = [[way for way in place.ways if cost(way) is not None and not goes_back(number, way)] for number, place in enumerate(places)]
    found = Longest([{} for _ in places], [None] * len(places))
    for component in components([[way.target for way in out] for out in ways]):
        among = set(component)
        inside = {number: _dearest(cost(way) for way in ways[number] if way.target in among) for number in component}
        total = Reach(sum(reach.seconds for reach in inside.values()), sum(reach.prompts for reach in inside.values()))
        together: dict[str, Reach] = {}
        for number in component:
            reaches = _outward(places[number], [way for way in ways[number] if way.target not in among], number, cost, helped, found)
            before = Reach(total.seconds - inside[number].seconds, total.prompts - inside[number].prompts)
            for goal, reach in reaches.items():
                together[goal] = before.then(reach).or_else(together.get(goal))
        for number in component:
            found.reaches[number] = together
    return found


def _outward(
    place: Place,
    ways: Sequence[Way],
    number: int,
    cost: Callable[[Way], Reach | None],
    helped: Callable[[Place], Reach | None],
    found: Longest,
) -> dict[str, Reach]:
    """What is reached from a node itself and over ways whose targets are known."""
    reaches: dict[str, Reach] = {}
    if (end := ending(place.node)) is not None:
        reaches[end] = Reach()
    if (at_once := helped(place)) is not None:
        reaches[HELP] = at_once
    farthest = Reach()
    for way in ways:
        price = cost(way) or Reach()
        for goal, rest in found.reaches[way.target].items():
            candidate = price.then(rest)
            reaches[goal] = candidate.or_else(reaches.get(goal))
            if found.onward[number] is None or candidate.seconds > farthest.seconds:
                found.onward[number], farthest = way.target, candidate
    return reaches


def _dearest(prices: Iterable[Reach | None]) -> Reach:
    dearest = Reach()
    for price in prices:
        dearest = dearest.or_else(price)
    return dearest


def path(found: Longest, start: int) -> list[int]:
    """The nodes of the longest way to help or to an ending, the one where it comes included."""
    numbers = [start]
    while (onward := found.onward[numbers[-1]]) is not None and onward not in numbers:
        numbers.append(onward)
    return numbers


def quickest(places: Sequence[Place], start: int) -> tuple[Mapping[str, Quick], list[int]]:
    """``HELP`` (here: a human alone) or an ending → the quickest way from ``start``; and the nodes on the way to the human."""
    found: dict[str, Quick] = {}
    came_from: dict[int, int] = {}
    best = {start: Quick()}
    done: set[int] = set()
    todo: list[tuple[Quick, int]] = [(Quick(), start)]
    last: int | None = None
    while todo:
        so_far, number = heapq.heappop(todo)
        if number in done:
            continue
        done.add(number)
        place = places[number]
        if (end := ending(place.node)) is not None:
            found[end] = min(so_far, found.get(end, so_far))
        if place.human is not None and ((there := so_far.then(place.human)) < found.get(HELP, Quick(float("inf")))):
            found[HELP], last = there, number
        for way in place.ways:
            if way.quick is not None and way.target not in done:
                there = so_far.then(way.quick)
                if there < best.get(way.target, Quick(float("inf"))):
                    best[way.target] = there
                    came_from[way.target] = number
                    heapq.heappush(todo, (there, way.target))
    numbers = [] if last is None else [last]
    while numbers and numbers[-1] in came_from:
        numbers.append(came_from[numbers[-1]])
    return found, numbers[::-1]

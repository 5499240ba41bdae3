"""Reach, rounds, dominators and longest ways against the plainest way to work them out, on small random graphs."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from callflows.linting.bounds import longest, quickest
from callflows.linting.graphs import Dominators, components, reached, rounds
from callflows.linting.ways import HELP, Place, Quick, Reach, Way
from callflows.nodes.hang_up import HangUpNode
from callflows.nodes.say import SayNode

Graph = list[list[int]]
GRAPHS = st.integers(1, 7).flatmap(lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=3), min_size=size, max_size=size))
EASY = settings(max_examples=80, deadline=None)


def without(graph: Graph, node: int) -> Graph:
    return [[] if number == node else targets for number, targets in enumerate(graph)]


@given(GRAPHS)
@EASY
def test_components_lead_to_each_other_and_come_after_what_they_lead_to(graph: Graph) -> None:
    found = components(graph)
    place = {node: index for index, nodes in enumerate(found) for node in nodes}
    assert sorted(place) == list(range(len(graph)))
    for one in range(len(graph)):
        for other in range(len(graph)):
            there = other in reached(graph, [one])
            assert (place[one] == place[other]) == (there and one in reached(graph, [other]))
            assert not there or place[one] >= place[other]


@given(GRAPHS)
@EASY
def test_one_can_go_round_where_a_way_leads_back(graph: Graph) -> None:
    again = {node for node, targets in enumerate(graph) if node in reached(graph, targets)}
    assert {node for nodes in rounds(graph) for node in nodes} == again


@given(GRAPHS)
@EASY
def test_a_node_lies_on_every_way_when_nothing_is_reached_without_it(graph: Graph) -> None:
    before = Dominators(graph, 0)
    for at in reached(graph, [0]):
        for node in range(len(graph)):
            alone = node == at or node == 0 or (node in reached(graph, [0]) and at not in reached(without(graph, node), [0]))
            assert before.passed(node, at) == alone


def test_nothing_lies_on_the_way_to_what_is_never_reached() -> None:
    assert not Dominators([[], [0]], 0).passed(0, 1)


PRICES = st.lists(st.integers(0, 9), min_size=21, max_size=21)
PRICED = GRAPHS.flatmap(lambda graph: st.tuples(st.just(graph), PRICES))


def places(graph: Graph, prices: list[int]) -> list[Place]:
    """The last node gives help; each way costs what ``prices`` say."""
    say = SayNode.model_validate({"say": {"zh": "好"}, "next": "x"})
    bye = HangUpNode.model_validate({"hang_up": {"zh": "再见"}})
    found = []
    for number, targets in enumerate(graph[:-1]):
        priced = [(target, prices[number * 3 + index]) for index, target in enumerate(targets)]
        ways = [
            Way(str(i), target, Reach(price, 1), None, Quick(price, 0), free=True, silently=True, forced=True, fails=False)
            for i, (target, price) in enumerate(priced)
        ]
        found.append(Place(f"n{number}", say, tuple(ways)))
    return [*found, Place("help", bye, (), helped=Reach(), human=Quick())]


def simple_ways(graph: list[Place], start: int, passed: tuple[int, ...] = ()) -> Iterator[tuple[float, int]]:
    """Seconds and prompts of every way to help that comes nowhere twice."""
    if start == len(graph) - 1:
        yield 0.0, 0
        return
    for way in graph[start].ways:
        if way.target not in (*passed, start) and way.worst is not None:
            for seconds, prompts in simple_ways(graph, way.target, (*passed, start)):
                yield seconds + way.worst.seconds, prompts + way.worst.prompts


@given(PRICED)
@EASY
def test_no_way_without_turning_back_is_longer_than_the_bound(priced: tuple[Graph, list[int]]) -> None:
    graph = places(*priced)
    successors = [[way.target for way in place.ways] for place in graph]
    before = Dominators(successors, 0)
    found = longest(graph, lambda way: way.worst, lambda place: place.helped, lambda number, way: before.passed(way.target, number))
    ways = list(simple_ways(graph, 0))
    assert (HELP in found.reaches[0]) == bool(ways)
    if ways:
        bound = found.reaches[0][HELP]
        assert max(seconds for seconds, _ in ways) <= bound.seconds
        assert max(prompts for _, prompts in ways) <= bound.prompts
        kept = [[w.target for w in place.ways if not before.passed(w.target, n)] for n, place in enumerate(graph)]
        if not rounds(kept):  # every way back goes to where one has surely been: the bound is exact
            assert max(seconds for seconds, _ in ways) == bound.seconds


@given(PRICED)
@EASY
def test_no_way_is_quicker_than_the_quickest(priced: tuple[Graph, list[int]]) -> None:
    graph = places(*priced)
    found, path = quickest(graph, 0)
    ways = [seconds for seconds, _ in simple_ways(graph, 0)]
    assert (found[HELP].seconds if HELP in found else None) == min(ways, default=None)
    assert path[:1] + path[-1:] == ([0, len(graph) - 1] if ways else [])

"""The node ``end``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import refusal, stays

from callflows.loader import load
from callflows.outcomes import Done
from callflows.walk import Walk

MAIN = """\
flow: main
start: ask
nodes:
  ask: {run: inner, ends: {good: fine, _: other}}
  fine: {end: fine}
  other: {end: other}
"""


def path(ending: str) -> list[str]:
    inner = f"flow: inner\nstart: done\nnodes:\n  done: {{end: {ending}}}\n"
    walk = Walk.begin(load({"main.yaml": MAIN, "inner.yaml": inner}), "main", "zh")
    steps = walk.run()
    nodes = [next(steps)]
    try:
        while True:
            nodes.append(steps.send(Done()))
    except StopIteration:
        return [effect.node for effect in nodes]  # type: ignore[union-attr]


def test_the_flow_that_ran_it_goes_on_by_the_way_it_ended() -> None:
    assert path("good") == ["ask", "inner.done", "fine"]


def test_an_ending_without_a_way_of_its_own_takes_the_one_for_all() -> None:
    assert path("strange") == ["ask", "inner.done", "other"]


def test_an_ending_is_a_name_and_leads_nowhere() -> None:
    assert "end" in refusal("{end: Not A Name}")
    assert stays("{end: done}") == {}

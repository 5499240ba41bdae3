"""The node ``run``: what it asks for, by which exit it is left, how long that takes at most."""

from __future__ import annotations

from support.nodes import refusal, stays, written

from callflows.effects import Effect, EnterNode, Say
from callflows.loader import load
from callflows.outcomes import Done
from callflows.speech import Characters
from callflows.walk import Walk

NODE = '{run: greet, with: {name: "{customer_name}", warm: true}, ends: {done: bye, _: sorry}}'
MAIN = """\
flow: main
start: set
nodes:
  set: {set: {who: "7", name: "1"}, next: first}
  first: {run: greet, with: {name: "{who}"}, ends: {done: second}}
  second: {run: greet, ends: {_: tell}}
  tell: {say: {zh: "{name}{greeted}"}, next: stop}
  stop: {end: done}
"""
GREET = """\
flow: greet
start: greet
parameters:
  name: {type: digits, default: 0}
variables:
  greeted: {type: flag}
nodes:
  greet: {say: {zh: "{name}"}, next: keep}
  keep: {set: {greeted: true}, next: end}
  end: {end: done}
"""


def effects(*sources: str) -> list[Effect]:
    """Of a walk through flows that only speak."""
    walk = Walk.begin(load({f"{index}.yaml": text for index, text in enumerate(sources)}), "main", "zh")
    steps = walk.run()
    found: list[Effect] = []
    try:
        effect = next(steps)
        while True:
            found.append(effect)
            effect = steps.send(Done())
    except StopIteration:
        return found


def test_a_flow_is_walked_with_what_it_is_given_and_its_defaults() -> None:
    """Outside, the variables of its parameters' names are what they were; what else it sets stays set."""
    said = [
        [part.value for part in effect.speech if isinstance(part, Characters)] for effect in effects(MAIN, GREET) if isinstance(effect, Say)
    ]
    assert said == [["7"], ["0"], ["1", "yes"]]


def test_a_path_names_a_sub_flows_nodes_with_its_name() -> None:
    path = [effect.node for effect in effects(MAIN, GREET) if isinstance(effect, EnterNode)]
    assert path[:6] == ["set", "first", "greet.greet", "greet.keep", "greet.end", "second"]


def test_what_it_reads_is_told_and_it_takes_no_time_itself() -> None:
    assert written(NODE).reads() == {"customer_name"}
    assert {stay.seconds for stay in stays(NODE).values()} == {0.0}


def test_a_parameter_has_the_name_of_a_variable() -> None:
    assert "with" in refusal(NODE.replace("warm", "Warm"))

"""The walk: sub-flows with parameters, handing over and coming back, hang-ups, and sentences for whatever a flow does wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import ClassVar

import pytest

from callflows.effects import Effect, EnterNode, FileComplaint, Queue, Say
from callflows.flow import Flow, FlowBook
from callflows.loader import load
from callflows.nodes.base import CallState, Node, Steps
from callflows.nodes.variables import Secret
from callflows.outcomes import CallerHungUp, ComplaintFiled, DialEnd, DialLeft, Digits, Done, NoInput, Outcome, QueueEnd, QueueLeft
from callflows.walk import DEPTH_LIMIT, CameBack, FlowStuckError, Position, Walk

HANDS_OVER = """\
flow: main
start: pin
nodes:
  pin:
    collect: {zh: 密码}
    into: pin
    masked: true
    next: sub
    no_input: {then: bye}
    wrong_key: {then: bye}
  sub: {run: inner, with: {pin: "1"}, ends: {_: told}}
  told: {say: {zh: "{pin}"}, next: bye}
  bye: {hang_up: {zh: 再见}}
"""
INNER = """\
flow: inner
start: wait
parameters: {pin: {type: digits}}
variables: {n: {type: number, default: 7}}
nodes:
  wait: {queue: hr, served: ring, _: out}
  ring: {dial: porter, served: out, busy: engaged, _: out}
  engaged: {set: {n: many, seen: "{pin}"}, next: out}
  out: {end: out}
"""


def played(walk: Walk, *outcomes: Outcome | CallerHungUp, came_back: CameBack | None = None) -> list[Effect]:
    """Effects of one leg: it ends with the flow, or when the outcomes are used up. ``Say`` and the like are answered by themselves."""
    steps = walk.run(came_back)
    answers = list(outcomes)
    found: list[Effect] = []
    try:
        effect = next(steps)
        while True:
            found.append(effect)
            if type(effect).__name__ in ("EnterNode", "Say", "HangUp"):
                effect = steps.send(Done())
            elif not answers:
                return found
            else:
                answer = answers.pop(0)
                effect = steps.throw(answer) if isinstance(answer, CallerHungUp) else steps.send(answer)
    except StopIteration:
        assert answers == []
        return found


def stored(walk: Walk) -> Walk:
    """As a contact keeps it while the caller waits: through JSON."""
    return Walk(walk._book, Position.from_json(json.loads(json.dumps(walk.position.as_json()))))


def test_a_masked_variable_is_named_so_that_it_can_be_sealed_and_stays_masked() -> None:
    walk = Walk.begin(load({"main.yaml": HANDS_OVER, "inner.yaml": INNER}), "main", "zh")
    assert isinstance(played(walk, Digits("4711"))[-1], Queue)
    kept = walk.position.as_json()
    assert kept["masked"] == ["pin@1"]
    assert kept["variables"] == {"pin": "1", "pin@1": "4711", "n": "7"}
    assert "4711" not in repr(walk.position)
    assert "4711" not in repr(stored(walk).position)


def test_a_walk_goes_on_after_a_queue_and_after_a_telephone_and_gives_a_parameter_back() -> None:
    walk = Walk.begin(load({"main.yaml": HANDS_OVER, "inner.yaml": INNER}), "main", "zh")
    played(walk, Digits("4711"))
    walk = stored(walk)
    played(walk, came_back=QueueLeft(QueueEnd.SERVED))
    walk = stored(walk)
    effects = played(walk, came_back=DialLeft(DialEnd.BUSY))
    assert walk.node == "bye"
    assert walk.call.variables == {"pin": "4711", "seen": "1"}  # n was no number any more
    assert isinstance(walk.call.variables["pin"], Secret)
    assert "4711" not in repr(effects)


def test_a_position_of_before_there_were_masked_variables_can_still_be_read() -> None:
    old = {"frames": [["main", "wait"]], "language": "zh", "variables": {"serial": "1"}}
    assert Position.from_json(old).variables == {"serial": "1"}


@pytest.mark.parametrize(
    "broken", [{}, {"frames": [], "language": "zh", "variables": {}}, {"frames": [["a"]], "language": "zh", "variables": {}}]
)
def test_what_is_no_position_is_an_error(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Position.from_json({"language": "zh", "variables": {}} | broken)


def test_a_hang_up_leaves_sub_flows_until_one_cares_and_gives_their_parameters_back() -> None:
    main = """\
flow: main
start: sub
on_hang_up: file
nodes:
  sub: {run: inner, with: {serial: "0"}, ends: {_: bye}}
  file: {file_complaint: {serial: serial}, into: number, complete: false, filed: bye, not_stored: bye}
  bye: {hang_up: {zh: 再见}}
"""
    inner = """\
flow: inner
start: ask
parameters: {serial: {type: digits}}
nodes:
  ask: {menu: {zh: 吗}, keys: {_: out}, no_input: {then: out}}
  out: {end: out}
"""
    walk = Walk.begin(load({"main.yaml": main, "inner.yaml": inner}), "main", "zh", {"serial": "1234"})
    effects = played(walk, CallerHungUp(), ComplaintFiled("C1"))
    assert FileComplaint("1234", None, None, complete=False) in effects
    assert walk.hung_up


def one(nodes: str) -> Walk:
    return Walk.begin(load({"f.yaml": f"flow: main\nstart: a\nnodes:\n{nodes}"}), "main", "zh")


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        ("  a: {given: x, yes: a, no: a}\n", "100 nodes entered without asking anything, last 'a'"),
        ("  a: {given: x, yes: b, no: b}\n", "there is no node 'b'"),
        ("  a: {run: absent, ends: {_: a}}\n", "there is no flow 'absent'"),
        ("  a: {run: main, ends: {_: a}}\n", f"'main' runs itself, {DEPTH_LIMIT} flows deep"),
    ],
)
def test_a_flow_that_is_stuck_says_so_in_a_sentence(nodes: str, sentence: str) -> None:
    with pytest.raises(FlowStuckError, match=sentence):
        played(one(nodes))


class OddNode(Node):
    """Of another package, and faulty."""

    kind: ClassVar[str] = "odd"
    odd: str

    def steps(self, call: CallState, place: str) -> Steps:
        if self.odd == "raises":
            raise KeyError("colour")
        if self.odd == "leaves":
            sys.exit(3)
        while self.odd == "spins":
            yield Say(())
        yield self.odd  # type: ignore[misc]
        return ""

    def exits(self) -> Mapping[str, str]:
        return {}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("raises", "KeyError: 'colour'"),
        ("leaves", "SystemExit: 3"),
        ("spins", "1000 effects without asking"),
        ("what", "'what', which is no effect"),
    ],
)
def test_a_node_that_fails_is_named_and_fails_nothing_else(odd: str, said: str) -> None:
    flow = Flow("main", "a", {"a": OddNode(odd=odd)}, None, "f.yaml", {})
    with pytest.raises(FlowStuckError, match=rf"f\.yaml: the node 'a' \(odd\) failed: .*{said}"):
        played(Walk.begin(FlowBook({"main": flow}, "v"), "main", "zh"))


def test_the_case_of_no_value_leads_on() -> None:
    walk = one('  a: {switch: x, cases: {"": b, _: a}}\n  b: {hang_up: {zh: 再见}}')
    assert [effect.node for effect in played(walk) if isinstance(effect, EnterNode)] == ["a", "b"]


def test_a_call_that_comes_back_to_where_it_never_left_says_so() -> None:
    with pytest.raises(FlowStuckError, match="the call came back to 'a', which had sent it nowhere"):
        played(one("  a: {say: {zh: 好}, next: a}\n"), came_back=QueueLeft(QueueEnd.SERVED))


def test_an_ending_that_nobody_expects_says_so() -> None:
    book = load(
        {
            "a.yaml": "flow: main\nstart: a\nnodes:\n  a: {run: inner, ends: {good: a}}\n",
            "b.yaml": "flow: inner\nstart: b\nnodes:\n  b: {end: bad}\n",
        }
    )
    with pytest.raises(FlowStuckError, match="'a' has no exit '_'"):
        played(Walk.begin(book, "main", "zh"))


def test_no_flow_of_that_name_says_so() -> None:
    with pytest.raises(FlowStuckError, match="there is no flow 'absent'"):
        Walk.begin(load({"f.yaml": "flow: main\nstart: a\nnodes:\n  a: {end: a}\n"}), "absent", "zh")


def test_a_walk_knows_by_which_exit_it_came() -> None:
    walk = one("  a: {menu: {zh: 吗}, keys: {1: b}, no_input: {tries: 1, then: b}, wrong_key: {then: b}}\n  b: {hang_up: {zh: 再见}}\n")
    effects = played(walk, NoInput())
    assert walk.left == ("main", "a", "no_input")
    assert any(isinstance(effect, Say) for effect in effects)

"""What the linter proves holds: a flow that it passes never goes in circles, and helps every caller within the seconds that it says."""

from __future__ import annotations

from hypothesis import assume, given, settings
from property.test_flows import CALENDARS, FAST, LINES, PHONES, books, ends_well, scripts, surroundings

from callflows import linter, loader
from callflows.caller_steps import Silence, Step
from callflows.effects import AskWebhook
from callflows.flow import FlowBook
from callflows.nodes.base import Node
from callflows.nodes.webhook import LONGEST_DEADLINE_S
from callflows.proofs import Proof
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.surroundings import Surroundings

HOUSE = linter.House(LINES, LINES, CALENDARS, ("zh", "en"), PHONES, {"crm": ("v1",)})
ROUNDING_S = 0.01
SILENT: list[Step] = [Silence()] * 300


def proof_of(book: FlowBook) -> Proof:
    return next(proof for proof in linter.proofs(book, HOUSE, "main") if proof.flow == "main")


def helped_at(call: SimulatedCall, book: FlowBook) -> float:
    """When the caller had got something, at the latest: a human or a queue, a message kept, a callback, a goodbye; else the end."""
    for number, (name, at) in enumerate(zip(call.path, call.came_at, strict=True)):
        node = node_of(name, book)
        if node.hands_over or (node.gives and not node.gives_by):
            return at
        if node.gives:
            return [*call.came_at, call.seconds][number + 1]
    return call.seconds


def node_of(name: str, book: FlowBook) -> Node:
    flow, _, node = name.rpartition(".")
    return book.flow(flow or "main").nodes[node]


@settings(FAST, max_examples=80)
@given(files=books(forward=False), script=scripts, around=surroundings)
def test_a_flow_that_the_linter_passes_ends_well_and_helps_in_time(files: dict[str, str], script: list[Step], around: Surroundings) -> None:
    book = loader.load(files)
    proof = proof_of(book)
    assume(proof.proven and proof.silent is not None)
    ends_well(simulate(book, "main", script, around, language="zh"), script)
    call = simulate(book, "main", SILENT, around, language="zh")
    assert proof.silent is not None
    late_s = max(0.0, around.webhook_s - LONGEST_DEADLINE_S) * sum(isinstance(effect, AskWebhook) for effect in call.effects)
    assert helped_at(call, book) <= proof.silent.seconds + late_s + ROUNDING_S

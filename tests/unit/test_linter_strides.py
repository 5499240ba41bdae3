"""How many nodes can follow each other without anything being asked: the linter counts them as the walk does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from unit.test_linter import HOUSE

from callflows import linter
from callflows.effects import Effect, EnterNode
from callflows.outcomes import Done
from callflows.walk import HOP_LIMIT, FlowStuckError, Walk


def mute(nodes: int, *, within: int = 0) -> dict[str, str]:
    """So many nodes one after the other that ask nothing, the last says goodbye; ``within`` of them stand in a flow that is run."""

    def chain(length: int, last: str) -> str:
        return "".join(f"  s{i}: {{set: {{a: 1}}, next: {f's{i + 1}' if i < length - 1 else last}}}\n" for i in range(length))

    bye = "  bye: {hang_up: {zh: 再见, en: Bye}}\n"
    head = "flow: main\nstart: s0\nnodes:\n"
    if not within:
        return {"main.yaml": head + chain(nodes - 1, "bye") + bye}
    outer = chain(nodes - within - 2, "inner") + "  inner: {run: inner, ends: {_: bye}}\n" + bye
    inner = chain(within - 1, "over") + "  over: {end: over}\n"
    return {"main.yaml": head + outer, "inner.yaml": head.replace("main", "inner").replace("s0", "s0" if within > 1 else "over") + inner}


@pytest.mark.parametrize("within", [0, 1, 40])
@pytest.mark.parametrize("nodes", [HOP_LIMIT, HOP_LIMIT + 1])
def test_the_linter_counts_unasked_nodes_as_the_walk_does(nodes: int, within: int) -> None:
    book, problems = linter.check(mute(nodes, within=within), HOUSE, "main")
    assert book is not None
    entered = 0
    with pytest.raises(FlowStuckError) if nodes > HOP_LIMIT else nullcontext():
        for effect in answered(Walk.begin(book, "main", "zh")):
            entered += isinstance(effect, EnterNode)
    assert entered == HOP_LIMIT
    assert [problem.code for problem in problems] == ["too-many-nodes"] * (nodes - HOP_LIMIT)


@pytest.mark.parametrize(("inside", "told"), [(40, set()), (60, {"too-many-nodes"})])
@pytest.mark.parametrize("asked_first", [True, False])
def test_nodes_around_a_flow_that_is_run_are_counted_to_what_is_asked_in_it(inside: int, told: set[str], asked_first: bool) -> None:
    """Fifty nodes outside, so many inside, and a question before or after those inside."""
    chain = "".join(f"  s{i}: {{set: {{a: 1}}, next: s{i + 1}}}\n" for i in range(inside))
    ask = "{menu: {zh: 一, en: One}, keys: {1: NEXT}, no_input: {then: NEXT}, wrong_key: {then: NEXT}}"
    last, over = f"  s{inside}: ", "  over: {end: over}\n"
    outer_chain = "".join(f"  s{i}: {{set: {{a: 1}}, next: s{i + 1}}}\n" for i in range(49))
    run, bye = "{run: inner, ends: {_: NEXT}}\n", "  bye: {hang_up: {zh: 再见, en: Bye}}\n"
    if asked_first:
        inner = f"start: ask\nnodes:\n  ask: {ask.replace('NEXT', 's0')}\n{chain}{last}{{set: {{a: 1}}, next: over}}\n{over}"
        outer = f"start: run\nnodes:\n  run: {run.replace('NEXT', 's0')}{outer_chain}  s49: {{set: {{a: 1}}, next: bye}}\n{bye}"
    else:
        inner = f"start: s0\nnodes:\n{chain}{last}{ask.replace('NEXT', 'over')}\n{over}"
        outer = f"start: s0\nnodes:\n{outer_chain}  s49: {run.replace('NEXT', 'bye')}{bye}"
    _, problems = linter.check({"inner.yaml": f"flow: inner\n{inner}", "main.yaml": f"flow: main\n{outer}"}, HOUSE, "main")
    assert {each.code for each in problems} == told


def answered(walk: Walk) -> Iterator[Effect]:
    steps = walk.run()
    try:
        effect = next(steps)
        while True:
            yield effect
            effect = steps.send(Done())
    except StopIteration:
        return

"""The engine's benchmark: it compares like with like, and its linter has the whole flow to look through."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from itertools import product

import pytest
from rich.console import Console

from callflows import linter, loader
from callflows.effects import Ask, CheckHours, Effect, Queue
from callflows.house import House
from callflows.outcomes import Digits, Done, Hours, HoursState, NoInput, Outcome, QueueEnd, QueueLeft
from callflows.walk import Walk
from ivr.testbed.bench.engine import WAYS, Effort, EngineReport, drive
from ivr.testbed.bench.engine_menus import MENU, MENU_FLOW, by_hand, generated
from ivr.testbed.bench.report import Machine

HOUSE = House(queues=["hr"], lines=["hr"], calendars=["hr"], languages=["zh", "en"])
MACHINE = Machine(2, "AMD EPYC", "6.1", "3.11.7", "none", "none", 0.5)
ANSWERS: Sequence[Outcome] = (Digits("1"), Digits("7"), NoInput())


def effects_of(steps: Generator[Effect, Outcome, None], keys: Sequence[Outcome], hours: HoursState, end: QueueEnd) -> list[Effect]:
    pressed, seen = list(keys), []
    outcome: Outcome | None = None
    try:
        while True:
            effect = steps.send(outcome)  # type: ignore[arg-type] # a generator is begun by sending None
            seen.append(effect)
            outcome = Done()
            if isinstance(effect, Ask):
                outcome = pressed.pop(0)
            elif isinstance(effect, CheckHours):
                outcome = Hours(hours)
            elif isinstance(effect, Queue):
                outcome = QueueLeft(end)
    except StopIteration:
        return seen


@pytest.mark.parametrize("keys", list(product(ANSWERS, repeat=3)))
def test_flow_and_coroutine_ask_for_the_same_whatever_the_caller_does(keys: Sequence[Outcome]) -> None:
    book = loader.load({"main.yaml": MENU_FLOW})
    for hours in (HoursState.OPEN, HoursState.CLOSED):
        for end in (QueueEnd.SERVED, QueueEnd.TIMEOUT):
            walked = effects_of(Walk.begin(book, MENU, "zh").run(), keys, hours, end)
            assert effects_of(by_hand(), keys, hours, end) == walked
            assert len(walked) > 8


@pytest.mark.parametrize("nodes", [11, 100, 501])
def test_the_generated_flow_has_its_nodes_and_no_fault(nodes: int) -> None:
    book = loader.load({"main.yaml": generated(nodes)})
    assert len(book.flow(MENU).nodes) == nodes
    assert linter.lint(book, HOUSE, MENU) == []
    assert [proof.worst is not None for proof in linter.proofs(book, HOUSE, MENU)] == [True]


def test_a_call_counts_its_effects() -> None:
    assert drive(by_hand()) == len(effects_of(by_hand(), [Digits("1")], HoursState.OPEN, QueueEnd.SERVED))


def test_rates_and_ratios_are_taken_within_a_round() -> None:
    efforts = [
        Effort(way, number, 10, 100, cost * (number + 1)) for number in (0, 1) for way, cost in zip(WAYS, (1, 5, 6, 20), strict=True)
    ]
    report = EngineReport(MACHINE, efforts, 2000, [0.5, 0.7], [0.4, 0.4])
    document = json.loads(json.dumps(report.as_json()))
    coroutine, flow = document["ways"][:2]
    assert (coroutine["effects_a_second"]["high"], coroutine["calls_a_second"]["low"]) == (100.0, 5.0)
    assert flow["ratio"] == {"low": 5.0, "middle": 5.0, "high": 5.0}
    assert flow["effect_us"]["low"] == pytest.approx(50_000)
    assert document["lint"] == {
        "nodes": 2000,
        "read_s": {"low": 0.5, "middle": 0.6, "high": 0.7},
        "lint_s": {"low": 0.4, "middle": 0.4, "high": 0.4},
    }
    console = Console(width=120, record=True, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(report.as_tables())
    text = console.export_text()
    assert "5.00 (5.00-5.00)" in text
    assert "flow of 2000 nodes: read in 0.60 (0.50-0.70) s, linted and proven in 0.40 (0.40-0.40) s." in text

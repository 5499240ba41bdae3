"""What the flow engine itself costs: effects and simulated calls a second beside a hand-written coroutine, and the linter's time.

No Asterisk, no network, no clock but the CPU's. For ``bench``; ``python -m ivr.testbed.bench --engine`` does this alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callflows import linter, loader
from callflows.calendar import AlwaysOpen
from callflows.caller_steps import parse_script
from callflows.effects import Ask, CheckHours, Effect, LookAtQueue, LookUpCustomer, Queue
from callflows.house import House
from callflows.outcomes import CustomerUnknown, Digits, Done, Hours, HoursState, Outcome, QueueEnd, QueueLeft
from callflows.simulator import simulate
from callflows.surroundings import NOTHING_KNOWN, Surroundings
from callflows.walk import Walk
from ivr.testbed.bench.engine_menus import MENU, MENU_FLOW, by_hand, generated
from ivr.testbed.bench.figures import Spread
from ivr.testbed.bench.report import Machine, spread_of
from ivr.testbed.errors import TestbedError

LINTED_NODES = 2000
SHIPPED = "hotline"
WARM_UP_CALLS = 100
KEYS = "1"  # human resources, in the shipped hotline and in the small menu
ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 20, 10, 0, tzinfo=ZONE)
CALENDARS = {name: AlwaysOpen() for name in ("hr", "course", "product", "complaint", "hotline")}
_ANSWERS: dict[type[Effect], Outcome] = {
    Ask: Digits(KEYS),
    CheckHours: Hours(HoursState.OPEN),
    LookUpCustomer: CustomerUnknown(),
    LookAtQueue: NOTHING_KNOWN,
    Queue: QueueLeft(QueueEnd.SERVED),
}
_DONE = Done()


@dataclass(frozen=True, slots=True)
class Effort:
    """One way of serving a call in one round. ``cpu_s``: CPU seconds for ``calls`` calls of ``effects`` effects together."""

    way: str
    round: int
    calls: int
    effects: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class EngineReport:
    """``read_s``: CPU seconds to read a flow of ``nodes`` nodes, ``lint_s`` to lint and prove it, one value a round."""

    machine: Machine
    efforts: Sequence[Effort]
    nodes: int
    read_s: Sequence[float]
    lint_s: Sequence[float]

    def rate(self, way: str, *, calls: bool) -> Spread:
        """Calls, or effects, in a second of CPU."""
        return Spread.of((effort.calls if calls else effort.effects) / effort.cpu_s for effort in self.efforts if effort.way == way)

    def cost(self, way: str) -> Spread:
        """CPU microseconds for each effect."""
        return Spread.of(effort.cpu_s / effort.effects * 1e6 for effort in self.efforts if effort.way == way)

    def ratio(self, way: str) -> Spread:
        """CPU for each effect, beside that of the hand-written coroutine in the same round."""
        by_round = {effort.round: effort.cpu_s / effort.effects for effort in self.efforts if effort.way == "coroutine"}
        return Spread.of(effort.cpu_s / effort.effects / by_round[effort.round] for effort in self.efforts if effort.way == way)

    def as_json(self) -> dict[str, Any]:
        """Rates are per CPU second, costs in microseconds, the linter's times in CPU seconds."""
        return {
            "machine": asdict(self.machine),
            "ways": [
                {
                    "way": way,
                    "effects_a_second": asdict(self.rate(way, calls=False)),
                    "calls_a_second": asdict(self.rate(way, calls=True)),
                    "effect_us": asdict(self.cost(way)),
                    "ratio": asdict(self.ratio(way)),
                }
                for way in WAYS
            ],
            "lint": {"nodes": self.nodes, "read_s": asdict(Spread.of(self.read_s)), "lint_s": asdict(Spread.of(self.lint_s))},
        }

    def as_tables(self) -> RenderableType:
        table = Table(title="The flow engine, per second of one core")
        table.add_column("the same answers to", no_wrap=True)
        for heading in ("effects", "calls", "us an effect", "x coroutine"):
            table.add_column(heading, justify="right")
        for way, title in WAYS.items():
            rates = (f"{self.rate(way, calls=calls).middle:,.0f}" for calls in (False, True))
            table.add_row(title, *rates, spread_of(self.cost(way), 2), spread_of(self.ratio(way), 2))
        linted = (
            f"A generated flow of {self.nodes} nodes: read in {spread_of(Spread.of(self.read_s), 2)} s, "
            f"linted and proven in {spread_of(Spread.of(self.lint_s), 2)} s."
        )
        machine = self.machine
        where = f"{machine.cores} cores of {machine.model}, Python {machine.python}, load {machine.load_average:.1f} before"
        return Group(Text(where), Text(), table, Text(), Text(linted))


WAYS = {
    "coroutine": "a menu, hand-written coroutine",
    "flow": "the same menu, a flow file",
    "shipped": "the shipped hotline, key 1",
    "simulated": "the shipped hotline, simulated",
}


def measure(machine: Machine, *, rounds: int, seconds: float) -> EngineReport:
    """Each way for ``seconds`` of CPU in each round; each round begins with another one."""
    calls = _calls()
    efforts: list[Effort] = []
    names = list(WAYS)
    for number in range(rounds):
        first = number % len(names)
        efforts += [_effort(way, number, calls[way], seconds) for way in (*names[first:], *names[:first])]
    text = generated(LINTED_NODES)
    # A text that was read before is remembered.
    read_s, lint_s = zip(*(_linted(f"# {number}\n{text}") for number in range(rounds)), strict=True)
    return EngineReport(machine, efforts, LINTED_NODES, read_s, lint_s)


def _calls() -> dict[str, Callable[[], int]]:
    """What one call is, of each way: performs it, and says how many effects that were."""
    small = loader.load({"main.yaml": MENU_FLOW})
    shipped = loader.load(loader.read_folder(loader.SHIPPED_FLOWS))
    house = Surroundings(AT, ZONE, CALENDARS, "13800138000", queue_ends=(QueueEnd.SERVED,))
    script = parse_script(KEYS)
    return {
        "coroutine": lambda: drive(by_hand()),
        "flow": lambda: drive(Walk.begin(small, MENU, "zh").run()),
        "shipped": lambda: drive(Walk.begin(shipped, SHIPPED, "zh").run()),
        "simulated": lambda: len(simulate(shipped, SHIPPED, script, house, language="zh").effects),
    }


def drive(steps: Generator[Effect, Outcome, None]) -> int:
    """Answer every effect until there is no more, always alike: key 1, open, served. How many there were."""
    performed = 0
    outcome: Outcome | None = None
    try:
        while True:
            effect = steps.send(outcome)  # type: ignore[arg-type] # a generator is begun by sending None
            performed += 1
            outcome = _ANSWERS.get(type(effect), _DONE)
    except StopIteration:
        return performed


def _effort(way: str, number: int, call: Callable[[], int], seconds: float) -> Effort:
    for _ in range(WARM_UP_CALLS):  # what is worked out once is not the call's
        call()
    calls = effects = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(20):
            effects += call()
        calls += 20
    return Effort(way, number, calls, effects, spent)


def _linted(text: str) -> tuple[float, float]:
    """CPU seconds to read the flow, and to lint and prove it. Raises TestbedError for a flow with a fault, of which nothing is proven."""
    house = House(queues=["hr"], lines=["hr"], calendars=["hr"], languages=["zh", "en"])
    began = time.process_time()
    book = loader.load({"main.yaml": text})
    read = time.process_time()
    problems = linter.lint(book, house, MENU)
    linter.proofs(book, house, MENU)
    spent = time.process_time() - read
    if problems:
        raise TestbedError(f"the generated flow has a fault: {problems[0]}")
    return read - began, spent

"""A flow's tests: who calls and when, what he does, what surrounds him, and what must come of it. Played here, or as a real call.

Pure. Written in ``flows/NAME.test.yaml`` (read by ``flow_test_file``), run by ``ivrd flow test``; the steps of ``as_steps`` are for whoever
places a real call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from callflows.caller_steps import Hear, Reach, Step, Wait
from callflows.choosing import ChoiceError
from callflows.flow import FlowBook
from callflows.flow_case import Expected, FlowCase, Given
from callflows.outcomes import (
    CustomerKnown,
    CustomerUnknown,
    Hours,
    HoursState,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.problems import near
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.speech import Speech
from callflows.surroundings import StaffedHours, Surroundings, speaking_time
from callflows.walk import FlowStuckError


@dataclass(frozen=True, slots=True)
class Case:
    """A case and where it stands."""

    body: FlowCase
    flow: str
    file: str
    line: int

    @property
    def name(self) -> str:
        return self.body.name

    @property
    def steps(self) -> tuple[Step, ...]:
        """As written: labels not resolved yet."""
        return tuple(step.step() for step in self.body.script)


@dataclass(frozen=True, slots=True)
class House:
    """What the tests of a hotline share: its flows, calendars, time zone and first language; ``saying`` knows how long prompts last."""

    book: FlowBook
    calendars: Mapping[str, StaffedHours]
    zone: ZoneInfo
    language: str
    saying: Callable[[Speech, str], float] = speaking_time


@dataclass(frozen=True, slots=True)
class CaseResult:
    """``faults`` is empty when all came as expected; ``call`` is None when it could not be played."""

    case: Case
    call: SimulatedCall | None
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def run(case: Case, house: House) -> CaseResult:
    """Play a case and judge it. Never raises for what a case says."""
    if misnamed := tuple(_misnamed(case, house)):
        return CaseResult(case, None, misnamed)
    try:
        call = _played(case, house)
    except ChoiceError as error:
        return CaseResult(case, None, (str(error),))
    except FlowStuckError as error:
        return CaseResult(case, None, (str(error),))
    except KeyError as error:
        return CaseResult(case, None, (f"there is no calendar {error}",))
    return CaseResult(case, call, tuple(faults_of(case.body.expect, call)))


def _misnamed(case: Case, house: House) -> Iterator[str]:
    """Names that are nowhere: a slip in one of these would let a case pass that proves nothing."""
    given = case.body.given.hours
    for calendar in () if isinstance(given, HoursState) else given:
        if calendar not in house.calendars:
            yield f"given.hours: there is no line or calendar {calendar!r}{near(calendar, house.calendars)}"
    flow = house.book.flows.get(case.flow)
    known = [*(flow.nodes if flow else ()), *(f"{name}.{node}" for name, other in house.book.flows.items() for node in other.nodes)]
    for node in case.body.expect.avoids:
        if node not in known:
            yield f"avoids: there is no node {node!r}{near(node, known)}"


def as_steps(case: Case, house: House) -> tuple[Step, ...]:
    """The case as a caller on a real line plays it: labels are keys, and ``Reach`` says before each step where the walk then is.

    ``Hear`` stands where what is said must be heard to its end first. ``Silence`` lasts until the other side speaks again or the walk
    goes on; its seconds are those of the simulated call. Raises ChoiceError, FlowStuckError, KeyError.
    """
    steps: list[Step] = []
    last = ("", 0)
    for done in _played(case, house).performed:
        here = (done.node, done.visit)
        if here != last and done.node and not isinstance(done.step, Wait):
            steps.append(Reach(*here))
            last = here
        if done.hear_first:
            steps.append(Hear())
        if not isinstance(done.step, Reach):
            steps.append(done.step)
    return tuple(steps)


def surroundings(given: Given, house: House, *, at: datetime, caller: str) -> Surroundings:
    """What is given, over the house's calendars. A time without an offset is in the house's zone."""
    opens_at = _placed(given.opens_at, house.zone) if given.opens_at else None
    states = dict.fromkeys(house.calendars, given.hours) if isinstance(given.hours, HoursState) else given.hours
    return Surroundings(
        _placed(at, house.zone),
        house.zone,
        house.calendars,
        caller=caller,
        states={name: Hours(state, None if state is HoursState.OPEN else opens_at) for name, state in states.items()},
        customer=CustomerKnown(tuple(given.customer.facts.items()), given.customer.priority) if given.customer else CustomerUnknown(),
        queue_ends=given.queues,
        queue_wait_s=given.queue_wait_s,
        dial_ends=given.dials,
        webhooks={
            name: WebhookFailed() if isinstance(values, str) else WebhookAnswered(tuple(values.items()))
            for name, values in given.webhooks.items()
        },
        outlooks={name: outlook.value() for name, outlook in given.outlooks.items()},
        pins=given.pins,
        stored=given.stored,
        promises=given.callbacks,
        saying=house.saying,
    )


def _placed(at: datetime, zone: ZoneInfo) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _played(case: Case, house: House) -> SimulatedCall:
    body = case.body
    around = surroundings(body.given, house, at=body.at, caller=body.caller)
    return simulate(house.book, case.flow, case.steps, around, language=body.language or house.language)


def faults_of(expected: Expected, call: SimulatedCall) -> Iterator[str]:
    """What didn't come as expected, a sentence each; a step of the script that never had its moment is a fault too."""
    if call.error:
        yield f"the call ended in an error: {call.error}"
    if call.unused:
        yield f"the caller never came to: {', '.join(call.unused)}; he was at {call.path[-1] if call.path else 'no node'}"
    for name in ("ending", "queue", "phone", "line", "language", "remembered"):
        wanted, was = getattr(expected, name), getattr(call, name)
        if wanted is not None and wanted != was:
            yield f"{name}: expected {wanted}, was {was}"
    if expected.path is not None and list(expected.path) != call.path:
        yield f"path: {_first_difference(list(expected.path), call.path)}"
    if (missed := _missed(expected.passes, call.path)) is not None:
        yield f"passes: never came to {missed} (in this order); the path was {' '.join(call.path)}"
    for node in expected.avoids:
        if node in call.path:
            yield f"avoids: came to {node}"
    if expected.filed is not None:
        yield from _filed_faults(expected.filed, call.filed)
    said = "\n".join(heard.text for heard in call.heard)
    for text in expected.says:
        if text not in said:
            yield f"says: {text!r} was never said"
    for text in expected.never_says:
        if text in said:
            yield f"never_says: {text!r} was said"
    if expected.within_s is not None and call.seconds > expected.within_s:
        yield f"within_s: it took {call.seconds:.1f} s, more than {expected.within_s:g} s"


def _filed_faults(wanted: tuple[Mapping[str, Any], ...], filed: list[dict[str, Any]]) -> Iterator[str]:
    if len(wanted) != len(filed):
        yield f"filed: expected {len(wanted)}, but {len(filed)} were: {[entry['kind'] for entry in filed]}"
        return
    for number, (parts, entry) in enumerate(zip(wanted, filed, strict=True), start=1):
        for name, value in parts.items():
            if name not in entry or entry[name] != value:
                yield f"filed, no. {number}: {name} is {entry.get(name)!r}, not {value!r}"


def _missed(wanted: tuple[str, ...], path: list[str]) -> str | None:
    rest = iter(path)
    return next((node for node in wanted if node not in rest), None)


def _first_difference(wanted: list[str], path: list[str]) -> str:
    same = next((n for n, (a, b) in enumerate(zip(wanted, path, strict=False)) if a != b), min(len(wanted), len(path)))
    after = f"after {path[same - 1]} " if same else "first "
    expected = wanted[same] if same < len(wanted) else "the end"
    was = path[same] if same < len(path) else "the end"
    return f"{after}expected {expected}, came {was}"

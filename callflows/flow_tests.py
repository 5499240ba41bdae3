"""A flow's tests: who calls and when, what he does, what surrounds him, and what must come of it. Played here, or as a real call.

Pure. Written in ``flows/NAME.test.yaml`` (read by ``flow_test_file``), run by ``ivrd flow test``; the steps of ``as_steps`` are for whoever
places a real call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from callflows.caller_steps import KEY_APART_S, LONGEST_STEP_S, Choose, HangUp, Hear, Press, Reach, Silence, Step, Talk, Wait
from callflows.choosing import ChoiceError
from callflows.flow import FlowBook
from callflows.outcomes import (
    CustomerKnown,
    CustomerUnknown,
    DialEnd,
    Hours,
    HoursState,
    QueueEnd,
    QueueOutlook,
    WebhookAnswered,
    WebhookFailed,
)
from callflows.simulated_call import SimulatedCall
from callflows.simulator import simulate
from callflows.speech import Speech
from callflows.surroundings import StaffedHours, Surroundings, speaking_time
from callflows.walk import FlowStuckError

DEFAULT_CALLER = "13800138000"


def _quoted(value: object) -> object:
    """A number loses its leading zeros in YAML; one digit can't."""
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= 9:
            return str(value)
        raise ValueError(f'put it in quotes, as "{value}": without them YAML drops leading zeros')
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Quoted = Annotated[str, BeforeValidator(_quoted)]
Keys = Annotated[str, BeforeValidator(_quoted), Field(pattern=r"^[0-9*#]{1,64}$")]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_STEP_S)]
_STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


_WORDS: Mapping[str, Step] = {"silence": Silence(), "hear": Hear(), "hang_up": HangUp()}


class ScriptStep(BaseModel):
    """One thing the caller does: exactly one key, ``apart`` (s between keys) may stand beside ``press``."""

    model_config = _STRICT
    press: Keys | None = None
    apart: Seconds | None = None
    choose: Annotated[str, Field(min_length=1)] | None = None
    at: str | None = None
    wait: Seconds | None = None
    talk: Seconds | None = None
    word: Literal["silence", "hear", "hang_up"] | None = Field(default=None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if isinstance(value, str):
            return {"word": value}
        if isinstance(value, dict) and "word" in value:
            raise ValueError("'word' is no step")
        return value

    @model_validator(mode="after")
    def _one(self) -> ScriptStep:
        given = [name for name in ("press", "choose", "at", "wait", "talk", "word") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("a step is one of press, choose, at, wait, talk, silence, hear, hang_up")
        if self.apart is not None and self.press is None:
            raise ValueError("'apart' says how far the keys of a 'press' are apart")
        return self

    def step(self) -> Step:
        if self.press is not None:
            return Press(self.press, KEY_APART_S if self.apart is None else self.apart)
        if self.choose is not None:
            return Choose(self.choose)
        if self.at is not None:
            return Reach(self.at)
        if self.wait is not None:
            return Wait(self.wait)
        if self.talk is not None:
            return Talk(self.talk)
        return _WORDS[self.word or "silence"]


class Customer(BaseModel):
    """What the look-up finds: variables of the call (``customer_name``), and his priority in a queue."""

    model_config = _STRICT
    facts: Mapping[str, str] = Field(default_factory=dict)
    priority: int = 0


class Outlook(BaseModel):
    model_config = _STRICT
    position: Annotated[int, Field(ge=1)] = 1
    shortest_s: float | None = None
    longest_s: float | None = None
    staffed: bool = True

    def value(self) -> QueueOutlook:
        return QueueOutlook(self.position, self.shortest_s, self.longest_s, self.staffed)


class Given(BaseModel):
    """What surrounds the call. ``queues`` and ``dials`` say how the caller comes back, one after another; then the call ends there."""

    model_config = _STRICT
    customer: Customer | None = None
    hours: HoursState | Mapping[str, HoursState] = Field(default_factory=dict)
    opens_at: datetime | None = None
    queues: tuple[QueueEnd, ...] = ()
    queue_wait_s: Seconds = 10.0
    dials: tuple[DialEnd, ...] = ()
    webhooks: Mapping[str, Mapping[str, str] | Literal["fails"]] = Field(default_factory=dict)
    outlooks: Mapping[str, Outlook] = Field(default_factory=dict)
    pins: Mapping[Quoted, str] = Field(default_factory=dict)
    stored: bool = True
    callbacks: bool = True


class Expected(BaseModel):
    """What must come of it; what isn't given may be anything. ``filed`` lists all that is kept, each with the parts that matter."""

    model_config = _STRICT
    path: tuple[str, ...] | None = None
    passes: Texts = ()
    avoids: Texts = ()
    ending: Literal["hangup", "queue", "dial", "caller_hung_up"] | None = None
    queue: str | None = None
    phone: str | None = None
    line: str | None = None
    language: str | None = None
    filed: tuple[Mapping[str, Any], ...] | None = None
    remembered: Mapping[str, str] | None = None
    says: Texts = ()
    never_says: Texts = ()
    within_s: float | None = None

    @model_validator(mode="after")
    def _something(self) -> Expected:
        if not self.model_fields_set:
            raise ValueError("say what must come of the call: path, passes, ending, queue, line, filed, says, …")
        return self


class FlowCase(BaseModel):
    """One case as written; ``at`` without an offset is in the hotline's time zone, ``caller`` is empty for a withheld number."""

    model_config = _STRICT
    name: Annotated[str, Field(min_length=1)]
    flow: str | None = None
    caller: Quoted = DEFAULT_CALLER
    at: datetime
    language: str | None = None
    given: Given = Field(default_factory=Given)
    script: tuple[ScriptStep, ...] = ()
    expect: Expected


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
    try:
        call = _played(case, house)
    except ChoiceError as error:
        return CaseResult(case, None, (str(error),))
    except FlowStuckError as error:
        return CaseResult(case, None, (str(error),))
    except KeyError as error:
        return CaseResult(case, None, (f"there is no calendar {error}",))
    return CaseResult(case, call, tuple(faults_of(case.body.expect, call)))


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

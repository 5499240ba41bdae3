"""How a case of a flow's tests is written: caller, time, surroundings, script and what must come of it. For ``flow_tests`` and its file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from callflows.caller_steps import KEY_APART_S, LONGEST_STEP_S, Choose, HangUp, Hear, Press, Reach, Silence, Step, Talk, Wait
from callflows.outcomes import DialEnd, HoursState, QueueEnd, QueueOutlook

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
    stored: bool | Literal["late"] = True
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

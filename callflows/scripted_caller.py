"""A caller who goes by a script: asked what he does within a span of time, he says which key he presses, or that he is gone.

Pure. For the simulator, which knows the caller only by the protocol ``Caller``: a person at a terminal is another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from callflows.caller_steps import Choose, HangUp, Hear, Press, Reach, Silence, Step, Talk, Wait
from callflows.choosing import keys_for
from callflows.nodes.base import Node
from callflows.outcomes import DialEnd, QueueEnd

TALK_S = 5.0  # how long a caller speaks into a recording when his script doesn't say
MOST_TALKS = 10  # and how often: nobody who is recorded again and again goes on speaking


class Kind(Enum):
    SPEECH = "speech"
    QUESTION = "question"
    RECORDING = "recording"
    QUEUE = "queue"
    DIAL = "dial"  # a telephone rings for him
    WORK = "work"  # we look something up: he hears nothing


@dataclass(frozen=True, slots=True)
class Scene:
    """What is going on. ``number`` counts questions and recordings; ``heard_at``, in s of the call, ends what is said with it."""

    kind: Kind
    node: Node
    language: str
    number: int = 0
    heard_at: float = 0.0
    barge_in: bool = True
    begun: bool = False  # a key of the answer has been pressed


@dataclass(frozen=True, slots=True)
class Key:
    at: float
    key: str


@dataclass(frozen=True, slots=True)
class Talking:
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Gone:
    at: float


@dataclass(frozen=True, slots=True)
class CameBack:
    """He is back from the queue or telephone: for callers that play the other side too."""

    at: float
    end: QueueEnd | DialEnd


Act = Key | Talking | Gone | CameBack


@dataclass(frozen=True, slots=True)
class Heard:
    """Something said to the caller. ``seconds`` is how long he listened, less than the whole where he cut it short."""

    at: float
    seconds: float
    text: str
    node: str
    language: str


class Caller(Protocol):
    """All times in s since the call was answered."""

    def act(self, now: float, until: float, scene: Scene) -> Act | None:
        """The first thing he does from ``now`` until just before ``until``; None when he does nothing. Consumed by being told."""

    def entered(self, node: str, at: float) -> None:
        """The walk is at this node now."""

    def passed(self, number: int, at: float) -> None:
        """This question or recording is over."""

    def hears(self, at: float, text: str, seconds: float) -> None:
        """From now on this is said to him; ``seconds`` is its whole length."""


@dataclass(frozen=True, slots=True)
class Performed:
    """A step as it was done: keys instead of a label, where the walk was, and whether what was said had to be heard first."""

    step: Step
    node: str
    visit: int
    hear_first: bool = False


class ScriptedCaller:
    """When the script is over he stays silent, but speaks when he is recorded, a few times. Raises ChoiceError from ``act``."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = list(steps)
        self._free = 0.0  # when the step before was over
        self._timed = False  # a Wait was the step before
        self._keys = ""  # what is left of the group being pressed
        self._apart_s = 0.0
        self._answered = 0  # the last question that he did something about
        self._silent = 0  # the question that he lets pass
        self._silent_from = 0.0
        self._talks = 0  # how often he has spoken unbidden
        self._talked = 0  # the recording he has spoken into
        self._node = ""
        self._visits: dict[str, int] = {}
        self.performed: list[Performed] = []

    @property
    def left(self) -> list[Step]:
        """The steps that never had their moment; of a group of keys, those not pressed any more."""
        return [*([Press(self._keys)] if self._keys else []), *self._steps]

    def entered(self, node: str, at: float) -> None:
        self._node = node
        self._visits[node] = self._visits.get(node, 0) + 1
        self._reach(at)

    def hears(self, at: float, text: str, seconds: float) -> None:
        pass

    def passed(self, number: int, at: float) -> None:
        if self._silent == number:
            self._silent, self._free = 0, at
            self._note(Silence(round(at - self._silent_from, 3)))

    def act(self, now: float, until: float, scene: Scene) -> Act | None:
        while True:
            if self._silent:
                return None
            if self._keys:
                return self._next_key(now, until, scene)
            self._reach(now)
            match self._steps[0] if self._steps else None:
                case Wait(seconds=seconds) as step:
                    self._note(step)
                    self._steps.pop(0)
                    self._free, self._timed = self._free + seconds, True
                case HangUp() as step:
                    if max(self._free, now) >= until:
                        return None
                    self._note(step)
                    self._steps.pop(0)
                    return Gone(max(self._free, now))
                case Press(keys=keys, apart_s=apart_s) as step if (moment := self._moment(now, scene, keys)) is not None:
                    if moment >= until:
                        return None
                    self._begin(step, keys, apart_s, moment, scene)
                case Choose(label=label) if self._asked(scene):
                    self._steps[0] = Press(keys_for(scene.node, label, scene.language))
                case Hear() if self._asked(scene) or self._recorded(scene):
                    self._steps.pop(0)
                    self._free, self._timed = max(self._free, scene.heard_at if scene.kind is Kind.QUESTION else now), False
                case Silence() if self._asked(scene) or self._recorded(scene):
                    self._steps.pop(0)
                    self._silent, self._silent_from, self._answered, self._timed = scene.number, now, scene.number, False
                    return None
                case Talk(seconds=seconds) as step if self._recorded(scene):
                    return self._speak(max(self._free, now), until, seconds, step, scene)
                case None | Press() | Reach() | Choose() if self._recorded(scene) and self._talks < MOST_TALKS:
                    self._talks += 1
                    return self._speak(now, until, TALK_S, None, scene)
                case _:
                    return None

    def _asked(self, scene: Scene) -> bool:
        return scene.kind is Kind.QUESTION and scene.number > self._answered and not scene.begun

    def _recorded(self, scene: Scene) -> bool:
        return scene.kind is Kind.RECORDING and scene.number > self._talked

    def _moment(self, now: float, scene: Scene, keys: str) -> float | None:
        """When a group begins; None while its moment hasn't come."""
        if self._timed:
            return max(self._free, now)
        if self._asked(scene):
            return max(self._free, scene.heard_at, now)
        spoken = scene.kind is Kind.RECORDING and self._talked == scene.number
        return max(self._free, now) if spoken and keys.startswith("#") else None

    def _begin(self, step: Step, keys: str, apart_s: float, moment: float, scene: Scene) -> None:
        patient = not self._timed and scene.kind is Kind.QUESTION
        self._note(step, hear_first=patient and (not scene.barge_in or self._asked_again()))
        self._steps.pop(0)
        self._keys, self._apart_s, self._free, self._timed = keys, apart_s, moment, False

    def _asked_again(self) -> bool:
        """Has he answered a question of this visit to the node before?"""
        here = (self._node, self._visits.get(self._node, 0))
        done = self.performed[-1] if self.performed else None
        return done is not None and (done.node, done.visit) == here and isinstance(done.step, Press | Silence)

    def _next_key(self, now: float, until: float, scene: Scene) -> Key | None:
        at = max(self._free, now)
        if at >= until:
            return None
        key, self._keys = self._keys[0], self._keys[1:]
        self._free = at + self._apart_s if self._keys else at
        self._answered = max(self._answered, scene.number if scene.kind is Kind.QUESTION else 0)
        return Key(at, key)

    def _speak(self, at: float, until: float, seconds: float, step: Step | None, scene: Scene) -> Talking | None:
        if at >= until:
            return None
        self._talked = scene.number
        self._free, self._timed = at + seconds, False
        self._note(step or Talk(seconds), hear_first=True)
        if step:
            self._steps.pop(0)
        return Talking(at, seconds)

    def _reach(self, now: float) -> None:
        while self._steps and isinstance(step := self._steps[0], Reach) and step.node == self._node:
            if step.visit is not None and step.visit > self._visits[self._node]:
                return
            self._note(step)
            self._steps.pop(0)
            self._free, self._timed = max(self._free, now), False

    def _note(self, step: Step, *, hear_first: bool = False) -> None:
        self.performed.append(Performed(step, self._node, self._visits.get(self._node, 0), hear_first))

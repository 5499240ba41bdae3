"""One node, driven by itself: written as in a flow file, answered by a list of outcomes, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from callflows import yaml_text
from callflows.effects import EnterLine, KeepRating, OfferRating, RememberChoice, Say, SetLanguage
from callflows.flow import NODE_KINDS
from callflows.nodes.base import CallState, Node, Stay, Words
from callflows.nodes.variables import VariableType
from callflows.outcomes import CallerHungUp, Done, Outcome
from callflows.speech import Text

PLACE = "flow-node"
# Performed without anything to tell: no test needs to say so.
SILENT_EFFECTS = (Say, EnterLine, SetLanguage, OfferRating, KeepRating, RememberChoice)


@dataclass(frozen=True, slots=True)
class Passage:
    """``exit`` is None where the caller hung up in the node and it let him go."""

    effects: list[object]
    exit: str | None
    call: CallState

    @property
    def said(self) -> list[str]:
        """The Chinese texts of every ``Say`` and question, in order."""
        speeches = [speech for effect in self.effects if (speech := getattr(effect, "speech", None)) is not None]
        return ["".join(part.by_language["zh"] for part in speech if isinstance(part, Text)) for speech in speeches]


def written(text: str) -> Node:
    """A node as a flow file has it."""
    body = yaml_text.read(text).value
    return NODE_KINDS[next(key for key in body if key in NODE_KINDS)].model_validate(body)


def refusal(text: str) -> str:
    """What is said against a node that is none."""
    with pytest.raises(ValidationError) as caught:
        written(text)
    return str(caught.value)


def passed(
    text: str,
    *outcomes: Outcome | CallerHungUp,
    variables: Mapping[str, str] | None = None,
    types: Mapping[str, VariableType] | None = None,
) -> Passage:
    """Walk through a node. Every outcome must be asked for, and none may be missing."""
    call = CallState("zh", dict(variables or {}), dict(types or {}))
    node = written(text)
    steps = node.steps(call, PLACE)
    effects: list[object] = []
    answers = list(outcomes)
    taken: str | None = None
    try:
        effect = next(steps)
        while True:
            effects.append(effect)
            assert spoken_texts(effect) <= rendered_texts(node)
            answer = Done() if isinstance(effect, SILENT_EFFECTS) else answers.pop(0)
            effect = steps.throw(answer) if isinstance(answer, CallerHungUp) else steps.send(answer)
    except StopIteration as stop:
        taken = str(stop.value)
    except CallerHungUp:
        pass
    assert answers == []
    return Passage(effects, taken, call)


def stays(text: str) -> Mapping[str, Stay]:
    """The worst cases, with a second for each Chinese character."""

    def saying(words: Words) -> float:
        return float(len(words.zh or ""))

    return written(text).stays(saying)


def spoken_texts(effect: object) -> set[str]:
    """The sound files of fixed texts that an effect plays in Chinese."""
    speech = getattr(effect, "speech", ())
    return {prompt.name for part in speech if isinstance(part, Text) and (prompt := part.prompt("zh"))}


def rendered_texts(node: Node) -> set[str]:
    """The sound files that the prompt library makes of a node's words."""
    slots = ((f"{PLACE}-{slot}" if slot else PLACE, words) for slot, words in node.words().items())
    return {prompt.name for place, words in slots for language, text in words.texts(place) if (prompt := text.prompt(language))}

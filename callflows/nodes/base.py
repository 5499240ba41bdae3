"""What every node type is made of: its settings as written in a flow file, and ``steps()`` that yields effects.

Nodes, those of other packages too, are written with this module, ``callflows.effects`` and ``callflows.outcomes``: docs/nodes/own-nodes.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from callflows.effects import Effect
from callflows.nodes.variables import Secret, VariableType, fitted, referred
from callflows.outcomes import Outcome
from callflows.speech import Characters, Moment, Number, Recording, Segment, Speech, Text

Steps = Generator[Effect, Outcome, str]
NodeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
KeyOrAny = Annotated[str, Field(pattern=r"^[0-9*#_]$")]
# A key that stands as a value: YAML reads a bare 1 as a number.
WrittenKey = Annotated[
    Key,
    BeforeValidator(
        lambda key: str(key) if isinstance(key, int) else key,
        json_schema_input_type=Key | Annotated[int, Field(ge=0, le=9)],
    ),
]
OTHERWISE = "_"  # the exit for everything that has none of its own
# Longer than this nobody listens to; shorter than half a second nobody can press.
Seconds = Annotated[float, Field(ge=0.5, le=60)]

_REFERENCE = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(?::(characters|number|recording|time))?\}")
_ODD_BRACES = re.compile(r"\{[^{}]*\}?|\}")


class Words(BaseModel):
    """A text in each language, with ``{variable}`` where a value is read out (``{x:number}``, ``{x:recording}``, ``{x:time}``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    zh: str | None = None
    """What is said in Chinese."""
    en: str | None = None
    """What is said in English."""

    @field_validator("zh", "en")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        """A brace that is part of no placeholder would be read out, or break off the prompt's text."""
        if text and (odd := _ODD_BRACES.search(_PLACEHOLDER.sub("", text))):
            shown = odd[0][:40]
            raise ValueError(f"{shown!r} can't be read out: a value is {{name}}, {{name:number}}, {{name:time}} or {{name:recording}}")
        return text

    def languages(self) -> set[str]:
        """Those in which something is said: a text of blanks and stops says nothing."""
        return {language for language in ("zh", "en") if any(letter.isalnum() for letter in getattr(self, language) or "")}

    def placeholders(self) -> set[str]:
        return {match[1] for text in (self.zh, self.en) if text for match in _PLACEHOLDER.finditer(text)}

    def speech(self, place: str, variables: Mapping[str, str], language: str) -> Speech:
        """The segments to play in ``language``; a variable without a value is left out. ``place`` names the prompt files."""
        segments: list[Segment] = []
        for index, (fixed, variable, manner) in enumerate(self._parts(language)):
            if fixed:
                segments.append(self._text(place, index, language, fixed))
            elif value := variables.get(variable, ""):
                segments.append(_spoken(value, manner))
        return tuple(segments)

    def texts(self, place: str) -> Iterator[tuple[str, Text]]:
        """Every (language, fixed text) that these words can lead to: what the prompt library must have."""
        for language in sorted(self.languages()):
            for index, (fixed, _, _) in enumerate(self._parts(language)):
                if fixed:
                    yield language, self._text(place, index, language, fixed)

    @staticmethod
    def _text(place: str, index: int, language: str, fixed: str) -> Text:
        return Text(name=place if index == 0 else f"{place}-{index}", by_language={language: fixed})

    def _parts(self, language: str) -> Iterator[tuple[str, str, str]]:
        source: str = getattr(self, language) or ""
        position = 0
        for match in _PLACEHOLDER.finditer(source):
            if fixed := source[position : match.start()].strip(" ,，。.;；"):
                yield fixed, "", ""
            yield "", match[1], match[2] or "characters"
            position = match.end()
        if fixed := source[position:].strip(" ,，。.;；") if position else source.strip():
            yield fixed, "", ""


def _spoken(value: str, manner: str) -> Segment:
    """What can't be read out as it should is read character by character: a webhook's odd answer shall not end a call."""
    if manner == "recording" and is_recording(value):
        return Recording(value)
    if manner == "number" and value.isascii() and value.isdecimal():
        return Number(int(value))
    if manner == "time":
        with suppress(ValueError):
            return Moment(datetime.fromisoformat(value))
    return Characters(value)


def is_recording(value: str) -> bool:
    """Can this be the reference of a recording, as ``Recorded`` has it? Whatever else a variable holds must open no other file."""
    return _REFERENCE.fullmatch(value) is not None


@dataclass(slots=True)
class CallState:
    """What the flow knows of this call: its language and its variables. Restored after a queue, so plain text only.

    ``types`` are those declared in the file that is being walked.
    """

    language: str
    variables: dict[str, str] = field(default_factory=dict)
    types: Mapping[str, VariableType] = field(default_factory=dict)

    def speech(self, words: Words, place: str) -> Speech:
        return words.speech(place, self.variables, self.language)

    def keep(self, name: str, value: str, *, masked: bool = False) -> None:
        """Set a variable. A value that doesn't fit its type is as good as none: afterwards the variable has no value.

        With ``masked``, or where ``value`` is masked already, it reaches neither log nor database in clear.
        """
        kept = fitted(self.types.get(name), value)
        if not kept:
            self.variables.pop(name, None)
        elif masked or isinstance(value, Secret):
            self.variables[name] = Secret(kept)
        else:
            self.variables[name] = kept

    def forget(self, name: str) -> None:
        self.variables.pop(name, None)

    def value(self, written: str) -> str:
        """What a ``Value`` of the flow file comes to now; empty for a variable without one."""
        name = referred(written)
        return self.variables.get(name, "") if name else written

    def storable(self, name: str | None) -> str | None:
        """A variable's value for somebody who keeps it in clear: None when it has none, or is masked."""
        value = self.variables.get(name) if name else None
        return None if isinstance(value, Secret) else value

    def recording(self, name: str | None) -> str | None:
        """A variable's value where it is a recording's reference."""
        value = self.storable(name)
        return value if value and is_recording(value) else None


@dataclass(frozen=True, slots=True)
class Stay:
    """The longest that a caller can be at a node before he leaves it by one exit: seconds, prompts heard, times he was asked."""

    seconds: float = 0.0
    prompts: int = 0
    asked: int = 0

    def __add__(self, other: Stay) -> Stay:
        return Stay(self.seconds + other.seconds, self.prompts + other.prompts, self.asked + other.asked)

    def __mul__(self, times: int) -> Stay:
        return Stay(self.seconds * times, self.prompts * times, self.asked * times)


# The four things one of which every call must come to.
Given = Literal["human", "message", "callback", "goodbye"]
# What a node can name of the settings.
Named = Literal["queue", "line", "hours", "phone", "webhook"]
# How long words take to say, s; of the languages the slower one.
Saying = Callable[[Words], float]


class Node(BaseModel):
    """One step of a flow. ``kind`` is the key that names it in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)
    kind: ClassVar[str]
    # Does the walk leave the daemon here? Such a node yields that one effect and nothing before it.
    hands_over: ClassVar[bool] = False
    # What a caller gets here, and the exits by which he has got it; with no exit named, to enter is to get it.
    gives: ClassVar[Given | None] = None
    gives_by: ClassVar[frozenset[str]] = frozenset()
    # Where the caller is asked: the exits taken by one who presses nothing, or nothing right. The others are his own choice.
    not_chosen: ClassVar[frozenset[str]] = frozenset({"no_input", "wrong_key", "nothing", "refused"})
    # The exits by which we failed him, who did all that was asked: a way back from there may lead round for as long as we fail.
    failed_by: ClassVar[frozenset[str]] = frozenset({"not_stored", "failed"})

    def steps(self, call: CallState, place: str) -> Steps:
        """Yield effects, be sent their outcomes, return the name of the exit taken."""
        raise NotImplementedError

    def exits(self) -> Mapping[str, str]:
        """Exit name → node name. Empty for a node that ends the flow."""
        raise NotImplementedError

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        """Exit name → the worst case of leaving by it; for the linter. A node that says and asks nothing takes no time."""
        heard = sum(saying(words) for words in self.words().values())
        return dict.fromkeys(self.exits(), Stay(heard, len(self.words())))

    def words(self) -> Mapping[str, Words]:
        """Slot → what is said there, the main words under ""; for the linter and the prompt library."""
        return {}

    def assigns(self) -> set[str]:
        """Variables that this node sets; ``customer_*`` stands for all that begin so, ``*`` for any."""
        return set()

    def reads(self) -> set[str]:
        """Variables that this node needs, apart from those that its words read out; for the linter."""
        return set()

    def names(self) -> Mapping[Named, str]:
        """What this node names of the settings; for the linter."""
        return {}

"""What the linter proves of a sound flow: how long until a caller has got something, whatever he does. One proof a flow.

By ``linter.proofs``; shown by ``ivrd flow lint``. All bounds hold for a caller who doesn't go back, by his own choice, to where he
has been; talk in a queue and waiting beyond what the flow itself sets aren't counted. Speech is reckoned at a slow voice's pace.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from callflows.linting.bounds import path
from callflows.linting.examination import Examined
from callflows.linting.ways import HELP, Reach
from callflows.nodes.base import Saying, Words
from callflows.surroundings import SECONDS_PER_CHARACTER

# How long a value takes to read out, s: twenty characters, as long as a serial number gets; a number of four digits; a date and time.
VALUE_S = {"": 9.0, "characters": 9.0, "number": 3.6, "time": 5.0, "recording": 9.0}
_VALUE = re.compile(r"\{[a-z0-9_]+:?([a-z]*)\}")
THINGS = {"human": "a human", "message": "a message", "callback": "a callback", "goodbye": "a goodbye"}


@dataclass(frozen=True, slots=True)
class QuickestHuman:
    """With the right key pressed as soon as each prompt was said once: seconds, keys (or inputs), and the nodes."""

    seconds: float
    keys: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """From every node that a caller can come to, one of ``until`` can be reached, or the flow ends if it ``may_end``.

    ``worst`` is from the flow's start to the first of them, over ``path``; ``silent`` the same when nothing, or nothing right, is
    pressed; ``anywhere`` from the worst node, after a first thing too. Where ``proven`` is false there is no bound, and the faults
    that the linter tells are why.
    """

    flow: str
    file: str
    proven: bool
    until: tuple[str, ...] = ()
    may_end: bool = False
    worst: Reach | None = None
    path: tuple[str, ...] = ()
    silent: Reach | None = None
    anywhere: Reach | None = None
    human: QuickestHuman | None = None

    def as_json(self) -> dict[str, Any]:
        """As ``ivrd flow lint --json`` has it under ``proofs``."""

        def bound(of: Reach | None) -> dict[str, Any] | None:
            return {"seconds": round(of.seconds, 1), "prompts": of.prompts} if of else None

        human = self.human and {"seconds": round(self.human.seconds, 1), "keys": self.human.keys, "path": list(self.human.path)}
        return {
            "flow": self.flow,
            "file": self.file,
            "proven": self.proven,
            "until": list(self.until),
            "may_end": self.may_end,
            "worst": bound(self.worst),
            "path": list(self.path),
            "silent": bound(self.silent),
            "anywhere": bound(self.anywhere),
            "human": human,
        }

    def sentence(self) -> str:
        """One line, e.g. "hotline: at most 63 s and 7 prompts until a human or a goodbye; …"."""
        if not self.proven or self.worst is None:
            return f"{self.flow}: nothing is proven before its faults are mended"
        things = [THINGS[thing] for thing in self.until] + (["its end"] if self.may_end else [])
        parts = [f"{self.flow}: at most {self.worst.seconds:.0f} s and {_counted(self.worst.prompts, 'prompt')} until {_listed(things)}"]
        if self.silent:
            parts.append(f"{self.silent.seconds:.0f} s when nothing right is pressed")
        if self.human:
            parts.append(f"a human after {self.human.seconds:.0f} s and {_counted(self.human.keys, 'key')} at best")
        return "; ".join(parts)


def proof_of(examined: Examined) -> Proof:
    """Of a flow without faults, nor any in the flows it runs."""
    start = examined.start
    reaches = examined.worst.reaches[start]
    ends = {goal for goal in reaches if goal != HELP}
    quick = examined.quick.get(HELP)
    names = [place.name for place in examined.places]
    return Proof(
        examined.flow.name,
        examined.flow.file,
        proven=bool(reaches),
        until=tuple(thing for thing in THINGS if thing in examined.summary.first),
        may_end=bool(ends),
        worst=_bound(reaches.values()),
        path=tuple(names[number] for number in path(examined.worst, start)),
        silent=_bound(examined.silent.reaches[start].values()),
        anywhere=_bound([examined.summary.anywhere]),
        human=QuickestHuman(quick.seconds, quick.keys, tuple(names[number] for number in examined.quick_path)) if quick else None,
    )


def unproven(flow: str, file: str) -> Proof:
    return Proof(flow, file, proven=False)


def saying(languages: Collection[str]) -> Saying:
    """How long words take in the slowest of these languages, s."""

    def seconds(words: Words) -> float:
        spoken = {language: _values_s(getattr(words, language, None) or "") for language in languages}
        for language, text in words.texts(""):
            if language in spoken:
                spoken[language] += len(text.by_language[language]) * SECONDS_PER_CHARACTER.get(language, 0.1)
        return max(spoken.values(), default=0.0)

    return seconds


def _values_s(text: str) -> float:
    return sum(VALUE_S.get(match[1], 0.0) for match in _VALUE.finditer(text)) if "{" in text else 0.0


def _bound(reaches: Collection[Reach]) -> Reach | None:
    bound: Reach | None = None
    for reach in reaches:
        bound = reach.or_else(bound)
    return bound


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _listed(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} or {things[-1]}" if things else "nothing"

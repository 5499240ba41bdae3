"""What a caller does after the answer, written as one line of text: keys, pauses, talk, hanging up.

Pure. For ``caller`` and ``call``; ``ivrd flow simulate --keys`` reads ``p`` and ``h`` the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

DIGIT_APART_S = 0.25  # from one key of a group to the next: a quick human finger
GROUP_APART_S = 1.0  # a blank: the caller has heard enough of the next prompt
TIMEOUT_PAUSE_S = 8.0  # ``p``: longer than any prompt waits for a key
LONGEST_STEP_S = 600.0
LONGEST_PROMPT_S = 40.0  # ``e`` waits no longer
LONGEST_WAY_S = 90.0  # nor ``@node``
GRAMMAR = (
    "keys 0-9 * # A-D, a blank for a pause of 1 s, p for a pause long enough for a time-out (8 s), "
    "t5 to talk for 5 s, w2.5 to listen for 2.5 s, e to hear a prompt to its end, @menu to wait until the call is at the node menu, "
    "h to hang up (last)"
)
_STEP = re.compile(
    r"(?P<key>[0-9*#A-D])|(?P<letter>[tw])(?P<seconds>[0-9]+(?:\.[0-9]+)?)|(?P<pause>p)|(?P<end>e)|(?P<hangup>h)"
    r"|@(?P<node>[a-z][a-z0-9_.]*)"
)


class KeysError(ValueError):
    """The line can't be read; the message says where and what may stand there."""


@dataclass(frozen=True, slots=True)
class Press:
    """One RFC 4733 key, then nothing until ``DIGIT_APART_S`` have passed."""

    key: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Silence from the caller for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HearOut:
    """Silence from the caller until the other side has said something and fallen silent."""

    seconds: float = LONGEST_PROMPT_S  # at most


@dataclass(frozen=True, slots=True)
class Talk:
    """Speech from the caller for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Silence from the caller until the flow is at this node, named as in a record's path; or, where ``visit`` is given, until it has
    come there for so many times, be it past it by now."""

    node: str
    seconds: float = LONGEST_WAY_S  # at most
    visit: int | None = None

    def reached(self, path: Sequence[str]) -> bool:
        """``path``: the nodes of the call so far."""
        if self.visit is None:
            return bool(path) and path[-1] == self.node
        return path.count(self.node) >= self.visit


Step = Press | Listen | HearOut | Talk | Reach


@dataclass(frozen=True, slots=True)
class Keys:
    """The steps in their order, and whether the caller hangs up after the last or waits for the other side to."""

    steps: tuple[Step, ...]
    hangs_up: bool

    @property
    def seconds(self) -> float:
        """How long it all takes, at most."""
        return sum(DIGIT_APART_S if isinstance(step, Press) else step.seconds for step in self.steps)


def parse_keys(text: str) -> Keys:
    """Read the line; raises KeysError with the column where it can't be understood."""
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if text[position] == " ":
            blanks = len(text) - len(text[position:].lstrip(" "))
            if steps and blanks < len(text):
                steps.append(Listen(GROUP_APART_S))
            position = blanks
            continue
        found = _STEP.match(text, position)
        if not found:
            raise KeysError(f"{text!r}, column {position + 1}: {text[position]!r} is not understood; there are {GRAMMAR}.")
        position = found.end()
        if found["hangup"]:
            if text[position:].strip():
                raise KeysError(f"{text!r}, column {position + 1}: nothing can follow h, the caller has hung up.")
            return Keys(tuple(steps), hangs_up=True)
        steps.append(_step(found, text))
    return Keys(tuple(steps), hangs_up=False)


def _step(found: re.Match[str], text: str) -> Step:
    if found["key"]:
        return Press(found["key"])
    if found["pause"]:
        return Listen(TIMEOUT_PAUSE_S)
    if found["end"]:
        return HearOut()
    if found["node"]:
        return Reach(found["node"])
    seconds = float(found["seconds"])
    if seconds > LONGEST_STEP_S:
        raise KeysError(f"{text!r}, column {found.start() + 1}: {found[0]} is too long; at most {LONGEST_STEP_S:.0f} s.")
    return Talk(seconds) if found["letter"] == "t" else Listen(seconds)

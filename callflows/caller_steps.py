"""What a caller does, one step after the other: the words of ``simulate --keys``, of a flow's tests and of a real test call.

Pure. A step without a time of its own waits for its moment (a question, a recording); after ``Wait`` a key comes at that very second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KEY_APART_S = 0.25  # from one key of a group to the next: a quick human finger
LONGEST_STEP_S = 3600.0


class ScriptError(ValueError):
    """The caller's script can't be read; the message names the word."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Wait until the walk is at this node, for the ``visit``-th time in the call where that is given."""

    node: str
    visit: int | None = None

    def __str__(self) -> str:
        return f"at {self.node}"


@dataclass(frozen=True, slots=True)
class Hear:
    """Hear the question to its end, or what is said before a recording."""

    def __str__(self) -> str:
        return "hear"


@dataclass(frozen=True, slots=True)
class Press:
    """Press these keys in answer to the next question, once it has been heard; right after ``Wait``: at that moment, whatever is said.

    Keys beyond what the question takes are pressed all the same, and fall to what comes next; but for a ``#`` that ends a number.
    """

    keys: str
    apart_s: float = KEY_APART_S

    def __str__(self) -> str:
        return f"press {self.keys}"


@dataclass(frozen=True, slots=True)
class Choose:
    """Press what leads to this node, or what the menu calls so: "complaint", "投诉"."""

    label: str

    def __str__(self) -> str:
        return f"choose {self.label}"


@dataclass(frozen=True, slots=True)
class Wait:
    """So many seconds from the end of the step before."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds:g}"


@dataclass(frozen=True, slots=True)
class Silence:
    """Let the next question or recording pass without a key or a word. ``seconds`` is how long that took, where it is known."""

    seconds: float | None = None

    def __str__(self) -> str:
        return "silence"


@dataclass(frozen=True, slots=True)
class Talk:
    """Speak for so many seconds into the next recording."""

    seconds: float

    def __str__(self) -> str:
        return f"talk {self.seconds:g}"


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up as soon as the step before is over."""

    def __str__(self) -> str:
        return "hang up"


Step = Reach | Hear | Press | Choose | Wait | Silence | Talk | HangUp

KEYS = re.compile(r"[0-9*#]+\Z")
_TIMED = re.compile(r"([tw])([0-9]+(?:\.[0-9]+)?)\Z")
_WORDS: dict[str, Step] = {"p": Silence(), "e": Hear(), "h": HangUp()}
GRAMMAR = "keys (0-9 * #), p (a question passed in silence), e (hear it to its end), t<s> (talk), w<s> (wait), h (hang up)"


def parse_script(script: str) -> list[Step]:
    """``4 12345678# 1 p t6 w2.5 h``: each group of keys answers one question. Raises ScriptError."""
    steps: list[Step] = []
    for word in script.split():
        if step := _WORDS.get(word):
            steps.append(step)
        elif KEYS.match(word):
            steps.append(Press(word))
        elif timed := _TIMED.match(word):
            seconds = float(timed[2])
            if seconds > LONGEST_STEP_S:
                raise ScriptError(f"{word!r} is too long; at most {LONGEST_STEP_S:.0f} s")
            steps.append(Talk(seconds) if timed[1] == "t" else Wait(seconds))
        else:
            raise ScriptError(f"{word!r} is nothing a caller does; there are {GRAMMAR}")
    return steps

"""``collect``: ask for a number of several keys and keep it in a variable. Used by the flow loader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from callflows.effects import Ask
from callflows.nodes.asking import NO_INPUT, WRONG_KEY, AskingNode
from callflows.nodes.base import OTHERWISE, CallState, Key, KeyOrAny, Node, NodeName, Saying, Seconds, Stay, Steps, Words
from callflows.nodes.variables import AssignedName

SKIP_KEY = "#"  # pressed alone, where skipping is allowed
Verdict = Literal["right", "again"]
RIGHT: Verdict = "right"
AGAIN: Verdict = "again"


class ReadBack(Words):
    """What was entered is read to the caller, who says whether it is right. Entering it again is paid from the budget of wrong keys."""

    keys: dict[Key, Verdict] = {"1": RIGHT, "2": AGAIN}  # noqa: RUF012 - pydantic copies a default
    """Key → `right` or `again`."""
    wait_s: Seconds = 5.0
    """How long to wait for a key once all is said, in seconds."""

    @model_validator(mode="after")
    def _both(self) -> ReadBack:
        if set(self.keys.values()) != {RIGHT, AGAIN}:
            raise ValueError("one key must mean 'right', another 'again'")
        return self


class CollectNode(AskingNode):
    """Asks for several keys, ended by `#` or by waiting, and keeps them in a variable."""

    kind: ClassVar[str] = "collect"
    not_chosen: ClassVar[frozenset[str]] = frozenset({*Node.not_chosen, OTHERWISE})
    collect: Words
    """What the caller hears."""
    into: AssignedName
    """The variable that keeps the keys."""
    shortest: Annotated[int, Field(ge=1, le=32)] = 1
    """Fewer keys than this are a wrong input."""
    longest: Annotated[int, Field(ge=1, le=32)] = 20
    """With this many keys the input is complete, without a `#`; one pressed within 2 s of the last key still belongs to it."""
    next: NodeName
    """The node after a good input."""
    skip: NodeName | None = None
    """The node when `#` is pressed alone. Left out, that is a wrong input."""
    skip_keeps: bool = False
    """Does skipping leave an earlier value as it is? Else the variable has none afterwards."""
    keys: dict[KeyOrAny, NodeName] = Field(default_factory=dict)
    """A key pressed alone → node, e.g. 0 for a person. `_` takes every wrong input."""
    read_back: ReadBack | None = None
    """Read the input back and let the caller say whether it is right: the words, and `keys`."""
    masked: bool = False
    """Is it nobody's business? Then it reaches neither log nor database in clear."""
    first_digit_s: Seconds = 6.0
    """How long to wait for the first key once all is said, in seconds."""
    inter_digit_s: Seconds = 4.0
    """How long to wait for each further key, in seconds; then the input is complete."""
    overall_s: Annotated[float, Field(ge=1, le=120)] | None = None
    """How long the whole input may take from its first key, in seconds."""

    @model_validator(mode="after")
    def _consistent(self) -> CollectNode:
        if self.shortest > self.longest:
            raise ValueError(f"'shortest' {self.shortest} is more than 'longest' {self.longest}")
        if self.wrong_key is None and (OTHERWISE not in self.keys or self.read_back):
            raise ValueError("'wrong_key' must be given, or '_' among the keys; with 'read_back' it must always be given")
        if self.skip and SKIP_KEY in self.keys:
            raise ValueError("'#' is given twice: 'skip' already says where it leads")
        return self

    def steps(self, call: CallState, place: str) -> Steps:
        used: Counter[str] = Counter()
        while True:
            taken = yield from self.ask(call, place, self._question(call, place), lambda pressed: self._take(call, pressed), used)
            if taken != "next" or self.read_back is None:
                return taken
            check = Ask(
                call.speech(self.read_back, f"{place}-read-back"),
                first_digit_s=self.read_back.wait_s,
                barge_in=self.barge_in,
            )
            answer = yield from self.ask(call, place, check, self.read_back.keys.get, used)
            if answer != AGAIN:
                return "next" if answer == RIGHT else answer
            call.forget(self.into)
            used[WRONG_KEY] += 1
            if self.wrong_key and used[WRONG_KEY] >= self.wrong_key.tries:
                return WRONG_KEY

    def _question(self, call: CallState, place: str) -> Ask:
        return Ask(
            call.speech(self.collect, place),
            longest=self.longest,
            first_digit_s=self.first_digit_s,
            inter_digit_s=self.inter_digit_s,
            overall_s=self.overall_s,
            barge_in=self.barge_in,
            masked=self.masked,
        )

    def _take(self, call: CallState, pressed: str) -> str | None:
        if pressed == SKIP_KEY and self.skip:
            if not self.skip_keeps:
                call.forget(self.into)
            return "skip"
        if pressed in self.keys:
            return pressed
        if pressed.isascii() and pressed.isdecimal() and self.shortest <= len(pressed) <= self.longest:
            call.keep(self.into, pressed, masked=self.masked)
            return "next"
        return OTHERWISE if OTHERWISE in self.keys else None

    def exits(self) -> Mapping[str, str]:
        skip = {"skip": self.skip} if self.skip else {}
        return {"next": self.next, **skip, **self.keys, **self.retry_exits()}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        typing_s = (self.longest - 1) * self.inter_digit_s
        typed_s = self.first_digit_s + (typing_s if self.overall_s is None else min(typing_s, self.overall_s))
        silent = Stay(saying(self.collect) + self.first_digit_s, prompts=1, asked=1)
        entered = Stay(saying(self.collect) + typed_s, prompts=1, asked=1)
        if self.read_back is None:
            return self.budgeted(saying, self.exits(), silent=silent, wrong=entered, answered=entered)
        checked = Stay(saying(self.read_back) + self.read_back.wait_s, prompts=1, asked=1)
        worst_silence = max(silent, checked, key=lambda stay: stay.seconds)
        stays = dict(self.budgeted(saying, self.exits(), silent=worst_silence, wrong=entered + checked, answered=entered + checked))
        stays[NO_INPUT] += entered  # he may have typed a number before he fell silent over its read-back
        return stays

    def words(self) -> Mapping[str, Words]:
        return {"": self.collect, **({"read-back": self.read_back} if self.read_back else {}), **self.retry_words()}

    def assigns(self) -> set[str]:
        return {self.into}

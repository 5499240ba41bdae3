"""Asking the caller until he answers or a budget is spent: the part that ``menu``, ``confirm`` and ``collect`` share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from callflows.effects import Ask, Say
from callflows.nodes.base import OTHERWISE, CallState, Node, NodeName, Saying, Stay, Steps, Words
from callflows.outcomes import Digits

NO_INPUT, WRONG_KEY = "no_input", "wrong_key"


class Retry(BaseModel):
    """How often to ask in all, what to say before asking again, and where to go when the budget is spent."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    tries: Annotated[int, Field(ge=1, le=5)] = 2
    """How often the caller may make this mistake; the last one leads to `then`."""
    say: Words | None = None
    """What he hears before he is asked again."""
    barge_in: bool = True
    """May a key cut that short?"""
    then: NodeName
    """The node when the budget is spent."""


class AskingNode(Node):
    """No key and a wrong key have budgets of their own: a caller who hesitates is not one who errs."""

    no_input: Retry
    """What to do when no key is pressed: `tries`, `say`, `then`."""
    wrong_key: Retry | None = None
    """What to do after a wrong key: `tries`, `say`, `then`. May be left out where `_` takes every other key."""
    barge_in: bool = True
    """May a key cut the question short? Without it keys are taken once it has been said."""

    def ask(
        self, call: CallState, place: str, question: Ask, accept: Callable[[str], str | None], used: Counter[str] | None = None
    ) -> Steps:
        """Ask until ``accept`` names an exit for the keys pressed, or a budget is spent.

        ``used`` counts what was spent before: hand the same one in where a node asks several questions out of one budget.
        """
        used = Counter() if used is None else used
        while True:
            outcome = yield question
            pressed = outcome.keys if isinstance(outcome, Digits) else ""
            if pressed and (taken := accept(pressed)) is not None:
                return taken
            fault, retry = (WRONG_KEY, self.wrong_key) if pressed else (NO_INPUT, self.no_input)
            if retry is None:
                return OTHERWISE
            used[fault] += 1
            if used[fault] >= retry.tries:
                return fault
            if retry.say:
                yield Say(call.speech(retry.say, f"{place}-{_slot(fault)}"), barge_in=retry.barge_in)

    def retry_exits(self) -> Mapping[str, str]:
        return {fault: retry.then for fault, retry in self._retries()}

    def retry_words(self) -> Mapping[str, Words]:
        return {_slot(fault): retry.say for fault, retry in self._retries() if retry.say}

    def budgeted(self, saying: Saying, exits: Iterable[str], silent: Stay, wrong: Stay, answered: Stay) -> Mapping[str, Stay]:
        """The stays of a node that asks: each exit is left at the end of all rounds that its budgets allow before it.

        ``silent`` and ``wrong`` are one round that comes to nothing, without the words of the retry; ``answered`` the round that succeeds.
        """
        rounds = {NO_INPUT: silent, WRONG_KEY: wrong}
        wasted = {fault: (rounds[fault] + _said(saying, retry.say)) * (retry.tries - 1) for fault, retry in self._retries()}
        before = sum(wasted.values(), Stay())
        return {exit_name: before + rounds.get(exit_name, answered) for exit_name in exits}

    def _retries(self) -> Iterable[tuple[str, Retry]]:
        yield NO_INPUT, self.no_input
        if self.wrong_key:
            yield WRONG_KEY, self.wrong_key


def _said(saying: Saying, words: Words | None) -> Stay:
    return Stay(saying(words), prompts=1) if words else Stay()


def _slot(fault: str) -> str:
    return fault.replace("_", "-")

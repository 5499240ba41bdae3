"""Asking the caller until he answers or a budget is spent: the part that ``menu`` and ``collect`` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from callflows.effects import Ask, Say
from callflows.nodes.base import CallState, Node, NodeName, Steps, Words
from callflows.outcomes import Digits


class Retry(BaseModel):
    """How often to ask in all, what to say before asking again, and where to go when the budget is spent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tries: Annotated[int, Field(ge=1, le=5)] = 2
    say: Words | None = None
    then: NodeName


class AskingNode(Node):
    """No key and a wrong key have budgets of their own: a caller who hesitates is not one who errs."""

    no_input: Retry
    wrong_key: Retry

    def ask(self, call: CallState, place: str, question: Ask, accept: Callable[[str], str | None]) -> Steps:
        """Ask until ``accept`` names an exit for the keys pressed, or a budget is spent."""
        used = {"no_input": 0, "wrong_key": 0}
        while True:
            outcome = yield question
            pressed = outcome.keys if isinstance(outcome, Digits) else ""
            if pressed and (taken := accept(pressed)) is not None:
                return taken
            fault, retry = ("wrong_key", self.wrong_key) if pressed else ("no_input", self.no_input)
            used[fault] += 1
            if used[fault] >= retry.tries:
                return fault
            if retry.say:
                yield Say(call.speech(retry.say, f"{place}-{_slot(fault)}"))

    def retry_exits(self) -> Mapping[str, str]:
        return {"no_input": self.no_input.then, "wrong_key": self.wrong_key.then}

    def retry_words(self) -> Mapping[str, Words]:
        said = {"no_input": self.no_input.say, "wrong_key": self.wrong_key.say}
        return {_slot(fault): words for fault, words in said.items() if words}


def _slot(fault: str) -> str:
    return fault.replace("_", "-")

"""``confirm``: a question that is answered yes or no. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import model_validator

from callflows.effects import Ask
from callflows.nodes.asking import AskingNode, Retry
from callflows.nodes.base import CallState, NodeName, Saying, Seconds, Stay, Steps, Words, WrittenKey


class ConfirmNode(AskingNode):
    """Asks, and goes on by yes or no."""

    kind: ClassVar[str] = "confirm"
    confirm: Words
    """What the caller hears; it must name the two keys."""
    yes: NodeName
    """The node after the yes key."""
    no: NodeName
    """The node after the no key."""
    yes_key: WrittenKey = "1"
    """The key that means yes."""
    no_key: WrittenKey = "2"
    """The key that means no."""
    wait_s: Seconds = 5.0
    """How long to wait for a key once all is said, in seconds."""
    wrong_key: Retry
    """What to do after a wrong key: `tries`, `say`, `then`."""

    @model_validator(mode="after")
    def _two_keys(self) -> ConfirmNode:
        if self.yes_key == self.no_key:
            raise ValueError(f"yes and no are both on key {self.yes_key}: they need two")
        return self

    def steps(self, call: CallState, place: str) -> Steps:
        question = Ask(call.speech(self.confirm, place), longest=1, first_digit_s=self.wait_s, barge_in=self.barge_in)
        return (yield from self.ask(call, place, question, {self.yes_key: "yes", self.no_key: "no"}.get))

    def exits(self) -> Mapping[str, str]:
        return {"yes": self.yes, "no": self.no, **self.retry_exits()}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        asked = Stay(saying(self.confirm) + self.wait_s, prompts=1, asked=1)
        return self.budgeted(saying, self.exits(), silent=asked, wrong=asked, answered=asked)

    def words(self) -> Mapping[str, Words]:
        return {"": self.confirm, **self.retry_words()}

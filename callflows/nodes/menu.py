"""``menu``: speak, and let one key choose where to go on. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from callflows.effects import Ask
from callflows.nodes.asking import AskingNode
from callflows.nodes.base import OTHERWISE, CallState, KeyOrAny, Node, NodeName, Saying, Seconds, Stay, Steps, Words


class MenuNode(AskingNode):
    """Speaks, and goes on by the key that the caller presses."""

    kind: ClassVar[str] = "menu"
    not_chosen: ClassVar[frozenset[str]] = frozenset({*Node.not_chosen, OTHERWISE})
    menu: Words
    """What the caller hears."""
    keys: Annotated[dict[KeyOrAny, NodeName], Field(min_length=1)]
    """Key → node. `_` takes every key that isn't named."""
    wait_s: Seconds = 5.0
    """How long to wait for a key once all is said, in seconds."""

    @model_validator(mode="after")
    def _wrong_keys_lead_somewhere(self) -> MenuNode:
        if self.wrong_key is None and OTHERWISE not in self.keys:
            raise ValueError("'wrong_key' must be given, or '_' among the keys")
        return self

    def steps(self, call: CallState, place: str) -> Steps:
        question = Ask(call.speech(self.menu, place), longest=1, first_digit_s=self.wait_s, barge_in=self.barge_in)
        return (yield from self.ask(call, place, question, self._exit_by))

    def _exit_by(self, key: str) -> str | None:
        if key in self.keys:
            return key
        return OTHERWISE if OTHERWISE in self.keys else None

    def exits(self) -> Mapping[str, str]:
        return {**self.keys, **self.retry_exits()}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        asked = Stay(saying(self.menu) + self.wait_s, prompts=1, asked=1)
        return self.budgeted(saying, self.exits(), silent=asked, wrong=asked, answered=asked)

    def words(self) -> Mapping[str, Words]:
        return {"": self.menu, **self.retry_words()}

"""``menu``: speak, and let one key choose where to go on. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Ask
from callflows.nodes.asking import AskingNode
from callflows.nodes.base import CallState, Key, NodeName, Steps, Words


class MenuNode(AskingNode):
    kind: ClassVar[str] = "menu"
    menu: Words
    keys: Annotated[dict[Key, NodeName], Field(min_length=1)]
    wait_s: Annotated[float, Field(gt=0, le=30)] = 5.0

    def steps(self, call: CallState, place: str) -> Steps:
        question = Ask(call.speech(self.menu, place), longest=1, first_digit_s=self.wait_s)
        return (yield from self.ask(call, place, question, lambda key: key if key in self.keys else None))

    def exits(self) -> Mapping[str, str]:
        return {**self.keys, **self.retry_exits()}

    def words(self) -> Mapping[str, Words]:
        return {"": self.menu, **self.retry_words()}

"""``collect``: ask for a number of several keys and keep it in a variable. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from callflows.effects import Ask
from callflows.nodes.asking import AskingNode
from callflows.nodes.base import CallState, NodeName, Steps, VariableName, Words

SKIP_KEY = "#"  # pressed alone, where skipping is allowed


class CollectNode(AskingNode):
    kind: ClassVar[str] = "collect"
    collect: Words
    into: VariableName
    shortest: Annotated[int, Field(ge=1, le=32)] = 1
    longest: Annotated[int, Field(ge=1, le=32)] = 20
    next: NodeName
    skip: NodeName | None = None
    skip_keeps: bool = False  # skipping leaves an earlier value as it is; else there is none afterwards
    first_digit_s: Annotated[float, Field(gt=0, le=60)] = 6.0
    inter_digit_s: Annotated[float, Field(gt=0, le=30)] = 4.0

    def steps(self, call: CallState, place: str) -> Steps:
        def accept(pressed: str) -> str | None:
            if pressed == SKIP_KEY and self.skip:
                if not self.skip_keeps:
                    call.variables.pop(self.into, None)
                return "skip"
            if pressed.isdecimal() and self.shortest <= len(pressed) <= self.longest:
                call.variables[self.into] = pressed
                return "next"
            return None

        question = Ask(
            call.speech(self.collect, place),
            longest=self.longest,
            first_digit_s=self.first_digit_s,
            inter_digit_s=self.inter_digit_s,
        )
        return (yield from self.ask(call, place, question, accept))

    def exits(self) -> Mapping[str, str]:
        skip = {"skip": self.skip} if self.skip else {}
        return {"next": self.next, **skip, **self.retry_exits()}

    def words(self) -> Mapping[str, Words]:
        return {"": self.collect, **self.retry_words()}

    def assigns(self) -> set[str]:
        return {self.into}

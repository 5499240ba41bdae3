"""``language``: speak another language from here. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from callflows.effects import SetLanguage
from callflows.nodes.base import CallState, Node, NodeName, Steps


class LanguageNode(Node):
    kind: ClassVar[str] = "language"
    language: Literal["zh", "en"]
    next: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        call.language = self.language
        yield SetLanguage(self.language)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

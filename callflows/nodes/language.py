"""``language``: speak another language from here. Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from callflows.effects import SetLanguage
from callflows.nodes.base import CallState, Node, NodeName, Steps


class LanguageNode(Node):
    """From here the caller is spoken to in this language."""

    kind: ClassVar[str] = "language"
    language: Literal["zh", "en"]
    """`zh` or `en`."""
    next: NodeName
    """The node after it."""

    def steps(self, call: CallState, place: str) -> Steps:
        call.language = self.language
        yield SetLanguage(self.language)
        return "next"

    def exits(self) -> Mapping[str, str]:
        return {"next": self.next}

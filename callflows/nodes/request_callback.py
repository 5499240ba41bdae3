"""``request_callback``: promise the caller a call to the number he calls from (R3). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from callflows.effects import RequestCallback
from callflows.nodes.base import CallState, Node, NodeName, Steps
from callflows.outcomes import CallbackPromised


class RequestCallbackNode(Node):
    """Only the caller's own number: another one would have to be confirmed by whoever answers it, and costs us whatever it costs."""

    kind: ClassVar[str] = "request_callback"
    request_callback: Literal["caller"]
    promised: NodeName
    refused: NodeName

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield RequestCallback()
        return "promised" if isinstance(outcome, CallbackPromised) else "refused"

    def exits(self) -> Mapping[str, str]:
        return {"promised": self.promised, "refused": self.refused}

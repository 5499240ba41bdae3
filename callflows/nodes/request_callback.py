"""``request_callback``: promise the caller a call to the number he calls from (R3). Used by the flow loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from callflows.effects import RequestCallback
from callflows.nodes.base import CallState, Given, Node, NodeName, Steps, Words
from callflows.nodes.storing import spoken, stored
from callflows.outcomes import CallbackPromised


class RequestCallbackNode(Node):
    """Promises the caller a call. Only to his own number: another one would have to be confirmed by whoever answers it."""

    kind: ClassVar[str] = "request_callback"
    gives: ClassVar[Given | None] = "callback"
    gives_by: ClassVar[frozenset[str]] = frozenset({"promised"})
    failed_by: ClassVar[frozenset[str]] = frozenset({"refused"})
    request_callback: Literal["caller"]
    """`caller`: the number he calls from."""
    promised: NodeName
    """The node once the promise is stored."""
    refused: NodeName
    """The node when his number is withheld, or none that we call; offer something else there."""
    hold_on: Words | None = None
    """What the caller hears when storing it takes more than a moment."""

    def steps(self, call: CallState, place: str) -> Steps:
        outcome = yield from stored(RequestCallback(), call, self.hold_on, place)
        return "promised" if isinstance(outcome, CallbackPromised) else "refused"

    def exits(self) -> Mapping[str, str]:
        return {"promised": self.promised, "refused": self.refused}

    def words(self) -> Mapping[str, Words]:
        return spoken(self.hold_on)

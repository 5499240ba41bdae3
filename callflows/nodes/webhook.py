"""``webhook``: ask an outside system, and go on without it when it is slow. Used by the flow loader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from callflows.effects import AskWebhook
from callflows.nodes.base import CallState, Named, Node, NodeName, Saying, Stay, Steps
from callflows.nodes.variables import LONGEST_VALUE, SUPERVISOR, VARIABLE, AssignedName, VariableName
from callflows.outcomes import WebhookAnswered

# The caller hears nothing meanwhile: the settings allow no webhook a longer deadline.
LONGEST_DEADLINE_S = 5.0
_NAME = re.compile(VARIABLE)


class WebhookNode(Node):
    """Asks a webhook of the settings. Its deadline, its cache and when it is given a rest are set there."""

    kind: ClassVar[str] = "webhook"
    webhook: str
    """The webhook's name in the settings."""
    send: tuple[VariableName, ...] = ()
    """The variables whose values it is sent; those without a value are left out."""
    sets: tuple[AssignedName, ...] | None = None
    """The variables taken from its answer; left out, all that the settings let it set."""
    answered: NodeName
    """The node when it answered."""
    failed: NodeName
    """The node when it didn't, or not in time."""

    def steps(self, call: CallState, place: str) -> Steps:
        values = tuple((name, call.variables[name]) for name in self.send if call.variables.get(name))
        outcome = yield AskWebhook(self.webhook, values)
        if not isinstance(outcome, WebhookAnswered):
            return "failed"
        for name, value in outcome.values:
            if _NAME.fullmatch(name) and name != SUPERVISOR and (self.sets is None or name in self.sets):
                call.keep(name, value[:LONGEST_VALUE])
        return "answered"

    def exits(self) -> Mapping[str, str]:
        return {"answered": self.answered, "failed": self.failed}

    def stays(self, saying: Saying) -> Mapping[str, Stay]:
        return dict.fromkeys(self.exits(), Stay(LONGEST_DEADLINE_S))

    def assigns(self) -> set[str]:
        return {"*"} if self.sets is None else set(self.sets)

    def reads(self) -> set[str]:
        return set(self.send)

    def names(self) -> Mapping[Named, str]:
        return {"webhook": self.webhook}

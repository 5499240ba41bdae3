"""What a simulated call came to, as the command line prints it and a flow's tests judge it. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from callflows.effects import Effect
from callflows.nodes.variables import Secret
from callflows.scripted_caller import Heard, Performed


@dataclass(slots=True)
class SimulatedCall:
    """What happened. ``ending``: hangup, queue, dial, caller_hung_up or error; ``seconds`` from answer to end.

    ``entered`` and ``exits`` name flow and node, also of what went on after the caller hung up; ``path`` is what he went through,
    and ``came_at`` when, in s.
    """

    ending: str = "error"
    path: list[str] = field(default_factory=list)
    came_at: list[float] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    filed: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    queue: str | None = None
    phone: str | None = None
    line: str | None = None
    language: str = ""
    error: str | None = None
    unused: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    remembered: dict[str, str] = field(default_factory=dict)
    performed: list[Performed] = field(default_factory=list)
    entered: set[tuple[str, str]] = field(default_factory=set)
    exits: set[tuple[str, str, str]] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """As ``ivrd flow simulate --json`` prints it."""
        return {
            "ending": self.ending,
            "queue": self.queue,
            "phone": self.phone,
            "line": self.line,
            "language": self.language,
            "path": self.path,
            "came_at": [round(at, 2) for at in self.came_at],
            "effects": [{"effect": type(effect).__name__, **plain(effect)} for effect in self.effects],
            "filed": self.filed,
            "remembered": self.remembered,
            "heard": [{"at": round(said.at, 2), "seconds": round(said.seconds, 2), "text": said.text} for said in self.heard],
            "seconds": round(self.seconds, 1),
            "error": self.error,
            "unused": self.unused,
        }


def plain(effect: Effect) -> dict[str, Any]:
    """An effect's parts as JSON has them; what was typed unseen stays so."""
    parts: dict[str, Any] = json.loads(json.dumps(_unseen(asdict(effect)), default=str))
    return parts


def _unseen(value: Any) -> Any:
    if isinstance(value, Secret):
        return "*" * len(value)
    if isinstance(value, dict):
        return {name: _unseen(part) for name, part in value.items()}
    return [_unseen(part) for part in value] if isinstance(value, list | tuple) else value

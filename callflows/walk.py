"""One caller's walk through a flow: a generator that yields effects and is sent their outcomes.

Pure: the session drives it over a real call, the simulator over a script. It can be written down before a queue and restored after it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from callflows.effects import CALL_EFFECTS, Effect, EnterNode
from callflows.flow import FlowBook
from callflows.nodes.base import CallState, Steps
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode
from callflows.outcomes import CallerHungUp, Outcome, QueueLeft

# A walk that enters this many nodes without asking, recording or queueing goes in circles: no flow of a hotline needs it.
HOP_LIMIT = 100


class FlowStuckError(Exception):
    """The flow went in circles, or names a node that isn't there: a fault of the flow, which the linter looks for."""


@dataclass(slots=True)
class Frame:
    flow: str
    node: str


@dataclass(slots=True)
class Position:
    """Where a walk stands, as plain data: what a contact keeps while the caller waits in a queue."""

    frames: list[Frame]
    language: str
    variables: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "frames": [[frame.flow, frame.node] for frame in self.frames],
            "language": self.language,
            "variables": dict(self.variables),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Position:
        """Raises KeyError, TypeError or ValueError on anything that ``as_json`` didn't write."""
        frames = [Frame(str(flow), str(node)) for flow, node in data["frames"]]
        if not frames:
            raise ValueError("a position has at least one frame")
        return cls(frames, str(data["language"]), {str(k): str(v) for k, v in dict(data["variables"]).items()})


class Walk:
    """Drive ``run()`` with ``send(outcome)``; throw ``CallerHungUp`` into it when the caller is gone and go on driving."""

    def __init__(self, book: FlowBook, position: Position) -> None:
        self._book = book
        self._frames = list(position.frames)
        self.call = CallState(position.language, dict(position.variables))
        self.hung_up = False
        self.left: tuple[str, str, str] | None = None  # flow, node and exit by which the present node was come to

    @classmethod
    def begin(cls, book: FlowBook, flow: str, language: str, variables: dict[str, str] | None = None) -> Walk:
        return cls(book, Position([Frame(flow, book.flow(flow).start)], language, variables or {}))

    @property
    def position(self) -> Position:
        return Position([Frame(f.flow, f.node) for f in self._frames], self.call.language, dict(self.call.variables))

    @property
    def node(self) -> str:
        """The node as a path names it: a sub-flow's nodes carry the sub-flow's name."""
        frame = self._frames[-1]
        return frame.node if len(self._frames) == 1 else f"{frame.flow}.{frame.node}"

    def run(self, queue_left: QueueLeft | None = None) -> Generator[Effect, Outcome, None]:
        """Yield effects until the flow ends, hands over to a queue, or the caller is gone and nothing is left to do.

        With ``queue_left`` the walk goes on where it handed over. Raises FlowStuckError.
        """
        hops = 0
        while self._frames:
            frame = self._frames[-1]
            flow = self._book.flow(frame.flow)
            node = flow.nodes.get(frame.node)
            if node is None:
                raise FlowStuckError(f"{flow.file}: there is no node {frame.node!r}")
            if queue_left is None:
                hops += 1
                if hops > HOP_LIMIT:
                    raise FlowStuckError(f"{flow.file}: {HOP_LIMIT} nodes were entered without a word to the caller, last {frame.node!r}")
                yield EnterNode(self.node)
            if isinstance(node, RunNode):
                self._frames.append(Frame(node.run, self._book.flow(node.run).start))
                continue
            if isinstance(node, EndNode):
                self._frames.pop()
                if not self._frames:
                    return
                runner = self._book.flow(self._frames[-1].flow).nodes[self._frames[-1].node]
                self._go(runner.exits(), node.end if node.end in runner.exits() else ANY_ENDING)
                continue
            try:
                steps = node.steps(self.call, flow.place(frame.node))
                if queue_left is not None and not node.hands_over:
                    raise FlowStuckError(f"{flow.file}: the call came back from a queue to {frame.node!r}, which is none")
                taken, spoke = yield from _drive(steps, queue_left)
                hops = 0 if spoke else hops
                queue_left = None
            except CallerHungUp:
                if self.hung_up or not self._enter_hang_up_node():
                    return
                continue
            if not taken:
                return
            self._go(node.exits(), taken)

    def _go(self, exits: Any, taken: str) -> None:
        if taken not in exits:
            raise FlowStuckError(f"{self.node!r} has no exit {taken!r}")
        frame = self._frames[-1]
        self.left = (frame.flow, frame.node, taken)
        frame.node = exits[taken]

    def _enter_hang_up_node(self) -> bool:
        """Once: to the ``on_hang_up`` node of the innermost flow that has one, so that a half-told complaint is still filed."""
        self.hung_up = True
        while self._frames:
            frame = self._frames[-1]
            if node := self._book.flow(frame.flow).on_hang_up:
                frame.node = node
                return True
            self._frames.pop()
        return False


def _drive(steps: Steps, resumed: QueueLeft | None) -> Generator[Effect, Outcome, tuple[str, bool]]:
    """Pass a node's effects on; the first is answered by ``resumed`` where the walk is restored. Tells whether it spoke."""
    spoke = False
    try:
        effect = next(steps)
        if resumed is not None:
            effect = steps.send(resumed)
        while True:
            spoke = spoke or isinstance(effect, CALL_EFFECTS)
            try:
                outcome = yield effect
            except CallerHungUp as gone:
                effect = steps.throw(gone)
            else:
                effect = steps.send(outcome)
    except StopIteration as stop:
        return str(stop.value or ""), spoke

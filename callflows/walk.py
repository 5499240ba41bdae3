"""One caller's walk through a flow: a generator that yields effects and is sent their outcomes.

Pure: the session drives it over a real call, the simulator over a script. It can be written down before a queue and restored after it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from callflows.effects import Ask, Dial, Effect, EnterNode, Queue, Record
from callflows.flow import Flow, FlowBook
from callflows.nodes.base import CallState, Node, Steps
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode
from callflows.nodes.variables import Secret
from callflows.outcomes import CallerHungUp, DialLeft, Outcome, QueueLeft

# A walk that enters this many nodes without asking, recording or queueing goes in circles: no flow of a hotline needs it.
HOP_LIMIT = 100
# What one node may yield without asking anything; the longest of ours yields four.
EFFECT_LIMIT = 1000
# Flows that run each other this deep run themselves.
DEPTH_LIMIT = 20

_EFFECTS = frozenset(get_args(Effect))

# How a caller came back from where a node handed him over to.
CameBack = QueueLeft | DialLeft


class FlowStuckError(Exception):
    """The flow went in circles, or names a node that isn't there: a fault of the flow, which the linter looks for. Or a node failed."""


@dataclass(slots=True)
class Frame:
    flow: str
    node: str


@dataclass(slots=True)
class Position:
    """Where a walk stands, as plain data: what a contact keeps while the caller waits in a queue.

    A variable that is a ``Secret`` is masked. One named ``x@1`` is what ``x`` was outside the first sub-flow, which has a parameter ``x``.
    """

    frames: list[Frame]
    language: str
    variables: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """``masked`` names the variables that must be sealed before they are stored, and opened again for ``from_json``."""
        return {
            "frames": [[frame.flow, frame.node] for frame in self.frames],
            "language": self.language,
            "variables": dict(self.variables),
            "masked": sorted(name for name, value in self.variables.items() if isinstance(value, Secret)),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Position:
        """Raises KeyError, TypeError or ValueError on anything that ``as_json`` didn't write."""
        frames = [Frame(str(flow), str(node)) for flow, node in data["frames"]]
        if not frames:
            raise ValueError("a position has at least one frame")
        masked = {str(name) for name in data.get("masked", ())}
        variables = {str(name): Secret(value) if name in masked else str(value) for name, value in dict(data["variables"]).items()}
        return cls(frames, str(data["language"]), variables)


class Walk:
    """Drive ``run()`` with ``send(outcome)``; throw ``CallerHungUp`` into it when the caller is gone and go on driving.

    All flows of a call share its variables. A sub-flow's parameters alone are its own: while it runs they hold what they were given,
    and when it ends they are again what they were.
    """

    def __init__(self, book: FlowBook, position: Position) -> None:
        self._book = book
        self._frames = list(position.frames)
        self.call = CallState(position.language, dict(position.variables))
        self.hung_up = False
        self.left: tuple[str, str, str] | None = None  # flow, node and exit by which the present node was come to

    @classmethod
    def begin(cls, book: FlowBook, flow: str, language: str, variables: dict[str, str] | None = None) -> Walk:
        """At the start of a flow, with what is known of the call. Raises FlowStuckError where no flow has that name."""
        walk = cls(book, Position([], language, variables or {}))
        walk._enter(walk._flow(flow), {})
        return walk

    @property
    def position(self) -> Position:
        return Position([Frame(f.flow, f.node) for f in self._frames], self.call.language, dict(self.call.variables))

    @property
    def node(self) -> str:
        """The node as a path names it: a sub-flow's nodes carry the sub-flow's name."""
        frame = self._frames[-1]
        return frame.node if len(self._frames) == 1 else f"{frame.flow}.{frame.node}"

    def run(self, came_back: CameBack | None = None) -> Generator[Effect, Outcome, None]:
        """Yield effects until the flow ends, hands over to a queue, or the caller is gone and nothing is left to do.

        With ``came_back`` the walk goes on where it handed over. Raises FlowStuckError.
        """
        hops = 0
        while self._frames:
            frame = self._frames[-1]
            flow = self._flow(frame.flow)
            node = self._node(flow, frame.node)
            self.call.types = flow.types
            if came_back is not None and not node.hands_over:
                raise FlowStuckError(f"{flow.file}: the call came back to {frame.node!r}, which had sent it nowhere")
            try:
                if came_back is None:
                    hops += 1
                    if hops > HOP_LIMIT:
                        raise FlowStuckError(f"{flow.file}: {HOP_LIMIT} nodes entered without asking anything, last {frame.node!r}")
                    yield EnterNode(self.node)
                if isinstance(node, RunNode):
                    self._enter(self._flow(node.run), {name: self.call.value(written) for name, written in node.given.items()})
                    continue
                if isinstance(node, EndNode):
                    self._leave()
                    if not self._frames:
                        return
                    runner = self._node(self._flow(self._frames[-1].flow), self._frames[-1].node)
                    self._go(runner.exits(), node.end if node.end in runner.exits() else ANY_ENDING)
                    continue
                taken, asked = yield from _drive(node.steps(self.call, flow.place(frame.node)), came_back)
                hops = 0 if asked else hops
            except CallerHungUp:
                if self.hung_up or not self._enter_hang_up_node():
                    return
                continue
            except FlowStuckError:
                raise
            except (Exception, SystemExit) as error:  # of another package's node: it shall end neither the daemon nor a command
                said = f"{type(error).__name__}: {error}"[:200]
                raise FlowStuckError(f"{flow.file}: the node {frame.node!r} ({node.kind}) failed: {said}") from error
            finally:
                came_back = None
            exits = node.exits()
            if not taken and not exits:
                return
            self._go(exits, taken)  # a switch may have an exit named "", for no value

    def _flow(self, name: str) -> Flow:
        try:
            return self._book.flow(name)
        except KeyError:
            raise FlowStuckError(f"there is no flow {name!r}") from None

    @staticmethod
    def _node(flow: Flow, name: str) -> Node:
        node = flow.nodes.get(name)
        if node is None:
            raise FlowStuckError(f"{flow.file}: there is no node {name!r}")
        return node

    def _enter(self, flow: Flow, given: Mapping[str, str]) -> None:
        """Its parameters hide the variables of their names; what it declares besides has its default until something is set."""
        depth, variables = len(self._frames), self.call.variables
        if depth >= DEPTH_LIMIT:
            raise FlowStuckError(f"{flow.file}: {flow.name!r} runs itself, {DEPTH_LIMIT} flows deep")
        self._frames.append(Frame(flow.name, flow.start))
        self.call.types = flow.types
        if depth:
            for name in flow.parameters.keys() & variables.keys():
                variables[_hidden(name, depth)] = variables.pop(name)
        for name, declared in (*flow.parameters.items(), *flow.variables.items()):
            value = given.get(name, "") if name in flow.parameters else ""
            if value or (declared.default and not variables.get(name)):
                self.call.keep(name, value or declared.default or "")

    def _leave(self) -> None:
        """The innermost flow ends: what its parameters hid comes back. What it set besides stays set."""
        frame, depth, variables = self._frames.pop(), len(self._frames), self.call.variables
        if depth:
            for name in self._flow(frame.flow).parameters:
                variables.pop(name, None)
                if _hidden(name, depth) in variables:
                    variables[name] = variables.pop(_hidden(name, depth))

    def _go(self, exits: Mapping[str, str], taken: str) -> None:
        if taken not in exits:
            raise FlowStuckError(f"{self.node!r} has no exit {taken!r}")
        frame = self._frames[-1]
        self.left = (frame.flow, frame.node, taken)
        frame.node = exits[taken]

    def _enter_hang_up_node(self) -> bool:
        """Once: to the ``on_hang_up`` node of the innermost flow that has one, so that a half-told complaint is still filed."""
        self.hung_up = True
        while self._frames:
            if node := self._flow(self._frames[-1].flow).on_hang_up:
                self._frames[-1].node = node
                return True
            self._leave()
        return False


def _hidden(name: str, depth: int) -> str:
    return f"{name}@{depth}"  # no variable of a flow file can be named so


def _drive(steps: Steps, came_back: CameBack | None) -> Generator[Effect, Outcome, tuple[str, bool]]:
    """Pass a node's effects on; the first is answered by ``came_back`` where the walk is restored. Tells whether it asked anything.

    To say something isn't enough: a key pressed ahead cuts every announcement of a circle short, which then never ends.
    """
    asked = False
    unasked = 0
    try:
        effect = next(steps)
        if came_back is not None:
            effect = steps.send(came_back)
        while True:
            if type(effect) not in _EFFECTS:
                raise TypeError(f"it yields {str(effect)[:60]!r}, which is no effect")
            if isinstance(effect, Ask | Record | Queue | Dial):
                asked, unasked = True, 0
            unasked += 1
            if unasked > EFFECT_LIMIT:
                raise RuntimeError(f"it yields {EFFECT_LIMIT} effects without asking anything")
            try:
                outcome = yield effect
            except CallerHungUp as gone:
                effect = steps.throw(gone)
            else:
                effect = steps.send(outcome)
    except StopIteration as stop:
        return str(stop.value or ""), asked

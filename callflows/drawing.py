"""What a drawing of a flow shows: a box a node, an arrow a way, with the calls that came by where they were counted.

Pure. Made once, then put on paper by ``drawing_svg`` or ``drawing_text``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callflows.drawing_words import exit_words
from callflows.flow import Flow, FlowBook
from callflows.nodes.base import Node
from callflows.nodes.subflow import EndNode, RunNode
from callflows.traffic import Traffic

ONLY_WAY = "next"


class Role(StrEnum):
    """What a node is to a caller: this is what its colour says."""

    SAY = "say"
    ASK = "ask"
    DECIDE = "decide"
    DO = "do"
    RUN = "run"
    HUMAN = "human"
    MESSAGE = "message"
    CALLBACK = "callback"
    GOODBYE = "goodbye"
    END = "end"


@dataclass(frozen=True, slots=True)
class Arrow:
    """One way to another node; several exits may lead there. ``calls`` is None without counts."""

    target: str
    exits: tuple[str, ...]
    calls: int | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """``words``: what is said there first, in the drawing's language. ``about``: what the node names, like its queue."""

    name: str
    kind: str
    role: Role
    words: str
    about: str
    arrows: tuple[Arrow, ...]
    calls: int | None = None
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """One flow. ``calls`` came through it, None without counts; ``note`` says of which time."""

    flow: str
    version: str
    language: str
    start: str
    on_hang_up: str | None
    boxes: Mapping[str, Box]
    calls: int | None = None
    note: str = ""


def drawing(book: FlowBook, name: str, language: str, traffic: Traffic | None = None, note: str = "") -> Drawing:
    """Draw one flow of the book. Raises KeyError for a flow that isn't in it."""
    flow = book.flow(name)
    boxes = {node: _box(flow, node, language, traffic) for node in flow.nodes}
    calls = traffic.visits[(name, flow.start)] if traffic else None
    return Drawing(name, book.version, language, flow.start, flow.on_hang_up, boxes, calls, note)


def reachable(flow: Drawing) -> list[str]:
    """Nodes in the order a reader comes to them: depth first from the start, then from where a hang-up leads, then the rest."""
    order: dict[str, None] = {}
    for start in (flow.start, flow.on_hang_up, *flow.boxes):
        todo = [start] if start and start in flow.boxes else []
        while todo:
            name = todo.pop()
            if name not in order:
                order[name] = None
                todo += [arrow.target for arrow in reversed(flow.boxes[name].arrows) if arrow.target in flow.boxes]
    return list(order)


def label(box: Box, arrow: Arrow, language: str) -> str:
    """The exits of an arrow, as people read them; the one way on needs no name."""
    if len(box.arrows) == 1 and arrow.exits == (ONLY_WAY,):
        return ""
    return " · ".join(exit_words(name, language) for name in arrow.exits)


def _box(flow: Flow, name: str, language: str, traffic: Traffic | None) -> Box:
    node = flow.nodes[name]
    exits: dict[str, list[str]] = {}
    for exit_name, target in node.exits().items():
        exits.setdefault(target, []).append(exit_name)
    place = (flow.name, name)
    arrows = tuple(Arrow(target, tuple(names), traffic.ways[(*place, target)] if traffic else None) for target, names in exits.items())
    calls, lost = (traffic.visits[place], traffic.lost[place]) if traffic else (None, None)
    return Box(name, node.kind, _role(node), _words(node, language), _about(node), arrows, calls, lost)


def _role(node: Node) -> Role:
    if isinstance(node, RunNode):
        return Role.RUN
    if isinstance(node, EndNode):
        return Role.END
    if node.gives:
        return Role(node.gives)
    if "no_input" in node.exits():
        return Role.ASK
    if node.words():
        return Role.SAY
    return Role.DECIDE if len(node.exits()) > 1 else Role.DO


def _words(node: Node, language: str) -> str:
    words = node.words()
    main = words.get("") or next(iter(words.values()), None)
    return (getattr(main, language, None) or main.zh or main.en or "") if main else ""


def _about(node: Node) -> str:
    """The value of the key that names the node's kind, where that is a name and no words: ``queue: hr`` is about hr."""
    value = next((getattr(node, name) for name, field in type(node).model_fields.items() if node.kind in (name, field.alias)), None)
    return value if isinstance(value, str) else ""

"""What changed between two versions of the flows, as a caller would notice it: nodes, words, exits, settings. Lines of text are no matter.

Pure. For ``ivrd flow diff`` and the console.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from callflows.flow import Flow, FlowBook
from callflows.nodes.base import Node, Words

What = Literal["flow", "node", "kind", "words", "exit", "setting"]
# A flow's own settings; its nodes are compared one by one.
_OF_A_FLOW = ("start", "on_hang_up", "parameters", "variables")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``node`` is "" for one of the flow itself; ``old`` or ``new`` is None for what was not there.

    ``name``: of words the slot and language, of an exit or a setting its own; of a node or flow nothing.
    """

    what: What
    flow: str
    node: str
    name: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        place = f"{self.flow}.{self.node}" if self.node else self.flow
        thing = {"flow": "flow", "node": "node"}.get(self.what)
        if thing:
            return f"+ {thing} {place}: {self.new}" if self.old is None else f"- {thing} {place}: {self.old}"
        label = " ".join(part for part in (self.what, self.name) if part)
        if self.old is None:
            return f"~ {place}: {label} is new: {self.new}"
        if self.new is None:
            return f"~ {place}: {label} is gone: {self.old}"
        return f"~ {place}: {label}: {self.old} → {self.new}"

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def changes(old: FlowBook, new: FlowBook) -> list[Change]:
    """Every difference, flow by flow in the order of ``new``, removed flows last."""
    found: list[Change] = []
    for name, flow in new.flows.items():
        if name not in old.flows:
            found.append(Change("flow", name, "", "", None, f"{len(flow.nodes)} nodes"))
        else:
            found += _flow_changes(old.flows[name], flow)
    found += [Change("flow", name, "", "", f"{len(flow.nodes)} nodes", None) for name, flow in old.flows.items() if name not in new.flows]
    return found


def _flow_changes(old: Flow, new: Flow) -> Iterator[Change]:
    for name in _OF_A_FLOW:
        yield from _settings(new.name, "", _leaves(getattr(old, name), name), _leaves(getattr(new, name), name))
    for name, node in new.nodes.items():
        if name not in old.nodes:
            yield Change("node", new.name, name, "", None, node.kind)
        elif old.nodes[name] != node:
            yield from _node_changes(new.name, name, old.nodes[name], node)
    for name, node in old.nodes.items():
        if name not in new.nodes:
            yield Change("node", new.name, name, "", node.kind, None)


def _node_changes(flow: str, name: str, old: Node, new: Node) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("kind", flow, name, "", old.kind, new.kind)
    old_words, new_words = _words(old), _words(new)
    for key in dict.fromkeys([*new_words, *old_words]):
        if old_words.get(key) != new_words.get(key):
            yield Change("words", flow, name, key, old_words.get(key), new_words.get(key))
    old_exits, new_exits = dict(old.exits()), dict(new.exits())
    moved: set[tuple[str | None, str | None]] = set()
    for key in dict.fromkeys([*new_exits, *old_exits]):
        if old_exits.get(key) != new_exits.get(key):
            moved.add((old_exits.get(key), new_exits.get(key)))
            yield Change("exit", flow, name, key, old_exits.get(key), new_exits.get(key))
    if old.kind == new.kind:
        # An exit is a setting too: what was said as an exit is not said twice.
        yield from (found for found in _settings(flow, name, _leaves(old), _leaves(new)) if (found.old, found.new) not in moved)


def _settings(flow: str, node: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for key in dict.fromkeys([*new, *old]):
        if old.get(key) != new.get(key):
            yield Change("setting", flow, node, key, old.get(key), new.get(key))


def _words(node: Node) -> dict[str, str]:
    """ "slot language" → text."""
    return {
        f"{slot} {language}".strip(): getattr(words, language)
        for slot, words in node.words().items()
        for language in sorted(words.languages())
    }


def _leaves(value: Any, place: str = "") -> dict[str, str]:
    """Everything set, by dotted name; words apart, for they are compared as words."""
    if isinstance(value, Words) or value is None:
        return {}
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        value = {field.alias or name: getattr(value, name) for name, field in fields.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for key, item in value.items():
            found |= _leaves(item, f"{place}.{key}" if place else str(key))
        return found
    if isinstance(value, list | tuple | set | frozenset):
        return {place: ", ".join(map(str, sorted(value, key=str) if isinstance(value, set | frozenset) else value))}
    return {place: str(value)}

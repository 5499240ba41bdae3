"""A loaded flow and the book of all flows: immutable, sound by construction of the loader. Read by the walk, linter and library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callflows.nodes.base import Node
from callflows.nodes.collect import CollectNode
from callflows.nodes.file_complaint import FileComplaintNode
from callflows.nodes.given import GivenNode
from callflows.nodes.hang_up import HangUpNode
from callflows.nodes.hours import HoursNode
from callflows.nodes.language import LanguageNode
from callflows.nodes.line import LineNode
from callflows.nodes.menu import MenuNode
from callflows.nodes.queue import QueueNode
from callflows.nodes.record import RecordNode
from callflows.nodes.request_callback import RequestCallbackNode
from callflows.nodes.say import SayNode
from callflows.nodes.subflow import EndNode, RunNode
from callflows.nodes.take_message import TakeMessageNode
from callflows.speech import Prompt, vocabulary

NODE_TYPES: tuple[type[Node], ...] = (
    SayNode, MenuNode, CollectNode, RecordNode, HoursNode, GivenNode, LineNode, QueueNode, FileComplaintNode,
    TakeMessageNode, RequestCallbackNode, LanguageNode, RunNode, EndNode, HangUpNode,
)  # fmt: skip
NODE_KINDS: Mapping[str, type[Node]] = {node_type.kind: node_type for node_type in NODE_TYPES}


@dataclass(frozen=True, slots=True)
class Flow:
    name: str
    start: str
    nodes: Mapping[str, Node]
    on_hang_up: str | None
    file: str
    lines: Mapping[str, int]  # node name → line in the file

    def place(self, node: str) -> str:
        """Where a node's words stand, as their prompt files are named."""
        return f"{self.name}-{node}"


@dataclass(frozen=True, slots=True)
class FlowBook:
    """All flows that can call each other. ``version`` names their exact contents: a call keeps it in its record."""

    flows: Mapping[str, Flow]
    version: str

    def flow(self, name: str) -> Flow:
        """Raises KeyError for a name that isn't in the book."""
        return self.flows[name]

    def prompts(self, languages: tuple[str, ...]) -> Iterator[Prompt]:
        """Every prompt that any walk can need, digits and letters included."""
        for language in languages:
            yield from vocabulary(language)
        seen: set[tuple[str, str]] = set()
        for flow in self.flows.values():
            for name, node in flow.nodes.items():
                for slot, words in node.words().items():
                    place = f"{flow.place(name)}-{slot}" if slot else flow.place(name)
                    for language, text in words.texts(place):
                        prompt = text.prompt(language) if language in languages else None
                        if prompt and (prompt.name, language) not in seen:
                            seen.add((prompt.name, language))
                            yield prompt


def version_of(sources: Mapping[str, str]) -> str:
    """A short name of these flow files' exact contents."""
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0{sources[name]}\0".encode())
    return digest.hexdigest()[:12]

"""A loaded flow and the book of all flows: immutable, sound by construction of the loader. Read by the walk, linter and library."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from callflows.nodes.base import Node
from callflows.nodes.check_pin import CheckPinNode
from callflows.nodes.collect import CollectNode
from callflows.nodes.confirm import ConfirmNode
from callflows.nodes.dial import DialNode
from callflows.nodes.expect_wait import ExpectWaitNode
from callflows.nodes.file_complaint import FileComplaintNode
from callflows.nodes.given import GivenNode
from callflows.nodes.hang_up import HangUpNode
from callflows.nodes.hours import HoursNode
from callflows.nodes.language import LanguageNode
from callflows.nodes.line import LineNode
from callflows.nodes.look_up import LookUpNode
from callflows.nodes.menu import MenuNode
from callflows.nodes.override_hours import OverrideHoursNode
from callflows.nodes.own import own_nodes
from callflows.nodes.queue import QueueNode
from callflows.nodes.record import RecordNode
from callflows.nodes.remember import RememberNode
from callflows.nodes.request_callback import RequestCallbackNode
from callflows.nodes.say import SayNode
from callflows.nodes.set import SetNode
from callflows.nodes.subflow import EndNode, RunNode
from callflows.nodes.survey import SurveyNode
from callflows.nodes.switch import SwitchNode
from callflows.nodes.take_message import TakeMessageNode
from callflows.nodes.variables import Declared, VariableType
from callflows.nodes.voicemail import VoicemailNode
from callflows.nodes.webhook import WebhookNode
from callflows.speech import Prompt, vocabulary

NODE_TYPES: tuple[type[Node], ...] = (
    SayNode, MenuNode, CollectNode, ConfirmNode, RecordNode, VoicemailNode, LanguageNode, LineNode, HoursNode, GivenNode, SwitchNode,
    SetNode, LookUpNode, RememberNode, WebhookNode, FileComplaintNode, TakeMessageNode, RequestCallbackNode, ExpectWaitNode, QueueNode,
    DialNode, SurveyNode, CheckPinNode, OverrideHoursNode, RunNode, EndNode, HangUpNode,
)  # fmt: skip
# Nodes of other packages beside ours. A package that can't be used costs its own nodes alone; NODE_FAULTS says why, a sentence each.
# No kind may be named as a key of ours: a node's keys must tell its kind in any order.
_OWN, NODE_FAULTS = own_nodes({field.alias or name for node_type in NODE_TYPES for name, field in node_type.model_fields.items()})
NODE_KINDS: Mapping[str, type[Node]] = {node_type.kind: node_type for node_type in NODE_TYPES} | _OWN


@dataclass(frozen=True, slots=True)
class Flow:
    """One file. ``parameters`` are what a ``run`` node may give it, ``variables`` what it uses else; a declaration holds in its file."""

    name: str
    start: str
    nodes: Mapping[str, Node]
    on_hang_up: str | None
    file: str
    lines: Mapping[str, int]  # node name → line in the file
    parameters: Mapping[str, Declared] = field(default_factory=dict)
    variables: Mapping[str, Declared] = field(default_factory=dict)
    types: Mapping[str, VariableType] = field(init=False)

    def __post_init__(self) -> None:
        types = {name: declared.type for name, declared in (*self.parameters.items(), *self.variables.items())}
        object.__setattr__(self, "types", types)

    def place(self, node: str) -> str:
        """Where a node's words stand, as their prompt files are named."""
        return f"{self.name}-{node}"


@dataclass(frozen=True, slots=True)
class FlowBook:
    """All flows that can call each other. ``version`` names their exact contents: a call keeps it in its record.

    ``sources`` are the files' texts by their names, so that a version can be stored and loaded again.
    """

    flows: Mapping[str, Flow]
    version: str
    sources: Mapping[str, str] = field(default_factory=dict)

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

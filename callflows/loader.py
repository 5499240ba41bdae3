"""Flow files to a ``FlowBook``: all faults at once, each with file, line and a code. Used by the daemon, the CLI and the tests.

A book is loaded whole or not at all. What the nodes lead to is the linter's.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from callflows import yaml_text
from callflows.flow import NODE_KINDS, Flow, FlowBook, version_of
from callflows.nodes.base import Node
from callflows.nodes.variables import AssignedName, Declared
from callflows.problems import Code, Problem, in_file_order, near
from callflows.schema_faults import schema_faults

__all__ = ["LARGEST_FILE", "SHIPPED_FLOWS", "FlowError", "Parsed", "Problem", "load", "parse", "read_file", "read_folder"]

SHIPPED_FLOWS = Path(__file__).parent / "flows"
# A flow file is written by hand; anything larger than this is not one.
LARGEST_FILE = 2 * 1024 * 1024
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
NAME_RULE = "a name is small letters, digits and '_', begins with a letter and has at most 48 characters"
HEAD_KEYS = ("flow", "start", "nodes", "on_hang_up", "parameters", "variables")
_DECLARATIONS = TypeAdapter(dict[AssignedName, Declared])


class FlowError(Exception):
    """No flow can be taken from these files; ``problems`` says all that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(slots=True)
class Parsed:
    """What could be read: for the linter alone, which looks at the sound parts of unsound files too.

    ``broken`` are the flows of which something is missing. ``lost`` is set when not even the name of some flow could be read.
    """

    flows: dict[str, Flow] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    lost: bool = False
    problems: list[Problem] = field(default_factory=list)


def read_folder(folder: Path) -> dict[str, str]:
    """File name → text of every flow file in a folder. Raises FlowError."""
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name.endswith(".test.yaml"):
            continue
        try:
            sources[str(path)] = read_file(path)
        except FlowError as error:
            problems += error.problems
    if not sources and not problems:
        problems.append(Problem(str(folder), 1, "syntax", "error", "there is no flow file (*.yaml) here"))
    if problems:
        raise FlowError(problems)
    return sources


def read_file(path: Path) -> str:
    """One flow file's text, or a flow's tests. Raises FlowError, for what would never end, a pipe or a device, too."""
    data, line = b"", 1
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            reason = "it is no ordinary file"
        elif status.st_size > LARGEST_FILE:
            reason = f"it is larger than {LARGEST_FILE // 1024} KiB"
        else:
            data = path.read_bytes()
            return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line, reason = data.count(b"\n", 0, error.start) + 1, "it is not UTF-8 text; save it as UTF-8"
    except OSError as error:
        reason = str(error.strerror or error)
    raise FlowError([Problem(str(path), line, "syntax", "error", f"the file can't be read: {reason}")])


def load(sources: Mapping[str, str]) -> FlowBook:
    """Parse flow files. Raises FlowError with every syntax and schema fault."""
    parsed = parse(sources)
    if parsed.problems:
        raise FlowError(parsed.problems)
    return FlowBook(parsed.flows, version_of(sources), dict(sources))


def parse(sources: Mapping[str, str]) -> Parsed:
    """All that can be read of these files and all that is wrong with their form. Raises nothing."""
    parsed = Parsed()
    problems: list[Problem] = []
    for file, text in sources.items():
        one = _one_file(file, text)
        problems += one.problems
        if one.flow is None:
            parsed.lost = True
        elif one.flow.name in parsed.flows:
            first = parsed.flows[one.flow.name].file
            message = f"a flow named {one.flow.name!r} is already in {first}: rename one of the two"
            problems.append(Problem(file, one.name_line, "key-clash", "error", message))
        else:
            parsed.flows[one.flow.name] = one.flow
            if one.problems:
                parsed.broken.add(one.flow.name)
    parsed.problems = in_file_order(problems)
    return parsed


@dataclass(frozen=True, slots=True)
class _OneFile:
    """``flow`` is None where not even its name can be read, and lacks the nodes that can't."""

    flow: Flow | None
    name_line: int
    problems: tuple[Problem, ...]


@lru_cache(maxsize=32)
def _one_file(file: str, text: str) -> _OneFile:
    """Kept for the next who asks: a command looks at a file, lints it and proves it, and most of the time goes into reading it."""
    return _FlowFile(file, text).read()


class _FlowFile:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._document = yaml_text.read(text)
        for fault in self._document.faults:
            self._fault(fault.line, fault.code, fault.message)

    def read(self) -> _OneFile:
        flow = self._flow()
        return _OneFile(flow, self._at("flow"), tuple(self._problems))

    def _flow(self) -> Flow | None:
        table = self._document.value
        if not isinstance(table, dict):
            if not self._document.faults:
                self._fault(1, "syntax", "a flow file is a table with the keys flow, start and nodes")
            return None
        for key in table:
            if key not in HEAD_KEYS:
                self._fault(self._at(key), "unknown-key", f"{key!r} is no key of a flow{near(key, HEAD_KEYS)}")
        name = self._name(table, "flow")
        start = self._name(table, "start")
        on_hang_up = self._name(table, "on_hang_up") if "on_hang_up" in table else None
        parameters, variables = self._declarations(table, "parameters"), self._declarations(table, "variables")
        for both in parameters.keys() & variables.keys():
            self._fault(self._at("variables", both), "key-clash", f"{both!r} is a parameter already: declare it once")
        nodes = self._nodes(table.get("nodes"))
        lines = {".".join(path[1:]): line for path, line in self._document.lines.items() if path[0] == "nodes" and len(path) > 1}
        known = table["nodes"] if isinstance(table.get("nodes"), dict) else {}
        for key, target in (("start", start), ("on_hang_up", on_hang_up)):
            if target and known and target not in known:
                self._fault(self._at(key), "unknown-node", f"{key}: there is no node {target!r}{near(target, known)}")
        return Flow(name, start or "", nodes, on_hang_up, self._file, lines, parameters, variables) if name else None

    def _name(self, table: dict[str, Any], key: str) -> str | None:
        value = table.get(key)
        if value is None:
            self._fault(self._at(key), "syntax", f"{key!r} must be given: write it at the head of the file, as in '{key}: main'")
        elif not isinstance(value, str) or not NAME.match(value):
            self._fault(self._at(key), "syntax", f"{key}: {str(value)[:60]!r} is no name: {NAME_RULE}")
        else:
            return value
        return None

    def _declarations(self, table: dict[str, Any], key: str) -> dict[str, Declared]:
        source = table.get(key)
        if source is None:
            return {}
        try:  # "serial:" alone declares it too
            return _DECLARATIONS.validate_python({k: v or {} for k, v in source.items()} if isinstance(source, dict) else source)
        except ValidationError as error:
            for fault in schema_faults(error, Declared, below=1):
                self._fault(self._at(key, *fault.path), fault.code, f"{key}: {fault.message}")
            return {}

    def _nodes(self, source: Any) -> dict[str, Node]:
        if not isinstance(source, dict) or not source:
            if not (self._document.faults and "nodes" in self._document.value):
                self._fault(self._at("nodes"), "syntax", "'nodes' must be given: a table of node name and node")
            return {}
        nodes: dict[str, Node] = {}
        for name, body in source.items():
            if not NAME.match(name):
                self._fault(self._at("nodes", name), "syntax", f"{name[:60]!r} is no name for a node: {NAME_RULE}")
            elif (node := self._node(name, body)) is not None:
                nodes[name] = node
        return nodes

    def _node(self, name: str, body: Any) -> Node | None:
        line = self._at("nodes", name)
        if not isinstance(body, dict):
            self._fault(line, "syntax", f"node {name!r}: a node is a table; its first key says what it does, as in 'say:'")
            return None
        # `queue` and `line` may name a thing in one node type and be the type of another: the first key that is a type decides.
        kind = next((key for key in body if key in NODE_KINDS), None)
        if kind is None:
            hint = next((hint for key in body if (hint := near(key, NODE_KINDS))), "")
            there_is = ", ".join(sorted(NODE_KINDS))
            self._fault(line, "unknown-key", f"node {name!r}: none of its keys says what it does{hint}; there is {there_is}")
            return None
        try:
            return NODE_KINDS[kind].model_validate(body)
        except ValidationError as error:
            for fault in schema_faults(error, NODE_KINDS[kind]):
                self._fault(self._at("nodes", name, *fault.path), fault.code, f"node {name!r}: {fault.message}")
            return None

    def _at(self, *path: str) -> int:
        return self._document.line(path)

    def _fault(self, line: int, code: Code, message: str) -> None:
        self._problems.append(Problem(self._file, line, code, "error", message))

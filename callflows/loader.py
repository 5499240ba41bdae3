"""Flow files to a ``FlowBook``: all faults at once, each with file, line and a code. Used by the daemon, the CLI and the tests."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from callflows.flow import NODE_KINDS, Flow, FlowBook, version_of
from callflows.nodes.base import Node

SHIPPED_FLOWS = Path(__file__).parent / "flows"
# A flow file is written by hand; anything larger than this is not one.
LARGEST_FILE = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    code: str
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message} [{self.code}]"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class FlowError(Exception):
    """No flow can be taken from these files; ``problems`` says all that is wrong."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def read_folder(folder: Path) -> dict[str, str]:
    """File name → text of every flow file in a folder. Raises FlowError."""
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name.endswith(".test.yaml"):
            continue
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise OSError(f"it is larger than {LARGEST_FILE // 1024} KiB")
            sources[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), 1, "syntax", "error", f"the flow can't be read: {error}"))
    if not sources and not problems:
        problems.append(Problem(str(folder), 1, "syntax", "error", "there is no flow file (*.yaml) here"))
    if problems:
        raise FlowError(problems)
    return sources


def load(sources: Mapping[str, str]) -> FlowBook:
    """Parse flow files. Raises FlowError with every syntax and schema fault; what the nodes lead to is the linter's."""
    problems: list[Problem] = []
    flows: dict[str, Flow] = {}
    for file, text in sources.items():
        flow = _parse(file, text, problems)
        if flow and flow.name in flows:
            problems.append(Problem(file, 1, "key-clash", "error", f"a flow named {flow.name!r} is already in {flows[flow.name].file}"))
        elif flow:
            flows[flow.name] = flow
    if problems:
        raise FlowError(problems)
    return FlowBook(flows, version_of(sources))


def _parse(file: str, text: str, problems: list[Problem]) -> Flow | None:
    def fault(line: int, code: str, message: str) -> None:
        problems.append(Problem(file, line, code, "error", message))

    try:
        document = YAML(typ="rt", pure=True).load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
        fault((mark.line + 1) if mark else 1, "key-clash", f"{key!r} is given twice here: keep one of them")
        return None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        fault((mark.line + 1) if mark else 1, "syntax", f"this is not YAML: {error.problem or error.context}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        fault(1, "syntax", f"this is not YAML: {error}")
        return None
    if not isinstance(document, CommentedMap):
        fault(1, "syntax", "a flow file is a table with the keys flow, start and nodes")
        return None
    before = len(problems)
    for key in document:
        if key not in ("flow", "start", "nodes", "on_hang_up"):
            fault(
                _line(document, key),
                "unknown-key",
                f"{key!r} is no key of a flow{_near(str(key), ('flow', 'start', 'nodes', 'on_hang_up'))}",
            )
    for key in ("flow", "start"):
        if not isinstance(document.get(key), str):
            fault(_line(document, key), "syntax", f"{key!r} must be given, and be a name")
    nodes_source = document.get("nodes")
    if not isinstance(nodes_source, CommentedMap) or not nodes_source:
        fault(_line(document, "nodes"), "syntax", "'nodes' must be given: a table of node name and node")
        return None
    nodes: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for name, body in nodes_source.items():
        line = _line(nodes_source, name)
        node = _node(file, str(name), body, line, problems)
        if node:
            nodes[str(name)] = node
        lines[str(name)] = line
    on_hang_up = document.get("on_hang_up")
    for key, target in (("start", document.get("start")), ("on_hang_up", on_hang_up)):
        if isinstance(target, str) and target not in lines:
            fault(_line(document, key), "unknown-node", f"{key}: there is no node {target!r}{_near(target, lines)}")
    if len(problems) > before:
        return None
    return Flow(str(document["flow"]), str(document["start"]), nodes, on_hang_up, file, lines)


def _node(file: str, name: str, body: Any, line: int, problems: list[Problem]) -> Node | None:
    def fault(at: int, code: str, message: str) -> None:
        problems.append(Problem(file, at, code, "error", f"node {name!r}: {message}"))

    if not isinstance(body, CommentedMap):
        fault(line, "syntax", "a node is a table; its first key says what it does")
        return None
    kinds = [key for key in body if key in NODE_KINDS]
    if not kinds:
        keys = [str(key) for key in body]
        near = next((hint for key in keys if (hint := _near(key, NODE_KINDS))), "")
        fault(line, "unknown-key", f"none of its keys says what it does{near}; there is {', '.join(sorted(NODE_KINDS))}")
        return None
    # `queue` and `line` may name a thing in one node type and be the type of another: the first key that is a type decides.
    node_type = NODE_KINDS[kinds[0]]
    try:
        return node_type.model_validate(_plain(body))
    except ValidationError as error:
        for problem in error.errors():
            location = [str(part) for part in problem["loc"]]
            at = _line_at(body, location) or line
            if problem["type"] == "extra_forbidden":
                fault(
                    at,
                    "unknown-key",
                    f"{location[-1]!r} is no key of {'.'.join(location[:-1]) or kinds[0]}{_near(location[-1], _known(node_type))}",
                )
            else:
                shown = ".".join(part for part in location if part != "[key]")
                fault(at, "syntax", f"{shown}: {problem['msg'].removeprefix('Value error, ')}")
        return None


def _known(node_type: type[Node]) -> list[str]:
    return [field.alias or name for name, field in node_type.model_fields.items()]


def _plain(value: Any) -> Any:
    """ruamel's round-trip types as plain ones; keys as text, for a telephone key is written 1 and means "1"."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value


def _line(table: CommentedMap, key: Any) -> int:
    try:
        return int(table.lc.key(key)[0]) + 1
    except (KeyError, TypeError, AttributeError):
        return int(table.lc.line) + 1 if table.lc.line is not None else 1


def _line_at(table: Any, location: list[str]) -> int | None:
    line: int | None = None
    for part in location:
        if not isinstance(table, CommentedMap):
            break
        key = next((key for key in table if str(key) == part), None)
        if key is None:
            break
        line, table = _line(table, key), table[key]
    return line


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""

"""YAML text to plain tables, lists and values, with the line of every key: what the flow loader reads files by.

For the loader alone. Never raises for any text: every fault is a sentence with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Path = tuple[str, ...]
# What ruamel.yaml lets through where a text is odder than it expects: found by random texts, e.g. "%YAML 1.10" and "!!int" alone.
SLIPS = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OverflowError)
# An alias can name a table that is made of aliases: a few lines may stand for millions of values.
MOST_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class Fault:
    """``code`` is ``syntax``, or ``key-clash`` for a key given twice in one table."""

    line: int
    code: Literal["syntax", "key-clash"]
    message: str


@dataclass(slots=True)
class Document:
    """``value`` is None where there is nothing, or nothing readable; ``lines`` has the path of keys to each value."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Of the innermost key of ``path`` that is in the file; the first line where none is."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Document:
    """Keys come as they are written (``1`` is "1"), other values as YAML 1.2 understands them; of a key given twice the first."""
    document = Document()
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # the later one counts; a warning would go to stderr
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.faults.append(Fault((mark.line + 1) if mark else 1, "syntax", f"this is not YAML: {error.problem or error.context}"))
    except ReaderError as error:
        at = int(error.position)
        sort = f"U+{ord(text[at]):04X}" if at < len(text) else "at the end"
        document.faults.append(Fault(text.count("\n", 0, at) + 1, "syntax", f"the character {sort} can't stand in a flow file: remove it"))
    except RecursionError:
        document.faults.append(Fault(1, "syntax", "tables or lists are nested too deeply here: a flow needs four levels"))
    except (YAMLError, *SLIPS) as error:
        document.faults.append(Fault(1, "syntax", f"this is not YAML: {error}"))
    else:
        if root is not None:
            document.value = _Builder(yaml, document).value(root, ())
    return document


class _Builder:
    def __init__(self, yaml: YAML, document: Document) -> None:
        self._yaml = yaml
        self._document = document
        self._values = 0
        self._open: set[int] = set()  # the tables and lists we are within, by identity: an alias may name one of them

    def value(self, node: Any, path: Path) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            if self._values == MOST_VALUES + 1:
                self._fault(node, "syntax", f"with its aliases the file stands for more than {MOST_VALUES} values: write less of it")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._fault(node, "syntax", "an alias names the table it stands in: write out what it stands for")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._table(node, path)
            if isinstance(node, SequenceNode):
                return [self.value(item, (*path, str(index))) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))
        return None

    def _table(self, node: MappingNode, path: Path) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, "syntax", "a key is a single word: this one is a table or a list")
            elif key.value in table:
                self._fault(key, "key-clash", f"{key.value!r} is given twice in this table: keep one of them")
            else:
                here = (*path, str(key.value))
                self._document.lines[here] = _line(key)
                table[str(key.value)] = self.value(item, here)
        return table

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag == "tag:yaml.org,2002:str":
            return str(node.value)
        try:
            return self._yaml.constructor.construct_object(node, deep=True)
        except MarkedYAMLError as error:
            self._fault(node, "syntax", f"{str(node.value)[:40]!r} can't be read: {error.problem}; quote it if it is a text")
        except SLIPS:
            self._fault(node, "syntax", f"{str(node.value)[:40]!r} is no value; quote it if it is a text")
        return None

    def _fault(self, node: Any, code: Literal["syntax", "key-clash"], message: str) -> None:
        self._document.faults.append(Fault(_line(node), code, message))


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1 if node.start_mark else 1

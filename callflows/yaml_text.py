"""YAML text to plain tables, lists and values, with the line of every key: what the flow loader reads files by.

For the loader alone. Never raises for any text: every fault is a sentence with its line. Read from the parser's events, not from the
tree it would make of them: that costs a third less, and no depth of tables within tables can exhaust anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

Path = tuple[str, ...]
# An alias can name a table that is made of aliases: a few lines may stand for millions of values.
MOST_VALUES = 200_000
DEEPEST = 20  # a flow needs six
# What ruamel.yaml lets through where a text is odder than it expects: found by random texts, e.g. "%YAML 1.10" and "!!int" alone.
SLIPS = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OverflowError)
# Written as "\x1b" or "\ud800": no voice can say them, a terminal would obey the first and no file could be written with the second.
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


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


class _UnreadableError(Exception):
    """There is no going on from here; the fault is noted."""


def read(text: str) -> Document:
    """Keys come as they are written (``1`` is "1"), other values as YAML 1.2 understands them; of a key given twice the first."""
    document = Document()
    yaml = YAML(typ="safe", pure=True)
    builder = _Builder(yaml, document)
    try:
        for event in yaml.parse(text):
            builder.take(event)
        document.value = builder.root
    except _UnreadableError:
        pass
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.faults.append(Fault((mark.line + 1) if mark else 1, "syntax", f"this is not YAML: {error.problem or error.context}"))
    except ReaderError as error:
        at = int(error.position)
        sort = f"U+{ord(text[at]):04X}" if at < len(text) else "at the end"
        document.faults.append(Fault(text.count("\n", 0, at) + 1, "syntax", f"the character {sort} can't stand in a flow file: remove it"))
    except (YAMLError, *SLIPS) as error:
        document.faults.append(Fault(1, "syntax", f"this is not YAML: {error}"))
    return document


@dataclass(slots=True)
class _Open:
    """A table or list that isn't complete. ``key`` is the one whose value comes next, ``kept`` whether it is wanted."""

    made: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    before: int  # how many values there were when it began
    key: str | None = None
    kept: bool = True


class _Builder:
    def __init__(self, yaml: YAML, document: Document) -> None:
        self.root: Any = None
        self._yaml = yaml
        self._document = document
        self._documents = 0
        self._open: list[_Open] = []
        self._named: dict[str, tuple[Any, int]] = {}  # anchor → what it stands for, and how many values that is
        self._values = 0

    def take(self, event: Any) -> None:
        """The next event. Raises _UnreadableError."""
        if isinstance(event, ScalarEvent):
            self._count(1, event)
            self._scalar(event)
        elif isinstance(event, CollectionStartEvent):
            self._count(1, event)
            self._begin(event)
        elif isinstance(event, CollectionEndEvent):
            self._end()
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._give_up(event, "a second document begins here: one file is one flow, take the line '---' away")

    def _scalar(self, event: Any) -> None:
        if odd := _UNSPEAKABLE.search(event.value):
            self._fault(event, "syntax", f"the character U+{ord(odd[0]):04X} can't stand in a flow file: remove it")
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.made, dict) and top.key is None:
            self._key(top, str(event.value), event)
        else:
            self._put(self._value(event), event.anchor, 1)

    def _key(self, table: _Open, key: str, event: Any) -> None:
        if key == "<<":
            self._fault(event, "syntax", "'<<' merges nothing here: write the keys out")
        table.key = key
        table.kept = key not in table.made
        if table.kept:
            self._document.lines.setdefault((*table.path, key), _line(event))  # within a table that isn't kept, too
        else:
            self._fault(event, "key-clash", f"{key!r} is given twice in this table: keep one of them")

    def _begin(self, event: Any) -> None:
        top = self._open[-1] if self._open else None
        if len(self._open) >= DEEPEST:
            self._give_up(event, f"tables and lists are more than {DEEPEST} deep here: a flow needs six")
        path: Path = ()
        if top is not None:
            if isinstance(top.made, dict) and top.key is None:
                self._give_up(event, "a key is a single word, and this one is a table or a list; quote it if it is a text")
            path = (*top.path, top.key if isinstance(top.made, dict) and top.key is not None else str(len(top.made)))
        self._open.append(_Open({} if isinstance(event, MappingStartEvent) else [], path, event.anchor, self._values))

    def _end(self) -> None:
        done = self._open.pop()
        self._put(done.made, done.anchor, self._values - done.before + 1)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._named:
            self._give_up(event, f"'*{event.anchor}' stands for nothing that is complete before it: write out what it is")
        value, size = self._named[event.anchor]
        self._count(size, event)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.made, dict) and top.key is None:
            if not isinstance(value, str):
                self._give_up(event, "a key is a single word: write it out")
            self._key(top, value, event)
        else:
            self._put(value, None, size)

    def _put(self, value: Any, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._named[anchor] = (value, size)
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        if isinstance(top.made, list):
            top.made.append(value)
        elif top.key is not None:
            if top.kept:
                top.made[top.key] = value
            top.key = None

    def _value(self, event: Any) -> Any:
        tag = event.ctag
        if tag is None or str(tag) == "!":
            tag = self._yaml.resolver.resolve(ScalarNode, event.value, event.implicit)
        if str(tag) == "tag:yaml.org,2002:str":
            return str(event.value)
        shown = str(event.value)[:40]
        try:
            return self._yaml.constructor.construct_object(ScalarNode(tag, event.value, event.start_mark, event.end_mark), deep=True)
        except MarkedYAMLError as error:
            self._fault(event, "syntax", f"{shown!r} can't be read: {error.problem}; quote it if it is a text")
        except SLIPS:
            self._fault(event, "syntax", f"{shown!r} is no value; quote it if it is a text")
        return None

    def _count(self, size: int, event: Any) -> None:
        self._values += size
        if self._values > MOST_VALUES:
            self._give_up(event, f"with its aliases the file stands for more than {MOST_VALUES} values: write less of it")

    def _give_up(self, event: Any, message: str) -> None:
        self._fault(event, "syntax", message)
        raise _UnreadableError

    def _fault(self, event: Any, code: Literal["syntax", "key-clash"], message: str) -> None:
        self._document.faults.append(Fault(_line(event), code, message))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark else 1

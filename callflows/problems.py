"""What is wrong with a flow file, and where: one sentence each. Made by the loader and the linter, for whoever has an author to tell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

# What the loader and the linter find, each explained in docs/flow-faults.md.
Code = Literal[
    "syntax",
    "unknown-key",
    "key-clash",
    "unknown-node",
    "unknown-flow",
    "unknown-queue",
    "unknown-line",
    "unknown-phone",
    "unknown-webhook",
    "unknown-variable",
    "bad-hours",
    "missing-language",
    "missing-prompt",
    "unreachable-node",
    "no-exit",
    "dead-loop",
    "unbounded-retries",
    "too-many-nodes",
    "long-before-human",
]
CODES: tuple[str, ...] = get_args(Code)


@dataclass(frozen=True, slots=True)
class Problem:
    """``line`` counts from 1. The daemon takes no flow with an ``error`` into service; a ``warning`` is for the author alone."""

    file: str
    line: int
    code: Code
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message} [{self.code}]"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted, and each told once."""
    return sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.code, problem.message))


def near(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` where something known is much alike, else nothing.

    Among very many names only those that begin alike are looked at: a file of wrong names shall not take minutes to be told so.
    """
    names = tuple(known)
    if len(names) > _MANY:
        names = tuple(name for name in names if name[:1] == word[:1] and abs(len(name) - len(word)) <= 2)[:_MANY]
    close = _closest(word[:64], names)
    return f"; did you mean {close!r}?" if close else ""


_MANY = 200


@lru_cache(maxsize=1024)
def _closest(word: str, names: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(word, names, n=1)), None)

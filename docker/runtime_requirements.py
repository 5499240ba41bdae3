"""Prints the part of requirements.lock that some packages and whatever they need make up, hashes included.

For the images, which carry no test tools: ``python runtime_requirements.py pyproject.toml requirements.lock [EXTRA…]``
takes the project's own dependencies and those of the extras; ``--only NAME`` one package alone.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def canonical(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, list[str]]:
    """Each pinned package with its lines; the comments below it say who needs it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in lock.splitlines():
        if pin := PIN.match(line):
            lines = found.setdefault(canonical(pin["name"]), [])
        lines.append(line)
    return found


def needed_by(lines: list[str]) -> set[str]:
    """The names in ``# via a`` or in the list under ``# via``."""
    comments = [line.strip().removeprefix("#").strip().removeprefix("via").strip() for line in lines if line.lstrip().startswith("#")]
    return {canonical(name.group()) for comment in comments if (name := NAME.match(comment))}


def closure(roots: set[str], locked: dict[str, list[str]]) -> set[str]:
    parents = {name: needed_by(lines) for name, lines in locked.items()}
    chosen = roots & locked.keys()
    while more := {name for name, needing in parents.items() if needing & chosen} - chosen:
        chosen |= more
    return chosen


def roots_of(project: dict[str, object], extras: list[str]) -> set[str]:
    dependencies = list(project["dependencies"])  # type: ignore[call-overload]
    for extra in extras:
        dependencies += project["optional-dependencies"][extra]  # type: ignore[index]
    return {canonical(match.group()) for dependency in dependencies if (match := NAME.match(dependency))}


def main() -> None:
    pyproject, lock, *rest = sys.argv[1:]
    if rest[:1] == ["--only"]:
        roots = {canonical(name) for name in rest[1:]}
    else:
        roots = roots_of(tomllib.loads(Path(pyproject).read_text())["project"], rest)
    locked = entries(Path(lock).read_text())
    if missing := roots - locked.keys():
        sys.exit(f"{lock} lacks {', '.join(sorted(missing))}: make it anew from {pyproject}")
    chosen = [line for name in sorted(closure(roots, locked)) for line in locked[name]]
    sys.stdout.write("\n".join(chosen) + "\n")


if __name__ == "__main__":
    main()

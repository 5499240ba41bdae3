"""A drawing as Mermaid, for wikis and pull requests, and as a tree of text, for the terminal.

Pure. For ``ivrd flow draw``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from callflows.drawing import Arrow, Box, Drawing, Role, label, reachable
from callflows.drawing_words import kind_words, text

_SHOWN = 28  # characters of what is said, in a tree's line
_MERMAID_WORDS = 40
# Mermaid's brackets by role: a decision is a rhombus, a sub-flow has double walls, what a call comes to is round.
_BRACKETS = {
    Role.ASK: ("[/", "/]"),
    Role.DECIDE: ("{{", "}}"),
    Role.RUN: ("[[", "]]"),
    Role.HUMAN: ("([", "])"),
    Role.MESSAGE: ("([", "])"),
    Role.CALLBACK: ("([", "])"),
    Role.GOODBYE: ("((", "))"),
    Role.END: ("((", "))"),
}
_CLASSES = {
    Role.SAY: "fill:#eef2f7,stroke:#94a3b8,color:#1e293b",
    Role.ASK: "fill:#dbeafe,stroke:#2563eb,color:#1e3a8a",
    Role.DECIDE: "fill:#fef3c7,stroke:#d97706,color:#713f12",
    Role.DO: "fill:#f3f4f6,stroke:#9ca3af,color:#374151",
    Role.RUN: "fill:#e0e7ff,stroke:#6366f1,color:#312e81",
    Role.HUMAN: "fill:#dcfce7,stroke:#15803d,color:#14532d",
    Role.MESSAGE: "fill:#ccfbf1,stroke:#0f766e,color:#134e4a",
    Role.CALLBACK: "fill:#ede9fe,stroke:#7c3aed,color:#4c1d95",
    Role.GOODBYE: "fill:#e2e8f0,stroke:#475569,color:#1e293b",
    Role.END: "fill:#e2e8f0,stroke:#475569,color:#1e293b",
}


def mermaid(drawing: Drawing) -> str:
    """A flowchart. Nodes get ids of our own: a node may be named ``end``, which Mermaid takes for its own word."""
    order = reachable(drawing)
    ids = {name: f"n{index}" for index, name in enumerate(order)}
    lines = ["---", f"title: {json.dumps(' '.join(_heading(drawing)), ensure_ascii=False)}", "---", "flowchart TD"]
    for name in order:
        box = drawing.boxes[name]
        left, right = _BRACKETS.get(box.role, ("[", "]"))
        parts = [f"<b>{_mermaid(name)}</b>", _mermaid(_cut(box.words or _about(box), _MERMAID_WORDS)), _mermaid(_counted(box, drawing))]
        lines.append(f'  {ids[name]}{left}"{"<br/>".join(part for part in parts if part)}"{right}:::is_{box.role.value}')
    for name in order:
        box = drawing.boxes[name]
        for arrow in box.arrows:
            if arrow.target in ids:
                words = _mermaid(" ".join(part for part in (label(box, arrow, drawing.language), _calls(arrow, drawing)) if part))
                lines.append(f'  {ids[name]} -->|"{words}"| {ids[arrow.target]}' if words else f"  {ids[name]} --> {ids[arrow.target]}")
    roles = dict.fromkeys(drawing.boxes[name].role for name in order)
    lines += [f"  classDef is_{role.value} {_CLASSES[role]}" for role in roles]
    return "\n".join(lines) + "\n"


def tree(drawing: Drawing) -> str:
    """Indented ways from the start; a node that was shown already is named with an arrow up."""
    lines = ["   ".join(_heading(drawing)), ""]
    shown: set[str] = set()
    order = reachable(drawing)
    for name in [drawing.start, *([drawing.on_hang_up] if drawing.on_hang_up else []), *order]:
        if name not in shown and name in drawing.boxes:
            if name == drawing.on_hang_up:
                lines += ["", f"{text('hang_up', drawing.language)}:"]
            lines += _branch(drawing, name, shown)
    return "\n".join(lines) + "\n"


def _branch(drawing: Drawing, start: str, shown: set[str]) -> Iterator[str]:
    # A stack, not a recursion: a flow may be a chain of thousands.
    todo: list[tuple[str, str, str]] = [("", "", start)]
    while todo:
        first, rest, name = todo.pop()
        box = drawing.boxes.get(name)
        if box is None or name in shown:
            yield f"{first}{name}{' ↑' if box else ' ?'}"
            continue
        shown.add(name)
        yield f"{first}{_line(box, drawing)}"
        rows: list[tuple[str, str, str]] = []
        # The one way on goes on below, not further in.
        single = len(box.arrows) == 1 and not label(box, box.arrows[0], drawing.language)
        for index, arrow in enumerate(box.arrows):
            last = index == len(box.arrows) - 1
            way = " ".join(
                part for part in (label(box, arrow, drawing.language), _calls(arrow, drawing), "→ " if not single else "") if part
            )
            if single:
                rows.append((f"{rest}{f'│ {way} ' if way else ''}", rest, arrow.target))
            else:
                rows.append((f"{rest}{'└─ ' if last else '├─ '}{way}", f"{rest}{'   ' if last else '│  '}", arrow.target))
        todo += reversed(rows)


def _line(box: Box, drawing: Drawing) -> str:
    kind = kind_words(box.kind, drawing.language)
    words = _cut(box.words, _SHOWN) if box.words else _about(box)
    counted = _counted(box, drawing)
    return f"{box.name}  [{kind}]" + (f"  {words}" if words else "") + (f"  ({counted})" if counted else "")


def _heading(drawing: Drawing) -> list[str]:
    calls = text("calls", drawing.language, count=drawing.calls) if drawing.calls is not None else ""
    return [part for part in (drawing.flow, drawing.version, calls, drawing.note) if part]


def _about(box: Box) -> str:
    return "" if box.about == box.name else box.about


def _counted(box: Box, drawing: Drawing) -> str:
    if box.calls is None:
        return ""
    told = text("calls", drawing.language, count=box.calls)
    if not box.lost:
        return told
    return f"{told}, {text('lost', drawing.language, count=box.lost, rate=box.lost / box.calls if box.calls else 0.0)}"


def _calls(arrow: Arrow, drawing: Drawing) -> str:
    return "" if arrow.calls is None else f"({text('calls', drawing.language, count=arrow.calls)})"


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1] + "…"


def _mermaid(words: str) -> str:
    """Mermaid knows entities with # for what would end its strings or be taken for mark-up."""
    table = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "|": "#124;", "{": "#123;", "}": "#125;"}
    return "".join(table.get(letter, letter if letter >= " " else " ") for letter in words)

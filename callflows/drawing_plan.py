"""How a large drawing is divided: into groups that begin where many ways meet, each drawn for itself, all put on one sheet.

Pure, and knows nothing of flows. A line to another group, back, or over many columns isn't drawn but told in words where it begins: on
paper it could only be followed with a finger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from callflows.drawing_layout import Layout, Shape, lay_out

# Where ways from so many boxes meet, a group begins.
CROWD = 4
LONGEST_SPAN = 3  # columns
WIDEST = 8  # columns of a group, where it can be broken
SHEET = 1900.0  # as wide as a group's neighbours may fill the sheet, px; a wider group makes it wider
GROUP_GAP = 56.0


@dataclass(frozen=True, slots=True)
class Group:
    """Boxes with the column each stands in, and the lines that are drawn, all to the right."""

    columns: Mapping[str, int]
    lines: Sequence[tuple[str, str]]


def groups(targets: Mapping[str, Sequence[str]], order: Sequence[str]) -> list[Group]:
    """``targets``: where lines lead, by box; unknown names and the box itself lead nowhere. ``order``: as a reader comes to the boxes."""
    known = {name: [target for target in targets[name] if target in targets and target != name] for name in order}
    arriving: dict[str, set[str]] = defaultdict(set)
    for name, following in known.items():
        for target in following:
            arriving[target].add(name)
    heads = [name for index, name in enumerate(order) if index == 0 or not arriving[name] or len(arriving[name]) >= CROWD]
    while True:
        found = [_group(members, known) for members in _divided(known, arriving, order, heads)]
        breaks = [broken for group in found if (broken := _break(group, known))]
        if not breaks:
            break
        heads += breaks
    # Single boxes last, together: goodbyes and the like.
    return [found[0], *sorted(found[1:], key=lambda group: len(group.columns) == 1)] if found else []


def sheet(shapes: Mapping[str, Shape], planned: Sequence[Group]) -> Layout:
    """Every group laid out, side by side while there is room and then below."""
    laid = [lay_out(shapes, group.columns, group.lines) for group in planned]
    width = max([SHEET, *(layout.width for layout in laid)])
    places: dict[str, tuple[float, float]] = {}
    lines: dict[tuple[str, str], Sequence[tuple[float, float]]] = {}
    left = top = tallest = right = 0.0
    for layout in laid:
        if left and left + layout.width > width:
            left, top, tallest = 0.0, top + tallest + GROUP_GAP, 0.0
        places |= {name: (x + left, y + top) for name, (x, y) in layout.places.items()}
        lines |= {way: [(x + left, y + top) for x, y in points] for way, points in layout.lines.items()}
        left += layout.width + GROUP_GAP
        right, tallest = max(right, left - GROUP_GAP), max(tallest, layout.height)
    return Layout(places, lines, right, top + tallest)


def _divided(
    known: Mapping[str, Sequence[str]], arriving: Mapping[str, Collection[str]], order: Sequence[str], chosen: Sequence[str]
) -> list[list[str]]:
    """Groups, so that each box belongs to the one head that every way to it passes: the ``chosen`` heads, and those that follow."""
    heads = dict.fromkeys(chosen)
    while True:
        members = {head: _members(head, known, heads) for head in heads}
        owner: dict[str, str] = {}
        shared = {name for head, group in members.items() for name in group if owner.setdefault(name, head) != head}
        # What two groups lead to begins one of its own, where it is entered.
        entered = [name for name in order if name in shared and any(source not in shared for source in arriving[name])]
        # What is come to by nothing but a circle of its own begins where a reader comes to it.
        lonely = [name for name in order if name not in owner][:1]
        if not entered and not lonely:
            return list(members.values())
        heads |= dict.fromkeys(entered or lonely)


def _members(head: str, targets: Mapping[str, Sequence[str]], heads: Collection[str]) -> list[str]:
    """What is come to from here without passing another group's box, depth first."""
    members: dict[str, None] = {}
    todo = [head]
    while todo:
        name = todo.pop()
        if name in members or (name in heads and name != head):
            continue
        members[name] = None
        todo += reversed(targets[name])
    return list(members)


def _group(members: Sequence[str], targets: Mapping[str, Sequence[str]]) -> Group:
    inside = {name: [target for target in targets[name] if target in members] for name in members}
    columns = _columns(inside, members)
    lines = [
        (name, target)
        for name, following in inside.items()
        for target in dict.fromkeys(following)
        if 0 < columns[target] - columns[name] <= LONGEST_SPAN
    ]
    return Group(columns, lines)


def _break(group: Group, targets: Mapping[str, Sequence[str]]) -> str | None:
    """Where a group too wide for a sheet can go on in another row: the last box that all ways further pass."""
    columns = group.columns
    if max(columns.values()) < WIDEST:
        return None
    forward = [(columns[name], target) for name in columns for target in targets[name] if columns.get(target, -1) > columns[name]]
    for column in range(WIDEST - 1, WIDEST // 2, -1):
        entered = {target for start, target in forward if start < column <= columns[target]}
        if len(entered) == 1 and columns[name := entered.pop()] == column:
            return name
    return None


def _columns(targets: Mapping[str, Sequence[str]], members: Sequence[str]) -> dict[str, int]:
    """The longest way from the head; ways back, that close a circle in a depth-first walk, don't count."""
    head = members[0]
    walked, forward, finished = {head}, {name: list[str]() for name in members}, list[str]()
    stack = [(head, iter(targets[head]))]
    path = {head}
    while stack:
        name, coming = stack[-1]
        target = next(coming, None)
        if target is None:
            finished.append(name)
            path.discard(name)
            stack.pop()
            continue
        if target in path:
            continue
        forward[name].append(target)
        if target not in walked:
            walked.add(target)
            path.add(target)
            stack.append((target, iter(targets[target])))
    columns = dict.fromkeys(members, 0)
    for name in reversed(finished):
        for target in forward[name]:
            columns[target] = max(columns[target], columns[name] + 1)
    return columns

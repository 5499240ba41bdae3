"""Graphs of numbered nodes: what is reached, what goes round, what lies on every way. Pure; for the linter and its proofs.

Each function looks at every node and edge a fixed number of times, the dominators nearly so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Successors = Sequence[Sequence[int]]


def reached(successors: Successors, roots: Iterable[int]) -> set[int]:
    """The roots and whatever some way leads to from them."""
    found: set[int] = set()
    todo = list(roots)
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(successors[node])
    return found


def components(successors: Successors) -> list[list[int]]:
    """The sets of nodes that lead to each other, each after all those that it leads to (Tarjan 1972)."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    open_nodes: list[int] = []
    is_open: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(successors)):
        if root in order:
            continue
        order[root] = low[root] = len(order)
        open_nodes.append(root)
        is_open.add(root)
        stack = [(root, iter(successors[root]))]
        while stack:
            node, rest = stack[-1]
            for target in rest:
                if target not in order:
                    order[target] = low[target] = len(order)
                    open_nodes.append(target)
                    is_open.add(target)
                    stack.append((target, iter(successors[target])))
                    break
                if target in is_open:
                    low[node] = min(low[node], order[target])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == order[node]:
                    component: list[int] = []
                    while not component or component[-1] != node:
                        component.append(open_nodes.pop())
                        is_open.discard(component[-1])
                    found.append(component)
    return found


def rounds(successors: Successors) -> list[list[int]]:
    """The components in which one can go round, each in the order of its nodes' numbers."""
    return [sorted(nodes) for nodes in components(successors) if len(nodes) > 1 or nodes[0] in successors[nodes[0]]]


class Dominators:
    """Which nodes lie on every way from the root to a node (Cooper, Harvey, Kennedy 2001)."""

    def __init__(self, successors: Successors, root: int) -> None:
        after = _finished(successors, root)
        number = {node: place for place, node in enumerate(after)}
        before: dict[int, list[int]] = {node: [] for node in after}
        for node in after:
            for target in successors[node]:
                before[target].append(node)
        parent: dict[int, int] = {root: root}

        def common(one: int, other: int) -> int:
            while one != other:
                while number[one] < number[other]:
                    one = parent[one]
                while number[other] < number[one]:
                    other = parent[other]
            return one

        changed = True
        while changed:
            changed = False
            for node in reversed(after[:-1]):  # the root comes last
                known = [source for source in before[node] if source in parent]
                above = known[0]
                for source in known[1:]:
                    above = common(above, source)
                if parent.get(node) != above:
                    parent[node] = above
                    changed = True
        children: list[list[int]] = [[] for _ in successors]
        for node, above in parent.items():
            if node != root:
                children[above].append(node)
        self._spans = _spans(children, root)

    def passed(self, node: int, at: int) -> bool:
        """Does every way to ``at`` lead over ``node``? A node lies on its own way; nothing lies on the way to what isn't reached."""
        if node not in self._spans or at not in self._spans:
            return False
        (first, last), (place, _) = self._spans[node], self._spans[at]
        return first <= place <= last


def _finished(successors: Successors, root: int) -> list[int]:
    """In the order in which a depth-first search is done with them."""
    seen = {root}
    done: list[int] = []
    stack = [(root, iter(successors[root]))]
    while stack:
        node, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(successors[target])))
                break
        else:
            stack.pop()
            done.append(node)
    return done


def _spans(children: Successors, root: int) -> dict[int, tuple[int, int]]:
    """Node → the first and the last number given out while a search of the tree is below it."""
    first: dict[int, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    stack = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            spans[node] = (first[node], len(first) - 1)
        else:
            first[node] = len(first)
            stack.append((node, True))
            stack.extend((child, False) for child in children[node])
    return spans

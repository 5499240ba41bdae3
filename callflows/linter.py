"""What is wrong with flows that parse: names that lead nowhere, nodes nobody reaches, flows nobody leaves, words not said.

Pure. Used by ``ivrd check``, ``ivrd flow lint`` and the daemon before it takes a book into service.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from callflows.flow import Flow, FlowBook
from callflows.loader import Problem
from callflows.nodes.base import Node
from callflows.nodes.hang_up import HangUpNode
from callflows.nodes.hours import HoursNode
from callflows.nodes.line import LineNode
from callflows.nodes.queue import QueueNode
from callflows.nodes.subflow import EndNode, RunNode


@dataclass(frozen=True, slots=True)
class House:
    """What the flows may name: the settings' queues, lines and calendars, and the languages callers are spoken to in."""

    queues: Collection[str]
    lines: Collection[str]
    calendars: Collection[str]
    languages: Collection[str]


def lint(book: FlowBook, house: House, main: str) -> list[Problem]:
    """All problems of the flows, in file order. ``main`` is the flow that calls begin with."""
    problems: list[Problem] = []
    if main not in book.flows:
        file = next(iter(book.flows.values())).file if book.flows else "flows"
        problems.append(Problem(file, 1, "unknown-node", "error", f"no flow is named {main!r}{_near(main, book.flows)}"))
    for flow in book.flows.values():
        problems += _lint_flow(flow, book, house)
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.code))


def _lint_flow(flow: Flow, book: FlowBook, house: House) -> Iterable[Problem]:
    def error(node: str, code: str, message: str) -> Problem:
        return Problem(flow.file, flow.lines.get(node, 1), code, "error", f"node {node!r}: {message}")

    sound = True
    for name, node in flow.nodes.items():
        for exit_name, target in node.exits().items():
            if target not in flow.nodes:
                sound = False
                yield error(
                    name,
                    "unknown-node",
                    f"{exit_name} leads to {target!r}, which is no node{_near(target, flow.nodes)}",
                )
        yield from (error(name, code, message) for code, message in _names(node, book, house))
        for slot, words in node.words().items():
            for language in sorted(set(house.languages) - words.languages()):
                yield error(name, "missing-language", f"{slot or node.kind} has no {language!r} text")
    if not sound:
        return
    reached = _reach(flow, [flow.start, *([flow.on_hang_up] if flow.on_hang_up else [])])
    for name in flow.nodes:
        if name not in reached:
            yield error(name, "unreachable-node", "no way leads here")
    leaving = _can_leave(flow)
    for name in flow.nodes:
        if name in reached and name not in leaving:
            yield error(name, "no-exit", "from here the caller never reaches a queue, an ending or a goodbye")


def _names(node: Node, book: FlowBook, house: House) -> Iterable[tuple[str, str]]:
    if isinstance(node, QueueNode) and node.queue not in house.queues:
        yield "unknown-queue", f"there is no queue {node.queue!r} in the settings{_near(node.queue, house.queues)}"
    if isinstance(node, LineNode) and node.line not in house.lines:
        yield "unknown-line", f"there is no line {node.line!r} in the settings{_near(node.line, house.lines)}"
    if isinstance(node, HoursNode) and node.hours not in house.calendars:
        yield "bad-hours", f"there is no calendar {node.hours!r}{_near(node.hours, house.calendars)}"
    if isinstance(node, RunNode):
        if node.run not in book.flows:
            yield "unknown-node", f"no flow is named {node.run!r}{_near(node.run, book.flows)}"
            return
        ends = {other.end for other in book.flows[node.run].nodes.values() if isinstance(other, EndNode)}
        if missing := ends - set(node.ends) if "_" not in node.ends else set():
            yield "no-exit", f"{node.run} can end as {', '.join(sorted(missing))}, which leads nowhere; add it or '_'"


def _reach(flow: Flow, starts: list[str]) -> set[str]:
    reached: set[str] = set()
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo.extend(flow.nodes[name].exits().values())
    return reached


def _can_leave(flow: Flow) -> set[str]:
    """The nodes from which some way leads out: backwards from what hands over or ends."""
    sources: dict[str, set[str]] = {name: set() for name in flow.nodes}
    for name, node in flow.nodes.items():
        for target in node.exits().values():
            sources[target].add(name)
    todo = [name for name, node in flow.nodes.items() if isinstance(node, HangUpNode | EndNode) or node.hands_over]
    leaving: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in leaving:
            leaving.add(name)
            todo.extend(sources[name])
    return leaving


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""

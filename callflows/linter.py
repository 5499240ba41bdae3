"""What is wrong with flows that parse, and what is proven of those where nothing is: all faults at once, each with file, line and code.

Pure. Used by ``ivrd check``, ``ivrd flow lint`` and the daemon before it takes a book into service. The codes: docs/flow-faults.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise

from callflows import loader
from callflows.flow import Flow, FlowBook
from callflows.house import House
from callflows.linting.bounds import path
from callflows.linting.examination import Examination, Examined, Loop, examine
from callflows.linting.variable_flow import never_set
from callflows.linting.ways import HELP, ending
from callflows.nodes.base import Node
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode
from callflows.problems import Code, Problem, in_file_order, near
from callflows.proofs import Proof, proof_of, saying, unproven
from callflows.walk import HOP_LIMIT

__all__ = ["House", "check", "lint", "proofs"]

# A flow with one of these can't be reckoned through, nor can one that runs it.
UNSOUND: frozenset[Code] = frozenset({"unknown-node", "unknown-flow", "dead-loop", "no-exit", "unbounded-retries", "too-many-nodes"})


def check(sources: Mapping[str, str], house: House, main: str | None) -> tuple[FlowBook | None, list[Problem]]:
    """Load flow files and lint them, the sound parts of unsound files too. The book is None where a file's form is wrong."""
    parsed = loader.parse(sources)
    if not parsed.problems:
        book = loader.load(sources)
        return book, lint(book, house, main)
    partial = FlowBook(parsed.flows, "")
    told = _Linter(partial, house, None if parsed.lost or main in parsed.broken else main, parsed.broken, parsed.lost).problems()
    return None, in_file_order([*parsed.problems, *told])


def lint(book: FlowBook, house: House, main: str | None) -> list[Problem]:
    """All problems of the flows, in file order. ``main`` is the flow that calls begin with; None: only parts of a book are here."""
    return in_file_order(_Linter(book, house, main).problems())


def proofs(book: FlowBook, house: House, main: str | None) -> list[Proof]:
    """One for every flow, in the book's order; unproven where it, or a flow it runs, has a fault that forbids it."""
    linter = _Linter(book, house, main)
    file_of = {flow.file: name for name, flow in book.flows.items()}
    unsound = {file_of[problem.file] for problem in linter.problems() if problem.code in UNSOUND and problem.file in file_of}
    examined = linter.examination.flows
    while more := {name for name in book.flows if name not in unsound and not unsound.isdisjoint(_run_by(book.flows[name]))}:
        unsound |= more
    return [
        proof_of(examined[name]) if name in examined and name not in unsound else unproven(name, flow.file)
        for name, flow in book.flows.items()
    ]


class _Linter:
    """``broken`` flows have lost nodes, of ``lost`` ones we have nothing: what that might explain is no problem of its own."""

    def __init__(self, book: FlowBook, house: House, main: str | None, broken: Collection[str] = (), lost: bool = False) -> None:
        self._book = book
        self._house = house
        self._main = main
        self._broken = broken
        self._lost = lost
        self._shut: dict[str, bool] = {}
        self._saying = saying(house.languages)
        whole = {name: flow for name, flow in book.flows.items() if name not in broken}
        self._whole = FlowBook(whole, book.version)
        self.examination: Examination = examine(self._whole, self._saying)

    def problems(self) -> Iterator[Problem]:
        if self._main is not None and self._main not in self._book.flows:
            file = next(iter(self._book.flows.values())).file if self._book.flows else "flows"
            hint = near(self._main, self._book.flows) or f"; there is {', '.join(self._book.flows)}"
            yield Problem(file, 1, "unknown-flow", "error", f"calls begin with the flow {self._main!r}, which isn't here{hint}")
        for flow in self._book.flows.values():
            for name, node in flow.nodes.items():
                yield from self._exits(flow, name, node)
                yield from self._names(flow, name, node)
                yield from self._words(flow, name, node)
                if isinstance(node, RunNode):
                    yield from self._run(flow, name, node)
        for circle in self.examination.circles:
            yield self._circle(circle)
        for examined in self.examination.flows.values():
            yield from self._ways(examined)
        if self._main in self.examination.flows and not self._broken:
            yield from self._unset(self._main)
            yield from self._late(self.examination.flows[self._main])

    def _exits(self, flow: Flow, name: str, node: Node) -> Iterator[Problem]:
        known: Collection[str] = flow.nodes if flow.name not in self._broken else {key for key in flow.lines if "." not in key}
        for exit_name, target in node.exits().items():
            if target not in known:
                message = f"{exit_name} leads to {target!r}, which is no node{near(target, known) or '; write that node, or another name'}"
                yield _error(flow, name, "unknown-node", message, _exit_keys(exit_name))

    def _names(self, flow: Flow, name: str, node: Node) -> Iterator[Problem]:
        house = self._house
        known: Mapping[str, tuple[Code, Collection[str] | None, str]] = {
            "queue": ("unknown-queue", house.queues, "queue"),
            "line": ("unknown-line", house.lines, "line"),
            "hours": ("bad-hours", house.calendars, "calendar or line"),
            "phone": ("unknown-phone", house.phones, "telephone"),
            "webhook": ("unknown-webhook", house.webhooks, "webhook"),
        }
        for sort, named in node.names().items():
            code, names, called = known[sort]
            keys = ((sort,), (node.kind,))
            if names is not None and named not in names:
                hint = near(named, names) or (f"; there is {', '.join(sorted(names))}" if names else "; there is none")
                yield _error(flow, name, code, f"the settings have no {called} {named!r}{hint}", keys)
            elif sort == "hours" and self._never_opens(named):
                yield _error(flow, name, code, f"{named!r} doesn't open within a year from now: give it hours in the calendar", keys)

    def _never_opens(self, calendar: str) -> bool:
        if calendar not in self._shut:
            self._shut[calendar] = not self._house.opens_within_a_year(calendar)
        return self._shut[calendar]

    def _words(self, flow: Flow, name: str, node: Node) -> Iterator[Problem]:
        for slot, words in node.words().items():
            said = f"what {slot} says" if slot else f"what {node.kind} says"
            for language in sorted(set(self._house.languages) - words.languages()):
                yield _error(flow, name, "missing-language", f"{said} has no {language!r} text: add one", _slot_keys(node, slot))
            if self._house.prompts is None:
                continue
            for language, text in words.texts(f"{flow.place(name)}-{slot}" if slot else flow.place(name)):
                prompt = text.prompt(language) if language in self._house.languages else None
                if prompt and f"{language}/{prompt.name}" not in self._house.prompts:
                    message = f"{said} in {language!r} has no sound file {prompt.name!r}: run 'ivrd prompts build', or record it"
                    yield _error(flow, name, "missing-prompt", message, (*_language_keys(node, slot, language), *_slot_keys(node, slot)))

    def _run(self, flow: Flow, name: str, node: RunNode) -> Iterator[Problem]:
        inner = self._book.flows.get(node.run)
        if inner is None:
            if not self._lost:
                hint = near(node.run, self._book.flows)
                yield _error(flow, name, "unknown-flow", f"no flow is named {node.run!r}{hint or '; add its file'}", (("run",),))
            return
        for parameter in node.given.keys() - inner.parameters.keys():
            hint = near(parameter, inner.parameters) or "; declare it at the head of that flow"
            message = f"{node.run!r} has no parameter {parameter!r}{hint}"
            yield _error(flow, name, "unknown-variable", message, (("with", parameter), ("with",)))
        if inner.name in self._broken:
            return
        endings = {other.end for other in inner.nodes.values() if isinstance(other, EndNode)}
        if (missing := sorted(endings - node.ends.keys())) and ANY_ENDING not in node.ends:
            message = f"{node.run!r} can end as {', '.join(missing)}, which leads nowhere: add it to 'ends', or '_' for all others"
            yield _error(flow, name, "no-exit", message, (("ends",),))
        for end in node.ends.keys() - endings - {ANY_ENDING}:
            hint = near(end, endings) or f"; it ends as {', '.join(sorted(endings)) or 'nothing: it never comes back'}"
            yield _error(flow, name, "unreachable-node", f"{node.run!r} never ends as {end!r}{hint}", (("ends", end),))

    def _circle(self, names: list[str]) -> Problem:
        flow = self._book.flows[names[0]]
        node = next(name for name, node in flow.nodes.items() if isinstance(node, RunNode) and node.run in names)
        way = " → ".join([*names, names[0]])
        message = f"flows run each other without end ({way}): let the inner one 'end', and go on in the outer one"
        return _error(flow, node, "dead-loop", message, (("run",),))

    def _ways(self, examined: Examined) -> Iterator[Problem]:
        flow = examined.flow
        for number, place in enumerate(examined.places):
            if number not in examined.heard and number not in examined.after:
                yield _error(flow, place.name, "unreachable-node", "no way leads here: lead one here, or take it away")
            elif flow.name == self._main and number in examined.heard and ending(place.node) is not None:
                yield _error(flow, place.name, "no-exit", "the call breaks off here, for no flow runs this one: say goodbye with 'hang_up'")
        for loop in examined.loops:
            yield _error(flow, loop.node, loop.code, _sent_round(loop), _exit_keys(loop.exit))
        for name in examined.stuck:
            message = "from here the caller never comes to a human, a message, a callback or a goodbye: lead on to one"
            yield _error(flow, name, "no-exit", message)

        if examined.strides.longest > HOP_LIMIT and not examined.loops:
            message = (
                f"{examined.strides.longest} nodes can follow from here before the caller is asked anything; after {HOP_LIMIT} the call is "
                "given up as one that goes in circles: ask something in between"
            )
            yield _error(flow, examined.strides.begins, "too-many-nodes", message)

    def _unset(self, main: str) -> Iterator[Problem]:
        runnable = FlowBook(
            {name: examined.flow for name, examined in self.examination.flows.items()},
            self._book.version,
        )
        known = {name for flow in runnable.flows.values() for node in flow.nodes.values() for name in node.assigns()}
        for fault in never_set(runnable, main, self._house.variables, self._house.webhooks):
            flow = runnable.flows[fault.flow]
            node = flow.nodes[fault.node]
            hint = near(fault.variable, {*known, *self._house.variables, *flow.parameters, *flow.variables} - {fault.variable})
            reads = "is read out" if fault.slot is not None else "is needed"
            message = f"{fault.variable!r} {reads} here and set on no way that leads here{hint or ': set it before'}"
            keys = _slot_keys(node, fault.slot) if fault.slot is not None else ((node.kind,),)
            yield _error(flow, fault.node, "unknown-variable", message, keys)

    def _late(self, main: Examined) -> Iterator[Problem]:
        """Is it too long before a human, or before anything for who presses nothing? Told at what takes longest on the way."""
        if main.loops or main.stuck or self.examination.circles:
            return
        quick, limit = main.quick.get(HELP), self._house.human_within_s
        if quick is not None and quick.seconds > limit:
            longest = _longest_stay(main, main.quick_path, quick=True)
            message = f"the quickest way to a human takes {quick.seconds:.0f} s, more than {limit:.0f}: shorten what is said here"
            yield _error(main.flow, longest, "long-before-human", message)
        silent, limit = main.silent.reaches[main.start], self._house.worst_before_help_s
        worst = max((reach.seconds for reach in silent.values()), default=0.0)
        if worst > limit:
            longest = _longest_stay(main, path(main.silent, main.start), quick=False)
            message = (
                f"who presses nothing right waits {worst:.0f} s for a human, a message, a callback or a goodbye, more than {limit:.0f}: "
                "shorten what is said here, or ask fewer times"
            )
            yield _error(main.flow, longest, "long-before-human", message)


def _longest_stay(main: Examined, numbers: list[int], *, quick: bool) -> str:
    stays: dict[str, float] = {}
    for number, onward in pairwise(numbers):
        place = main.places[number]
        ways = [way for way in place.ways if way.target == onward]
        prices = [(way.quick if quick else way.silent) for way in ways]
        stays[place.name] = max((price.seconds for price in prices if price is not None), default=0.0)
    return max(stays, key=lambda name: stays[name], default=main.flow.start)


def _sent_round(loop: Loop) -> str:
    way = " → ".join([*loop.nodes[:6], *(["…"] if len(loop.nodes) > 6 else []), loop.nodes[0]])
    if loop.code == "dead-loop":
        return f"{loop.exit} sends the caller round without ever asking him ({way}): lead it out, or ask him in between"
    if loop.failing:
        return f"{loop.exit} sends the caller back to the same thing for as long as it fails ({way}): lead it to a human or a goodbye"
    return f"{loop.exit} asks a caller who presses nothing right again and again without end ({way}): lead it to a human or a goodbye"


def _run_by(flow: Flow) -> set[str]:
    return {node.run for node in flow.nodes.values() if isinstance(node, RunNode)}


Keys = tuple[str, ...]


def _error(flow: Flow, node: str, code: Code, message: str, keys: Iterable[Keys] = ()) -> Problem:
    """At the first of ``keys`` that the node has in its file, else at the node itself."""
    places = (".".join((node, *key)) for key in keys)
    line = next((flow.lines[place] for place in places if place in flow.lines), flow.lines.get(node, 1))
    return Problem(flow.file, line, code, "error", f"node {node!r}: {message}")


def _exit_keys(name: str) -> tuple[Keys, ...]:
    """Where a node may write where an exit leads: ``next: …``, ``no_input: {then: …}``, ``keys: {1: …}``."""
    return ((name, "then"), (name,), ("keys", name), ("ends", name), ("cases", name))


def _slot_keys(node: Node, slot: str) -> tuple[Keys, ...]:
    if not slot:
        return ((node.kind,),)
    key = slot.replace("-", "_")
    return ((key, "say"), (key,), *((outer, key) for outer in ("read_back",)), (node.kind,))


def _language_keys(node: Node, slot: str, language: str) -> tuple[Keys, ...]:
    return tuple((*key, language) for key in _slot_keys(node, slot))

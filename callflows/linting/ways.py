"""A flow as numbered nodes and the ways between them, with what each way costs a caller at most. For the linter and its proofs.

Read from the nodes' own interface alone (``exits``, ``stays``, ``gives``, …), so that nodes of other packages count like ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from callflows.flow import Flow
from callflows.nodes.base import Node, Saying, Stay
from callflows.nodes.subflow import ANY_ENDING, EndNode, RunNode

HELP = ""  # stands among a flow's endings for "the caller has got something on the way"; no ending is named so
HUMAN = "human"
# By these exits somebody sends the caller back from a queue or a telephone: an agent who hangs up, or he himself by a key.
SENT_BACK = frozenset({"served", "key"})


class Reach(NamedTuple):
    """An upper bound: seconds and prompts, each by itself."""

    seconds: float = 0.0
    prompts: int = 0

    def then(self, more: Reach) -> Reach:
        return Reach(self.seconds + more.seconds, self.prompts + more.prompts)

    def or_else(self, other: Reach | None) -> Reach:
        return self if other is None else Reach(max(self.seconds, other.seconds), max(self.prompts, other.prompts))


class Quick(NamedTuple):
    """A lower bound for a caller who presses the right key once he has heard a prompt: seconds, and keys or inputs."""

    seconds: float = 0.0
    keys: int = 0

    def then(self, more: Quick) -> Quick:
        return Quick(self.seconds + more.seconds, self.keys + more.keys)


@dataclass(frozen=True, slots=True)
class Way:
    """By ``exit`` to the node numbered ``target``. None means: not without a human, a message or a callback on the way, or not at all."""

    exit: str
    target: int
    worst: Reach | None  # whatever the caller does
    silent: Reach | None  # when he presses nothing, or nothing right
    quick: Quick | None
    free: bool  # can it be gone without anybody asking him, or sending him, anything?
    silently: bool  # can it be gone with nothing pressed and no human on the way?
    forced: bool  # has a caller who does what he is asked for no other way, unless something comes out otherwise? No human on the way
    fails: bool  # is it forced because we failed him?
    inner: str | None = None  # of a flow that is run: the ending that leads here


@dataclass(frozen=True, slots=True)
class Place:
    """A node: the ways out, and how long until he has got something within it (None: he gets nothing here)."""

    name: str
    node: Node
    ways: tuple[Way, ...]
    helped: Reach | None = None
    helped_silent: Reach | None = None
    human: Quick | None = None
    first: frozenset[str] = frozenset()  # which of the four things that is


@dataclass(frozen=True, slots=True)
class Summary:
    """What a flow is to those that run it. The mappings go from ``HELP`` or an ending to the way from its start."""

    endings: frozenset[str]
    worst: Mapping[str, Reach]
    silent: Mapping[str, Reach]
    quick: Mapping[str, Quick]
    free: frozenset[str]
    silently: frozenset[str]
    forced: frozenset[str]
    failing: frozenset[str]
    tails: Mapping[str, Reach]  # from any node of it to the ending, without help on the way
    anywhere: Reach  # from any node of it to help
    first: frozenset[str]
    gives: bool


def places_of(flow: Flow, saying: Saying, summaries: Mapping[str, Summary]) -> list[Place]:
    """Every node of a flow, numbered by its place in the file. Exits that lead nowhere, and flows without summary, are left out."""
    number = {name: index for index, name in enumerate(flow.nodes)}
    return [
        _runner(name, node, number, summaries) if isinstance(node, RunNode) else _place(name, node, number, saying)
        for name, node in flow.nodes.items()
    ]


def ending(node: Node) -> str | None:
    """The way a sub-flow ends here, None where it doesn't."""
    return node.end if isinstance(node, EndNode) else None


def _place(name: str, node: Node, number: Mapping[str, int], saying: Saying) -> Place:
    stays = node.stays(saying)
    exits = node.exits()
    given_on_entry = node.gives is not None and not node.gives_by
    # Who is asked and presses nothing leaves by one of these; where a node names none he may leave by any.
    unchosen = node.not_chosen & exits.keys()
    answers = exits.keys() - unchosen - node.failed_by
    input_exit = next(iter(answers)) if len(answers) == 1 and node.assigns() else None  # he is asked for something, not which way
    main_words = node.words().get("")
    once = saying(main_words) if main_words else None
    ways: list[Way] = []
    helped: Reach | None = None
    helped_silent: Reach | None = None
    for exit_name, target in exits.items():
        stay = stays.get(exit_name, Stay())
        asked = stay.asked > 0
        by_chance = not asked or exit_name in unchosen
        reach = Reach(stay.seconds, stay.prompts)
        given = given_on_entry or exit_name in node.gives_by
        sent = node.hands_over and exit_name in SENT_BACK
        if exit_name in node.gives_by:
            helped = reach.or_else(helped)
            helped_silent = reach.or_else(helped_silent) if by_chance else helped_silent
        if target in number:
            human = sent or (given and node.gives == HUMAN)
            fails = exit_name in node.failed_by
            ways.append(
                Way(
                    exit_name,
                    number[target],
                    worst=None if given else reach,
                    silent=reach if (by_chance or not unchosen) and not given else None,
                    quick=Quick(stay.seconds if by_chance or once is None else once, 0 if by_chance else 1),
                    free=not asked and not sent,
                    silently=by_chance and not human,
                    forced=(by_chance or fails or exit_name == input_exit) and not human,
                    fails=fails and not human,
                )
            )
    if given_on_entry:
        helped = helped_silent = Reach()
    at_once = Quick() if node.gives == HUMAN else None
    return Place(name, node, tuple(ways), helped, helped_silent, at_once, frozenset({node.gives} if node.gives else ()))


def _runner(name: str, node: RunNode, number: Mapping[str, int], summaries: Mapping[str, Summary]) -> Place:
    inner = summaries.get(node.run)
    if inner is None:
        ways = tuple(
            Way(end, number[to], Reach(), Reach(), Quick(), False, False, False, False) for end, to in node.ends.items() if to in number
        )
        return Place(name, node, ways)
    exits = node.exits()
    taken = ((end, exits.get(end, exits.get(ANY_ENDING, ""))) for end in sorted(inner.endings))
    return Place(
        name,
        node,
        tuple(
            Way(
                end if end in exits else ANY_ENDING,
                number[target],
                inner.worst.get(end),
                inner.silent.get(end),
                inner.quick.get(end),
                end in inner.free,
                end in inner.silently,
                end in inner.forced,
                end in inner.failing,
                inner=end,
            )
            for end, target in taken
            if target in number
        ),
        inner.worst.get(HELP),
        inner.silent.get(HELP),
        inner.quick.get(HELP),
        inner.first,
    )

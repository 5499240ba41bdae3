"""What a scene consists of: its queues and telephones, its way through the dialplan, how it is played and what is true of it.

Plain values for ``scenes``, ``files``, ``world`` and ``making``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.testbed.truth.world import On

AGENTS = {"ada": 1, "ben": 2, "cai": 3}  # and the last digit of their telephones
OUTSIDE, FRONT, BACK, TRANSFER = 5, 0, 6, 7  # a telephone that is no agent's; the numbers to call


class Flavour(StrEnum):
    """Whose Asterisk it looks like."""

    THEIRS = "theirs"  # a plain dialplan and an AMI user with all read classes
    OURS = "ours"  # ivrd's contexts, QueueExit words and AMI user
    LOCAL = "local"  # like theirs, with Local/…/n members and Local callers
    OPTIMISED = "optimised"  # like theirs, with Local/… members that leave the call once it is answered


LOCAL = (Flavour.THEIRS, Flavour.OURS, Flavour.LOCAL)
ALL = tuple(Flavour)
SIP = (Flavour.THEIRS, Flavour.OURS)


@dataclass(frozen=True, slots=True)
class Queue:
    """``suffix`` tells a scene's second queue from its first."""

    members: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A step of the dialplan: into the scene's queue. ``timeout_s`` and ``options`` are Queue()'s; our own dialplan has its options."""

    timeout_s: int = 120
    suffix: str = ""
    options: str = ""


Step = str | Stay


BY_CHANCE = "?"
Seconds = float | tuple[float, float]


@dataclass(frozen=True, slots=True)
class Visit:
    """One entry into one queue as it really was. Times in s; a pair where the source can only know that it was between the two.

    ``ended_by`` and ``transferred`` may be ``BY_CHANCE``: then the source says something, and means nothing by it.
    """

    queue: str
    outcome: str
    wait: Seconds
    agent: str | None = None
    ended_by: str | None = None
    talk: Seconds | None = None
    held: float = 0.0
    transferred: bool | str = False


@dataclass(frozen=True, slots=True)
class Contact:
    outcome: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What is true. ``ami`` and ``log``: what that source alone can tell, where it is less; ``both``: where the two together are."""

    contacts: tuple[Contact, ...]
    ami: tuple[Contact, ...] | None = None
    log: tuple[Contact, ...] | None = None
    both: tuple[Contact, ...] | None = None
    because: str = ""  # why a source can't
    agents: tuple[tuple[str, str, str], ...] = ()  # what happened to memberships: (verb, agent, reason)

    def of(self, source: str) -> tuple[Contact, ...]:
        """``ami``, ``log`` or ``both``."""
        own: tuple[Contact, ...] | None = getattr(self, source)
        return self.contacts if own is None else own

    def as_json(self) -> dict[str, Any]:
        found = {source: [asdict(contact) for contact in self.of(source)] for source in ("ami", "log", "both")}
        return {**found, "because": self.because, "agents": [list(row) for row in self.agents]}


@dataclass(frozen=True, slots=True)
class Scene:
    """``way``: the steps behind the number that callers dial; ``back``: behind the second number; ``transfer``: behind the third."""

    name: str
    what: str
    play: Callable[[On], Awaitable[Told]]
    queues: tuple[Queue, ...]
    way: tuple[Step, ...] = (Stay(),)
    back: tuple[Step, ...] = ()
    transfer: tuple[Step, ...] = ()
    flavours: tuple[Flavour, ...] = LOCAL
    others: tuple[str, ...] = ()  # agents who are no members at its beginning, or "outside"
    phone_settings: Mapping[str, object] = field(default_factory=dict)
    own_asterisk: bool = False  # it stops it
    answered_first: bool = True  # the dialplan answers before the queue, as most do

    def queue(self, suffix: str = "") -> str:
        return f"{self.name}{suffix}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A scene with the numbers it has in a world; they end in the same digits wherever it is played."""

    scene: Scene
    block: int  # "101" of 1010 to 1019

    def number(self, last_digit: int) -> str:
        return f"{self.block}{last_digit}"

    def caller(self, which: int = 0) -> str:
        return f"1380000{self.block}{which}"

    def agent(self, name: str) -> str:
        """The queue member's name."""
        return f"{name.capitalize()} {self.number(AGENTS[name])}"

    @property
    def telephones(self) -> dict[str, str]:
        """The numbers of its telephones but the callers', and whose they are."""
        members = {member for queue in self.scene.queues for member in queue.members} | set(self.scene.others)
        agents = {self.number(digit): self.agent(name) for name, digit in AGENTS.items() if name in members}
        return {**agents, self.number(OUTSIDE): f"Reception {self.number(OUTSIDE)}"} if "outside" in members else agents

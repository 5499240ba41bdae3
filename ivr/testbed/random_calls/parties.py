"""Who takes part in a random day: channels, agents, stays in a queue, with the history that a snapshot of any moment is made of.

For ``random_calls`` alone.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

CHANNEL_STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}
IDLE, TALKING, RINGING = 1, 2, 6  # Asterisk's device states


@dataclass(slots=True)
class Channel:
    """One channel of Asterisk; ``applications`` are (µs since 1970, name), oldest first. ``died_us`` 0 = lives on."""

    name: str
    uniqueid: str
    linkedid: str
    number: str
    caller_name: str
    context: str
    extension: str
    born_us: int
    state: int
    died_us: int = 0
    up_us: int = 0
    connected: str = "<unknown>"
    connected_name: str = "<unknown>"
    applications: list[tuple[int, str]] = field(default_factory=list)

    @property
    def values(self) -> tuple[str, ...]:
        """The fourteen headers of a channel in an event."""
        return (
            self.name,
            str(self.state),
            CHANNEL_STATES[self.state],
            self.number,
            self.caller_name,
            self.connected,
            self.connected_name,
            "zh",
            "",
            self.context,
            self.extension,
            "1",
            self.uniqueid,
            self.linkedid,
        )

    def lives_at(self, at_us: int) -> bool:
        return self.born_us <= at_us and (not self.died_us or at_us < self.died_us)

    def application_at(self, at_us: int) -> str:
        place = bisect_right(self.applications, at_us, key=lambda step: step[0])
        return self.applications[place - 1][1] if place else ""


@dataclass(slots=True)
class QueueStay:
    """From QueueCallerJoin to QueueCallerLeave, for QueueStatus."""

    queue: str
    channel: Channel
    joined_us: int
    left_us: int = 0


@dataclass(slots=True)
class Agent:
    """A queue member. ``history`` is (µs since 1970, device state, paused, member), oldest first."""

    name: str
    interface: str
    queues: tuple[str, ...]
    member: bool = False
    paused: bool = False
    reason: str = ""
    state: int = IDLE
    free_from_us: int = 0
    taken: int = 0
    last_call_s: int = 0
    since_s: int = 0
    history: list[tuple[int, int, bool, bool]] = field(default_factory=list)

    def remember(self, at_us: int) -> None:
        self.history.append((at_us, self.state, self.paused, self.member))

    def free(self, at_us: int) -> bool:
        return self.member and not self.paused and self.state == IDLE and self.free_from_us <= at_us

    def at(self, at_us: int) -> tuple[int, bool, bool]:
        """(device state, paused, member) at this moment."""
        place = bisect_right(self.history, at_us, key=lambda change: change[0])
        return self.history[place - 1][1:] if place else (IDLE, False, False)

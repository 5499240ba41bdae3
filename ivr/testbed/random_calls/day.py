"""A random day when it is over: the truth of each call, and everything Asterisk and the session said, in order.

For tests, which cut, double and shuffle it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.facts import Fact
from ivr.testbed.random_calls.parties import Agent, Channel, QueueStay
from ivr.testbed.random_calls.plan import DayPlan
from ivr.testbed.random_calls.truth import CallTruth


class Said(NamedTuple):
    """One AMI event. ``at_us``: its place on the wire, µs since 1970; ``thread``: who published it, whose events keep their order."""

    at_us: int
    thread: str
    message: AmiMessage


class Logged(NamedTuple):
    """One line of queue_log without its newline; it tells whole seconds of ``at_us``."""

    at_us: int
    line: str


class Told(NamedTuple):
    """One fact of the session that drove the call."""

    at_us: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Day:
    plan: DayPlan
    seed: int
    calls: Sequence[CallTruth]
    said: Sequence[Said]
    logged: Sequence[Logged]
    told: Sequence[Told]
    channels: Sequence[Channel]
    stays: Sequence[QueueStay]
    agents: Sequence[Agent]

    @property
    def log_text(self) -> str:
        return "".join(f"{row.line}\n" for row in self.logged)


def wire_bytes(message: AmiMessage) -> bytes:
    """The event as Asterisk writes it."""
    lines = (f"{key}: {value}\r\n" for key, value in zip(message.keys, message.values, strict=True))
    return ("".join(lines) + "\r\n").encode()

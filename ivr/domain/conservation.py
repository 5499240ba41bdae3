"""The law that nobody is lost from the books: who waited and who came are those who left and those who still wait.

Pure. ``Flow`` states it for a queue and an interval; ``drifts`` compares our books with Asterisk's queues and with queue_log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.domain.measures import ABANDONED, ANSWERED, FLOW_OUT, WITHDRAWN
from ivr.domain.tally import Tally
from ivr.domain.visit_record import REFUSED, VisitRecord


@dataclass(frozen=True, slots=True)
class Flow:
    """Of one queue in one interval: who was there at its beginning, who came, how they left, who is there at its end."""

    carry_in: int
    entered: int
    answered: int
    abandoned: int
    flow_out: int
    withdrawn: int
    refused: int
    carry_out: int

    @classmethod
    def of(cls, carry_in: int, activity: Tally, carry_out: int) -> Flow:
        """``activity``: what happened in the interval, by the moment of each event; the carries counted for themselves."""

        def left(outcomes: Iterable[str]) -> int:
            return sum(activity.outcomes[outcome] for outcome in outcomes)

        return cls(
            carry_in, activity.entered, left(ANSWERED), left(ABANDONED), left(FLOW_OUT), left(WITHDRAWN), left(REFUSED), carry_out
        )  # fmt: skip

    @property
    def missing(self) -> int:
        """How many the books have lost; below zero: have too many. Always 0, or something is wrong."""
        left = self.answered + self.abandoned + self.flow_out + self.withdrawn + self.refused
        return self.carry_in + self.entered - left - self.carry_out


def waits_at(record: VisitRecord, moment: datetime) -> bool:
    """Whether it is carried over this moment."""
    return record.joined_at < moment and (record.exited_at is None or record.exited_at >= moment)


class Kind(StrEnum):
    """What doesn't agree."""

    UNKNOWN = "unknown"  # waits in Asterisk's queue, and our books don't know him
    GHOST = "ghost"  # waits in our books, and isn't in Asterisk's queue
    LOG_ONLY = "log_only"  # entered a queue by queue_log, and there is no visit of it
    VISIT_ONLY = "visit_only"  # a visit that queue_log says nothing of
    CELLS = "cells"  # the stored figures of a queue don't add up


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """``subject``: the call, the contact, or the quarter of an hour."""

    kind: Kind
    queue: str
    subject: str


def waiting_drifts(asterisk: Mapping[str, Set[str]], ours: Mapping[str, Set[str]]) -> set[Drift]:
    """Of the callers who wait in each queue, by Asterisk's name of their calls."""
    found: set[Drift] = set()
    for queue in {*asterisk, *ours}:
        theirs, known = asterisk.get(queue, frozenset()), ours.get(queue, frozenset())
        found |= {Drift(Kind.UNKNOWN, queue, call) for call in theirs - known}
        found |= {Drift(Kind.GHOST, queue, call) for call in known - theirs}
    return found


# (queue, contact): that this caller entered this queue.
Entries = Set[tuple[str, str]]


def log_drifts(logged: Entries, logged_about: Entries, visited: Entries, visited_about: Entries) -> set[Drift]:
    """Of a settled time. ``…_about`` reaches a little further at both ends: the two clocks' seconds needn't be the same."""
    found = {Drift(Kind.LOG_ONLY, queue, contact) for queue, contact in logged - visited_about}
    return found | {Drift(Kind.VISIT_ONLY, queue, contact) for queue, contact in visited - logged_about}


def sentence(drifts: Iterable[Drift]) -> str:
    """What doesn't agree, in words, for the log and the supervisors."""
    words = {
        Kind.UNKNOWN: "wait in Asterisk's queue and are not in the books",
        Kind.GHOST: "wait in the books and are not in Asterisk's queue",
        Kind.LOG_ONLY: "entered by queue_log and have no visit",
        Kind.VISIT_ONLY: "have a visit that queue_log doesn't know",
        Kind.CELLS: "quarters of an hour don't add up",
    }
    return "; ".join(f"{queue}: {count} {words[kind]}" for (queue, kind), count in counted(drifts).items())


def counted(drifts: Iterable[Drift]) -> dict[tuple[str, Kind], int]:
    """How many of each kind in each queue."""
    found: dict[tuple[str, Kind], int] = {}
    for drift in sorted(drifts):
        found[drift.queue, drift.kind] = found.get((drift.queue, drift.kind), 0) + 1
    return found

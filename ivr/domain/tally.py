"""What any set of visits adds up to, as counts, sums and a histogram of waits: from it every figure is read, whatever T and S are.

Pure. Tallies of disjoint sets add up to the tally of all, so live board, stored cells and reports are one computation.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Self

from ivr.domain.contacts import ContactOutcome, Quality, VisitOutcome
from ivr.domain.visit_record import REFUSED, VisitRecord

WAITING = "waiting"  # beside the outcomes: entered, not out yet
# A contact that hung up while it was being greeted had not come to us yet: counted apart from ``abandoned_ivr``.
IN_GREETING = "abandoned_greeting"
TRANSFERRED = "transfer"  # VisitRecord.ended_by
SATISFIED, DISSATISFIED = 4, 2  # of ratings from 1 to 5: this and better, this and worse

Waits = dict[int, int]  # tenths of a second, rounded up → how many


@dataclass(slots=True)
class Tally:
    """Grows by ``add…`` and ``+=``; ``+`` makes a new one. Sums are exact milliseconds.

    In a cohort (``add``) ``entered`` is the sum of ``outcomes``; by activity an entry counts where it happened, the outcome where it did.
    """

    entered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)  # VisitOutcome's values, and WAITING
    waits: dict[str, Waits] = field(default_factory=dict)  # by outcome; not of the refused, who never waited
    wait_ms: Counter[str] = field(default_factory=Counter)
    longest_ms: int | None = None
    waiting_since: int | None = None  # the earliest entry of those who wait, ms since 1970
    rings: int = 0
    ring_ms: int = 0
    talks: int = 0  # talks that ended
    talk_ms: int = 0  # hold included
    held_ms: int = 0
    wraps: int = 0  # wrap-ups that were measured
    wrap_ms: int = 0
    transferred: int = 0
    reconstructed: int = 0
    uncertain: int = 0
    contacts: Counter[str] = field(default_factory=Counter)  # ContactOutcome's values, and IN_GREETING
    unrecovered: int = 0  # of abandoned contacts, and of promised calls: nobody ever got to them
    ratings: Counter[str] = field(default_factory=Counter)  # offered, answered, satisfied, dissatisfied

    @classmethod
    def of(cls, records: Iterable[VisitRecord]) -> Self:
        """The cohort of these visits."""
        tally = cls()
        for record in records:
            tally.add(record)
        return tally

    def add(self, record: VisitRecord) -> None:
        """The whole visit, as a member of its cohort."""
        self.add_entry()
        if record.outcome is None:
            self.outcomes[WAITING] += 1
            self._note_quality(record.quality)
            joined = round(record.joined_at.timestamp() * 1000)
            self.waiting_since = joined if self.waiting_since is None else min(self.waiting_since, joined)
            return
        self.add_exit(record)
        if record.talk_ended_at is not None:
            self.add_talk_end(record)

    def add_entry(self) -> None:
        self.entered += 1

    def add_exit(self, record: VisitRecord) -> None:
        """How the wait of this visit ended. ``record.outcome`` is known."""
        outcome = record.outcome
        if outcome is None:
            raise ValueError("who still waits has not left")
        self.outcomes[outcome] += 1
        self._note_quality(record.quality)
        if record.ring_ms is not None:
            self.rings += 1
            self.ring_ms += record.ring_ms
        wait_ms, tenths = record.wait_ms, record.wait_tenths
        if wait_ms is None or tenths is None or outcome in REFUSED:
            return
        waits = self.waits.setdefault(outcome, {})
        waits[tenths] = waits.get(tenths, 0) + 1
        self.wait_ms[outcome] += wait_ms
        if self.longest_ms is None or wait_ms > self.longest_ms:
            self.longest_ms = wait_ms

    def add_talk_end(self, record: VisitRecord) -> None:
        """Its talk is over."""
        if record.talk_ms is not None:
            self.talks += 1
            self.talk_ms += record.talk_ms
            self.held_ms += record.held_ms or 0
            self.transferred += record.ended_by == TRANSFERRED

    def add_contact(self, outcome: ContactOutcome, nodes: int) -> None:
        """A call that ended. ``nodes``: how many of the flow it came through; one is the greeting."""
        in_greeting = outcome is ContactOutcome.ABANDONED_IVR and nodes <= 1
        self.contacts[IN_GREETING if in_greeting else outcome] += 1

    def add_rating(self, rating: int | None) -> None:
        """A survey was offered; ``rating`` from 1 to 5, None when it was not answered."""
        self.ratings["offered"] += 1
        if rating is not None:
            self.ratings["answered"] += 1
            self.ratings["satisfied"] += rating >= SATISFIED
            self.ratings["dissatisfied"] += rating <= DISSATISFIED

    def __iadd__(self, other: Tally) -> Self:
        for name in _SUMS:
            if value := getattr(other, name):
                setattr(self, name, getattr(self, name) + value)
        for name in _COUNTERS:
            if counts := getattr(other, name):
                mine: Counter[str] = getattr(self, name)
                for key, count in counts.items():
                    mine[key] += count
        for outcome, theirs in other.waits.items():
            waits = self.waits.setdefault(outcome, {})
            for tenths, count in theirs.items():
                waits[tenths] = waits.get(tenths, 0) + count
        if other.longest_ms is not None:
            self.longest_ms = other.longest_ms if self.longest_ms is None else max(self.longest_ms, other.longest_ms)
        if other.waiting_since is not None:
            self.waiting_since = other.waiting_since if self.waiting_since is None else min(self.waiting_since, other.waiting_since)
        return self

    def __add__(self, other: Tally) -> Tally:
        return total((self, other))

    @property
    def counted(self) -> int:
        """All visits whose place in the figures is here: in a cohort all that entered, by activity all that left."""
        return sum(self.outcomes.values())

    def within(self, outcome: str, tenths: int) -> int:
        """How many with this outcome waited at most so long."""
        return sum(count for wait, count in self.waits.get(outcome, {}).items() if wait <= tenths)

    def longest_s(self, now: datetime) -> float | None:
        """The longest wait of all, seconds; of those who still wait until ``now``."""
        so_far = None if self.waiting_since is None else max(0, round(now.timestamp() * 1000) - self.waiting_since)
        return max((ms / 1000 for ms in (self.longest_ms, so_far) if ms is not None), default=None)

    def as_json(self) -> str:
        """For the store: compact, and what is nothing left out."""
        told: dict[str, Any] = {name: value for name in _SUMS if (value := getattr(self, name))}
        told |= {name: dict(counts) for name in _COUNTERS if (counts := getattr(self, name))}
        told |= {name: value for name in _EXTREMES if (value := getattr(self, name)) is not None}
        if self.waits:
            told["waits"] = {name: [number for pair in sorted(waits.items()) for number in pair] for name, waits in self.waits.items()}
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``as_json`` gave. Raises ValueError for anything else."""
        return cls.from_told(json.loads(text))

    @classmethod
    def from_told(cls, told: Mapping[str, Any]) -> Self:
        """``as_json``, parsed already."""
        tally = cls()
        tally.take(told)
        return tally

    def take(self, told: Mapping[str, Any]) -> None:
        """Add what ``as_json`` told of another, parsed already: the same as ``+=``, without making it first."""
        for name, value in told.items():
            match name:
                case "waits":
                    for outcome, flat in value.items():
                        waits = self.waits.setdefault(outcome, {})
                        numbers = iter(flat)
                        for tenths, count in zip(numbers, numbers, strict=True):
                            waits[tenths] = waits.get(tenths, 0) + count
                case "longest_ms":
                    self.longest_ms = value if self.longest_ms is None else max(self.longest_ms, value)
                case "waiting_since":
                    self.waiting_since = value if self.waiting_since is None else min(self.waiting_since, value)
                case "outcomes" | "wait_ms" | "contacts" | "ratings":
                    counts: Counter[str] = getattr(self, name)
                    for key, count in value.items():
                        counts[key] += count
                case _:
                    setattr(self, name, getattr(self, name) + value)

    def _note_quality(self, quality: Quality) -> None:
        self.reconstructed += quality is Quality.RECONSTRUCTED
        self.uncertain += quality is Quality.UNCERTAIN


_COUNTERS = ("outcomes", "wait_ms", "contacts", "ratings")
_EXTREMES = ("longest_ms", "waiting_since")
_SUMS = tuple(item.name for item in fields(Tally) if item.name not in (*_COUNTERS, *_EXTREMES, "waits"))
OUTCOMES = (*(outcome.value for outcome in VisitOutcome), WAITING)


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together: the same as if their visits had been counted at once."""
    found = Tally()
    for tally in tallies:
        found += tally
    return found


def epoch_ms(at: int | None) -> datetime | None:
    """``waiting_since`` as aware UTC."""
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)

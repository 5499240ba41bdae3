"""What any set of visits adds up to, as counts, sums and a histogram of waits: from it every figure is read, whatever T and S are.

Pure. Tallies of disjoint sets add up to the tally of all, so live board, stored cells and reports are one computation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Self

from ivr.domain.contacts import ContactOutcome, Quality, VisitOutcome
from ivr.domain.visit_record import REFUSED, VisitRecord

WAITING = "waiting"  # beside the outcomes: entered, not out yet
# A contact that hung up while it was being greeted had not come to us yet: counted apart from ``abandoned_ivr``.
IN_GREETING = "abandoned_greeting"
TRANSFERRED = "transfer"  # VisitRecord.ended_by
SATISFIED, DISSATISFIED = 4, 2  # of ratings from 1 to 5: this and better, this and worse

Waits = dict[int, int]  # tenths of a second, rounded up → how many


class Counts(dict[str, int]):
    """How many of each name, 0 of any other. A Counter takes four times as long to make, and cells are made by the hundred thousand."""

    __slots__ = ()

    def __missing__(self, _: str) -> int:
        return 0


@dataclass(slots=True)
class Tally:
    """Grows by ``add…`` and ``+=``; ``+`` makes a new one. Sums are exact milliseconds.

    In a cohort (``add``) ``entered`` is the sum of ``outcomes``; by activity an entry counts where it happened, the outcome where it did.
    """

    entered: int = 0
    outcomes: Counts = field(default_factory=Counts)  # VisitOutcome's values, and WAITING
    waits: dict[str, Waits] = field(default_factory=dict)  # by outcome; not of the refused, who never waited
    wait_ms: Counts = field(default_factory=Counts)
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
    contacts: Counts = field(default_factory=Counts)  # ContactOutcome's values, and IN_GREETING
    unrecovered: int = 0  # of abandoned contacts, and of promised calls: nobody ever got to them
    ratings: Counts = field(default_factory=Counts)  # offered, answered, satisfied, dissatisfied

    @classmethod
    def of(cls, records: Iterable[VisitRecord]) -> Self:
        """The cohort of these visits."""
        tally = cls()
        tally.add_all(records)
        return tally

    def add(self, record: VisitRecord) -> None:
        """The whole visit, as a member of its cohort."""
        self.add_all((record,))

    def add_all(self, records: Iterable[VisitRecord]) -> None:
        """The whole visits, as members of their cohort."""
        left: list[VisitRecord] = []
        for record in records:
            self.entered += 1
            if record.outcome is None:
                self._add_waiting(record)
            else:
                left.append(record)
        self.add_exits(left)
        self.add_talk_ends(record for record in left if record.talk_ended_at is not None)

    def add_entries(self, count: int) -> None:
        """So many entered."""
        self.entered += count

    def add_exits(self, records: Iterable[VisitRecord]) -> None:
        """How the waits of these visits ended. The ``outcome`` of each is known."""
        outcomes, by_outcome, wait_sums, longest_ms = self.outcomes, self.waits, self.wait_ms, self.longest_ms
        for record in records:
            outcome, ring_ms, wait_ms, tenths = record.outcome, record.ring_ms, record.wait_ms, record.wait_tenths
            if outcome is None:
                raise ValueError("who still waits has not left")
            outcomes[outcome] += 1
            if record.quality is not Quality.EXACT:
                self._note_quality(record.quality)
            if ring_ms is not None:
                self.rings += 1
                self.ring_ms += ring_ms
            if wait_ms is None or tenths is None or outcome in REFUSED:
                continue
            waits = by_outcome.get(outcome)
            if waits is None:
                waits = by_outcome[outcome] = {}
            waits[tenths] = waits.get(tenths, 0) + 1
            wait_sums[outcome] += wait_ms
            if longest_ms is None or wait_ms > longest_ms:
                longest_ms = wait_ms
        self.longest_ms = longest_ms

    def add_talk_ends(self, records: Iterable[VisitRecord]) -> None:
        """Their talks are over."""
        for record in records:
            if record.talk_ms is not None:
                self.talks += 1
                self.talk_ms += record.talk_ms
                self.held_ms += record.held_ms or 0
                self.transferred += record.ended_by == TRANSFERRED

    def _add_waiting(self, record: VisitRecord) -> None:
        self.outcomes[WAITING] += 1
        self._note_quality(record.quality)
        joined = round(record.joined_at.timestamp() * 1000)
        self.waiting_since = joined if self.waiting_since is None else min(self.waiting_since, joined)

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
        for name, value in zip(_SUMS, _sums_of(other), strict=True):
            if value:
                setattr(self, name, getattr(self, name) + value)
        for mine, theirs_counted in zip(_counts_of(self), _counts_of(other), strict=True):
            for key, count in theirs_counted.items():
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
        told: dict[str, Any] = {name: value for name, value in zip(_SUMS, _sums_of(self), strict=True) if value}
        told |= {name: counts for name, counts in zip(_COUNTERS, _counts_of(self), strict=True) if counts}
        told |= {name: value for name in _EXTREMES if (value := getattr(self, name)) is not None}
        if self.waits:
            told["waits"] = {name: [number for pair in sorted(waits.items()) for number in pair] for name, waits in self.waits.items()}
        return _encoded(told)

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
            if name in _COUNTERS:
                counts: Counts = getattr(self, name)
                for key, count in value.items():
                    counts[key] += count
            elif name == "waits":
                for outcome, flat in value.items():
                    waits = self.waits.setdefault(outcome, {})
                    numbers = iter(flat)
                    for tenths, count in zip(numbers, numbers, strict=True):
                        waits[tenths] = waits.get(tenths, 0) + count
            elif name == "longest_ms":
                self.longest_ms = value if self.longest_ms is None else max(self.longest_ms, value)
            elif name == "waiting_since":
                self.waiting_since = value if self.waiting_since is None else min(self.waiting_since, value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def _note_quality(self, quality: Quality) -> None:
        self.reconstructed += quality is Quality.RECONSTRUCTED
        self.uncertain += quality is Quality.UNCERTAIN


_COUNTERS = ("outcomes", "wait_ms", "contacts", "ratings")
_EXTREMES = ("longest_ms", "waiting_since")
_SUMS = tuple(item.name for item in fields(Tally) if item.name not in (*_COUNTERS, *_EXTREMES, "waits"))
# In one step each: a loop over their names would take longer than the rest.
_sums_of = attrgetter(*_SUMS)
_counts_of = attrgetter(*_COUNTERS)
_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
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

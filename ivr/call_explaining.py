"""How a call's record came about: each fact and what it changed, what decided each visit's outcome, and the figures it counts in.

Pure, for ``ivrd calls explain``: the ledger's entries are read again one by one, by the book of contacts that reads them live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.ledger import Entry
from ivr.domain.measures import ContactMeasure, Limits, Measure, RingMeasure, TalkMeasure, Thresholds
from ivr.domain.tally import IN_GREETING, Tally
from ivr.domain.visit_record import VisitRecord, record_of
from ivr.views import contact_as_json

# What every fact may touch and nobody asks about.
_SILENT = frozenset({"flow_version", "sip_call_id"})


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the ledger, and what the record said differently after it: ``visits.1.outcome`` → (before, after)."""

    entry: Entry
    changed: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class VisitExplained:
    """``decided``: the entry after which the outcome was what it is; None where the ledger doesn't tell. ``figures`` it counts in, and
    ``whole``: those in whose denominator alone it is."""

    record: VisitRecord
    decided: Entry | None
    figures: tuple[str, ...]
    whole: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallExplained:
    contact: Contact
    steps: tuple[Step, ...]
    decided: Entry | None  # the call's own outcome
    visits: tuple[VisitExplained, ...]
    figures: tuple[str, ...]
    whole: tuple[str, ...]


def explain_call(contact: Contact, entries: Sequence[Entry], limits: Limits, zone: ZoneInfo) -> CallExplained:
    """``contact`` as it is stored; ``entries`` in the order they were told, none for a call of before the ledger."""
    steps = tuple(_steps(contact.id, entries, zone))
    visits = []
    for number, visit in enumerate(contact.visits, 1):
        record = record_of(visit, contact.id, number, pbx=contact.pbx, line=contact.line)
        figures, whole = _figures(record, limits.of(contact.line))
        visits.append(VisitExplained(record, _last_change(steps, f"visits.{number}.outcome"), figures, whole))
    figures, whole = _call_figures(contact)
    return CallExplained(contact, steps, _last_change(steps, "outcome"), tuple(visits), figures, whole)


def _steps(contact_id: str, entries: Sequence[Entry], zone: ZoneInfo) -> Iterator[Step]:
    before: dict[str, Any] = {}
    for number, entry in enumerate(entries, 1):
        contact = ContactBook().take_up(contact_id, entries[:number])
        after = dict(_flat(contact_as_json(contact, zone))) if contact else {}
        keys = dict.fromkeys((*before, *after))
        yield Step(entry, {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)})
        before = after


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested JSON under their paths; lists count from 1; what says nothing is left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _SILENT:
                yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _flat(inner, f"{path}.{number}")
    elif value not in (None, "", False):
        yield path, value


def _last_change(steps: Sequence[Step], path: str) -> Entry | None:
    return next((step.entry for step in reversed(steps) if path in step.changed), None)


def _figures(record: VisitRecord, thresholds: Thresholds) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def counts(measure: object) -> bool:
        return isinstance(measure, Measure | TalkMeasure | RingMeasure) and measure.counts(record, thresholds)

    return _in(counts)


def _call_figures(contact: Contact) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whether anybody got back to him is for ``ivrd explain abandon.net`` to say: it depends on other calls."""
    if contact.outcome is None:
        return (), ()
    tally = Tally()
    tally.add_contact(contact.outcome, len(contact.path))
    kind = IN_GREETING if tally.contacts[IN_GREETING] else contact.outcome.value

    def counts(measure: object) -> bool:
        return isinstance(measure, ContactMeasure) and measure.counts(kind, unrecovered=False)

    return _in(counts)


def _in(counts: Callable[[object], bool]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of definitions whose numerator counts it, and of those whose denominator alone does."""
    found: dict[bool, list[str]] = {True: [], False: []}

    for name, known in DEFINITIONS.items():
        if counts(known.numerator):
            found[True].append(name)
        elif counts(known.denominator):
            found[False].append(name)
    return tuple(found[True]), tuple(found[False])

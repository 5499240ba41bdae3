"""The facts of one contact in the order they happened, however they came.

Pure; ``contact_book`` keeps one for what Asterisk's events and the sessions told, and one for what queue_log tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ami_bridge.facts import AgentRang
from ivr.domain.ledger import Entry, Source

# Events of one moment come from several threads of Asterisk, in varying order, within this time (measured on 22.10.1). What is further
# out of order is a clock that jumped: there the order of arrival is the truth.
OUT_OF_ORDER = timedelta(seconds=2)


class Journal:
    """Entries by their time, the same one once."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._known: dict[datetime, list[Entry]] = {}  # not a set: a walk's position in a fact can't be hashed

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def holds(self, entry: Entry) -> bool:
        return entry in self._known.get(entry.fact.at, ())

    def add(self, entry: Entry) -> bool:
        """Put it in its place; whether that is the end. The caller has asked ``holds``."""
        self._known.setdefault(entry.fact.at, []).append(entry)
        place = len(self._entries)
        if not _dated_back(entry):
            while place and timedelta(0) < self._entries[place - 1].fact.at - entry.fact.at <= OUT_OF_ORDER:
                place -= 1
        self._entries.insert(place, entry)
        return place == len(self._entries) - 1


def _dated_back(entry: Entry) -> bool:
    """queue_log tells of a ring when it is over: its beginning is reckoned, and may fall before the second of the caller's entry."""
    return entry.source is Source.QUEUE_LOG and isinstance(entry.fact, AgentRang)

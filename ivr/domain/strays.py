"""Facts of calls that nobody knows yet: one that came a moment before the fact that opens its contact still belongs to it.

Pure; for ``contact_book`` alone.
"""

from __future__ import annotations

from collections import deque

from ivr.domain.journal import OUT_OF_ORDER
from ivr.domain.ledger import Entry

_MOST = 1000  # of calls that are none of ours; those of one moment are far fewer


class Strays:
    """The facts of the last moment that belonged to no contact."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_MOST)

    def keep(self, entry: Entry) -> None:
        while self._entries and entry.fact.at - self._entries[0].fact.at > OUT_OF_ORDER:
            self._entries.popleft()
        if getattr(entry.fact, "contact", "") or getattr(entry.fact, "call", ""):
            self._entries.append(entry)

    def of(self, opening: Entry) -> list[Entry]:
        """Those of the call that this fact opens a contact for; they are here no longer."""
        names = {getattr(opening.fact, "contact", ""), getattr(opening.fact, "call", "")} - {""}
        found = [
            entry
            for entry in self._entries
            if entry.pbx == opening.pbx
            and abs(entry.fact.at - opening.fact.at) <= OUT_OF_ORDER
            and not names.isdisjoint((getattr(entry.fact, "contact", ""), getattr(entry.fact, "call", "")))
        ]
        for entry in found:
            self._entries.remove(entry)
        return found

"""A contact as its facts read now: Asterisk's events and the sessions' by ``folding``, queue_log's by ``log_reading``, then reconciled.

Pure; ``contact_book`` keeps one for each contact. A fact that comes last is folded onto what was read; others mean reading anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from ami_bridge.facts import CallerQueued, Fact
from ivr.domain.call_facts import DERIVED, CallCutOff, PlaceTaken
from ivr.domain.contacts import Contact, copied
from ivr.domain.folding import fold
from ivr.domain.ledger import Entry
from ivr.domain.log_reading import visits_of
from ivr.domain.reconciling import end_by_log, reconcile


class Reading:
    """``first``: the contact before any fact was told, or as an old database had it."""

    def __init__(self, first: Contact) -> None:
        self._first = copied(first)
        self._told: Contact | None = copied(first)  # None: to be read anew
        self._cuts: list[CallCutOff] = []
        self._places: list[PlaceTaken] = []
        self._unseen = True  # neither Asterisk's events nor a session told anything

    def add(self, fact: Fact, *, logged: bool, at_end: bool) -> None:
        """A fact was put into its journal; ``at_end``: behind all that stood there."""
        if logged:
            return
        if isinstance(fact, CallCutOff):
            self._cuts.append(fact)
            return
        if isinstance(fact, PlaceTaken):
            self._places.append(fact)
        self._unseen = self._unseen and isinstance(fact, DERIVED)
        if not at_end:
            self._told = None
        elif self._told is not None:
            fold(self._told, fact)

    def read(self, told: Iterable[Entry], logged: Iterable[Entry]) -> Contact:
        """``told`` and ``logged`` are all that was told, in order."""
        if self._told is None:
            self._told = copied(self._first)
            for entry in told:
                if not isinstance(entry.fact, CallCutOff):
                    fold(self._told, entry.fact)
        contact = copied(self._told)
        if rows := [entry.fact for entry in logged]:
            reconcile(contact, visits_of((*rows, *self._places)))
            if self._unseen or contact.end_uncertain:
                end_by_log(contact, opened_by_log=self._unseen)
            contact.caller = contact.caller or next((row.caller for row in rows if isinstance(row, CallerQueued) and row.caller), "")
        for cut in self._cuts:  # nothing comes after it, whichever source told of it first
            fold(contact, cut)
        return contact

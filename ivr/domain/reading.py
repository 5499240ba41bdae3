"""A contact as its facts read now: Asterisk's events and the sessions' by ``folding``, queue_log's by ``log_reading``, then reconciled.

Pure; ``contact_book`` keeps one for each contact. A fact that comes last is folded onto what was read; others mean reading anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from ami_bridge.facts import CallerQueued, Fact
from ivr.domain.call_facts import DERIVED, CallCutOff, PlaceTaken
from ivr.domain.contacts import Contact, copied
from ivr.domain.folding import fold
from ivr.domain.log_reading import visits_of
from ivr.domain.reconciling import end_by_log, reconcile


class Reading:
    """``first``: the contact before any fact was told, or as an old database had it."""

    def __init__(self, first: Contact) -> None:
        self._first = copied(first)
        self._told: Contact | None = copied(first)  # None: to be read anew

    def add(self, fact: Fact, *, logged: bool, at_end: bool) -> None:
        if logged or isinstance(fact, CallCutOff):
            return
        if not at_end:
            self._told = None
        elif self._told is not None:
            fold(self._told, fact)

    def read(self, told: Sequence[Fact], logged: Sequence[Fact]) -> Contact:
        """``told`` and ``logged`` are all that was told, in order."""
        cuts = [fact for fact in told if isinstance(fact, CallCutOff)]
        if self._told is None:
            self._told = copied(self._first)
            for fact in told:
                if not isinstance(fact, CallCutOff):
                    fold(self._told, fact)
        contact = copied(self._told)
        if logged:
            derived = [fact for fact in told if isinstance(fact, DERIVED)]
            reconcile(contact, visits_of((*logged, *(fact for fact in derived if isinstance(fact, PlaceTaken)))))
            unseen = len(derived) == len(told)
            if unseen or contact.end_uncertain:
                end_by_log(contact, opened_by_log=unseen)
            contact.caller = contact.caller or next((fact.caller for fact in logged if isinstance(fact, CallerQueued) and fact.caller), "")
        for cut in cuts:  # nothing comes after it, whichever source told of it first
            fold(contact, cut)
        return contact

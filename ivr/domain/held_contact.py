"""One contact in the book: what was told of it, by whom, and what is read from that. Pure; for ``contact_book`` alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from ami_bridge import facts as asterisk
from ivr.domain.contacts import Contact
from ivr.domain.journal import Journal
from ivr.domain.ledger import Entry
from ivr.domain.reading import Reading


@dataclass(slots=True)
class HeldContact:
    """``names``: of its channels, under which it is indexed."""

    pbx: str
    contact: Contact
    reading: Reading
    told: Journal = field(default_factory=Journal)
    logged: Journal = field(default_factory=Journal)
    names: set[str] = field(default_factory=set)

    def ended_without_cause(self) -> bool:
        ends = (entry.fact for entry in self.told if isinstance(entry.fact, asterisk.CallEnded))
        return any(end.cause == 0 and end.call == self.contact.call for end in ends)

    def was_handed_over(self) -> bool:
        """By an attended transfer, and nobody has told in whose place he waits."""
        given = [entry.fact for entry in (*self.told, *self.logged) if isinstance(entry.fact, asterisk.CallTransferred)]
        return any(fact.kind is asterisk.TransferKind.ATTENDED for fact in given) and not any(fact.place for fact in given)

    def positions_in(self, queue: str) -> set[int]:
        """At which it came there, as the log tells."""
        entries = (entry.fact for entry in self.logged if isinstance(entry.fact, asterisk.CallerQueued))
        return {fact.position for fact in entries if fact.queue == queue}

    def entries(self) -> list[Entry]:
        return sorted((*self.told, *self.logged), key=lambda entry: entry.fact.at)

"""``ivrd replay``: recorded AMI streams and queue_logs to contacts and visits, by the same translation and fold as the live daemon."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ami_bridge import facts as asterisk
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.translate import Translator
from ivr.domain.call_facts import CallMissing
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry, Source
from ivr.domain.whys import why
from ivr.recorded_clock import RecordedClock
from ivr.recordings import Kind, RecordingError, kind_of, lines, messages
from ivr.views import visit_as_json

# Asterisk writes a row at once and says it on AMI as soon, but a row's time is cut to the second: of one moment, AMI's word comes first,
# as it does in the daemon, which reads the file in intervals.
LOG_BEHIND = timedelta(seconds=2)
# One stream may hold streams of several connections, and be one of several files. A shorter silence between two is no gap.
NO_GAP = timedelta(seconds=1)

__all__ = ["RecordingError", "Replay", "replay"]


@dataclass(slots=True)
class Replay:
    """What recordings tell. Contacts in order of their beginning.

    Asterisk knows the visits whole. What a caller achieved in the flow (a complaint filed, a message, a promised call, a line found
    closed) it doesn't: his contact's outcome is then the one he would have had without, ``abandoned_ivr`` for instance.
    """

    contacts: list[Contact] = field(default_factory=list)
    gaps: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        """As ``ivrd replay --json`` prints it."""
        return {
            "contacts": [
                {
                    "id": contact.id,
                    "outcome": contact.outcome.value if contact.outcome else None,
                    "line": contact.line,
                    "started_at": contact.started_at.astimezone(zone).isoformat(),
                    "ended_at": contact.ended_at.astimezone(zone).isoformat() if contact.ended_at else None,
                }
                for contact in self.contacts
            ],
            "visits": [
                {"contact": contact.id, **visit_as_json(visit, zone), "why": why(visit)}
                for contact in self.contacts
                for visit in contact.visits
            ],
            "gaps": self.gaps,
            "warnings": self.warnings,
        }


class _Told(NamedTuple):
    """An entry, and the moment it is to be applied at."""

    due: datetime
    entry: Entry


def replay(files: Iterable[Path]) -> Replay:
    """Replay the files of one PBX, merged by time. Raises RecordingError."""
    found, book = Replay(), ContactBook(any_dialplan=True)
    sources = [_stream(file, found) if kind_of(file) is Kind.AMI else _log(file, found) for file in files]
    last: dict[Source, datetime] = {}
    for due, entry in heapq.merge(*sources, key=lambda told: told.due):
        last[entry.source] = max(due, last.get(entry.source, due))
        if isinstance(entry.fact, asterisk.AsteriskStopped):
            why_not = "Asterisk was stopped; the hang-ups before it were nobody's doing"
            found.gaps.append({"at": entry.fact.at.isoformat(), "why": why_not})
        book.apply(entry)
    _end_by_log(book, last)
    seen = (contact for contact in book.contacts.values() if not _only_in_a_snapshot(book, contact))
    found.contacts = sorted(seen, key=lambda contact: (contact.started_at, contact.id))
    return found


def _stream(file: Path, found: Replay) -> Iterator[_Told]:
    """The facts of an AMI stream in the order it has them: its clock may have been set."""
    translator, clock = Translator(), RecordedClock()
    due = clock.now
    for line, message in messages(file):
        clock.show(message)
        facts, suspicion = translator.translate(message, clock.now)
        if suspicion:
            kept = "the genuine part was used" if suspicion.kept else "it was left out"
            found.warnings.append(f"{file}:{line}: {suspicion.event}: {suspicion.why}; {kept}")
        for fact in facts:
            due = max(due, fact.at)
            yield _Told(due, Entry("", Source.AMI, fact))
    if clock.guessed and not clock.told:
        found.warnings.append(
            f"{file}: {clock.guessed} events have no Timestamp (timestampevents=no): their times are drawn from channels' ids and from "
            "the durations they tell, right to the second at best"
        )


def _log(file: Path, found: Replay) -> Iterator[_Told]:
    reader = QueueLogReader(str(file))
    due: datetime | None = None
    for line in lines(file):
        facts = reader.line(line)
        if facts:
            at = max(fact.at for fact in facts) + LOG_BEHIND
            due = max(due or at, at)
            for fact in facts:
                yield _Told(due, Entry("", Source.QUEUE_LOG, fact))
    found.warnings.extend(reader.warnings)


def _only_in_a_snapshot(book: ContactBook, contact: Contact) -> bool:
    """A list of who waits is no call's story."""
    entries = book.entries(contact.id)
    return all(entry.source is Source.AMI and isinstance(entry.fact, asterisk.CallerWaiting) for entry in entries)


def _end_by_log(book: ContactBook, last: dict[Source, datetime]) -> None:
    """A stream that ends before the log does: the ends of its calls are in the log alone."""
    if Source.AMI not in last or last.get(Source.QUEUE_LOG, last[Source.AMI]) <= last[Source.AMI]:  # its rows are LOG_BEHIND later
        return
    for contact in list(book.contacts.values()):
        ends = [visit.talk_ended_at if visit.answered_at else visit.left_at for visit in contact.visits]
        known = [end for end in ends if end is not None]
        if contact.ended_at is None and known and len(known) == len(ends):
            book.apply(Entry(contact.pbx, Source.SESSION, CallMissing(max(*known, last[Source.AMI]), contact.id)))

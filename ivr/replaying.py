"""``ivrd replay``: recorded AMI streams and queue_logs to contacts and visits, by the same translation and fold as the live daemon."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ami_bridge import facts as asterisk
from ami_bridge.facts import Fact
from ami_bridge.queue_log import QueueLogReader
from ivr.domain.call_facts import CallMissing
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry, Source
from ivr.domain.whys import why
from ivr.recorded_stream import RecordedStream
from ivr.recordings import Kind, RecordingError, kind_of, lines
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

    def gap(self, at: datetime, why: str) -> None:
        self.gaps.append({"at": at.isoformat(), "why": why})

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
    """A fact of one of the files, and the moment it is to be applied at."""

    due: datetime
    file: int
    source: Source
    fact: Fact


def replay(files: Iterable[Path]) -> Replay:
    """Replay the files of one PBX, merged by time. Raises RecordingError."""
    found, book = Replay(), ContactBook(any_dialplan=True)
    told = [_stream(n, file, found) if kind_of(file) is Kind.AMI else _log(n, file, found) for n, file in enumerate(files)]
    watch = _Watch(found)
    last: dict[Source, datetime] = {}
    hang_ups = _HangUps()
    for due, number, source, fact in heapq.merge(*told, key=lambda each: each.due):
        last[source] = max(due, last.get(source, due))
        hang_ups.see(fact)
        if isinstance(fact, asterisk.AsteriskStopped):
            found.gap(fact.at, "Asterisk was stopped; the hang-ups before it were nobody's doing")
        if (seen := watch.see(number, fact)) is not None:
            book.apply(Entry("", source, seen))
    _end_by_log(book, last)
    hang_ups.guess(book, found)
    seen_calls = (contact for contact in book.contacts.values() if not _only_in_a_snapshot(book, contact))
    found.contacts = sorted(seen_calls, key=lambda contact: (contact.started_at, contact.id))
    return found


class _Watch:
    """Which streams are being recorded: only where none is, something may have been missed."""

    def __init__(self, found: Replay) -> None:
        self._found = found
        self._running: set[int] = set()
        self._lost_at: datetime | None = None

    def see(self, file: int, fact: Fact) -> Fact | None:
        """The fact as the book is to be told it; None when there is nothing to tell."""
        if isinstance(fact, asterisk.LinkLost):
            self._running.discard(file)
            if self._running:
                return None
            self._lost_at = fact.at
        elif isinstance(fact, asterisk.LinkEstablished):
            lost_at = self._lost_at
            watched = bool(self._running) or lost_at is None or timedelta(0) < fact.at - lost_at <= NO_GAP
            self._running.add(file)
            if watched:
                return None
            self._found.gap(lost_at or fact.at, "no stream was recorded for a while, or its connection was lost")
            return replace(fact, gap_from=lost_at)
        return fact


class _HangUps:
    """Whether the streams have any: an AMI user without the class ``call`` is told who left a queue, and of no channel's end."""

    def __init__(self) -> None:
        self._queued = self._ended = False

    def see(self, fact: Fact) -> None:
        self._queued = self._queued or isinstance(fact, asterisk.CallerLeftQueue)
        self._ended = self._ended or isinstance(fact, asterisk.CallEnded | asterisk.HangupRequested | asterisk.AgentPickedUp)

    def guess(self, book: ContactBook, found: Replay) -> None:
        """Who has left his last queue, and talks with nobody, has gone then."""
        if self._ended or not self._queued:
            return
        found.warnings.append(
            "no stream tells of a channel's end: was its AMI user without `read = call`? Waits are true to the pick-up's announcement; who "
            "left a queue unserved is taken for having hung up, and marked uncertain, where neither his dialplan nor queue_log says why"
        )
        for contact in list(book.contacts.values()):
            ends = [visit.talk_ended_at if visit.answered_at else visit.left_at for visit in contact.visits]
            known = [end for end in ends if end is not None]
            if contact.ended_at is None and known and len(known) == len(ends):
                book.apply(Entry(contact.pbx, Source.SESSION, CallMissing(max(known), contact.id)))


def _stream(number: int, file: Path, found: Replay) -> Iterator[_Told]:
    """The facts of an AMI stream in the order it has them: its clock may have been set."""
    stream = RecordedStream(file)
    due: datetime | None = None
    for fact in stream.facts():
        due = max(due or fact.at, fact.at)
        yield _Told(due, number, Source.AMI, fact)
    found.warnings.extend(stream.warnings)


def _log(number: int, file: Path, found: Replay) -> Iterator[_Told]:
    reader = QueueLogReader(str(file))
    due: datetime | None = None
    for line in lines(file):
        facts = reader.line(line if line.endswith(b"\n") else line + b"\n")  # the last one, of a file that somebody has edited
        if facts:
            at = max(fact.at for fact in facts) + LOG_BEHIND
            due = max(due or at, at)
            for fact in facts:
                yield _Told(due, number, Source.QUEUE_LOG, fact)
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

"""Random days of calls, read by the product, beside their truth: what each source tells, and where the reading differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar, cast

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.facts import LinkEstablished, LinkLost, SnapshotComplete
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.translate import Translator
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact, Visit
from ivr.domain.ledger import Entry, Source
from ivr.testbed.random_calls import CallTruth, Day, VisitTruth, snapshot_at
from ivr.testbed.random_calls.truth import SECOND, moment

T = TypeVar("T")
PBX = "asterisk"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # every event has a Timestamp of its own
# Events of one moment come within some milliseconds; queue_log has whole seconds at both ends of a span.
MOMENT_S, LOG_S = 0.02, 1.001


class Timed(NamedTuple):
    """An entry, and when it comes in, µs since 1970. ``thread``: of Asterisk's, whose entries keep their order."""

    at_us: int
    thread: str
    entry: Entry


def from_ami(day: Day) -> list[Timed]:
    translator = Translator()
    return [
        Timed(said.at_us, said.thread, Entry(PBX, Source.AMI, fact))
        for said in day.said
        for fact in translator.translate(said.message, NEVER).facts
    ]


def from_log(day: Day) -> list[Timed]:
    reader = QueueLogReader("queue_log")
    found = [
        Timed(row.at_us, "log", Entry(PBX, Source.QUEUE_LOG, fact)) for row in day.logged for fact in reader.line(f"{row.line}\n".encode())
    ]
    assert not reader.counts, reader.warnings
    return found


def from_session(day: Day) -> list[Timed]:
    return [Timed(told.at_us, "session", Entry(PBX, Source.SESSION, told.fact)) for told in day.told]


def from_snapshot(day: Day, from_us: int, to_us: int, translator: Translator) -> list[Timed]:
    """What the link tells after a gap: the bracket and what stands between."""
    snapshot = snapshot_at(day, to_us)
    at = moment(to_us)
    facts, suspicions = translator.snapshot(snapshot.channels, snapshot.queues, at)
    assert not suspicions
    told = (LinkEstablished(at, "22.10.1", moment(from_us)), *facts, SnapshotComplete(at))
    return [Timed(to_us, "link", Entry(PBX, Source.AMI, fact)) for fact in told]


def lost(at_us: int) -> Timed:
    return Timed(at_us, "link", Entry(PBX, Source.AMI, LinkLost(moment(at_us), "cut")))


def from_ami_with_gaps(day: Day, gaps: Sequence[tuple[int, int]]) -> Iterator[Timed]:
    """What a link is told that breaks at these times, µs since 1970 and in order: nothing within them, a snapshot after each."""
    translator = Translator()
    coming = iter((*gaps, (2**62, 2**62)))
    gap = next(coming)
    for said in (*day.said, None):
        while said is None or said.at_us > gap[1]:
            if gap[0] == 2**62:
                return
            yield lost(gap[0])
            translator.link_lost()
            yield from from_snapshot(day, *gap, translator)
            gap = next(coming)
        if said.at_us < gap[0]:
            for fact in translator.translate(said.message, NEVER).facts:
                yield Timed(said.at_us, said.thread, Entry(PBX, Source.AMI, fact))


class Driven:
    """The contacts that a session drives at this moment: their channels are in AGI()."""

    def __init__(self, day: Day) -> None:
        self._channels = {channel.uniqueid: channel for channel in day.channels}
        self.at_us = 0

    def __contains__(self, contact_id: object) -> bool:
        channel = self._channels.get(str(contact_id))
        return channel is not None and channel.lives_at(self.at_us) and channel.application_at(self.at_us) == "AGI"


def merged(*streams: Iterable[Timed]) -> list[Timed]:
    """By the time each comes in; a stream keeps its own order."""
    return sorted((each for stream in streams for each in stream), key=lambda each: each.at_us)


def read(entries: Iterable[Timed]) -> Mapping[str, Contact]:
    book = ContactBook()
    for each in entries:
        book.apply(each.entry)
    return book.contacts


def read_beside_sessions(day: Day, entries: Iterable[Timed]) -> Mapping[str, Contact]:
    """Calls that a session drives are known to live, whatever a snapshot says."""
    book, driven = ContactBook(), Driven(day)
    for each in entries:
        driven.at_us = each.at_us
        book.apply(each.entry, driven=cast(Container[str], driven))
    return book.contacts


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How exactly a source can tell. ``log_only``: nobody saw more than queue_log has; ``gaps``: either may have told it,
    and the sessions told theirs."""

    tolerance_s: float
    log_only: bool = False
    gaps: bool = False

    def differences(self, truth: CallTruth, contact: Contact | None) -> list[str]:
        """What the reading says otherwise than it was; empty when it is right."""
        visits = [visit for visit in truth.visits if visit.in_log or not self.log_only]
        if contact is None:
            return [] if self.log_only and not visits else ["the contact is missing"]
        if len(visits) != len(contact.visits):
            return [f"{len(contact.visits)} visits read, {len(visits)} made: {[str(visit.outcome) for visit in contact.visits]}"]
        found = [wrong for pair in zip(visits, contact.visits, strict=True) for wrong in self._of_visit(*pair)]
        outcome = truth.full_outcome if self.gaps else truth.outcome
        if not self.log_only and contact.outcome != outcome:
            found.append(f"outcome {contact.outcome}, was {outcome}")
        if not self.log_only and not self.gaps:
            found += self._apart("ended", contact.ended_at, truth.ended_us)
        return found

    def _of_visit(self, truth: VisitTruth, visit: Visit) -> list[str]:
        found = []
        for name, is_read, was in (
            ("queue", visit.queue, {truth.queue}),
            ("outcome", visit.outcome, {truth.outcome}),
            ("agent", visit.agent, {truth.agent or None}),
            ("ended_by", visit.ended_by, self._ended_by(truth)),
        ):
            if is_read not in was:
                found.append(f"{name} {is_read}, was {' or '.join(map(str, was))}")
        found += self._apart("joined", visit.joined_at, truth.joined_us)
        waits = self._either(truth.wait_s, truth.logged_wait_s)
        if visit.wait_s is None or all(abs(visit.wait_s - wait) > self.tolerance_s for wait in waits):
            found.append(f"wait {visit.wait_s}, was {' or '.join(map(str, waits))}")
        if truth.answered_us:
            found += self._apart("answered", visit.answered_at, truth.answered_us)
            found += self._apart("talk ended", visit.talk_ended_at, *self._either(truth.talk_ended_us, truth.logged_end_us))
        return found

    def _either(self, witnessed: T, logged: T) -> tuple[T, ...]:
        return (witnessed, logged) if self.gaps else (logged,) if self.log_only else (witnessed,)

    def _ended_by(self, truth: VisitTruth) -> set[str | None]:
        """A Redirect isn't in the log: there the caller hung up."""
        redirected = truth.logged_end_us != truth.talk_ended_us
        return set(self._either(truth.ended_by or None, "caller" if redirected else truth.ended_by or None))

    def _apart(self, name: str, is_read: datetime | None, *was_us: int) -> list[str]:
        if is_read is not None and any(abs(is_read - moment(was)) <= timedelta(seconds=self.tolerance_s) for was in was_us):
            return []
        return [f"{name} {is_read}, was {' or '.join(str(moment(was)) for was in was_us)}"]


FROM_AMI = Yardstick(MOMENT_S)
FROM_LOG = Yardstick(LOG_S, log_only=True)
WITH_GAPS = Yardstick(LOG_S, gaps=True)


def complaints(day: Day, contacts: Mapping[str, Contact], yardstick: Yardstick, most: int = 3) -> str:
    """Empty when all is as it was; else how often it isn't, and the shortest calls of which it isn't, in full."""
    wrong = [(call, found) for call in day.calls if (found := yardstick.differences(call, contacts.get(call.id)))]
    if not wrong:
        return ""
    shortest = sorted(wrong, key=lambda each: (len(each[0].visits), sum(len(visit.offers) for visit in each[0].visits)))[:most]
    kinds = Counter(" ".join(word for word in found[0].split() if not word[0].isdigit()) for _, found in wrong)
    told = f"{dict(kinds)}\n" + "\n\n".join(f"{call.id}: {'; '.join(found)}\n" + "\n".join(life(day, call)) for call, found in shortest)
    return f"seed {day.seed}: {len(wrong)} of {len(day.calls)} calls are read wrong\n{told}"


def life(day: Day, call: CallTruth) -> Sequence[str]:
    """Everything that was said of one call, a line each."""
    said = [
        (each.at_us, f"AMI {each.message.event} {_details(each.message)}")
        for each in day.said
        if call.id in (each.message.get("Linkedid"), each.message.get("DestLinkedid"))
        or (each.message.event == "AgentComplete" and _is_bare_end(call, each.at_us))
    ]
    rows = [(row.at_us, f"log {row.line}") for row in day.logged if f"|{call.id}|" in row.line]
    return [f"  {at_us / SECOND % 100_000:.6f} {line}" for at_us, line in sorted(said + rows)]


def _is_bare_end(call: CallTruth, at_us: int) -> bool:
    ends = [end for visit in call.visits for end in (visit.talk_ended_us, visit.logged_end_us) if end]
    return any(0 <= at_us - end < SECOND // 100 for end in ends)


def _details(message: AmiMessage) -> str:
    get = message.get
    names = ("Channel", "DestChannel", "Queue", "MemberName", "DialStatus", "Reason", "UserEvent", "QueueStatus", "Cause")
    return " ".join(f"{name}={value}" for name in names if (value := get(name)))

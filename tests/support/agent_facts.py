"""One agent's facts, written in seconds after nine o'clock: for tests of the agents' fold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ami_bridge import facts as asterisk
from ami_bridge.facts import EndedBy, Fact
from ivr.domain.agent_book import AgentBook
from ivr.domain.agent_states import AgentKey, Interval
from ivr.domain.ledger import Entry, Source

NINE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Shanghai
LI = AgentKey("main", "Li Na")
IDLE, IN_USE, GONE, RINGING = 1, 2, 5, 6


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def state(seconds: float, phone: int = IDLE, *, paused: bool = False, queue: str = "hr", reason: str = "", wrapup_s: int = 0) -> Fact:
    return asterisk.AgentStateReported(at(seconds), queue, LI.agent, phone, paused, reason=reason, wrapup_s=wrapup_s)


def removed(seconds: float, queue: str = "hr") -> Fact:
    return asterisk.AgentStateReported(at(seconds), queue, LI.agent, IDLE, False, removed=True)


def rang(seconds: float, call: str = "c1", leg: str = "l1", queue: str = "hr") -> Fact:
    return asterisk.AgentRang(at(seconds), call, call, queue, LI.agent, leg)


def picked_up(seconds: float, call: str = "c1", leg: str = "l1") -> Fact:
    return asterisk.AgentPickedUp(at(seconds), call, call, leg)


def ring_ended(seconds: float, result: str, call: str = "c1", leg: str = "l1") -> Fact:
    return asterisk.AgentRingEnded(at(seconds), call, call, leg, result)


def answered(seconds: float, call: str = "c1", leg: str = "l1", queue: str = "hr") -> Fact:
    return asterisk.AgentAnswered(at(seconds), call, call, queue, LI.agent, leg)


def talk_ended(seconds: float, call: str = "c1", leg: str = "l1", by: EndedBy = EndedBy.CALLER, queue: str = "hr") -> Fact:
    return asterisk.TalkEnded(at(seconds), call, call, queue, LI.agent, by, leg)


def hung_up(seconds: float, call: str, contact: str = "c1", cause: int = 16) -> Fact:
    return asterisk.CallEnded(at(seconds), contact, call, cause)


def call(begin: float, answer: float, end: float, name: str = "1", queue: str = "hr") -> list[Fact]:
    """One answered call as AMI tells it, the phone's states with it."""
    c, leg = f"c{name}", f"l{name}"
    return [
        rang(begin, c, leg, queue),
        state(begin + 0.01, RINGING, queue=queue),
        picked_up(answer, c, leg),
        state(answer + 0.002, IN_USE, queue=queue),
        answered(answer + 0.005, c, leg, queue),
        talk_ended(end, c, leg, queue=queue),
        hung_up(end + 0.001, leg, c),
        state(end + 0.003, IDLE, queue=queue),
        hung_up(end + 0.004, c, c),
    ]


# queue_log's rows of a call from 100 to 165.
LOG_OF_A_TALK: list[Fact] = [
    asterisk.AgentRang(at(100), "", "c2", "hr", LI.agent, "l2"),
    asterisk.AgentAnswered(at(105), "", "c2", "hr", LI.agent, "l2"),
    asterisk.TalkEnded(at(165), "", "c2", "hr", LI.agent, EndedBy.AGENT),
]


def told(facts: Iterable[Fact], source: Source = Source.AMI, book: AgentBook | None = None) -> AgentBook:
    book = book or AgentBook()
    for fact in facts:
        book.apply(Entry(LI.pbx, source, fact))
    return book


def snapshot(seconds: float, *facts: Fact, gap_from: float | None = None) -> list[Fact]:
    """What a link tells when it comes up."""
    established = asterisk.LinkEstablished(at(seconds), "22.10.1", None if gap_from is None else at(gap_from))
    return [established, *facts, asterisk.SnapshotComplete(at(seconds))]


def spans(book: AgentBook, until: float, key: AgentKey = LI) -> list[tuple[str, float]]:
    """His states and for how long each, in tenths of a second."""
    intervals = all_of(book, until, key)
    ends = [(interval.ended_at or max(at(until), interval.began_at)) - interval.began_at for interval in intervals]
    return [(interval.state.value, round(end.total_seconds(), 1)) for interval, end in zip(intervals, ends, strict=True)]


def all_of(book: AgentBook, until: float, key: AgentKey = LI) -> list[Interval]:
    past, _ = book.past(key)
    return [*past, *book.read(key, at(until)).intervals]


def counted(book: AgentBook, until: float, key: AgentKey = LI) -> dict[str, int]:
    """His events: how many of each."""
    _, past = book.past(key)
    found: dict[str, int] = {}
    for event in (*past, *book.read(key, at(until)).events.values()):
        found[event.what.value] = found.get(event.what.value, 0) + 1
    return found

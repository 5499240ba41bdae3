"""Ten thousand random calls: what is read of them is what happened, whoever tells it, in whatever order, and with whatever missing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import pytest
from support.random_days import (
    FROM_AMI,
    FROM_LOG,
    NEVER,
    PBX,
    WITH_GAPS,
    Timed,
    complaints,
    from_ami,
    from_ami_with_gaps,
    from_log,
    from_session,
    merged,
    read,
    read_beside_sessions,
)

from ami_bridge.translate import EVENT_NAMES, Translator
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact
from ivr.domain.ledger import Entry, Source
from ivr.testbed.random_calls import Day, DayPlan, Said, random_day
from ivr.testbed.random_calls.truth import SECOND

CALLS = 10_000
SEED = int(os.environ.get("RANDOM_CALLS_SEED", "20261122"))
SKEW_US = 20_000  # how far threads of Asterisk may overtake each other; 2 ms were measured
GAPS = 150
MEAN_GAP_S = 90.0
EVERY_STEP = 1_000  # calls that are read anew after each of their events


@pytest.fixture(scope="module")
def day() -> Day:
    return random_day(DayPlan(calls=CALLS, events=EVENT_NAMES, session=False), SEED)


@pytest.fixture(scope="module")
def ami(day: Day) -> list[Timed]:
    return from_ami(day)


@pytest.fixture(scope="module")
def log(day: Day) -> list[Timed]:
    return from_log(day)


@pytest.fixture(scope="module")
def clean(ami: list[Timed]) -> Mapping[str, Contact]:
    """The reading of everything Asterisk said, once and in order."""
    return read(ami)


@pytest.fixture(scope="module")
def both(ami: list[Timed], log: list[Timed]) -> Mapping[str, Contact]:
    """The reading of everything Asterisk said and wrote, as it came."""
    return read(merged(ami, log))


def test_the_day_has_everything_in_it(day: Day) -> None:
    """Without this the properties below could hold of calls to which nothing happens."""
    visits = [visit for call in day.calls for visit in call.visits]
    offers = {offer.result for visit in visits for offer in visit.offers}
    assert {visit.outcome for visit in visits} == {
        *("answered", "abandoned_wait", "abandoned_ring", "flow_timeout", "flow_empty", "flow_key", "withdrawn", "full", "join_empty"),
    }
    assert offers == {"answered", "noanswer", "busy", "cancelled", "elsewhere", "dumped", "lost"}
    assert {visit.ended_by for visit in visits} == {"", "caller", "agent", "transfer"}
    assert any(len({visit.queue for visit in call.visits}) < len(call.visits) for call in day.calls)


def test_asterisks_events_alone_tell_the_truth(day: Day, clean: Mapping[str, Contact]) -> None:
    assert not complaints(day, clean, FROM_AMI)


def test_queue_log_alone_tells_the_truth_to_the_second(day: Day, log: list[Timed]) -> None:
    assert not complaints(day, read(log), FROM_LOG)


def test_both_tell_what_the_finer_one_tells(day: Day, both: Mapping[str, Contact], clean: Mapping[str, Contact]) -> None:
    assert not complaints(day, both, FROM_AMI)
    assert not _different(_whoever_told(both), _whoever_told(clean))


def test_the_log_may_come_before_the_events_and_after_them(ami: list[Timed], log: list[Timed], both: Mapping[str, Contact]) -> None:
    half = len(log) // 2
    assert not _different(read([*log[:half], *ami, *log[half:]]), both)


def test_what_is_told_twice_counts_once(ami: list[Timed], log: list[Timed], both: Mapping[str, Contact]) -> None:
    doubled = [each for entry in merged(ami, log) for each in (entry, entry)]
    assert not _different(read([*doubled, *log]), both)


def test_threads_of_asterisk_may_overtake_each_other(day: Day, clean: Mapping[str, Contact]) -> None:
    overtaken = _overtaken(day.said, Random(SEED))
    translator = Translator()
    entries = [Entry(PBX, Source.AMI, fact) for said in overtaken for fact in translator.translate(said.message, NEVER).facts]
    shuffled = read(Timed(0, "", entry) for entry in entries)
    assert not complaints(day, shuffled, FROM_AMI)
    assert not _different(shuffled, clean)


def test_gaps_filled_from_the_log_leave_no_trace_in_what_happened() -> None:
    day = random_day(DayPlan(calls=CALLS, events=EVENT_NAMES), SEED + 1)
    random = Random(SEED)
    gaps = _gaps(day, random)
    entries = merged(from_ami_with_gaps(day, gaps), from_log(day), from_session(day))
    contacts = read_beside_sessions(day, entries)
    assert not complaints(day, contacts, WITH_GAPS)
    assert not [contact.id for contact in contacts.values() if any(visit.uncertain for visit in contact.visits)]


def test_the_live_reading_equals_a_reading_from_the_beginning_after_every_event(day: Day, ami: list[Timed], log: list[Timed]) -> None:
    some = {call.id for call in day.calls[:EVERY_STEP]}
    book = ContactBook()
    ledger: dict[str, list[Entry]] = {}  # in the order they were told, as the store gives them
    steps = 0
    for each in merged(ami, log):
        applied = book.apply(each.entry)
        for changed in applied.changed:
            if changed.id in some:
                steps += 1
                ledger.setdefault(changed.id, []).extend(applied.kept)
                afresh = ContactBook().take_up(changed.id, ledger[changed.id])
                assert afresh == changed, f"seed {SEED}: {changed.id} after {each.entry.fact}"
    assert steps > 10 * EVERY_STEP


def _different(contacts: Mapping[str, Contact], clean: Mapping[str, Contact]) -> str:
    """Empty when both are the same."""
    if contacts.keys() != clean.keys():
        return f"seed {SEED}: other contacts: {sorted(contacts.keys() ^ clean.keys())[:5]}"
    other = [f"{contacts[found]}\nwas\n{was}" for found, was in clean.items() if contacts[found] != was]
    return f"seed {SEED}: {len(other)} contacts are read otherwise\n" + "\n".join(other[:2]) if other else ""


def _whoever_told(contacts: Mapping[str, Contact]) -> dict[str, Contact]:
    """Without what only says who told it: the source, and the number, which queue_log knows without a session."""
    return {
        found: replace(contact, caller="", visits=[replace(visit, sources=()) for visit in contact.visits])
        for found, contact in contacts.items()
    }


def _overtaken(said: Sequence[Said], random: Random) -> list[Said]:
    """Each thread's events in their own order, some of them later than those of others; their Timestamps stay."""
    latest: dict[str, int] = {}
    moved = []
    for each in said:
        at = max(latest.get(each.thread, 0), each.at_us + int(random.random() * SKEW_US))
        latest[each.thread] = at
        moved.append((at, each))
    moved.sort(key=lambda each: each[0])
    return [each for _, each in moved]


def _gaps(day: Day, random: Random) -> list[tuple[int, int]]:
    first, last = day.said[0].at_us, day.said[-1].at_us
    starts = sorted(random.randrange(first, last) for _ in range(GAPS))
    gaps: list[tuple[int, int]] = []
    for start in starts:
        end = start + int(random.expovariate(1 / MEAN_GAP_S) * SECOND) + SECOND
        if gaps and start <= gaps[-1][1]:
            continue
        gaps.append((start, end))
    return gaps

"""What an agent is doing (R40), fact by fact: states, wrap-up and breaks, offers and how they end, gaps and queue_log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.agent_facts import (
    GONE,
    IN_USE,
    LI,
    RINGING,
    all_of,
    answered,
    at,
    call,
    counted,
    hung_up,
    picked_up,
    rang,
    removed,
    ring_ended,
    snapshot,
    spans,
    state,
    talk_ended,
    told,
)

from ami_bridge import facts as asterisk
from ami_bridge.facts import EndedBy, Fact, TransferKind
from ivr.domain.agent_book import AgentBook
from ivr.domain.agent_states import AgentKey, Quality
from ivr.domain.ledger import Entry, Source


def with_wrap_up(fact: Fact) -> Fact:
    return replace(fact, wrapup_s=15) if isinstance(fact, asterisk.AgentStateReported) else fact


# name, facts, seconds of the last look, states and how long each
DAYS: list[tuple[str, list[Fact], float, list[tuple[str, float]]]] = [
    ("is there", [state(0)], 60, [("available", 60)]),
    ("a phone that can't be reached", [state(0), state(10, GONE)], 60, [("available", 10), ("offline", 50)]),
    ("paused with the phone out of reach", [state(0, paused=True), state(10, GONE, paused=True)], 60, [("on_break", 10), ("offline", 50)]),
    ("leaves", [state(0), removed(20)], 60, [("available", 20), ("offline", 40)]),
    ("a call", [state(0), *call(10, 15, 45)], 60, [("available", 10), ("ringing", 5), ("talking", 30), ("available", 15)]),
    (
        "a break",
        [state(0), state(10, paused=True, reason="lunch"), state(40)],
        60,
        [("available", 10), ("on_break", 30), ("available", 20)],
    ),
    (
        "a pause soon after the call, and short: wrap-up, from the talk's end",
        [state(0), *call(10, 15, 45), state(48, paused=True), state(100)],
        120,
        [("available", 10), ("ringing", 5), ("talking", 30), ("wrapping_up", 55), ("available", 20)],
    ),
    (
        "the same, still on: wrap-up so far",
        [state(0), *call(10, 15, 45), state(48, paused=True)],
        100,
        [("available", 10), ("ringing", 5), ("talking", 30), ("wrapping_up", 55)],
    ),
    (
        "the same, too long for wrap-up: it was a break",
        [state(0), *call(10, 15, 45), state(48, paused=True)],
        200,
        [("available", 10), ("ringing", 5), ("talking", 30), ("available", 3), ("on_break", 152)],
    ),
    (
        "a pause that says it is wrap-up may take long",
        [state(0), *call(10, 15, 45), state(48, paused=True, reason="Wrap Up")],
        400,
        [("available", 10), ("ringing", 5), ("talking", 30), ("wrapping_up", 355)],
    ),
    (
        "a pause long after the call is a break, however short",
        [state(0), *call(10, 15, 45), state(60, paused=True), state(70)],
        80,
        [("available", 10), ("ringing", 5), ("talking", 30), ("available", 15), ("on_break", 10), ("available", 10)],
    ),
    (
        "the queue's own wrap-up time",
        [state(0, wrapup_s=15), *(with_wrap_up(fact) for fact in call(10, 15, 45))],
        80,
        [("available", 10), ("ringing", 5), ("talking", 30), ("wrapping_up", 15), ("available", 20)],
    ),
    (
        "asks for his break in the call: going offline, then the break",
        [state(0), *call(10, 15, 45)[:5], state(30, IN_USE, paused=True), talk_ended(45), hung_up(45, "l1"), state(45.01, paused=True)],
        60,
        [("available", 10), ("ringing", 5), ("talking", 15), ("going_offline", 15), ("on_break", 15)],
    ),
    (
        "pauses a moment before the end: wrap-up",
        [state(0), *call(10, 15, 45)[:5], state(43, IN_USE, paused=True), talk_ended(45), state(45.01, paused=True), state(60)],
        70,
        [("available", 10), ("ringing", 5), ("talking", 30), ("wrapping_up", 15), ("available", 10)],
    ),
    (
        "is removed in the call: going offline, then gone",
        [state(0), *call(10, 15, 45)[:5], removed(30), talk_ended(45), hung_up(45, "l1")],
        60,
        [("available", 10), ("ringing", 5), ("talking", 15), ("going_offline", 15), ("offline", 15)],
    ),
    (
        "a call of his own",
        [state(0), state(10, RINGING), state(20, IN_USE), state(50)],
        60,
        [("available", 10), ("ringing", 10), ("talking", 30), ("available", 10)],
    ),
    ("a phone in use for a moment", [state(0), state(10, IN_USE), state(10.5)], 60, [("available", 60)]),
    (
        "two queues are one agent, paused where all are",
        [state(0), state(0, queue="course"), state(10, paused=True), state(20, paused=True, queue="course"), state(30)],
        60,
        [("available", 20), ("on_break", 10), ("available", 30)],
    ),
    (
        "another reason is another break",
        [state(0, paused=True, reason="tea"), state(20, paused=True, reason="lunch")],
        60,
        [("on_break", 20), ("on_break", 40)],
    ),
    (
        "a leg that ends before Asterisk says so ends the talk",
        [state(0), *call(10, 15, 45)[:5], hung_up(40, "l1"), state(40.01), talk_ended(50)],
        60,
        [("available", 10), ("ringing", 5), ("talking", 25), ("available", 20)],
    ),
    (
        "the end of the talk without channels",
        [state(0), *call(10, 15, 45)[:5], asterisk.TalkEnded(at(45), "", "", "hr", LI.agent, EndedBy.AGENT), state(45.1)],
        60,
        [("available", 10), ("ringing", 5), ("talking", 30), ("available", 15)],
    ),
    (
        "Asterisk stops and starts",
        [state(0), *call(10, 15, 45)[:5], asterisk.AsteriskStopped(at(30)), asterisk.AsteriskStarted(at(40)), state(40.5)],
        60,
        [("available", 10), ("ringing", 5), ("talking", 15), ("offline", 10), ("available", 20)],
    ),
]


@pytest.mark.parametrize(("facts", "until", "expected"), [day[1:] for day in DAYS], ids=[day[0] for day in DAYS])
def test_his_day(facts: list[Fact], until: float, expected: list[tuple[str, float]]) -> None:
    assert spans(told(facts), until) == expected
    doubled = [each for fact in facts for each in (fact, fact)]
    assert spans(told(doubled), until) == expected, "told twice"


OFFERS: list[tuple[str, list[Fact], dict[str, int]]] = [
    ("answered", call(10, 15, 45), {"answered": 1}),
    ("nobody came", [rang(10), ring_ended(25, "RINGNOANSWER"), hung_up(25, "l1", cause=0)], {"no_answer": 1}),
    ("busy", [rang(10), ring_ended(11, "BUSY"), hung_up(11, "l1", cause=17)], {"refused": 1}),
    ("declined, told by the cause alone", [rang(10), ring_ended(11, "RINGNOANSWER"), hung_up(11, "l1", cause=21)], {"refused": 1}),
    ("the caller was gone", [rang(10), ring_ended(12, "CANCEL"), hung_up(12, "l1", cause=0)], {"cancelled": 1}),
    ("only the hang-up told", [rang(10), hung_up(12, "l1")], {"cancelled": 1}),
    ("picked up, and gone before the two were joined", [rang(10), picked_up(12), ring_ended(13, "CANCEL")], {"pick_up_failed": 1}),
    ("hung up in the announcement", [rang(10), picked_up(12), ring_ended(13, "AGENTDUMP")], {"pick_up_failed": 1}),
    ("transferred away", [*call(10, 15, 45)[:5], talk_ended(30, by=EndedBy.TRANSFER)], {"answered": 1, "transferred_out": 1}),
    (
        "transferred away, told by two",
        [
            *call(10, 15, 45)[:5],
            asterisk.CallTransferred(at(29), "c1", "c1", TransferKind.BLIND, "l1", "course"),
            hung_up(29.5, "l1"),
            talk_ended(30, by=EndedBy.TRANSFER),
        ],
        {"answered": 1, "transferred_out": 1},
    ),
    (
        "held twice",
        [
            *call(10, 15, 45)[:5],
            asterisk.CallHeld(at(20), "c1", "l1"),
            asterisk.CallResumed(at(25), "c1", "l1"),
            asterisk.CallHeld(at(30), "c1", "l1"),
            *call(10, 15, 45)[5:],
        ],
        {"answered": 1, "held": 2},
    ),
]


@pytest.mark.parametrize(("facts", "expected"), [offer[1:] for offer in OFFERS], ids=[offer[0] for offer in OFFERS])
def test_an_offer_and_how_it_ends(facts: list[Fact], expected: dict[str, int]) -> None:
    assert counted(told([state(0), *facts]), 60) == expected


def test_a_hold_ends_with_the_talk_and_has_its_length() -> None:
    book = told([state(0), *call(10, 15, 45)[:5], asterisk.CallHeld(at(30), "c1", "l1"), *call(10, 15, 45)[5:]])
    [held] = [event for event in book.read(LI, at(60)).events.values() if event.what == "held"]
    assert (held.ms, held.queue, held.contact) == (15_000, "hr", "c1")


def test_whom_a_colleague_gave_away_is_transferred_in() -> None:
    wu = AgentKey("main", "Wu")
    colleague = [
        asterisk.AgentRang(at(31), "c1", "c1", "course", "Wu", "l9"),
        asterisk.AgentAnswered(at(35), "c1", "c1", "course", "Wu", "l9"),
    ]
    book = told([state(0), *call(10, 15, 45)[:5], talk_ended(30, by=EndedBy.TRANSFER), *colleague])
    assert counted(book, 60, wu) == {"answered": 1, "transferred_in": 1}
    assert counted(book, 60) == {"answered": 1, "transferred_out": 1}


WU_TALKS = [
    asterisk.AgentRang(at(20), "c2", "consult", "course", "Wu", "l9"),
    asterisk.AgentAnswered(at(22), "c2", "consult", "course", "Wu", "l9"),
]


def test_whom_a_colleague_asked_first_talks_on_with_the_caller() -> None:
    """An attended transfer ends the queue's call to him, not his talk (asterisk's AgentComplete of the second call)."""
    wu = AgentKey("main", "Wu")
    transferred = [
        asterisk.CallTransferred(at(30), "c1", "c1", TransferKind.ATTENDED, "l1", "l9"),
        asterisk.TalkEnded(at(30), "c2", "consult", "course", "Wu", EndedBy.CALLER, "l9"),
        talk_ended(30, by=EndedBy.TRANSFER),
        hung_up(30, "l1"),
        hung_up(30, "consult"),
    ]
    over = [hung_up(50, "c1"), hung_up(50, "l9")]
    book = told([state(0), *call(10, 15, 45)[:5], *WU_TALKS, *transferred, *over])
    assert spans(book, 60, wu) == [("ringing", 2), ("talking", 8), ("talking", 20), ("available", 10)]
    assert [interval.call for interval in all_of(book, 60, wu)][1:3] == ["consult", "c1"]
    assert counted(book, 60, wu) == {"answered": 1, "transferred_in": 1}
    assert counted(book, 60) == {"answered": 1, "transferred_out": 1}


def test_a_second_word_on_a_talks_end_makes_nobody_a_transferer() -> None:
    """A race inside Asterisk: whom the caller was transferred to is said to have transferred him, after the end was told."""
    again = talk_ended(45.01, by=EndedBy.TRANSFER)
    assert counted(told([state(0), *call(10, 15, 45), again]), 60) == {"answered": 1}


def test_whose_caller_is_exchanged_while_his_phone_rings_answers_all_the_same() -> None:
    exchanged = [rang(10), hung_up(11, "c1"), asterisk.AgentAnswered(at(15), "c9", "c9", "hr", LI.agent, "l1"), hung_up(30, "l1", "c9")]
    book = told([state(0), *exchanged])
    assert spans(book, 40) == [("available", 10), ("ringing", 5), ("talking", 15), ("available", 10)]
    assert counted(book, 40) == {"answered": 1}


def test_a_blind_transfer_by_the_telephone_behind_a_local_channel_ends_his_talk() -> None:
    """Its leg stays until the caller hangs up, and AgentComplete blames the caller."""
    transferred = asterisk.CallTransferred(at(30), "c1", "half", TransferKind.BLIND, "phone", "1375")
    book = told([state(0), *call(10, 15, 45)[:5], transferred, state(30.1), *call(10, 15, 60)[5:]])
    assert spans(book, 90) == [("available", 10), ("ringing", 5), ("talking", 15), ("available", 60)]
    assert counted(book, 90) == {"answered": 1, "transferred_out": 1}


def test_half_of_a_local_channel_that_goes_takes_no_talk_with_it() -> None:
    replaced = [asterisk.ChannelReplaced(at(15.1), "c1", "l1", "phone"), hung_up(15.1, "l1")]
    by_phone = told([state(0), *call(10, 15, 45)[:5], *replaced, hung_up(45, "phone"), state(45)])
    by_word = told([state(0), *call(10, 15, 45)[:5], *replaced, talk_ended(45), state(45)])
    assert spans(by_phone, 60) == spans(by_word, 60) == [("available", 10), ("ringing", 5), ("talking", 30), ("available", 15)]


def test_agents_of_one_name_on_two_exchanges_are_two() -> None:
    book = told([state(0)])
    book.apply(Entry("west", Source.AMI, state(0, GONE)))
    assert spans(book, 60) == [("available", 60)]
    assert spans(book, 60, AgentKey("west", LI.agent)) == [("offline", 60)]


# queue_log's own words for a day: whole seconds, rings dated back, no legs while a phone only rings.
LOGGED: list[Fact] = [
    asterisk.AgentAdded(at(0), "hr", LI.agent),
    asterisk.AgentRang(at(10), "", "c1", "hr", LI.agent, ""),
    asterisk.AgentRingEnded(at(15), "", "c1", "", "RINGNOANSWER"),
    asterisk.AgentRang(at(20), "", "c1", "hr", LI.agent, "l1"),
    asterisk.AgentAnswered(at(25), "", "c1", "hr", LI.agent, "l1"),
    asterisk.TalkEnded(at(55), "", "c1", "hr", LI.agent, EndedBy.CALLER),
    asterisk.AgentPaused(at(57), "hr", LI.agent, "acw"),
    asterisk.AgentUnpaused(at(80), "hr", LI.agent),
    asterisk.AgentRemoved(at(100), "hr", LI.agent),
]
LOGGED_SPANS = [
    ("available", 10.0),
    ("ringing", 5.0),
    ("available", 5.0),
    ("ringing", 5.0),
    ("talking", 30.0),
    ("wrapping_up", 25.0),
    ("available", 20.0),
    ("offline", 20.0),
]


def test_queue_log_alone_tells_a_day() -> None:
    book = told(LOGGED, Source.QUEUE_LOG)
    assert spans(book, 120) == LOGGED_SPANS
    assert counted(book, 120) == {"no_answer": 1, "answered": 1}
    assert {interval.quality for interval in all_of(book, 120)} == {Quality.RECONSTRUCTED}


def test_where_ami_tells_the_log_adds_nothing() -> None:
    ami = [*snapshot(-5, state(-5)), *call(10.2, 15.7, 45.3)]
    log = [
        asterisk.AgentRang(at(10), "", "c1", "hr", LI.agent, "l1"),
        asterisk.AgentAnswered(at(15), "", "c1", "hr", LI.agent, "l1"),
        asterisk.TalkEnded(at(45), "", "c1", "hr", LI.agent, EndedBy.CALLER),
    ]
    alone, both = told(ami), told(log, Source.QUEUE_LOG, told(ami))
    assert spans(both, 60) == spans(alone, 60) == [("available", 15.2), ("ringing", 5.5), ("talking", 29.6), ("available", 14.7)]
    assert counted(both, 60) == {"answered": 1}
    before = told(ami, Source.AMI, told(log, Source.QUEUE_LOG))
    assert spans(before, 60)[1:] == spans(alone, 60)[1:], "and had it come first, the same but for the time before the link"


def test_the_log_fills_a_gap_whenever_it_comes() -> None:
    before, after = [*snapshot(-5, state(-5)), asterisk.LinkLost(at(8), "gone")], snapshot(110, state(110, GONE), gap_from=5)
    late, early = (
        told(LOGGED[1:], Source.QUEUE_LOG, told(before + after)),
        told(after, book=told(LOGGED[1:], Source.QUEUE_LOG, told(before))),
    )
    expected = [("available", 10.0), ("available", 5.0), *LOGGED_SPANS[1:-1], ("offline", 10.0), ("offline", 10.0)]
    assert spans(late, 120) == spans(early, 120) == expected
    qualities = [interval.quality for interval in all_of(late, 120)]
    assert qualities[0] is qualities[-1] is Quality.EXACT
    assert set(qualities[1:-2]) == {Quality.RECONSTRUCTED}
    assert qualities[-2] is Quality.UNCERTAIN, "the log's last row says nothing of what came after it"


def test_a_gap_that_nobody_tells_of_is_uncertain_and_the_snapshot_ends_it() -> None:
    gone = [*snapshot(0, state(0)), *call(10, 15, 45)[:5], asterisk.LinkLost(at(30), "gone")]
    book = told([*gone, *snapshot(50, state(50), gap_from=28)])
    assert spans(book, 60) == [("available", 10), ("ringing", 5), ("talking", 13), ("talking", 22), ("available", 10)]
    assert [interval.quality.value for interval in all_of(book, 60)] == ["exact", "exact", "exact", "uncertain", "exact"]
    lasting = told([*gone, *snapshot(50, state(50, IN_USE), asterisk.CallPresent(at(50), "c1", "l1", "AppQueue", 40.0), gap_from=28)])
    assert spans(lasting, 60)[-1] == ("talking", 10.0)
    assert lasting.down_since() is None
    assert told(gone).down_since() == at(30)


def test_who_is_not_in_the_snapshot_is_gone() -> None:
    book = told([*snapshot(0, state(0)), asterisk.LinkLost(at(10), "gone"), *snapshot(20)])
    assert spans(book, 30) == [("available", 10), ("available", 10), ("offline", 10)]


def test_a_clock_that_jumps_back_leaves_the_order_and_no_overlap() -> None:
    book = told([state(0), *call(10, 15, 45), *call(-100, -95, -60, "2")])
    assert spans(book, 60)[:4] == [("available", 10), ("ringing", 5), ("talking", 30), ("available", 15)]
    assert counted(book, 60) == {"answered": 2}


def test_what_is_settled_stays_and_what_is_older_is_left_out() -> None:
    facts = [state(0)]
    for number in range(20):
        facts += call(100 * number + 10, 100 * number + 15, 100 * number + 45, str(number))
    book, whole = told([]), told(facts)
    for fact in facts:
        book.apply(Entry(LI.pbx, Source.AMI, fact))
        book.settle(LI, fact.at)
    assert spans(book, 2100) == spans(whole, 2100)
    assert counted(book, 2100) == counted(whole, 2100) == {"answered": 20}
    assert len(book.past(LI)[0]) > 20
    assert len(book.read(LI, at(2100)).intervals) < 50
    book.apply(Entry(LI.pbx, Source.QUEUE_LOG, asterisk.AgentPaused(at(50), "hr", LI.agent)))
    assert book.late == 1
    assert spans(book, 2100) == spans(whole, 2100)


def test_facts_of_others_concern_nobody() -> None:
    book = told([state(0)])
    fact = asterisk.CallArrived(at(5), "c1", "c1", "13800138000", "", "4001234567")
    assert book.apply(Entry(LI.pbx, Source.AMI, fact)) == set()
    assert book.apply(Entry(LI.pbx, Source.SESSION, answered(6))) == set()
    assert book.apply(Entry(LI.pbx, Source.AMI, hung_up(7, "nobody"))) == set()
    assert AgentBook().down_since() is None

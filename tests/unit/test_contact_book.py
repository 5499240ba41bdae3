"""The book of contacts: facts of Asterisk, of sessions and of queue_log, in any order, twice, with gaps, tell one truth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge import facts as a
from ivr.domain import call_facts as s
from ivr.domain.contact_book import Applied, ContactBook
from ivr.domain.contacts import Contact, ContactOutcome, Quality, Visit, VisitOutcome
from ivr.domain.ledger import Entry, Source

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
C, CALL, LEG = "7.1", "7.1", "7.2"
ANSWERED, TIMEOUT = VisitOutcome.ANSWERED, VisitOutcome.FLOW_TIMEOUT


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(*facts: a.Fact, pbx: str = "main") -> list[Entry]:
    return [Entry(pbx, Source.SESSION if isinstance(fact, s.SessionFact) else Source.AMI, fact) for fact in facts]


def logged(*facts: a.Fact, pbx: str = "main") -> list[Entry]:
    return [Entry(pbx, Source.QUEUE_LOG, fact) for fact in facts]


def applied(book: ContactBook, entries: Sequence[Entry]) -> list[Applied]:
    return [book.apply(entry) for entry in entries]


def the_contact(*entries: Entry, any_dialplan: bool = False) -> Contact:
    book = ContactBook(any_dialplan=any_dialplan)
    applied(book, entries)
    (contact,) = book.contacts.values()
    return contact


def the_visit(*entries: Entry) -> Visit:
    (visit,) = the_contact(*entries).visits
    return visit


ARRIVED = a.CallArrived(at(0.2), C, CALL, "13800138000", "", "400")
JOIN = a.CallerQueued(at(10.3), C, CALL, "hr", 1)
RANG = a.AgentRang(at(11.3), C, CALL, "hr", "Li Na", LEG)
PICKED = a.AgentPickedUp(at(13.3), C, CALL, LEG)
CONNECT = a.AgentAnswered(at(13.4), C, CALL, "hr", "Li Na", LEG)
DONE = a.TalkEnded(at(43.6), C, CALL, "hr", "Li Na", a.EndedBy.CALLER, LEG)
GONE = a.CallEnded(at(43.7), C, CALL, 16)
ANSWERED_CALL = told(ARRIVED, JOIN, RANG, PICKED, CONNECT, DONE, GONE)

L_JOIN = a.CallerQueued(at(10), "", CALL, "hr", 1, caller="+8613800138000")
L_RANG = a.AgentRang(at(11), "", CALL, "hr", "Li Na", LEG)
L_CONNECT = a.AgentAnswered(at(13), "", CALL, "hr", "Li Na", LEG)
L_DONE = a.TalkEnded(at(43), "", CALL, "hr", "Li Na", a.EndedBy.CALLER)
ANSWERED_ROWS = logged(L_JOIN, L_RANG, L_CONNECT, L_DONE)


def exited(status: str, when: float = 40) -> a.QueueExited:
    return a.QueueExited(at(when), "", CALL, "hr", status)


def cancelled(verb: str, began: float, ended: float) -> tuple[a.Fact, a.Fact]:
    return (a.AgentRang(at(began), "", CALL, "hr", "Li Na", ""), a.AgentRingEnded(at(ended), "", CALL, "", verb))


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ((exited("HANGUP"),), VisitOutcome.ABANDONED_WAIT),
        ((*cancelled("RINGCANCELED", 38.9, 40), exited("HANGUP")), VisitOutcome.ABANDONED_RING),
        ((*cancelled("RINGNOANSWER", 20, 40), exited("HANGUP")), VisitOutcome.ABANDONED_WAIT),
        ((*cancelled("RINGCANCELED", 20, 30), exited("HANGUP")), VisitOutcome.ABANDONED_WAIT),
        ((*cancelled("AGENTDUMP", 40, 40), exited("HANGUP")), VisitOutcome.ABANDONED_RING),
        ((*cancelled("AGENTDUMP", 39, 39), exited("HANGUP")), VisitOutcome.ABANDONED_WAIT),
        ((a.AgentPickedUp(at(40), "", CALL, ""), exited("HANGUP")), VisitOutcome.ABANDONED_RING),  # ABANDON with a member's name
        ((exited("TIMEOUT"),), TIMEOUT),
        ((exited("LEAVEEMPTY"),), VisitOutcome.FLOW_EMPTY),
        ((exited(""),), VisitOutcome.FLOW_KEY),
        ((exited("WITHDRAW"),), VisitOutcome.WITHDRAWN),
        ((exited("SYSCOMPAT"),), VisitOutcome.FAILED),
        ((L_RANG, L_CONNECT, L_DONE), ANSWERED),
    ],
)
def test_queue_log_alone_tells_every_end(rows: tuple[a.Fact, ...], outcome: VisitOutcome) -> None:
    contact = the_contact(*logged(L_JOIN, *rows))
    (visit,) = contact.visits
    assert (visit.outcome, visit.quality, visit.sources) == (outcome, Quality.RECONSTRUCTED, ("queue_log",))
    assert (contact.id, contact.started_at, contact.caller) == (CALL, at(10), "+8613800138000")
    assert contact.outcome is not None


def test_a_ring_dated_back_before_its_callers_entry_is_his() -> None:
    """An ENTERQUEUE's second is cut off, and RINGCANCELED's beginning is reckoned: the file's own order is the truth."""
    rows = (*cancelled("RINGCANCELED", 9.96, 12), exited("HANGUP", 12))
    assert the_visit(*logged(L_JOIN, *rows)).outcome is VisitOutcome.ABANDONED_RING


def test_a_log_that_begins_too_late_tells_the_wait_in_a_later_row() -> None:
    visit = the_visit(*logged(a.CallerWaiting(at(40), "", CALL, "hr", 1, 30.0), exited("TIMEOUT")))
    assert (visit.outcome, visit.wait_s) == (TIMEOUT, 30.0)


def test_a_reader_that_begins_anew_tells_no_second_visit() -> None:
    again = logged(a.CallerWaiting(at(14), "", CALL, "hr", 1, 4.0), a.AgentAnswered(at(14), "", CALL, "hr", "Li Na", ""))
    visit = the_visit(*ANSWERED_ROWS[:3], *again, *ANSWERED_ROWS[3:])
    assert (visit.answered_at, visit.talk_ended_at) == (at(13), at(43))


def test_where_both_tell_asterisks_events_are_finer() -> None:
    visit = the_visit(*ANSWERED_CALL, *ANSWERED_ROWS)
    assert (visit.joined_at, visit.answered_at, visit.talk_ended_at) == (JOIN.at, CONNECT.at, DONE.at)
    assert (visit.quality, visit.sources) == (Quality.EXACT, ("ami", "queue_log"))
    assert len(visit.rings) == 1


def test_it_doesnt_matter_who_tells_first_nor_what_is_told_twice() -> None:
    one = the_contact(*ANSWERED_CALL, *ANSWERED_ROWS)
    for entries in (
        (*ANSWERED_ROWS, *ANSWERED_CALL),
        (*itertools.chain(*zip(ANSWERED_CALL, (*ANSWERED_ROWS, *ANSWERED_ROWS), strict=False)), *ANSWERED_CALL, *ANSWERED_ROWS),
        (*ANSWERED_CALL, *ANSWERED_CALL, *ANSWERED_ROWS, *ANSWERED_ROWS),
    ):
        assert the_contact(*entries) == one


def test_what_is_known_is_not_kept_again() -> None:
    book = ContactBook()
    assert [len(each.kept) for each in applied(book, ANSWERED_CALL)] == [1] * 7
    assert [(each.kept, each.changed) for each in applied(book, ANSWERED_CALL)] == [((), ())] * 7


@given(st.lists(st.floats(0, 1.9), min_size=7, max_size=7))
def test_what_is_late_by_less_than_two_seconds_takes_its_place(late: list[float]) -> None:
    entries = [told(fact)[0] for fact in (ARRIVED, JOIN, RANG, PICKED, CONNECT, DONE, GONE)]
    order = sorted(range(7), key=lambda n: (entries[n].fact.at + timedelta(seconds=late[n]), n))
    assert the_contact(*(entries[n] for n in order)) == the_contact(*entries)


def test_a_changed_contact_is_another_object_than_before() -> None:
    book = ContactBook()
    first, second = (book.apply(entry).changed[0] for entry in ANSWERED_CALL[:2])
    assert (first.visits, len(second.visits)) == ([], 1)


LOST = a.LinkLost(at(12), "dropped")
BACK = a.LinkEstablished(at(60), "22.10.1", at(12))
TOLD_ALL = a.SnapshotComplete(at(60))


def test_a_gap_is_filled_by_the_log() -> None:
    gapped = told(ARRIVED, JOIN, RANG, LOST, BACK, TOLD_ALL)
    guessed = the_contact(*gapped)
    assert (guessed.visits[0].quality, guessed.end_uncertain, guessed.ended_at) == (Quality.UNCERTAIN, True, at(60))
    healed = the_contact(*gapped, *ANSWERED_ROWS)
    (visit,) = healed.visits
    assert (visit.outcome, visit.agent, visit.quality) == (ANSWERED, "Li Na", Quality.RECONSTRUCTED)
    assert (visit.joined_at, visit.answered_at, visit.talk_ended_at, visit.ended_by) == (JOIN.at, at(13), at(43), "caller")
    assert (healed.ended_at, healed.end_uncertain) == (at(43), False)
    assert the_contact(*ANSWERED_ROWS, *gapped) == healed


def test_who_waits_through_a_gap_is_known_as_before() -> None:
    snapshot = (a.CallPresent(at(60), C, CALL, "Queue", 60.0), a.CallerWaiting(at(60), C, CALL, "hr", 1, 49.0))
    entries = told(ARRIVED, JOIN, a.LinkLost(at(20), ""), a.LinkEstablished(at(60), "", at(20)), *snapshot, TOLD_ALL)
    visit = the_visit(*entries, *told(a.QueueExited(at(70), C, CALL, "hr", "TIMEOUT"), a.CallEnded(at(71), C, CALL, 16)))
    assert (visit.outcome, visit.quality, visit.joined_at) == (TIMEOUT, Quality.EXACT, JOIN.at)


def test_who_left_in_a_gap_and_came_again_has_two_visits() -> None:
    """The snapshot finds him in the queue with a shorter wait than his."""
    snapshot = (a.CallPresent(at(60), C, CALL, "Queue", 60.0), a.CallerWaiting(at(60), C, CALL, "hr", 1, 10.0))
    entries = told(ARRIVED, JOIN, LOST, BACK, *snapshot, TOLD_ALL, a.QueueExited(at(70), C, CALL, "hr", "TIMEOUT"))
    rows = logged(L_JOIN, exited(""), a.CallerQueued(at(50), "", CALL, "hr", 1), exited("TIMEOUT", 70))
    assert [(visit.outcome, visit.quality) for visit in the_contact(*entries, *rows).visits] == [
        (VisitOutcome.FLOW_KEY, Quality.RECONSTRUCTED),
        (TIMEOUT, Quality.RECONSTRUCTED),
    ]


def test_an_end_that_only_the_session_told_in_a_gap_gives_way_to_the_row() -> None:
    entries = told(ARRIVED, JOIN, CONNECT, a.LinkLost(at(20), ""), s.CallerHungUpInFlow(at(50), C), BACK, TOLD_ALL)
    rows = logged(L_JOIN, L_CONNECT, a.TalkEnded(at(43), "", CALL, "hr", "Li Na", a.EndedBy.AGENT))
    visit = the_visit(*entries, *rows)
    assert (visit.talk_ended_at, visit.ended_by, visit.quality) == (at(43), "agent", Quality.RECONSTRUCTED)


def test_a_row_beats_what_was_only_drawn_from_what_came_after() -> None:
    lived_on = told(ARRIVED, JOIN, a.CallerLeftQueue(at(40.2), C, CALL, "hr"), a.CallEnded(at(60), C, CALL, 16))
    assert the_visit(*lived_on).inferred
    visit = the_visit(*lived_on, *logged(L_JOIN, exited("LEAVEEMPTY")))
    assert (visit.outcome, visit.left_at, visit.inferred) == (VisitOutcome.FLOW_EMPTY, at(40.2), False)


def test_a_call_that_only_the_log_knows_is_a_contact_and_ours_are_none() -> None:
    book = ContactBook()
    applied(book, told(a.CallbackReported(at(0), "promised", "KEY", 0)))
    for call in ("promised", "promised;2", "cb-17", "NONE", "MANAGER"):
        applied(book, logged(a.CallerQueued(at(1), "", call, "hr", 1)))
    applied(book, logged(a.AgentRang(at(1), "", "9.9", "hr", "Li Na", ""), a.TalkEnded(at(2), "", "9.8", "hr", "Li Na", a.EndedBy.AGENT)))
    assert book.contacts == {}
    applied(book, logged(a.CallerQueued(at(1), "", "9.9", "hr", 1)))
    assert list(book.contacts) == ["9.9"]


def test_two_asterisks_have_calls_of_one_name() -> None:
    book = ContactBook()
    applied(book, [*told(ARRIVED, JOIN, pbx="one"), *told(ARRIVED, GONE, pbx="two"), *logged(L_JOIN, pbx="two")])
    found = {contact.pbx: (len(contact.visits), contact.ended_at) for contact in book.contacts.values()}
    assert found == {"one": (1, None), "two": (1, GONE.at)}


def test_asterisks_stop_is_nobodys_hang_up() -> None:
    stopped = a.AsteriskStopped(at(42))
    waiting = told(ARRIVED, JOIN, a.LeftUnanswered(at(40), C, CALL, "hr"), a.CallEnded(at(40), C, CALL, 0), stopped)
    contact = the_contact(*waiting)
    assert (contact.outcome, contact.visits[0].outcome) == (ContactOutcome.SYSTEM_ERROR, VisitOutcome.FAILED)
    talk = the_visit(*told(ARRIVED, JOIN, CONNECT, a.CallEnded(at(40), C, CALL, 16), stopped))
    assert (talk.outcome, talk.ended_by, talk.talk_ended_at) == (ANSWERED, "system", at(40))
    before = the_visit(*told(ARRIVED, JOIN, a.CallEnded(at(30), C, CALL, 16), stopped))
    assert before.outcome is VisitOutcome.ABANDONED_WAIT


def test_asterisk_may_take_its_time_to_say_that_it_stopped() -> None:
    """17 s after it had hung up everybody (core_stop_now.ami); who waited then ended without a cause."""
    contact = the_contact(
        *told(ARRIVED, JOIN, a.LeftUnanswered(at(40), C, CALL, "hr"), a.CallEnded(at(40), C, CALL, 0), a.AsteriskStopped(at(57)))
    )
    assert contact.visits[0].outcome is VisitOutcome.FAILED


@pytest.mark.parametrize("first", ["snapshot", "start"])
def test_asterisk_that_died_and_began_anew_ends_every_call(first: str) -> None:
    started, missed = logged(a.AsteriskStarted(at(30))), told(a.LinkLost(at(20), ""), BACK, TOLD_ALL)
    contact = the_contact(*told(ARRIVED, JOIN), *((*missed, *started) if first == "snapshot" else (*started, *missed)))
    (visit,) = contact.visits
    assert (contact.outcome, contact.ended_at) == (ContactOutcome.SYSTEM_ERROR, at(30))
    assert (visit.outcome, visit.left_at, visit.quality) == (VisitOutcome.FAILED, at(30), Quality.UNCERTAIN)


CONTINUED = a.QueueExited(at(26), C, CALL, "hr", "CONTINUE")
ASKED = a.HangupRequested(at(20), C, CALL, soft=False, cause=0)
ABANDONED = (a.LeftUnanswered(at(26), C, CALL, "hr"), a.CallerLeftQueue(at(26), C, CALL, "hr"))


def test_option_c_says_continue_of_who_hung_up_too() -> None:
    """During memberdelay, on 22.10.1: the agent had picked up, and QUEUESTATUS is CONTINUE though nobody served him."""
    late = (a.AgentRingEnded(at(26), C, CALL, LEG, "NOANSWER"), *ABANDONED, CONTINUED, a.CallEnded(at(26.1), C, CALL, 0))
    visit = the_visit(*told(ARRIVED, JOIN, RANG, PICKED, ASKED, *late))
    assert (visit.outcome, visit.left_at, visit.quality) == (VisitOutcome.ABANDONED_RING, at(20), Quality.EXACT)


def test_who_was_seen_to_hang_up_didnt_wait_for_the_timeout_his_row_tells_of() -> None:
    """app_queue noticed him gone when a delay was over, and by then the queue's time was over too."""
    rows = logged(L_JOIN, exited("TIMEOUT", 26))
    visit = the_visit(*told(ARRIVED, JOIN, ASKED, *ABANDONED, a.CallEnded(at(26.1), C, CALL, 0)), *rows)
    assert (visit.outcome, visit.left_at) == (VisitOutcome.ABANDONED_WAIT, at(20))


def test_a_phone_that_rang_until_after_his_hang_up_rang_while_he_hung_up() -> None:
    dumped = a.AgentRingEnded(at(20.1), C, CALL, LEG, "AGENTDUMP")
    visit = the_visit(*told(ARRIVED, JOIN, RANG, PICKED, ASKED, dumped, *ABANDONED, a.CallEnded(at(26.1), C, CALL, 0)))
    assert visit.outcome is VisitOutcome.ABANDONED_RING


def test_who_is_redirected_out_of_a_talk_hasnt_ended_it_however_soon_he_hangs_up() -> None:
    rid = a.CallEnded(at(42), C, LEG, 16)
    visit = the_visit(
        *told(ARRIVED, JOIN, RANG, PICKED, CONNECT, rid, a.HangupRequested(at(43.5), C, CALL, soft=False, cause=16), DONE, GONE)
    )
    assert (visit.ended_by, visit.talk_ended_at) == ("transfer", at(42))


@pytest.mark.parametrize("told_too", [False, True])
def test_who_enters_a_queue_hasnt_hung_up_in_the_one_before(told_too: bool) -> None:
    """A Redirect from queue to queue: app_queue wrote ABANDON."""
    again = a.CallerQueued(at(26), C, CALL, "sales", 1)
    rows = logged(
        L_JOIN, exited("HANGUP", 26), a.CallerQueued(at(26), "", CALL, "sales", 1), a.QueueExited(at(43), "", CALL, "sales", "HANGUP")
    )
    seen = told(JOIN, *ABANDONED, again, a.LeftUnanswered(at(43.7), C, CALL, "sales"), GONE) if told_too else []
    first, second = the_contact(*seen, *rows, any_dialplan=True).visits
    assert (first.outcome, second.outcome) == (VisitOutcome.MOVED, VisitOutcome.ABANDONED_WAIT)


def test_a_row_of_two_visits_within_a_second_is_of_the_one_it_was_cut_from() -> None:
    first, again = a.CallerQueued(at(10.6), C, CALL, "hr", 1), a.CallerQueued(at(11.8), C, CALL, "hr", 1)
    empty = [a.QueueExited(at(seconds), C, CALL, "hr", "LEAVEEMPTY") for seconds in (10.7, 11.9)]
    rows = logged(L_JOIN, exited("LEAVEEMPTY", 10), a.CallerQueued(at(11), "", CALL, "hr", 1), exited("LEAVEEMPTY", 11))
    contact = the_contact(*told(ARRIVED, first, empty[0], again, empty[1]), *rows)
    assert [(visit.joined_at, visit.sources) for visit in contact.visits] == [(at(s), ("ami", "queue_log")) for s in (10.6, 11.8)]


def test_a_wait_without_an_entry_is_not_taken_for_another_callers_that_began_as_soon() -> None:
    """Whose place a transferred caller took, AMI has told; and the position at which somebody came tells the rest."""
    book = ContactBook(any_dialplan=True)
    given = a.CallTransferred(at(20), "", CALL, a.TransferKind.ATTENDED)
    other = a.CallerQueued(at(18), "", "8.1", "sales", 4)
    applied(book, logged(L_JOIN, L_CONNECT, L_DONE, given, other, a.CallerWaiting(at(21), "", CALL, "sales", 2, 3.0)))
    assert set(book.contacts) == {CALL, "8.1"}


def test_a_caller_may_take_the_place_of_the_agents_second_call() -> None:
    """An attended transfer into another queue's wait: no second entry, and the rows bear the caller's id from then on (asterisk #759)."""
    second, second_leg = "8.1", "8.2"
    entries = told(
        *(ARRIVED, JOIN, CONNECT),
        a.CallerQueued(at(20), second, second, "tech", 1),
        a.AgentRang(at(20.1), second, second, "tech", "Ben", second_leg),
        a.CallTransferred(at(22), C, CALL, a.TransferKind.ATTENDED, LEG, "Queue", place=second),
        a.CallEnded(at(22.001), second, second, 16),
        a.CallEnded(at(22.002), C, LEG, 16),
        a.AgentAnswered(at(25), C, CALL, "tech", "Ben", second_leg),
        a.CallEnded(at(40), C, CALL, 16),
    )
    book = ContactBook(any_dialplan=True)
    assert [merged for each in applied(book, entries) for merged in each.merged] == [(second, C)]
    (contact,) = book.contacts.values()
    assert [(v.queue, v.outcome, v.wait_s, v.transferred) for v in contact.visits] == [
        ("hr", ANSWERED, 3.1, True),
        ("tech", ANSWERED, 5.0, False),
    ]
    rows = logged(
        *(L_JOIN, L_CONNECT),
        a.CallerQueued(at(20), "", second, "tech", 1),
        a.CallTransferred(at(22), "", CALL, a.TransferKind.ATTENDED, to="Queue"),
        a.TalkEnded(at(22), "", CALL, "hr", "Li Na", a.EndedBy.TRANSFER),
        a.CallerWaiting(at(25), "", CALL, "tech", 0, 5.0),
        a.AgentAnswered(at(25), "", CALL, "tech", "Ben", second_leg),
        a.TalkEnded(at(40), "", CALL, "tech", "Ben", a.EndedBy.CALLER),
    )
    assert [(v.queue, v.outcome, v.wait_s) for v in the_contact(*rows).visits] == [("hr", ANSWERED, 3.0), ("tech", ANSWERED, 5.0)]


def test_a_second_call_in_the_same_queue_is_taken_over_in_the_log_alone() -> None:
    """An attended transfer into the wait of the queue the caller came by: two visits, the second under her call's id until then."""
    second = a.CallerQueued(at(12), "", "9.1", "hr", 2, caller="101")
    given = a.CallTransferred(at(43), "", CALL, a.TransferKind.ATTENDED)
    done = a.TalkEnded(at(43), "", CALL, "hr", "Li Na", a.EndedBy.TRANSFER)
    wait = a.CallerWaiting(at(46), "", CALL, "hr", 2, 34.0)
    contact = the_contact(*logged(L_JOIN, second, L_CONNECT, done, given, wait, exited("HANGUP", 46)))
    visits = [(visit.outcome, visit.joined_at, visit.ended_by, visit.call) for visit in contact.visits]
    assert visits == [(ANSWERED, at(10), "transfer", CALL), (VisitOutcome.ABANDONED_WAIT, at(12), None, CALL)]


def test_a_call_that_nobody_knows_waits_on_in_the_place_of_one_that_came_then_and_there() -> None:
    """An attended transfer behind Local/…/n, into a queue's wait: nothing tells of it, and the wait's end bears another call."""
    second = a.CallerQueued(at(12), "", "9.1", "hr", 2, caller="101")
    rows = logged(L_JOIN, second, a.CallerWaiting(at(46), "", "9.7", "hr", 2, 34.0), a.QueueExited(at(46), "", "9.7", "hr", "HANGUP"))
    book = ContactBook(any_dialplan=True)
    applied(book, rows)
    assert set(book.contacts) == {CALL, "9.1"}
    (visit,) = book.contacts["9.1"].visits
    assert (visit.outcome, visit.joined_at, visit.left_at) == (VisitOutcome.ABANDONED_WAIT, at(12), at(46))


def test_half_of_a_local_channel_that_makes_way_ends_no_talk() -> None:
    entries = told(
        *(ARRIVED, JOIN, CONNECT),
        a.ChannelReplaced(at(13.6), C, LEG, by="7.4"),
        a.CallEnded(at(13.7), C, LEG, 16),
        a.TalkEnded(at(30), C, CALL, "hr", "Li Na", a.EndedBy.AGENT, LEG),
        a.CallEnded(at(30.1), C, "7.4", 16),
        GONE,
    )
    visit = the_visit(*entries)
    assert (visit.talk_ended_at, visit.ended_by) == (at(30), "agent")


def test_a_nameless_end_is_of_the_talk_that_was_as_long() -> None:
    redirected = told(ARRIVED, JOIN, CONNECT, a.CallEnded(at(20), C, LEG, 16))
    other = told(
        a.CallArrived(at(1), "8.1", "8.1", "", "", ""),
        a.CallerQueued(at(2), "8.1", "8.1", "hr", 2),
        a.AgentAnswered(at(25), "8.1", "8.1", "hr", "Li Na", "8.2"),
    )
    bare = told(a.TalkEnded(at(40), "", "", "hr", "Li Na", a.EndedBy.CALLER, talk_s=26))
    book = ContactBook()
    applied(book, [*redirected, *other, *bare])
    assert (book.contacts[C].visits[0].ended_by, book.contacts["8.1"].visits[0].talk_ended_at) == ("transfer", None)


def test_what_came_a_moment_before_its_contact_belongs_to_it() -> None:
    book = ContactBook()
    (*_, last) = applied(book, told(JOIN, replace_at(ARRIVED, 10.4)))
    assert [entry.kind for entry in last.kept] == ["CallerQueued", "CallArrived"]
    assert len(book.contacts[C].visits) == 1


def replace_at(fact: a.CallArrived, seconds: float) -> a.CallArrived:
    return a.CallArrived(at(seconds), fact.contact, fact.call, fact.caller, fact.caller_name, fact.dialled)


def test_a_contact_is_read_anew_from_its_entries() -> None:
    book = ContactBook()
    applied(book, [*ANSWERED_CALL, *ANSWERED_ROWS])
    before, entries = book.contacts[C], book.entries(C)
    book.forget(C)
    assert (list(book.contacts), book.entries(C), book.contact_of(DONE)) == ([], (), None)
    assert book.take_up(C, entries) == before
    assert book.contact_of(DONE) == C


def test_a_contact_of_before_the_ledger_is_folded_onto() -> None:
    book = ContactBook()
    book.take_up_contact(Contact(C, at(0), call=CALL, pbx="main", visits=[Visit("hr", at(10))]))
    (change,) = book.apply(told(a.QueueExited(at(40), C, CALL, "hr", "TIMEOUT"))[0]).changed
    assert change.visits[0].outcome is TIMEOUT


ANY = st.sampled_from(
    [
        *ANSWERED_CALL,
        *ANSWERED_ROWS,
        *told(LOST, BACK, TOLD_ALL, a.AsteriskStopped(at(44)), a.CallerWaiting(at(60), C, CALL, "hr", 1, 50.0), s.FlowFinished(at(50), C)),
        *told(
            a.LeftUnanswered(at(40), C, CALL, "hr"),
            a.QueueExited(at(41), C, CALL, "hr", "TIMEOUT"),
            a.QueueExited(at(42), C, CALL, "", "FULL"),
        ),
        *logged(exited("HANGUP"), exited("TIMEOUT"), a.AsteriskStarted(at(70)), a.CallerWaiting(at(40), "", CALL, "hr", 1, 30.0)),
        *logged(*cancelled("RINGCANCELED", 38, 40), a.CallTransferred(at(43), "", CALL, a.TransferKind.BLIND, to="100")),
    ]
)


OF_THE_LINK = (a.LinkLost, a.LinkEstablished, a.SnapshotComplete, a.AsteriskStopped, a.AsteriskStarted)


@given(st.lists(ANY, max_size=25), st.booleans())
def test_whatever_comes_in_whatever_order_is_read_and_counts_once(entries: list[Entry], any_dialplan: bool) -> None:
    book = ContactBook(any_dialplan=any_dialplan)
    first = applied(book, entries)
    known = [kept for each in first for kept in each.kept if not isinstance(kept.fact, OF_THE_LINK)]
    assert [each.changed for each in applied(book, known)] == [()] * len(known)
    assert all(contact.outcome is not None for contact in book.contacts.values() if contact.ended_at)

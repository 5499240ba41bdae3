"""The fold of facts into contacts: every way a visit and a contact can end, from facts as Asterisk's translator gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_bridge import facts as a
from ivr.domain import call_facts as s
from ivr.domain.contacts import Contact, ContactOutcome, Quality, VisitOutcome
from ivr.domain.folding import close_uncertain, fold

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
C, CALL, LEG = "7.1", "7.1", "7.2"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def contact_of(*facts: a.Fact) -> Contact:
    contact = Contact(C, START, call=CALL)
    for fact in facts:
        fold(contact, fact)
    return contact


JOIN = a.CallerQueued(at(10), C, CALL, "hr", 1)
RANG = a.AgentRang(at(11), C, CALL, "hr", "Li Na", LEG)
PICKED = a.AgentPickedUp(at(13), C, CALL, LEG)
LEFT = a.CallerLeftQueue(at(13), C, CALL, "hr")
CONNECT = a.AgentAnswered(at(13.1), C, CALL, "hr", "Li Na", LEG)
RING_CANCELLED = a.AgentRingEnded(at(39.99), C, CALL, LEG, "CANCEL")
LEFT_LATE = a.CallerLeftQueue(at(40), C, CALL, "hr")
UNANSWERED = a.LeftUnanswered(at(40), C, CALL, "hr")
GONE = a.CallEnded(at(60), C, CALL, 16)


CANCELLED = a.AgentRingEnded(at(59.9), C, CALL, LEG, "CANCEL")
GIVES_UP = (a.LeftUnanswered(at(59.999), C, CALL, "hr"), a.CallerLeftQueue(at(59.9995), C, CALL, "hr"))


def complete(by: a.EndedBy, when: float = 43) -> a.TalkEnded:
    return a.TalkEnded(at(when), C, CALL, "hr", "Li Na", by)


def exited(status: str, when: float = 40) -> a.QueueExited:
    return a.QueueExited(at(when), C, CALL, "hr", status)


def test_answered_with_its_times() -> None:
    contact = contact_of(JOIN, RANG, PICKED, LEFT, CONNECT, complete(a.EndedBy.AGENT), exited("CONTINUE", 43), GONE)
    (visit,) = contact.visits
    assert contact.outcome is ContactOutcome.ANSWERED
    assert (visit.wait_s, visit.ring_s, visit.agent, visit.ended_by) == (3.0, 2.0, "Li Na", "agent")
    assert visit.talk_s == pytest.approx(29.9)


def test_caller_hangs_up_first() -> None:
    contact = contact_of(JOIN, RANG, PICKED, LEFT, CONNECT, GONE, complete(a.EndedBy.CALLER, 61))
    assert (contact.visits[0].ended_by, contact.visits[0].talk_ended_at) == ("caller", at(60))


def test_the_agents_leg_dies_before_agentcomplete_comes() -> None:
    leg_gone = a.CallEnded(at(30), C, LEG, 16)
    contact = contact_of(JOIN, RANG, PICKED, CONNECT, leg_gone, complete(a.EndedBy.AGENT, 30.2), GONE)
    assert (contact.visits[0].ended_by, contact.visits[0].talk_ended_at) == ("agent", at(30))
    contact = contact_of(JOIN, RANG, PICKED, CONNECT, leg_gone, complete(a.EndedBy.CALLER, 30.2))
    assert contact.visits[0].ended_by == "caller"
    missed = contact_of(JOIN, RANG, PICKED, CONNECT, leg_gone, GONE)
    assert missed.visits[0].ended_by == "agent"


def test_the_late_agentcomplete_after_a_redirect_changes_nothing() -> None:
    redirected = (JOIN, RANG, PICKED, CONNECT, complete(a.EndedBy.TRANSFER, 30), complete(a.EndedBy.CALLER, 59))
    assert contact_of(*redirected).visits[0].ended_by == "transfer"


@pytest.mark.parametrize(
    ("facts", "outcome", "of_contact"),
    [
        ((JOIN, *GIVES_UP, GONE), VisitOutcome.ABANDONED_WAIT, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, RANG, CANCELLED, *GIVES_UP, GONE), VisitOutcome.ABANDONED_RING, ContactOutcome.ABANDONED_RING),
        # Without our dialplan's word: he lived on after the queue; he left it and nothing calls it an abandonment.
        ((JOIN, UNANSWERED, LEFT, GONE), VisitOutcome.FLOW_TIMEOUT, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, LEFT, GONE), VisitOutcome.FLOW_KEY, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, RANG, GONE), VisitOutcome.ABANDONED_RING, ContactOutcome.ABANDONED_RING),
        # The order of a real hang-up while a phone rings: the ring is cancelled first.
        (
            (JOIN, RANG, RING_CANCELLED, UNANSWERED, LEFT_LATE, exited("HANGUP"), GONE),
            VisitOutcome.ABANDONED_RING,
            ContactOutcome.ABANDONED_RING,
        ),
        ((JOIN, UNANSWERED, LEFT, exited("TIMEOUT"), GONE), VisitOutcome.FLOW_TIMEOUT, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, UNANSWERED, LEFT, exited("LEAVEEMPTY"), GONE), VisitOutcome.FLOW_EMPTY, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, LEFT, exited(""), GONE), VisitOutcome.FLOW_KEY, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, UNANSWERED, LEFT, exited("WITHDRAW"), GONE), VisitOutcome.WITHDRAWN, ContactOutcome.ABANDONED_QUEUE),
        ((exited("JOINEMPTY"), GONE), VisitOutcome.JOIN_EMPTY, ContactOutcome.REJECTED_CAPACITY),
        ((exited("FULL"), GONE), VisitOutcome.FULL, ContactOutcome.REJECTED_CAPACITY),
        ((JOIN, exited("HANGUP", 59.9), GONE), VisitOutcome.ABANDONED_WAIT, ContactOutcome.ABANDONED_QUEUE),
        ((JOIN, RANG, exited("HANGUP", 59.9), GONE), VisitOutcome.ABANDONED_RING, ContactOutcome.ABANDONED_RING),
        ((JOIN, GONE, exited("HANGUP", 60)), VisitOutcome.ABANDONED_WAIT, ContactOutcome.ABANDONED_QUEUE),
    ],
)
def test_every_unanswered_visit(facts: tuple[a.Fact, ...], outcome: VisitOutcome, of_contact: ContactOutcome) -> None:
    contact = contact_of(*facts)
    assert [visit.outcome for visit in contact.visits] == [outcome]
    assert contact.outcome is of_contact


def test_a_ring_that_ended_is_no_ring_when_he_gives_up_later() -> None:
    contact = contact_of(JOIN, RANG, a.AgentRingEnded(at(26), C, CALL, LEG, "NOANSWER"), GONE)
    assert contact.visits[0].outcome is VisitOutcome.ABANDONED_WAIT


def test_picked_up_and_gone_before_the_two_were_joined_is_no_answer() -> None:
    contact = contact_of(JOIN, RANG, PICKED, a.AgentRingEnded(at(14), C, CALL, LEG, "NOANSWER"), GONE)
    assert contact.outcome is ContactOutcome.ABANDONED_QUEUE


def test_the_time_out_message_and_then_a_message_left_is_voicemail() -> None:
    contact = contact_of(JOIN, UNANSWERED, LEFT, exited("TIMEOUT"), s.MessageLeft(at(50), C), s.FlowFinished(at(55), C))
    assert (contact.outcome, contact.ended_at) == (ContactOutcome.VOICEMAIL, at(55))


def test_the_same_fact_twice_counts_once() -> None:
    once = contact_of(JOIN, RANG, PICKED, LEFT, CONNECT, complete(a.EndedBy.AGENT), GONE)
    twice = contact_of(*(fact for fact in (JOIN, RANG, PICKED, LEFT, CONNECT, complete(a.EndedBy.AGENT), GONE) for _ in (1, 2)))
    assert once == twice


def test_one_caller_twice_in_one_queue_makes_two_visits() -> None:
    again = a.CallerQueued(at(50), C, CALL, "hr", 1)
    contact = contact_of(JOIN, UNANSWERED, exited("TIMEOUT"), again, GONE)
    assert [visit.outcome for visit in contact.visits] == [VisitOutcome.FLOW_TIMEOUT, VisitOutcome.ABANDONED_WAIT]


def test_an_entry_told_after_the_snapshot_that_saw_him_is_the_same_entry() -> None:
    seen = a.CallerWaiting(at(10.4), C, CALL, "hr", 1, 1.0)
    contact = contact_of(seen, JOIN, RANG, GONE)
    (visit,) = contact.visits
    assert (visit.joined_at, visit.uncertain, visit.outcome) == (at(10), False, VisitOutcome.ABANDONED_RING)


def test_hanging_up_in_the_flow_names_the_node() -> None:
    contact = contact_of(s.NodeEntered(at(1), C, "greeting"), s.NodeEntered(at(3), C, "menu"), s.CallerHungUpInFlow(at(4), C))
    assert (contact.outcome, contact.path[-1].node) == (ContactOutcome.ABANDONED_IVR, "menu")


def test_a_snapshot_that_misses_a_call_closes_it_as_uncertain() -> None:
    contact = contact_of(JOIN)
    close_uncertain(contact, at(100))
    assert (contact.visits[0].uncertain, contact.ended_at) == (True, at(100))


def test_a_snapshot_finds_a_caller_whose_entry_was_missed() -> None:
    contact = contact_of(a.CallerWaiting(at(100), C, CALL, "hr", 1, waited=30.0))
    assert (contact.visits[0].joined_at, contact.visits[0].quality) == (at(70), Quality.RECONSTRUCTED)


def test_keys_belong_to_the_node_entered_last() -> None:
    contact = contact_of(s.NodeEntered(at(1), C, "menu"), s.KeysPressed(at(2), C, "7"), s.KeysPressed(at(3), C, "1"))
    assert contact.path[0].keys == "7 1"


ANY = st.sampled_from(
    [JOIN, RANG, PICKED, LEFT, CONNECT, UNANSWERED, GONE, complete(a.EndedBy.AGENT), complete(a.EndedBy.TRANSFER)]
    + [exited(status) for status in ("", "HANGUP", "TIMEOUT", "FULL", "JOINEMPTY", "CONTINUE", "NEWWORD")]
    + [a.CallEnded(at(30), C, LEG, 16), a.AgentRingEnded(at(20), C, CALL, LEG, "BUSY"), s.FlowFinished(at(70), C)]
    + [a.CallerWaiting(at(100), C, CALL, "hr", 1, 5.0), s.CallerHungUpInFlow(at(5), C)]
)


@given(st.lists(ANY, max_size=30))
def test_facts_in_any_order_never_raise_and_an_ended_contact_has_no_open_visit(facts: list[a.Fact]) -> None:
    contact = contact_of(*facts, GONE)
    assert contact.outcome is not None
    assert all(visit.outcome is not None for visit in contact.visits)


def fallback(began: float, ended: float, **more: str) -> s.ServedByFallback:
    return s.ServedByFallback(at(began), C, CALL, "+8613800138000", "", "400", None, "zh", (), False, at(ended), **more)


def test_r63_an_outage_that_nobody_watched_still_says_who_was_served() -> None:
    contact = Contact(C, START)
    fold(contact, fallback(1, 20, to_queue="complaint"))
    assert contact.outcome is ContactOutcome.ABANDONED_QUEUE  # as far as is known
    fold(contact, fallback(40, 43, left_queue="complaint", queue_status="CONTINUE"))
    (visit,) = contact.visits
    assert (contact.outcome, contact.ended_at) == (ContactOutcome.ANSWERED, at(43))
    assert (visit.queue, visit.ended_by, visit.wait_s, visit.talk_s, visit.uncertain) == ("complaint", "agent", None, None, True)


@pytest.mark.parametrize("seen", [(), (JOIN,)], ids=["entry-missed", "entry-seen"])
def test_r63_who_is_seen_again_in_the_queue_the_fallback_left_him_in_never_left_it(seen: tuple[a.Fact, ...]) -> None:
    contact = Contact(C, START)
    fold(contact, fallback(1, 9.2, to_queue="hr"))
    assert contact.outcome is ContactOutcome.ABANDONED_QUEUE
    for fact in (*seen, RANG, PICKED, LEFT, CONNECT, complete(a.EndedBy.AGENT), GONE):
        fold(contact, fact)
    (visit,) = contact.visits
    assert (contact.outcome, contact.ended_at, visit.uncertain) == (ContactOutcome.ANSWERED, GONE.at, False)
    assert visit.wait_s == (PICKED.at - (JOIN.at if seen else at(9.2))).total_seconds()


def test_r63_the_spool_corrects_what_a_snapshot_could_only_guess() -> None:
    contact = contact_of(JOIN, RANG)
    close_uncertain(contact, at(300))
    fold(contact, fallback(30, 55, left_queue="hr", queue_status="TIMEOUT"))
    (visit,) = contact.visits
    assert (visit.outcome, visit.wait_s, contact.ended_at) == (VisitOutcome.FLOW_TIMEOUT, 20.0, at(55))


def test_a_queue_that_was_watched_is_not_told_anew_by_the_spool() -> None:
    contact = contact_of(JOIN, RANG, PICKED, LEFT, CONNECT, complete(a.EndedBy.AGENT))
    before = contact.visits[0].talk_s
    fold(contact, fallback(43, 50, left_queue="hr", queue_status="CONTINUE"))
    assert [visit.talk_s for visit in contact.visits] == [before]
    assert contact.ended_at == at(50)


def test_who_is_watched_while_the_fallback_queues_him_lives_on() -> None:
    contact = contact_of(fallback(1, 8, to_queue="hr"), JOIN)
    assert contact.ended_at is None
    assert [visit.uncertain for visit in contact.visits] == [False]

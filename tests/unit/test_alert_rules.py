"""What is worth an alert: each way to be lost, the loss rate's two thresholds, and a channel's budget. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.alerts.budget import MinuteBudget, Wait
from ivr.domain.alert_rules import AbandonedCall, LossRule, Turn, Where, Why, abandoned_call, loss_turn
from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.domain.figures import Thresholds, queue_figures

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def ended(*outcomes: VisitOutcome, **more: object) -> Contact:
    """A call of 40 s whose queue visits began after 10 s."""
    visits = [Visit("hr", NOW + timedelta(seconds=10), outcome=outcome, left_at=NOW + timedelta(seconds=40)) for outcome in outcomes]
    contact = Contact("7.1", NOW, caller="+8613800138000", line="hr", ended_at=NOW + timedelta(seconds=40), visits=visits)
    contact.path = [PathStep("greeting", NOW), PathStep("menu", NOW)]
    for name, value in more.items():
        setattr(contact, name, value)
    return contact


@pytest.mark.parametrize(
    ("contact", "where", "waited_s"),
    [
        (ended(VisitOutcome.ABANDONED_WAIT), Where.WAITING, 30.0),
        (ended(VisitOutcome.ABANDONED_RING), Where.RINGING, 30.0),
        (ended(VisitOutcome.FLOW_TIMEOUT), Where.WAITING, 30.0),  # came back from the queue and left without a message
        (ended(VisitOutcome.FULL), Where.REFUSED, 40.0),
        (ended(VisitOutcome.JOIN_EMPTY), Where.REFUSED, 40.0),
        (ended(hung_up_in_flow=True), Where.MENU, 40.0),
    ],
)
def test_each_way_to_be_lost(contact: Contact, where: Where, waited_s: float) -> None:
    call = abandoned_call(contact, menus=True)
    assert call == AbandonedCall("7.1", "hr", "+86138****8000", where, "menu", waited_s, NOW + timedelta(seconds=40))
    assert AbandonedCall.from_json(call.as_json()) == call


@pytest.mark.parametrize(
    "contact",
    [
        ended(left_message=True),
        ended(VisitOutcome.FULL, left_message=True),
        ended(complaint_complete=True),
        ended(finished=True),
        ended(found_closed=True),
        ended(VisitOutcome.ABANDONED_WAIT, ended_at=None),
    ],
)
def test_whoever_was_served_or_still_calls_is_no_alert(contact: Contact) -> None:
    assert abandoned_call(contact, menus=True) is None


def test_answered_is_no_alert_and_menus_can_be_left_out() -> None:
    contact = ended(VisitOutcome.ANSWERED)
    contact.visits[0].rings = [Ring("Li Na", "7.2", NOW)]
    contact.visits[0].answered_at = NOW
    assert abandoned_call(contact, menus=True) is None
    assert abandoned_call(ended(hung_up_in_flow=True), menus=False) is None


def test_a_withheld_number_is_empty() -> None:
    call = abandoned_call(ended(VisitOutcome.ABANDONED_WAIT, caller=""), menus=True)
    assert call is not None
    assert call.caller == ""


RULE = LossRule(rate=0.3, least_calls=10)


def turn(high: bool, answered: int, lost: int, waiting: int = 0) -> tuple[Turn, Why] | None:
    outcomes = [VisitOutcome.ANSWERED] * answered + [VisitOutcome.ABANDONED_WAIT] * lost + [None] * waiting
    visits = [Visit("hr", NOW, outcome=outcome) for outcome in outcomes]
    found = loss_turn(RULE, high=high, figures=queue_figures(visits, NOW, Thresholds()))
    return (found.turn, found.why) if found else None


@pytest.mark.parametrize(
    ("high", "answered", "lost", "waiting", "wanted"),
    [
        (False, 7, 3, 0, (Turn.HIGH, Why.CROSSED)),
        (False, 0, 10, 0, (Turn.HIGH, Why.CROSSED)),
        (False, 71, 29, 0, None),
        (False, 0, 9, 0, None),  # too few calls
        (False, 0, 9, 50, None),  # who still waits is not lost, and counts for nothing
        (False, 0, 0, 0, None),
        (True, 7, 3, 0, None),  # told once
        (True, 75, 25, 0, None),  # below the threshold, not clearly
        (True, 76, 24, 0, (Turn.RECOVERED, Why.FELL)),
        (True, 0, 9, 0, None),  # a few calls fewer is no news
        (True, 0, 5, 0, None),
        (True, 0, 4, 0, (Turn.RECOVERED, Why.TOO_FEW_CALLS)),
        (True, 0, 0, 0, (Turn.RECOVERED, Why.TOO_FEW_CALLS)),
    ],
)
def test_the_loss_rate_turns(high: bool, answered: int, lost: int, waiting: int, wanted: tuple[Turn, Why] | None) -> None:
    assert turn(high, answered, lost, waiting) == wanted


@given(st.booleans(), st.integers(0, 60), st.integers(0, 60))
def test_the_same_window_never_turns_twice(high: bool, answered: int, lost: int) -> None:
    """Whatever it says, looked at again with nothing changed it says nothing: no flood."""
    first = turn(high, answered, lost)
    if first:
        assert turn(first[0] is Turn.HIGH, answered, lost) is None


@given(st.integers(1, 40), st.lists(st.tuples(st.floats(0, 20), st.integers(1, 50)), max_size=200))
def test_no_minute_sees_more_than_the_budget(a_minute: int, steps: list[tuple[float, int]]) -> None:
    budget, now, sent = MinuteBudget(a_minute), 5.0, []
    for gap, waiting in steps:
        now += gap
        answer = budget.ask(now, waiting)
        if isinstance(answer, Wait):
            assert 0 < answer.seconds <= 60.0 + 1e-9  # (now + 60) - now, in floats
        else:
            budget.spend(now)
            sent.append(now)
    for i, at in enumerate(sent):
        assert sum(1 for other in sent[i:] if other - at < 60.0) <= a_minute


@given(st.integers(1, 40), st.integers(0, 100), st.integers(1, 50))
def test_a_wait_that_is_kept_ends(a_minute: int, sent: int, waiting: int) -> None:
    budget, now = MinuteBudget(a_minute), 0.0
    for _ in range(sent):
        answer = budget.ask(now, waiting)
        if isinstance(answer, Wait):
            now += answer.seconds + 1e-6
            assert not isinstance(budget.ask(now, waiting), Wait)
        budget.spend(now)


def test_a_burst_goes_one_by_one_then_collected_every_ten_seconds() -> None:
    budget = MinuteBudget(18)
    kinds = []
    for second in range(60):
        for _ in range(4):
            answer = budget.ask(float(second), 1)
            if not isinstance(answer, Wait):
                kinds.append((second, answer))
                budget.spend(float(second))
    assert [kind for _, kind in kinds] == ["single"] * 12 + ["collected"] * (len(kinds) - 12)
    assert [second for second, kind in kinds if kind == "collected"] == [12, 22, 32, 42, 52]


def test_what_gathered_while_nobody_could_send_goes_in_one_message() -> None:
    budget = MinuteBudget(18)
    assert (budget.ask(0.0, 12), budget.ask(0.0, 13)) == ("single", "collected")


def test_a_robot_that_says_too_much_gets_a_minutes_rest() -> None:
    budget = MinuteBudget(18)
    budget.exhaust(100.0)
    assert budget.ask(130.0, 1) == Wait(30.0)
    assert budget.ask(160.0, 1) == "single"

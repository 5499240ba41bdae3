"""Figures of agents: times by state, offers, rates made of sums, breaks that are too long, adherence to the plan."""

from __future__ import annotations

import pytest
from support.agent_facts import at

from ivr.agent_reporting import joined, tally_as_json
from ivr.domain.agent_figures import Tally, tally
from ivr.domain.agent_states import AgentEvent, AgentState, Interval, Quality, What

A, R, T, W, B, OFF, G = (
    AgentState.AVAILABLE,
    AgentState.RINGING,
    AgentState.TALKING,
    AgentState.WRAPPING_UP,
    AgentState.ON_BREAK,
    AgentState.OFFLINE,
    AgentState.GOING_OFFLINE,
)
HOUR = 3600.0


def stays(*states: tuple[AgentState, float], begin: float = 0.0, reason: str = "") -> list[Interval]:
    """One after the other, each so many seconds; of a queue what is a call."""
    found: list[Interval] = []
    for state, seconds in states:
        of = ("hr", "c1") if state in (R, T, W, G) else ("", "")
        found.append(Interval(state, at(begin), at(begin + seconds), reason if state is B else "", *of))
        begin += seconds
    return found


def event(what: What, seconds: float, ms: int | None = None) -> AgentEvent:
    return AgentEvent(f"{what}{seconds}", at(seconds), what, "hr", "c1", ms)


def of(intervals: list[Interval], *events: AgentEvent, begin: float = 0.0, end: float = HOUR, **more: object) -> Tally:
    return tally(intervals, events, at(begin), at(end), now=at(end), **more)  # type: ignore[arg-type] # shifts and longest_break


def test_an_hour() -> None:
    found = of(
        stays((A, 600), (R, 60), (T, 1200), (W, 240), (B, 300), (G, 600), (OFF, 600), reason="lunch"),
        event(What.ANSWERED, 660),
        event(What.ANSWERED, 2400),
        event(What.REFUSED, 30),
        event(What.NO_ANSWER, 60),
        event(What.CANCELLED, 90),
        event(What.CANCELLED, 91),
        event(What.PICK_UP_FAILED, 95),
        event(What.TRANSFERRED_OUT, 3000),
        event(What.TRANSFERRED_IN, 2400),
        event(What.HELD, 1000, 150_000),
    )
    told = tally_as_json(found)
    assert told == {
        "logged_in": 3000.0,
        "available": 600.0,
        "ringing": 60.0,
        "talk": 1650.0,
        "hold": 150.0,
        "wrap_up": 240.0,
        "own_calls": 0.0,
        "on_break": 300.0,
        "breaks": {"lunch": 300.0},
        "long_breaks": 0,
        "over_break": 0.0,
        "offers": 7,
        "handled": 2,
        "refused": 1,
        "no_answer": 1,
        "cancelled": 2,
        "pick_up_failed": 1,
        "transferred_out": 1,
        "transferred_in": 1,
        "occupancy": round(2040 / 2640, 4),
        "handled_per_hour": 2.4,
        "aht": 1020.0,
        "answered_share": 0.4,
        "transfer_rate": 0.5,
        "adherence": None,
        "planned": None,
        "uncertain": 0.0,
    }


def test_of_nothing_there_is_no_rate() -> None:
    told = tally_as_json(of([]))
    rates = ("occupancy", "handled_per_hour", "aht", "answered_share", "transfer_rate", "adherence", "planned")
    assert {name: told[name] for name in rates} == dict.fromkeys(rates)
    assert tally_as_json(of(stays((OFF, HOUR))))["handled_per_hour"] is None


def test_only_the_past_and_only_the_period_count() -> None:
    intervals = [Interval(T, at(-500), at(500), "", "hr", "c1"), Interval(A, at(500), None)]
    found = tally(intervals, [event(What.ANSWERED, -500)], at(0), at(HOUR), now=at(900))
    assert (found.seconds[T], found.seconds[A], found.handled) == (500, 400, 0)


def test_a_call_of_his_own_is_no_handling() -> None:
    found = of([Interval(T, at(0), at(100)), Interval(A, at(100), at(200))])
    assert (found.own_calls, found.handling, found.occupancy, found.logged_in) == (100, 0, 0.0, 200)


def test_a_team_is_the_sum_and_not_the_mean() -> None:
    one, other = of(stays((T, 900), (A, 100))), of(stays((T, 100), (A, 2900)))
    assert one.occupancy == 0.9
    team = sum((one, other), Tally())
    assert team.occupancy == pytest.approx(1000 / 4000)


@pytest.mark.parametrize(
    ("begin", "end", "over", "breaks"),
    [(0, HOUR, 600, 1), (0, 1300, 0, 0), (0, 1400, 100, 1), (1500, 1600, 100, 1), (1800, 2000, 100, 1), (1900, HOUR, 0, 0)],
)
def test_a_break_too_long_is_over_in_the_interval_in_which_it_is(begin: float, end: float, over: float, breaks: int) -> None:
    """From 100 to 1900, two reasons and a change of quality in it: one break of 30 minutes, 20 are allowed (R41)."""
    intervals = [
        *stays((A, 100)),
        Interval(B, at(100), at(700), "tea"),
        Interval(B, at(700), at(1000), "lunch"),
        Interval(B, at(1000), at(1900), "lunch", quality=Quality.UNCERTAIN),
        *stays((A, 1700), begin=1900),
    ]
    found = of(intervals, begin=begin, end=end)
    assert (found.over_break, found.long_breaks) == (over, breaks)
    if (begin, end) == (0, HOUR):
        assert (found.breaks, found.uncertain) == ({"tea": 600, "lunch": 1200}, 900)


def test_adherence_is_the_time_there_of_the_time_planned() -> None:
    intervals = stays((OFF, 600), (A, 600), (B, 1800), (T, 600))
    assert of(intervals, shifts=[(at(0), at(HOUR))]).adherence == pytest.approx((600 + 1200 + 600) / 3600), "over-long breaks left out"
    assert of(intervals, shifts=[(at(-HOUR), at(0))]).adherence is None, "nothing planned in this period"
    assert of(intervals).adherence is None
    assert of([], shifts=[(at(0), at(HOUR))]).adherence == 0.0
    early = tally(intervals, [], at(0), at(HOUR), now=at(1200), shifts=[(at(0), at(HOUR))])
    assert (early.planned, early.adherence) == (1200, 0.5), "what is planned for later isn't missed yet"
    both = of(intervals, shifts=[(at(600), at(1200))]) + of(intervals)
    assert both.adherence == 1.0, "whoever has no plan counts on neither side"


def test_stays_are_joined_for_people() -> None:
    one = Interval(T, at(0), at(10), "", "hr", "c1")
    two = Interval(T, at(10), at(20), "", "hr", "c1", Quality.UNCERTAIN)
    three = Interval(T, at(20), None, "", "hr", "c1")
    assert joined([one, two, three, Interval(A, at(30), None)]) == [
        Interval(T, at(0), None, "", "hr", "c1", Quality.UNCERTAIN),
        Interval(A, at(30), None),
    ]

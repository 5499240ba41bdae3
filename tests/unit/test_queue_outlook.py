"""What awaits a caller: measured from Asterisk's facts in the order they really come, told, scored, and kept silent about when wrong."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.hotline import AWAY, BUSY, IDLE, RINGING, START, Hotline

from ami_bridge.facts import (
    AgentRingEnded,
    AgentStateReported,
    CallEnded,
    CallerLeftQueue,
    CallerWaiting,
    EndedBy,
    LinkEstablished,
    LinkLost,
    QueueExited,
    SnapshotComplete,
    TalkEnded,
)
from callflows.outcomes import QueueOutlook
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.expected_wait import Agent, Interval
from ivr.domain.queue_priority import WaitingCaller
from ivr.queue_outlook import QueueOutlooks
from ivr.queue_work import QueueWork

PATIENT_S = 30.0  # these tests are not about how fast the machine is


def measured(work: QueueWork, hotline: Hotline, queue: str = "hr") -> tuple[tuple[float, ...], tuple[float, ...]]:
    found = work.situation(queue, hotline.now, priority=0, ceiling_s=60)
    return found.handling, found.pickups


def agents(work: QueueWork, hotline: Hotline, queue: str = "hr") -> list[Agent]:
    return list(work.situation(queue, hotline.now, priority=0, ceiling_s=60).agents)


def test_talk_and_wrap_up_are_one_handling_time() -> None:
    work = QueueWork(["hr"])
    hotline = Hotline(work).up(Li="hr")
    hotline.serves("1", "Li", ring_s=3, talk_s=100)
    assert measured(work, hotline) == ((100.0,), (3.0,))
    # He pauses to write it up, and is free 40 s later.
    hotline.joins("2")
    hotline.on(2).answers("2", "Li")
    hotline.on(60)
    hotline.state("Li", "hr", BUSY, paused=True)
    hotline.tell(TalkEnded(hotline.now, "2", "2", "hr", "Li", EndedBy.AGENT, "Li-2"))
    hotline.state("Li", "hr", IDLE, paused=True)
    hotline.on(10)
    assert [agent.busy_s for agent in agents(work, hotline)] == [70.0], "he wraps up, he is no break"
    hotline.on(30).state("Li", "hr", IDLE)
    assert measured(work, hotline) == ((100.0, 100.0), (3.0, 2.0))
    # So it is when he was free for a moment before he paused.
    hotline.joins("2b")
    hotline.on(2).answers("2b", "Li")
    hotline.on(60).hangs_up("2b", "Li")
    hotline.on(1).state("Li", "hr", IDLE, paused=True)
    hotline.on(8)
    assert [agent.busy_s for agent in agents(work, hotline)] == [69.0]
    hotline.on(11).state("Li", "hr", IDLE)
    assert measured(work, hotline)[0] == (100.0, 100.0, 80.0)
    # A break after a call is no wrap-up.
    hotline.joins("3")
    hotline.on(2).answers("3", "Li")
    hotline.on(50).tell(TalkEnded(hotline.now, "3", "3", "hr", "Li", EndedBy.AGENT, "Li-3"))
    hotline.state("Li", "hr", IDLE, paused=True)
    hotline.on(121)
    assert agents(work, hotline) == []
    hotline.on(800).state("Li", "hr", IDLE)
    assert measured(work, hotline)[0] == (100.0, 100.0, 80.0, 50.0)


def test_the_phone_may_be_idle_before_the_talk_is_told_to_have_ended() -> None:
    work = QueueWork(["hr"])
    hotline = Hotline(work).up(Li="hr")
    hotline.joins("1")
    hotline.on(2).answers("1", "Li")
    hotline.on(30).state("Li", "hr", IDLE)
    hotline.tell(CallEnded(hotline.now, "1", "Li-1", 16))
    hotline.on(3).tell(TalkEnded(hotline.now, "1", "1", "hr", "Li", EndedBy.CALLER, "Li-1"))  # late, after a Redirect
    assert measured(work, hotline) == ((30.0,), (2.0,))
    assert agents(work, hotline) == [Agent(elsewhere=())]


def test_a_pick_up_counts_from_when_both_were_there() -> None:
    work = QueueWork(["hr"])
    hotline = Hotline(work).up(Li="hr")
    hotline.joins("1")
    hotline.on(2).answers("1", "Li")
    hotline.on(10).joins("2")
    hotline.on(90).hangs_up("1", "Li")
    hotline.on(4).answers("2", "Li")
    assert measured(work, hotline)[1] == (2.0, 4.0)


def test_who_is_there_and_what_he_has() -> None:
    work = QueueWork(["hr", "course"])
    hotline = Hotline(work).up(Li="hr", Wang="hr course", Zhang="hr", Chen="hr", Zhao="hr")
    hotline.state("Chen", "hr", AWAY)
    hotline.state("Zhao", "hr", IDLE, paused=True)
    hotline.joins("1", "course")
    hotline.answers("1", "Wang", "course", "hr course")
    hotline.on(25).state("Zhang", "hr", BUSY)
    assert [(agent.busy_s, agent.now_handling) for agent in agents(work, hotline)] == [(None, None), (25.0, ()), (0.0, None)]
    assert agents(work, hotline)[1].share == pytest.approx(1 / 3), "his one answer was the other queue's"
    hotline.state("Zhang", "hr", BUSY, paused=True)
    assert len(agents(work, hotline)) == 2, "he goes on his break when the call ends"


def test_an_agent_who_rings_for_another_queue_is_as_good_as_taken() -> None:
    work = QueueWork(["hr", "course"])
    hotline = Hotline(work).up(Li="hr course")
    hotline.joins("1", "course")
    assert agents(work, hotline)[0].first_share == 0.5
    hotline.rings("1", "Li", "course")
    hotline.state("Li", "hr course", RINGING)
    assert agents(work, hotline)[0].busy_s == 0.0
    assert agents(work, hotline, "course")[0].busy_s is None
    hotline.tell(AgentRingEnded(hotline.now, "1", "1", "Li-1", "NOANSWER"))
    assert agents(work, hotline)[0].busy_s is None


def test_the_link_s_return_names_who_still_waits_and_keeps_what_was_known_of_him() -> None:
    ends: list[tuple[str, bool, bool]] = []
    work = QueueWork(["hr"], on_end=lambda caller, at, answered: ends.append((caller.call, at is not None, answered)))
    hotline = Hotline(work).up(Li="hr")
    for call in ("1", "2", "3"):
        hotline.joins(call)
    work.grant("2", 5)
    hotline.on(5).answers("1", "Li")
    hotline.on(20).tell(LinkLost(hotline.now, "reset"))
    assert not work.known
    hotline.on(40).tell(LinkEstablished(hotline.now, "22.10.1", START), AgentStateReported(hotline.now, "hr", "Li", BUSY, paused=False))
    hotline.tell(CallerWaiting(hotline.now, "2", "2", "hr", 1, 64.0), CallerWaiting(hotline.now, "4", "4", "hr", 2, 10.0))
    hotline.tell(SnapshotComplete(hotline.now))
    assert work.known
    assert work.waiting("hr", hotline.now) == [WaitingCaller(65.0, 5), WaitingCaller(10.0, 0)]
    assert ends == [("1", True, True), ("3", False, False)]
    hotline.joins("4")  # his entry is told after the snapshot that has named him
    assert len(work.waiting("hr", hotline.now)) == 2
    assert [agent.busy_s for agent in agents(work, hotline)] == [60.0]
    hotline.on(10).hangs_up("1", "Li")
    assert measured(work, hotline)[0] == (), "how long he talked, nobody has seen"


def test_the_store_s_calls_are_known_from_the_start() -> None:
    def visit(number: int, talk_s: float | None) -> Contact:
        joined = START - timedelta(seconds=1000 * number)
        answered = joined + timedelta(seconds=5)
        ended = answered + timedelta(seconds=talk_s) if talk_s else None
        found = Visit("hr", joined, picked_up_at=answered, answered_at=answered, agent="Li", agent_call="9.1", talk_ended_at=ended)
        found.outcome = VisitOutcome.ANSWERED
        return Contact(f"{number}.0", joined, visits=[found])

    work = QueueWork(["hr"])
    work.learn([visit(1, None), visit(3, 70.0), visit(2, 80.0), Contact("4.0", START, visits=[Visit("hr", START)])])
    hotline = Hotline(work)
    hotline.tell(
        LinkEstablished(START, "22.10.1", None), AgentStateReported(START, "hr", "Li", BUSY, paused=False), SnapshotComplete(START)
    )
    assert measured(work, hotline)[0] == (70.0, 80.0)
    assert [agent.busy_s for agent in agents(work, hotline)] == [995.0]


def the_house(**members: str) -> tuple[QueueOutlooks, Hotline]:
    hotline = Hotline()
    outlooks = QueueOutlooks(["hr", "course"], clock=hotline.clock, deadline_s=PATIENT_S)
    hotline.fed.append(outlooks)
    return outlooks, hotline.up(**members)


async def test_place_and_wait_are_told_by_who_waits_and_who_is_there() -> None:
    outlooks, hotline = the_house(Li="hr")
    at_once = await outlooks.look("hr")
    assert (at_once.position, at_once.staffed) == (1, True)
    assert at_once.longest_s is not None
    assert at_once.longest_s < 20
    for number in range(30):
        hotline.serves(f"a{number}", "Li", ring_s=3, talk_s=100)
        hotline.on(20)
    hotline.joins("b")
    hotline.on(3).answers("b", "Li")
    for call in ("c", "d", "e"):
        hotline.joins(call)
    hotline.on(40)
    outlook = await outlooks.look("hr")
    assert outlook.position == 4
    assert outlook.shortest_s == pytest.approx(60 + 3 * 103 + 3, abs=15)  # what is left of one call, and three more
    assert outlook.longest_s is not None
    assert outlook.longest_s < 1.3 * 372


async def test_nothing_is_said_where_nobody_is_there_or_nothing_is_known() -> None:
    outlooks, hotline = the_house()
    assert await outlooks.look("hr") == QueueOutlook(1, None, None, staffed=False)
    hotline.state("Li", "hr", IDLE, paused=True)
    assert await outlooks.look("hr") == QueueOutlook(1, None, None, staffed=True)
    hotline.state("Li", "hr", AWAY)
    assert not (await outlooks.look("hr")).staffed
    hotline.state("Li", "hr", IDLE)
    assert (await outlooks.look("hr")).longest_s is not None
    assert await outlooks.look("nowhere") == QueueOutlook(1, None, None, staffed=False)
    hotline.tell(LinkLost(hotline.now, "reset"))
    assert await outlooks.look("hr") == QueueOutlook(1, None, None, staffed=False)
    assert outlooks.grant("hr", 5, contact="x") == 0


async def test_priority_goes_first_as_far_as_the_ceiling_lets_it() -> None:
    outlooks, hotline = the_house(Li="hr")
    hotline.joins("ordinary")
    hotline.on(30)
    assert ((await outlooks.look("hr", 5)).position, (await outlooks.look("hr", 0)).position) == (1, 2)
    assert outlooks.grant("hr", 5, contact="guest") == 5
    hotline.on(1).joins("guest")
    assert ((await outlooks.look("hr", 5)).position, (await outlooks.look("hr", 7)).position) == (2, 1)
    hotline.on(30)
    assert (await outlooks.look("hr", 7)).position == 3, "the ordinary caller has waited for more than a minute"
    assert outlooks.grant("hr", 7, contact="late") == 0


def always(interval: Interval) -> Any:
    return lambda *_, **__: interval


async def test_promises_are_scored_and_too_many_broken_ones_make_it_silent() -> None:
    hotline = Hotline()
    outlooks = QueueOutlooks(["hr"], clock=hotline.clock, estimate=always(Interval(10.0, 20.0)), deadline_s=PATIENT_S)
    hotline.fed.append(outlooks)
    hotline.up(Li="hr")

    async def calls(name: str, number: int, wait_s: float) -> None:
        for count in range(number):
            call = f"{name}{count}"
            await outlooks.look("hr", contact=call)
            hotline.on(4).joins(call)
            hotline.on(wait_s).answers(call, "Li")
            hotline.on(5).hangs_up(call, "Li")

    await calls("kept", 6, 20.0)
    assert outlooks.kept_ratios() == {}
    await calls("broken", 4, 21.0)
    assert outlooks.kept_ratios() == {"hr": 0.6}
    assert (await outlooks.look("hr")).longest_s == 20.0
    await calls("broken again", 1, 21.0)
    assert outlooks.silent_queues() == {"hr"}
    assert await outlooks.look("hr") == QueueOutlook(1, None, None, staffed=True)
    await calls("kept again", 5, 3.0)
    assert outlooks.kept_ratios() == {"hr": 11 / 16}
    assert outlooks.silent_queues() == {"hr"}, "not before it is clearly better"
    await calls("kept at last", 1, 3.0)
    assert outlooks.silent_queues() == frozenset()


async def test_who_leaves_or_waits_on_beyond_the_promise_counts_against_it() -> None:
    hotline = Hotline()
    outlooks = QueueOutlooks(["hr"], clock=hotline.clock, estimate=always(Interval(10.0, 20.0)), deadline_s=PATIENT_S)
    hotline.fed.append(outlooks)
    hotline.up(Li="hr")
    for number in range(9):
        call = f"gave up {number}"
        await outlooks.look("hr", contact=call)
        hotline.joins(call)
        hotline.on(25).tell(CallerLeftQueue(hotline.now, call, call, "hr"), QueueExited(hotline.now, call, call, "hr", "TIMEOUT"))
    await outlooks.look("hr", contact="early")
    hotline.joins("early")
    hotline.on(5).gives_up("early")
    assert outlooks.kept_ratios() == {}, "who left early might have been answered in time: nine count, not ten"
    await outlooks.look("hr", contact="waits")
    hotline.joins("waits")
    assert outlooks.kept_ratios() == {}
    hotline.on(21)
    assert outlooks.kept_ratios() == {"hr": 0.0}
    hotline.answers("waits", "Li")
    assert outlooks.kept_ratios() == {"hr": 0.0}, "once"


async def test_a_promise_is_about_the_moment_it_was_made() -> None:
    hotline = Hotline()
    outlooks = QueueOutlooks(["hr", "course"], clock=hotline.clock, estimate=always(Interval(10.0, 20.0)), deadline_s=PATIENT_S)
    hotline.fed.append(outlooks)
    hotline.up(Li="hr course")
    for number in range(12):
        late, elsewhere = f"late{number}", f"elsewhere{number}"
        await outlooks.look("hr", contact=late)
        await outlooks.look("hr", contact=elsewhere)
        hotline.joins(elsewhere, "course")
        hotline.on(61).joins(late)
        hotline.gives_up(late)
        hotline.gives_up(elsewhere, queue="course")
    assert outlooks.kept_ratios() == {}


async def test_a_look_that_takes_too_long_tells_nothing_and_holds_nobody_up() -> None:
    hotline, told = Hotline(), threading.Event()

    def slow(*_: object, **__: object) -> Interval:
        assert told.wait(10.0)
        return Interval(1.0, 2.0)

    outlooks = QueueOutlooks(["hr"], clock=hotline.clock, estimate=slow, deadline_s=0.01)
    hotline.fed.append(outlooks)
    hotline.up(Li="hr")
    assert await outlooks.look("hr", contact="1") == QueueOutlook(1, None, None, staffed=True)
    told.set()  # the estimate was still at it


async def test_a_fault_in_the_estimate_is_no_fault_of_the_call() -> None:
    hotline = Hotline()

    def failing(*_: object, **__: object) -> Interval:
        raise ZeroDivisionError

    outlooks = QueueOutlooks(["hr"], clock=hotline.clock, estimate=failing)
    hotline.fed.append(outlooks)
    hotline.up(Li="hr")
    with capture_logs() as logs:
        assert await outlooks.look("hr", contact="1") == QueueOutlook(1, None, None, staffed=False)
    assert [(entry["log_level"], entry["queue"]) for entry in logs] == [("error", "hr")]

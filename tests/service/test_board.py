"""The live board against the figures counted at once, through days, late words and people who come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from support.house import new_database

from ami_bridge.facts import AgentStateReported, CallArrived, CallerQueued, LinkEstablished, LinkLost, SnapshotComplete
from ivr.board import SETTLE, Board, agent_status
from ivr.board_snapshot import AgentStatus, Stage
from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.domain.figures import figures_of, queue_figures
from ivr.domain.measures import Limits, Thresholds
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

ZONE = ZoneInfo("Asia/Shanghai")
T = Thresholds()
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def contact(number: int, caller: str = "", at: datetime = NOON, **fields: object) -> Contact:
    made = Contact(id=f"{number}.0", started_at=at, call=f"{number}.0", caller=caller, line="hr", path=[PathStep("menu", at)])
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def abandoned(number: int, caller: str, clock: Clock, waited: float = 7.0) -> Contact:
    joined = clock.now - timedelta(seconds=waited)
    visit = Visit("hr", joined, left_at=clock.now, outcome=VisitOutcome.ABANDONED_WAIT)
    return contact(number, caller, joined, visits=[visit], ended_at=clock.now)


def answered(number: int, caller: str, clock: Clock) -> Contact:
    visit = Visit("course", clock.now, picked_up_at=clock.now, answered_at=clock.now, agent="Li Na", outcome=VisitOutcome.ANSWERED)
    return contact(number, caller, clock.now, visits=[visit])


def test_a_waiting_caller_becomes_late_then_rings_then_talks() -> None:
    clock = Clock()
    board = Board(["hr", "course"], T, ZONE, clock=clock)
    caller = contact(1, "+8613800138000")
    board.contact_changed(caller)
    shot = board.snapshot()
    assert [(call.stage, call.node, call.caller) for call in shot.running] == [(Stage.MENU, "menu", "+86138****8000")]
    caller.visits.append(Visit("hr", clock.now))
    board.contact_changed(caller)
    clock.on(10)
    assert (board.snapshot().waiting, board.snapshot().late) == (1, 0)
    clock.on(0.1)
    shot = board.snapshot()
    assert (shot.late, shot.longest_since, shot.total.waiting, shot.total.loss_rate) == (1, NOON, 1, None)
    caller.visits[0].rings.append(Ring("Li Na", "2.0", clock.now))
    shot = board.snapshot()
    assert (shot.running[0].stage, shot.running[0].agent, shot.queues[0].ringing) == (Stage.RINGING, "Li Na", 1)
    visit = caller.visits[0]
    visit.answered_at = visit.picked_up_at = clock.now
    visit.agent, visit.outcome, visit.rings[0].ended_at = "Li Na", VisitOutcome.ANSWERED, clock.now
    shot = board.snapshot()
    assert (shot.talking, shot.waiting, shot.total.answered, shot.running[0].stage) == (1, 0, 1, Stage.TALKING)


def test_a_settled_contact_counts_once_and_a_late_word_corrects_it() -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    gone = abandoned(1, "", clock)
    board.contact_changed(gone)
    clock.on(SETTLE.total_seconds() + 1)
    for _ in range(3):
        shot = board.snapshot()
        board.contact_changed(gone)
    assert (shot.total.offered, shot.total.abandoned, shot.calls_today) == (1, 1, 1)
    told_late = abandoned(1, "", clock)  # queue_log: he was answered after all
    told_late.visits[0].outcome = VisitOutcome.ANSWERED
    told_late.visits[0].answered_at = told_late.visits[0].left_at
    board.contact_changed(told_late)
    for _ in range(2):
        shot = board.snapshot()
        clock.on(60)
    assert (shot.total.offered, shot.total.abandoned, shot.total.answered, shot.calls_today) == (1, 0, 1, 1)
    board.contact_gone("1.0")  # it was another call's second half
    assert (board.snapshot().total.offered, board.snapshot().calls_today) == (0, 0)


def test_lines_have_limits_of_their_own() -> None:
    clock = Clock()
    board = Board(["hr"], Limits(T, {"hr": Thresholds(5.0, 0.0)}), ZONE, clock=clock)
    board.contact_changed(contact(1, visits=[Visit("hr", NOON, answered_at=NOON + timedelta(seconds=8), outcome=VisitOutcome.ANSWERED)]))
    assert board.snapshot().total.service_level_strict == 0.0


def test_who_is_answered_on_any_line_leaves_the_list_of_the_lost() -> None:
    clock = Clock()
    board = Board(["hr", "course"], T, ZONE, clock=clock)
    board.contact_changed(abandoned(1, "+8613800138000", clock))
    clock.on(60)
    board.contact_changed(abandoned(2, "+8613800138000", clock))
    board.contact_changed(abandoned(3, "", clock))
    shot = board.snapshot()
    assert sorted((lost.contact, lost.times, lost.caller) for lost in shot.lost) == [("2.0", 2, "+86138****8000"), ("3.0", 1, "")]
    clock.on(60)
    board.contact_changed(answered(4, "+8613800138000", clock))
    assert [lost.contact for lost in board.snapshot().lost] == ["3.0"]


def test_what_looked_lost_and_was_a_time_out_leaves_the_list() -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    caller = abandoned(1, "+8613800138000", clock)
    board.contact_changed(caller)
    assert len(board.snapshot().lost) == 1
    caller.visits[0].outcome = VisitOutcome.FLOW_TIMEOUT
    caller.left_message = True
    board.contact_changed(caller)
    shot = board.snapshot()
    assert (shot.lost, shot.total.abandoned, shot.total.flow_out) == ((), 0, 1)


def test_midnight_in_the_hotline_s_zone_begins_a_new_day_and_keeps_who_still_waits() -> None:
    clock = Clock(datetime(2026, 11, 21, 15, 59, 50, tzinfo=UTC))
    board = Board(["hr"], T, ZONE, clock=clock)
    board.contact_changed(abandoned(1, "", clock))
    board.contact_changed(contact(2, "", clock.now, visits=[Visit("hr", clock.now)]))
    clock.on(20)
    shot = board.snapshot()
    assert shot.since == datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
    assert (shot.waiting, shot.total.offered, shot.lost, shot.calls_today) == (1, 0, (), 0)


def test_agents_by_state_and_a_new_link_forgets_them() -> None:
    clock = Clock()
    board = Board(["hr", "course"], T, ZONE, clock=clock)
    board.apply(AgentStateReported(NOON, "hr", "Li Na", 1, paused=False))
    board.apply(AgentStateReported(NOON, "course", "Li Na", 2, paused=False))
    board.apply(AgentStateReported(NOON, "hr", "Wang Wei", 1, paused=True))
    board.apply(AgentStateReported(NOON, "hr", "Zhang Min", 5, paused=False))
    board.apply(CallArrived(NOON, "1.0", "1.0", "", "", ""))
    hr, course = board.snapshot().queues
    assert hr.agents == {AgentStatus.IDLE: 1, AgentStatus.PAUSED: 1, AgentStatus.AWAY: 1}
    assert (hr.present, course.agents) == (1, {AgentStatus.BUSY: 1})
    board.apply(AgentStateReported(NOON, "hr", "Wang Wei", 1, paused=True, removed=True))
    board.apply(LinkLost(NOON, "gone"))
    assert board.snapshot().link_lost_at == NOON
    board.apply(LinkEstablished(NOON, "22.10.1", None))
    assert (board.snapshot().link_lost_at, board.snapshot().queues[0].agents) == (None, {})
    assert agent_status(6, paused=True) is AgentStatus.RINGING


outcomes = st.sampled_from([None, *VisitOutcome])
visits = st.builds(
    lambda queue, outcome, wait: Visit(
        queue,
        NOON,
        picked_up_at=NOON + timedelta(seconds=wait) if outcome is VisitOutcome.ANSWERED else None,
        answered_at=NOON + timedelta(seconds=wait) if outcome is VisitOutcome.ANSWERED else None,
        left_at=NOON + timedelta(seconds=wait) if outcome else None,
        outcome=outcome,
    ),
    st.sampled_from(["hr", "course"]),
    outcomes,
    st.floats(0, 100).map(lambda wait: round(wait, 1)),
)


@given(st.lists(visits), st.lists(visits))
def test_figures_of_parts_are_the_figures_of_the_whole(one: list[Visit], other: list[Visit]) -> None:
    now = NOON + timedelta(seconds=120)
    assert figures_of([queue_figures(one, now, T), queue_figures(other, now, T)], now) == queue_figures(one + other, now, T)


@given(st.lists(st.tuples(visits, st.booleans(), st.booleans()), max_size=30))
def test_the_board_equals_the_batch_result_however_contacts_settle(calls: list[tuple[Visit, bool, bool]]) -> None:
    clock = Clock(NOON + timedelta(seconds=200))
    board = Board(["hr", "course"], T, ZONE, clock=clock)
    seen: list[Visit] = []
    for number, (visit, settle, look) in enumerate(calls):
        ended = visit.outcome is not None
        made = contact(number, "", NOON, visits=[visit], ended_at=clock.now if ended else None)
        board.contact_changed(made)
        seen.append(visit)
        if settle:
            clock.on(30)
        if look:
            board.snapshot()
    shot = board.snapshot()
    for queue in shot.queues:
        assert queue.figures == queue_figures([visit for visit in seen if visit.queue == queue.name], clock.now, T)
    assert shot.total == queue_figures(seen, clock.now, T)
    assert shot.calls_today == len(calls)


def test_seeding_from_the_store_gives_today_s_figures() -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    yesterday = abandoned(1, "+8613800138001", Clock(NOON - timedelta(days=1)))
    board.seed([yesterday, abandoned(2, "+8613800138002", clock), contact(3, "+8613800138003", clock.now)])
    shot = board.snapshot()
    assert (shot.total.offered, shot.calls_today, len(shot.lost), len(shot.running)) == (1, 2, 1, 1)


def test_seeding_keeps_what_the_tracker_has_taken_up() -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    taken_up = contact(1)
    board.contact_changed(taken_up)
    board.seed([contact(1)])  # the same, as the store has it
    taken_up.visits.append(Visit("hr", clock.now))
    assert board.snapshot().waiting == 1


def test_the_tracker_tells_the_board_each_change_at_once(tmp_path: Path) -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    database = new_database(tmp_path)
    tracker = Tracker(database, Sealer("a secret for tests"), on_change=board.contact_changed)
    tracker.apply(CallArrived(NOON, "1.0", "1.0", "13800138000", "", "4001234567"))
    tracker.apply(CallerQueued(NOON, "1.0", "1.0", "hr", 1))
    assert (board.snapshot().waiting, board.changed.is_set()) == (1, True)
    tracker.apply(LinkEstablished(clock.on(5), "22.10.1", NOON))
    tracker.apply(SnapshotComplete(clock.on(0)))  # a snapshot that doesn't name it: it ended while nobody watched
    shot = board.snapshot()
    assert (shot.waiting, shot.running, shot.total.offered) == (0, (), 1)
    database.close()


def test_ten_thousand_calls_a_day_are_counted_in_a_moment() -> None:
    clock = Clock()
    board = Board(["hr"], T, ZONE, clock=clock)
    board.seed([abandoned(number, "", clock) for number in range(10_000)])
    began = datetime.now(UTC)
    assert board.snapshot().total.offered == 10_000
    assert datetime.now(UTC) - began < timedelta(seconds=1)

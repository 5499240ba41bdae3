"""Whatever is told of an agent, in whatever order: his intervals tile his time, and who told first makes no difference."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st
from support.agent_facts import LI, all_of, at, counted, told

from ami_bridge import facts as asterisk
from ami_bridge.facts import EndedBy, Fact, TransferKind
from ivr.domain.agent_book import AgentBook
from ivr.domain.agent_figures import tally
from ivr.domain.agent_states import AgentState, Interval
from ivr.domain.ledger import Entry, Source

LONG = 4000.0
CALLS, LEGS, QUEUES = st.sampled_from(["c1", "c2"]), st.sampled_from(["l1", "l2", ""]), st.sampled_from(["hr", "course"])
RESULTS = st.sampled_from(["BUSY", "RINGNOANSWER", "CANCEL", "AGENTDUMP", "CHANUNAVAIL"])
REASONS = st.sampled_from(["", "lunch", "acw"])
TIMES = st.floats(0, LONG, allow_nan=False).map(lambda seconds: at(round(seconds, 3)))


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Any fact that an agent may be concerned by, sensible or not."""
    when, call, leg, queue = draw(TIMES), draw(CALLS), draw(LEGS), draw(QUEUES)
    phone, paused, reason = draw(st.integers(0, 8)), draw(st.booleans()), draw(REASONS)
    state = asterisk.AgentStateReported(
        when,
        queue,
        LI.agent,
        phone,
        paused,
        removed=draw(st.integers(0, 9)) == 0,
        reason=reason,
        wrapup_s=draw(st.sampled_from([0, 0, 15])),
    )
    some: list[Fact] = [
        state,
        state,
        asterisk.AgentRang(when, call, call, queue, LI.agent, leg),
        asterisk.AgentPickedUp(when, call, call, leg),
        asterisk.AgentRingEnded(when, call, call, leg, draw(RESULTS)),
        asterisk.AgentAnswered(when, call, call, queue, LI.agent, leg),
        asterisk.TalkEnded(when, call, draw(st.sampled_from([call, ""])), queue, LI.agent, draw(st.sampled_from(EndedBy)), leg),
        asterisk.CallEnded(when, call, draw(st.sampled_from([call, leg])), draw(st.sampled_from([16, 17, 21]))),
        asterisk.CallTransferred(when, call, call, TransferKind.BLIND, leg),
        asterisk.CallHeld(when, call, leg),
        asterisk.CallResumed(when, call, leg),
        asterisk.AgentAdded(when, queue, LI.agent),
        asterisk.AgentRemoved(when, queue, LI.agent),
        asterisk.AgentPaused(when, queue, LI.agent, reason),
        asterisk.AgentUnpaused(when, queue, LI.agent),
        asterisk.LinkLost(when, "gone"),
        asterisk.LinkEstablished(when, "22.10.1", draw(st.none() | TIMES)),
        asterisk.CallPresent(when, call, leg or call, "AppQueue", 1.0),
        asterisk.SnapshotComplete(when),
        asterisk.AsteriskStopped(when),
        asterisk.AsteriskStarted(when),
    ]
    return draw(st.sampled_from(some))


ENTRIES = st.lists(st.tuples(facts(), st.sampled_from([Source.AMI, Source.AMI, Source.AMI, Source.QUEUE_LOG])), max_size=40)


def in_order(entries: list[tuple[Fact, Source]]) -> list[tuple[Fact, Source]]:
    return sorted(entries, key=lambda entry: entry[0].at)


def fed(entries: list[tuple[Fact, Source]]) -> AgentBook:
    book = AgentBook()
    for fact, source in entries:
        book.apply(Entry(LI.pbx, source, fact))
    return book


def assert_tiled(intervals: list[Interval]) -> None:
    assert intervals[-1].ended_at is None
    for one, following in pairwise(intervals):
        assert one.ended_at == following.began_at, "no hole, no overlap"
        assert one.began_at < following.began_at, "nothing that takes no time"
        assert one.quality is not following.quality or not one.same_as(following), "one stay is one interval"


@given(ENTRIES)
def test_his_intervals_tile_his_time(entries: list[tuple[Fact, Source]]) -> None:
    for told_so in (entries, in_order(entries)):
        book = fed(told_so)
        for key in book.agents:
            for until in (0.0, LONG / 2, 2 * LONG):
                assert_tiled(all_of(book, until, key))


@given(ENTRIES)
def test_told_twice_is_told_once(entries: list[tuple[Fact, Source]]) -> None:
    once = in_order([entry for entry in entries if not isinstance(entry[0], asterisk.LinkEstablished | asterisk.SnapshotComplete)])
    doubled = [each for entry in once for each in (entry, entry)]
    one, two = fed(once), fed(doubled)
    assert set(one.agents) == set(two.agents)
    for key in one.agents:
        assert all_of(one, LONG, key) == all_of(two, LONG, key)
        assert counted(one, LONG, key) == counted(two, LONG, key)


@given(ENTRIES)
def test_when_queue_logs_rows_come_makes_no_difference(entries: list[tuple[Fact, Source]]) -> None:
    """Those that name agent and leg: what is told of a leg alone needs to be told after whose it is."""
    by_name = (asterisk.AgentAdded, asterisk.AgentRemoved, asterisk.AgentPaused, asterisk.AgentUnpaused, asterisk.AgentAnswered)
    of_a_leg = (asterisk.CallEnded, asterisk.CallHeld, asterisk.CallResumed, asterisk.CallTransferred)
    named = [
        (fact, source)
        for fact, source in in_order(entries)
        if (isinstance(fact, by_name) if source is Source.QUEUE_LOG else not isinstance(fact, of_a_leg))
        and getattr(fact, "agent_call", "l")
    ]
    named = [(fact, source) for fact, source in named if not isinstance(fact, asterisk.AgentPickedUp | asterisk.AgentRingEnded)]
    ami = [entry for entry in named if entry[1] is Source.AMI]
    log = [entry for entry in named if entry[1] is Source.QUEUE_LOG]
    live, late = fed(named), fed(ami + log)
    for key in set(live.agents) & set(late.agents):
        one, other = (
            [(i.state, i.began_at, i.ended_at, i.queue, i.call) for i in all_of(book, LONG, key) if i.began_at >= at(0)]
            for book in (live, late)
        )
        assert one == other


@given(ENTRIES, st.floats(1, 600))
def test_letting_go_of_what_is_settled_changes_nothing(entries: list[tuple[Fact, Source]], keep: float) -> None:
    """As long as nothing is told late: what is older than what is kept."""
    ordered = [
        (fact, source) for fact, source in in_order(entries) if source is Source.AMI and not isinstance(fact, asterisk.LinkEstablished)
    ]
    answered = {(fact.agent_call, fact.call, fact.agent) for fact, _ in ordered if isinstance(fact, asterisk.AgentAnswered)}
    assume(len({leg for leg, _, _ in answered}) == len(answered))  # a leg is one channel, and answers one call once
    whole, lean = fed(ordered), AgentBook()
    for fact, source in ordered:
        lean.apply(Entry(LI.pbx, source, fact))
        for key in lean.agents:
            lean.settle(key, fact.at, timedelta(seconds=120 + 5 + keep))
    for key in whole.agents:
        assert joined(all_of(lean, LONG, key)) == joined(all_of(whole, LONG, key))
        assert counted(lean, LONG, key) == counted(whole, LONG, key)


def joined(intervals: list[Interval]) -> list[tuple[AgentState, object, str, str, str]]:
    """Stays: where only what is known of them changes is no seam."""
    found: list[tuple[AgentState, object, str, str, str]] = []
    last: Interval | None = None
    for interval in intervals:
        if last is None or not last.same_as(interval):
            found.append((interval.state, interval.began_at, interval.reason, interval.queue, interval.call))
        last = interval
    return found


@given(ENTRIES, st.lists(st.floats(0, LONG), min_size=1, max_size=6))
def test_the_figures_of_the_parts_are_the_figures_of_the_whole(entries: list[tuple[Fact, Source]], marks: list[float]) -> None:
    book = fed(in_order(entries))
    cuts = sorted({0.0, LONG, *marks})
    for key in book.agents:
        intervals = all_of(book, LONG, key)
        events = [*book.past(key)[1], *book.read(key, at(LONG)).events.values()]
        shifts = [(at(500), at(1500)), (at(2000), at(3900))]
        whole = tally(intervals, events, at(0), at(LONG), now=at(LONG), shifts=shifts)
        parts = [tally(intervals, events, at(begin), at(end), now=at(LONG), shifts=shifts) for begin, end in pairwise(cuts)]
        total = sum(parts[1:], parts[0])
        assert total.events == whole.events
        for state in AgentState:
            assert abs(total.seconds[state] - whole.seconds[state]) < 0.001
        assert abs(total.kept - whole.kept) < 0.001
        assert abs(total.over_break - whole.over_break) < 0.001
        assert abs(total.planned - whole.planned) < 0.001
        begin = max(intervals[0].began_at, at(0))
        assert abs(sum(whole.seconds.values()) - max(0.0, (at(LONG) - begin).total_seconds())) < 0.001, "every second is in one state"


def test_the_strategies_reach_every_state() -> None:
    """A property that holds of nothing shows nothing."""
    from hypothesis import HealthCheck, Phase, find, settings

    for state in AgentState:
        found = find(
            ENTRIES,
            lambda entries, state=state: any(
                interval.state is state and interval.ended_at
                for book in [fed(in_order(entries))]
                for key in book.agents
                for interval in all_of(book, LONG, key)
            ),
            settings=settings(
                max_examples=20_000, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
            ),  # any will do: no shrinking
        )
        assert found
    assert told([]).late == 0

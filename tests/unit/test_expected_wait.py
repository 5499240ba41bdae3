"""The expected wait: promises kept in simulated queues, and honest where little is known. Pure, seeded."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ivr.domain.expected_wait import HORIZON_S, Agent, Interval, Overtaking, expected_wait
from ivr.domain.wait_promises import COUNTED, LEAST_COUNTED, Calibration, outcome_of_promise

Service = Callable[[random.Random], float]


def told(position: int, agents: list[Agent], handling: list[float], pickups: list[float] | None = None, **more: Overtaking) -> Interval:
    found = expected_wait(position, agents, handling, pickups or [4.0] * 30, **more)
    assert found is not None
    return found


def promises_kept(seed: int, servers: int, load: float, service: Service, calls: int, first_asked: int) -> tuple[list[bool], list[bool]]:
    """One queue, first come first served: what each caller was promised on joining, against what came.

    Whatever the estimator is given, a caller's arrival could see: calls that had ended by then, and how long the others had run.
    """
    chance = random.Random(seed)
    mean = sum(service(random.Random(number)) for number in range(2000)) / 2000
    free_at = [0.0] * servers
    running: list[tuple[int, float, float]] = []  # agent, answered, free again
    handled: list[tuple[float, float, float]] = []  # free again, handling time, pick-up
    now, answers, within_longest, within_shortest = 0.0, [0.0], [], []
    for number in range(calls):
        now += chance.expovariate(load * servers / mean)
        agent = min(range(servers), key=free_at.__getitem__)
        pickup, handling = chance.uniform(1, 6), service(chance)
        answer = max(now, free_at[agent]) + pickup
        if number >= first_asked:
            ended = [(seconds, ring) for end, seconds, ring in handled if end <= now][-100:]
            busy = {who: now - since for who, since, end in running if since <= now < end}
            promise = expected_wait(
                1 + sum(other > now for other in answers),
                [Agent(busy.get(who)) for who in range(servers)],
                [seconds for seconds, _ in ended],
                [ring for _, ring in ended],
                seed=number,
            )
            if promise is not None:
                within_longest.append(answer - now <= promise.longest_s)
                within_shortest.append(answer - now <= promise.shortest_s)
        answers.append(answer)
        free_at[agent] = answer + handling
        running = [(who, since, end) for who, since, end in running if end > now] + [(agent, answer, answer + handling)]
        handled.append((answer + handling, handling, pickup))
        handled.sort()
    return within_longest, within_shortest


@pytest.mark.parametrize(
    ("servers", "service"),
    [
        (1, lambda chance: chance.expovariate(1 / 180)),
        (4, lambda chance: chance.expovariate(1 / 180)),
        (3, lambda chance: chance.lognormvariate(4.8, 0.8)),
        (3, lambda chance: 25.0 + chance.expovariate(1 / 15)),
    ],
    ids=["M/M/1", "M/M/4", "M/lognormal/3", "short calls"],
)
def test_four_of_five_promises_are_kept(servers: int, service: Service) -> None:
    kept: list[bool] = []
    half: list[bool] = []
    for seed in range(4):
        within_longest, within_shortest = promises_kept(seed, servers, load=0.9, service=service, calls=55, first_asked=25)
        kept += within_longest
        half += within_shortest
    assert len(kept) >= 60
    assert sum(kept) / len(kept) >= 0.75
    assert 0.3 <= sum(half) / len(half) <= 0.75, "the shorter end is to be the middle, neither a boast nor an excuse"


def test_the_position_and_the_agents_count() -> None:
    handling = [150.0, 160.0, 170.0, 180.0, 190.0, 200.0, 210.0] * 6
    busy = [Agent(busy_s=60.0), Agent(busy_s=150.0)]
    third, eighth = told(3, busy, handling), told(8, busy, handling)
    assert third.longest_s < eighth.shortest_s
    assert told(8, [*busy, *busy], handling).longest_s < eighth.shortest_s
    # 8 calls of 180 s by two agents who are in the middle of theirs: about 3 and a half rounds
    assert eighth.shortest_s == pytest.approx(3.4 * 184, rel=0.15)


def test_a_free_agent_leaves_the_ringing_alone() -> None:
    quick = told(1, [Agent(), Agent(busy_s=10.0)], [180.0] * 40, [3.0, 4.0, 5.0] * 10)
    assert 2.0 < quick.shortest_s <= quick.longest_s < 8.0
    second = told(2, [Agent(), Agent(busy_s=10.0)], [180.0] * 40, [3.0, 4.0, 5.0] * 10)
    assert second.shortest_s > 100.0, "the free one is for whoever stands before him"


def test_how_long_agents_have_talked_is_taken_into_account() -> None:
    handling = [100.0, 110.0, 120.0, 130.0, 140.0] * 10
    just_begun, nearly_done = told(1, [Agent(busy_s=1.0)], handling), told(1, [Agent(busy_s=99.0)], handling)
    assert nearly_done.shortest_s < 35.0 < 95.0 < just_begun.shortest_s
    outlasted = told(1, [Agent(busy_s=2000.0)], handling)
    assert outlasted.longest_s > 90.0, "longer than all before: nobody knows, so not 'at once'"


def test_a_call_from_another_queue_lasts_as_long_as_calls_there() -> None:
    ours, theirs = [30.0] * 40, [600.0] * 40
    here = told(1, [Agent(busy_s=10.0)], ours)
    there = told(1, [Agent(busy_s=10.0, now_handling=theirs)], ours)
    assert here.longest_s < 60.0
    assert there.shortest_s > 500.0


def test_agents_of_several_queues_are_shared() -> None:
    handling = [120.0] * 40
    alone = told(4, [Agent(busy_s=60.0)] * 2, handling)
    shared = told(4, [Agent(busy_s=60.0, first_share=0.5, share=0.5, elsewhere=handling)] * 2, handling)
    assert 1.5 * alone.shortest_s < shared.shortest_s < 3.0 * alone.shortest_s
    at_once = told(1, [Agent(first_share=1.0, share=0.1, elsewhere=handling)], handling)
    assert at_once.longest_s < 10.0, "nobody waits elsewhere: he is ours now"


def test_who_can_be_overtaken_waits_longer_but_not_for_ever() -> None:
    handling = [60.0] * 40
    plain = told(3, [Agent(busy_s=30.0)], handling)
    overtaken = told(3, [Agent(busy_s=30.0)], handling, overtaking=Overtaking(per_s=1 / 30, ceiling_s=60.0))
    assert plain.shortest_s + 60.0 <= overtaken.shortest_s <= plain.shortest_s + 4 * 66.0


def test_little_knowledge_gives_a_wide_interval() -> None:
    agents = [Agent(busy_s=20.0), Agent(busy_s=50.0)]

    def width(found: Interval) -> float:
        return found.longest_s / found.shortest_s

    nothing, three, many = (told(4, agents, handling) for handling in ([], [150.0, 165.0, 180.0], [150.0, 165.0, 180.0] * 30))
    assert width(nothing) > width(three) > width(many)
    assert width(nothing) > 1.5
    assert width(many) < 1.15
    # The prior knows nothing of this queue: calls of 10 s pull it down at once, and it fades.
    short, shorter = told(4, agents, [10.0] * 5), told(4, agents, [10.0] * 80)
    assert shorter.longest_s < short.longest_s < 0.5 * nothing.longest_s


def test_nothing_is_promised_where_nobody_answers_or_beyond_an_hour() -> None:
    assert expected_wait(1, [], [180.0] * 40) is None
    assert expected_wait(1, [Agent(share=0.0, first_share=0.0)], [180.0] * 40) is None
    assert expected_wait(0, [Agent()], [180.0] * 40) is None
    assert expected_wait(60, [Agent()], [180.0] * 40) is None
    found = expected_wait(15, [Agent()], [180.0] * 40)
    assert found is not None
    assert found.longest_s < HORIZON_S


def test_the_same_question_has_the_same_answer() -> None:
    agents, handling = [Agent(busy_s=20.0), Agent()], [90.0, 180.0, 400.0]
    assert expected_wait(5, agents, handling, seed=7) == expected_wait(5, agents, handling, seed=7)


def test_a_promise_is_scored_by_what_is_known() -> None:
    assert outcome_of_promise(60.0, 60.0, answered=True) is True
    assert outcome_of_promise(60.0, 60.1, answered=True) is False
    assert outcome_of_promise(60.0, 90.0, answered=False) is False
    assert outcome_of_promise(60.0, 20.0, answered=False) is None


def test_silent_when_too_often_wrong_and_not_before_it_is_right_again() -> None:
    calibration = Calibration()
    for _ in range(LEAST_COUNTED - 1):
        calibration.score(kept=False)
    assert (calibration.silent, calibration.kept_ratio) == (False, None)
    calibration.score(kept=False)
    assert (calibration.silent, calibration.kept_ratio) == (True, 0.0)
    while calibration.silent:
        calibration.score(kept=True)
        assert calibration.silent == (calibration.kept_ratio is None or calibration.kept_ratio < 0.7)
    spoke_again_at = calibration.kept_ratio
    assert spoke_again_at is not None
    calibration.score(kept=False)
    assert calibration.kept_ratio is not None
    assert 0.6 <= calibration.kept_ratio < 0.7
    assert not calibration.silent, "between the two marks it stays as it is"
    for _ in range(COUNTED):
        calibration.score(kept=True)
    assert (calibration.kept_ratio, calibration.counted) == (1.0, COUNTED)

"""The trial of a version: the split of callers, the bounds, and the test that may be looked at after every call."""

from __future__ import annotations

import random

import pytest

from callflows.trial import TrialCall, always_valid_p, judge, takes_part, wilson

CALLERS = [f"caller-{number}" for number in range(4000)]


def test_the_same_caller_gets_the_same_version() -> None:
    first = [takes_part(caller, "v2", 0.2) for caller in CALLERS]
    assert first == [takes_part(caller, "v2", 0.2) for caller in CALLERS]
    assert sum(first) / len(first) == pytest.approx(0.2, abs=0.02)


def test_a_greater_share_keeps_those_who_were_in_it() -> None:
    assert all(takes_part(caller, "v2", 0.5) for caller in CALLERS if takes_part(caller, "v2", 0.1))


def test_another_trial_draws_anew() -> None:
    both = sum(takes_part(caller, "v2", 0.1) and takes_part(caller, "v3", 0.1) for caller in CALLERS)
    assert both / len(CALLERS) == pytest.approx(0.01, abs=0.006)


@pytest.mark.parametrize(("share", "part"), [(0.0, 0), (1.0, len(CALLERS))])
def test_nobody_and_everybody(share: float, part: int) -> None:
    assert sum(takes_part(caller, "v2", share) for caller in CALLERS) == part


@pytest.mark.parametrize(
    ("lost", "calls", "low", "high"),
    [  # R's prop.test(..., correct = FALSE)
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (15, 100, 0.0931, 0.2328),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilsons_bounds(lost: int, calls: int, low: float, high: float) -> None:
    assert wilson(lost, calls) == pytest.approx((low, high), abs=1e-4)


def test_no_calls_have_no_bounds() -> None:
    assert wilson(0, 0) is None


def test_a_caller_counts_once_by_his_first_call() -> None:
    calls = [
        TrialCall("a", "v2", True),
        TrialCall("a", "v2", True),
        TrialCall("b", "v1", False),
        TrialCall("b", "v1", True),
        TrialCall("c", "v1", True),
        TrialCall("d", "v0", True),  # came back from a queue with an older version
    ]
    verdict = judge(calls, "v1", "v2", 0.5)
    assert (verdict.in_service.calls, verdict.in_service.lost, verdict.in_service.repeats) == (2, 1, 1)
    assert (verdict.trial.calls, verdict.trial.lost, verdict.trial.repeats, verdict.trial.loss_rate) == (1, 1, 1, 1.0)
    assert not verdict.worse


def test_nothing_lost_says_nothing() -> None:
    assert always_valid_p([], 0.1) == 1.0
    verdict = judge([], "v1", "v2", 0.1)
    assert (verdict.trial.loss_rate, verdict.trial.bounds, verdict.worse) == (None, None, False)


def test_the_p_value_never_rises() -> None:
    dice = random.Random(7)
    losses = [dice.random() < 0.15 for _ in range(300)]
    values = [always_valid_p(losses[:count], 0.1) for count in range(0, 300, 20)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_splits_nobody_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        always_valid_p([True], share)


def rolled_back(dice: random.Random, share: float, base: float, ratio: float, callers: int) -> bool:
    """One trial, judged after each lost caller; the loss rate moves with the hour, as a real one does."""
    losses = []
    for number in range(callers):
        in_trial = dice.random() < share
        rate = base * (0.5 + (number % 200) / 200)
        if dice.random() < rate * (ratio if in_trial else 1.0):
            losses.append(in_trial)
    return always_valid_p(losses, share) <= 0.05


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_version_that_is_no_worse_is_rolled_back_in_one_trial_of_twenty_at_most(share: float) -> None:
    dice = random.Random(20261122)
    trials = 300
    wrongly = sum(rolled_back(dice, share, 0.1, 1.0, 1500) for _ in range(trials))
    # α = 0.05 is the promise; three standard errors for the simulation's own chance.
    assert wrongly / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5


def test_a_better_version_is_left_alone() -> None:
    dice = random.Random(1)
    assert sum(rolled_back(dice, 0.5, 0.2, 0.6, 1500) for _ in range(100)) <= 1


@pytest.mark.parametrize(("share", "callers"), [(0.1, 3000), (0.5, 1200)])
def test_a_doubled_loss_rate_is_caught(share: float, callers: int) -> None:
    dice = random.Random(3)
    assert sum(rolled_back(dice, share, 0.1, 2.0, callers) for _ in range(100)) >= 90


def test_a_version_that_loses_everybody_is_caught_at_once() -> None:
    dice = random.Random(5)
    assert all(rolled_back(dice, 0.1, 0.05, 18.0, 400) for _ in range(100))

"""The figures against a worked example, and the law that nobody is lost from the count."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.contacts import Visit, VisitOutcome
from ivr.domain.definitions import percentile
from ivr.domain.figures import Thresholds, queue_figures
from ivr.domain.intervals import Grain, intervals

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
T = Thresholds()


def visit(outcome: VisitOutcome | None, wait: float) -> Visit:
    end = NOW + timedelta(seconds=wait)
    if outcome is VisitOutcome.ANSWERED:
        return Visit("q", NOW, picked_up_at=end, answered_at=end, outcome=outcome)
    return Visit("q", NOW, left_at=end if outcome else None, outcome=outcome)


FIXTURE = (
    [visit(VisitOutcome.ANSWERED, wait) for wait in (4, 8, 12, 15, 19, 33, 47, 90)]
    + [visit(VisitOutcome.ABANDONED_WAIT, wait) for wait in (2, 9, 16, 31, 75)]
    + [visit(VisitOutcome.FLOW_TIMEOUT, 60), visit(VisitOutcome.FLOW_KEY, 14)]
)


def test_the_worked_example() -> None:
    figures = queue_figures(FIXTURE, NOW, T)
    assert (figures.offered, figures.answered, figures.abandoned, figures.abandoned_short, figures.flow_out) == (15, 8, 5, 1, 2)
    assert figures.service_level_strict == pytest.approx(0.357, abs=0.0005)
    assert figures.service_level_inclusive == pytest.approx(0.333, abs=0.0005)
    assert figures.abandon_queue == pytest.approx(0.286, abs=0.0005)
    assert figures.abandon_raw == pytest.approx(0.333, abs=0.0005)
    assert figures.loss_rate == pytest.approx(0.467, abs=0.0005)
    assert figures.average_speed_of_answer == pytest.approx(28.5)
    assert (figures.value("asa.p50"), figures.value("asa.p90")) == (17.0, 90.0)
    assert figures.answered_within == ((3.0, 0), (10.0, 2), (20.0, 5))
    assert figures.longest_wait == 90.0


def test_no_calls_is_neither_all_nor_nothing() -> None:
    figures = queue_figures([], NOW, T)
    values = (figures.service_level_strict, figures.loss_rate, figures.average_speed_of_answer, figures.longest_wait)
    assert values == (None, None, None, None)


def test_whoever_waits_is_not_lost_and_his_wait_grows() -> None:
    figures = queue_figures([visit(None, 0), visit(VisitOutcome.ANSWERED, 3)], NOW + timedelta(seconds=30), T)
    assert (figures.waiting, figures.lost, figures.loss_rate, figures.longest_wait) == (1, 0, 0.0, 30.0)


def test_the_refused_are_offered_and_lost() -> None:
    figures = queue_figures([visit(VisitOutcome.FULL, 0), visit(VisitOutcome.JOIN_EMPTY, 0)], NOW, T)
    assert (figures.offered, figures.refused, figures.loss_rate) == (2, 2, 1.0)


def test_a_talking_call_is_answered_at_once() -> None:
    assert queue_figures([visit(VisitOutcome.ANSWERED, 3)], NOW, T).answered == 1


VISITS = st.lists(st.builds(visit, st.sampled_from([*VisitOutcome, None]), st.floats(0, 4000)), max_size=60)


@given(VISITS, st.floats(0, 60), st.floats(0, 30))
def test_nobody_is_lost_from_the_count(visits: list[Visit], service_s: float, short_s: float) -> None:
    f = queue_figures(visits, NOW, Thresholds(service_s, short_s))
    assert f.offered == f.answered + f.abandoned + f.flow_out + f.refused + f.withdrawn + f.waiting
    assert f.lost + f.answered + f.waiting == f.offered
    assert 0 <= f.abandoned_short <= f.abandoned == f.abandoned_wait + f.abandoned_ring
    for rate in (f.service_level_strict, f.service_level_inclusive, f.abandon_queue, f.abandon_raw, f.loss_rate):
        assert rate is None or 0 <= rate <= 1


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_percentile_parts_the_values(values: list[int], share: float) -> None:
    found = percentile(Counter(values), share)
    assert found is not None
    at_most, below = sum(value <= found for value in values), sum(value < found for value in values)
    assert below <= share * len(values) + 1e-9 <= at_most + 2e-9


def test_the_half_is_the_median() -> None:
    assert [percentile(Counter(values), 0.5) for values in ([1, 2], [1, 2, 9], [4, 4, 8, 9], [])] == [1.5, 2, 6.0, None]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("grain", [grain for grain in Grain if grain is not Grain.HOUR_OF_WEEK])
def test_intervals_follow_each_other_without_gap_or_overlap(zone: str, grain: Grain) -> None:
    start, end = datetime(2026, 3, 1, 5, 7, tzinfo=UTC), datetime(2026, 4, 15, tzinfo=UTC)
    found = list(intervals(start, end, grain, ZoneInfo(zone)))
    assert found[0][0] <= start < found[0][1]
    assert found[-1][0] < end <= found[-1][1]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(found))


def test_days_of_23_and_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = list(intervals(datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 30, tzinfo=berlin), Grain.DAY, berlin))
    autumn = list(intervals(datetime(2026, 10, 25, tzinfo=berlin), datetime(2026, 10, 26, tzinfo=berlin), Grain.DAY, berlin))
    assert [(end - start).total_seconds() / 3600 for start, end in (*spring, *autumn)] == [23, 25]

"""Every definition against the published fixture, and the laws that hold tallies, visits and formulas together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.contacts import ContactOutcome, Quality, Visit, VisitOutcome
from ivr.domain.definition_book import DECIDED, DEFINITIONS, LOST, OFFERED, QUEUED, find
from ivr.domain.definitions import Parts
from ivr.domain.measures import ABANDONED, ANSWERED, FLOW_OUT, REFUSED, WITHDRAWN, Limits, Measure, RingMeasure, TalkMeasure, Thresholds
from ivr.domain.tally import OUTCOMES, Tally, total
from ivr.domain.visit_record import VisitRecord, milliseconds, record_of

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
V = VisitOutcome


def record(outcome: VisitOutcome | None, wait_s: float, **more: object) -> VisitRecord:
    end = NOON + timedelta(seconds=wait_s) if outcome else None
    answered = end if outcome is V.ANSWERED else None
    visit = Visit("hr", NOON, picked_up_at=answered, answered_at=answered, left_at=end, outcome=outcome)
    for name, value in more.items():
        setattr(visit, name, value)
    return record_of(visit, "1.0", 1, pbx="main", line="hr")


FIXTURE = [
    *(record(V.ANSWERED, wait) for wait in (4, 8, 12, 15, 19, 33, 47, 90)),
    *(record(V.ABANDONED_WAIT, wait) for wait in (2, 9, 16, 31, 75)),
    record(V.FLOW_TIMEOUT, 60),
    record(V.FLOW_KEY, 14),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sl.strict", 0.357),
        ("sl.inclusive", 0.333),
        ("asterisk.sl", 0.625),
        ("asterisk.sl2", 0.571),
        ("wazo.answered_rate", 0.571),
        ("connect.sl", 0.600),
        ("genesys.sl", 0.385),
        ("genesys.sl.short_out", 0.417),
        ("genesys.sl.short_out.flow_outs_in", 0.357),
        ("huawei.20s", 0.625),
        ("vicidial.tmr_a", 0.625),
        ("vicidial.tmr_b", 0.333),
        ("sinch.sl", 0.357),
        ("firstline.sl", 0.467),
        ("abandon.queue", 0.286),
        ("abandon.raw", 0.333),
        ("abandon.asterisk", 0.429),
        ("loss", 0.467),
        ("within.3s", 0.0),
        ("within.10s", 2 / 15),
        ("within.20s", 5 / 15),
    ],
)
def test_shares_of_the_fixture(name: str, value: float) -> None:
    assert find(name).value(Parts({Thresholds(): Tally.of(FIXTURE)}, NOW)) == pytest.approx(value, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "value"),
    [("asa.mean", 28.5), ("asa.p50", 17.0), ("asa.p90", 90.0), ("wait.all", 29.0), ("wait.wazo", 30.07), ("wait.longest", 90.0)],
)
def test_times_of_the_fixture(name: str, value: float) -> None:
    assert find(name).value(Parts({Thresholds(): Tally.of(FIXTURE)}, NOW)) == pytest.approx(value, abs=0.005)


def test_nothing_of_nothing() -> None:
    values = {name: known.value(Parts({Thresholds(): Tally()}, NOW)) for name, known in DEFINITIONS.items()}
    assert {name: value for name, value in values.items() if value is not None} == {"offered": 0, "answered": 0, "lost": 0}


def test_every_outcome_has_one_place() -> None:
    parts = [ANSWERED, ABANDONED, FLOW_OUT, WITHDRAWN, REFUSED]
    assert sorted(outcome for part in parts for outcome in part) == sorted(V)
    assert Tally.of(record(outcome, 3) for outcome in V).counted == len(V)


def test_every_definition_is_told_in_both_languages() -> None:
    for name, known in DEFINITIONS.items():
        assert known.name == name
        assert known.formula_zh
        assert known.formula_en
        assert known.source
    assert find("sl.strict@1") is DEFINITIONS["sl.strict"]
    for unknown in ("sl.strict@9", "sl", ""):
        with pytest.raises(KeyError):
            find(unknown)


def test_no_wait_is_within_a_limit_by_rounding() -> None:
    for wait, within in ((20.0, 1), (20.0004, 0), (20.01, 0), (19.9999, 1)):
        assert Tally.of([record(V.ANSWERED, wait)]).within(V.ANSWERED, 200) == within
    assert [milliseconds(timedelta(microseconds=us)) for us in (0, 1, 1000, 1001, -5)] == [0, 1, 1, 2, 0]


def test_a_short_limit_of_nothing_is_off() -> None:
    short = record(V.ABANDONED_WAIT, 0)
    for short_s, value in ((0.0, 1.0), (5.0, None)):
        assert find("abandon.queue").value(Parts({Thresholds(short_s=short_s): Tally.of([short])}, NOW)) == value


def test_lines_have_their_own_limits() -> None:
    limits = Limits(Thresholds(), {"hr": Thresholds(30, 0)})
    assert (limits.of("hr").service_s, limits.of("course").service_s, limits.of(None).service_s) == (30, 20, 20)
    parts = Parts({Thresholds(30): Tally.of([record(V.ANSWERED, 25)]), Thresholds(20): Tally.of([record(V.ANSWERED, 25)])}, NOW)
    assert find("sl.strict").value(parts) == 0.5


def test_talk_hold_transfer_and_wrap_up() -> None:
    def talked(**more: object) -> VisitRecord:
        return record(V.ANSWERED, 10, talk_ended_at=NOON + timedelta(seconds=70), **more)

    tally = Tally.of([talked(ended_by="caller", held_s=12.0), talked(ended_by="transfer"), record(V.ANSWERED, 5)])
    tally.wraps, tally.wrap_ms = 1, 30_000
    parts = Parts({Thresholds(): tally}, NOW)
    found = {name: find(name).value(parts) for name in ("aht", "talk.mean", "hold.mean", "wrap_up.mean", "transfer.rate")}
    assert found == {"aht": 75.0, "talk.mean": 60.0, "hold.mean": 6.0, "wrap_up.mean": 30.0, "transfer.rate": 0.5}


def test_calls_past_the_greeting() -> None:
    tally = Tally()
    for outcome, nodes in (
        (ContactOutcome.ABANDONED_IVR, 1),  # hung up while he was greeted: he had not come yet
        (ContactOutcome.ABANDONED_IVR, 3),
        (ContactOutcome.ABANDONED_QUEUE, 0),
        (ContactOutcome.ANSWERED, 4),
        (ContactOutcome.SELF_SERVED, 2),
    ):
        tally.add_contact(outcome, nodes)
    parts = Parts({Thresholds(): tally}, NOW)
    assert (find("abandon.ivr").value(parts), find("abandon.hotline").value(parts)) == (0.25, 0.5)


def test_ratings() -> None:
    tally = Tally()
    for rating in (None, 5, 4, 3, 1):
        tally.add_rating(rating)
    parts = Parts({Thresholds(): tally}, NOW)
    assert [find(f"satisfaction.{name}").value(parts) for name in ("rate", "bad", "response")] == [0.5, 0.25, 0.8]


def test_who_waits_has_waited_until_now() -> None:
    tally = Tally.of([record(None, 0), record(V.ANSWERED, 5)])
    assert tally.longest_s(NOON + timedelta(seconds=3)) == 5.0
    assert tally.longest_s(NOON + timedelta(seconds=30)) == 30.0


RECORDS = st.builds(
    lambda outcome, wait, talk, ended_by, quality: record(
        outcome,
        wait,
        talk_ended_at=NOON + timedelta(seconds=wait + talk) if talk is not None and outcome is V.ANSWERED else None,
        ended_by=ended_by,
        uncertain=quality is Quality.UNCERTAIN,
        reconstructed=quality is Quality.RECONSTRUCTED,
    ),
    st.sampled_from([None, *V]),
    st.one_of(st.floats(0, 4000), st.sampled_from([0.0, 3.0, 5.0, 10.0, 20.0])),
    st.one_of(st.none(), st.floats(0, 900)),
    st.sampled_from([None, "caller", "agent", "transfer"]),
    st.sampled_from(Quality),
)
DAYS = st.lists(RECORDS, max_size=40)
LIMITS = st.builds(Thresholds, st.floats(0, 120), st.floats(0, 30))


@given(DAYS, LIMITS)
def test_a_tally_counts_what_a_measure_says_yes_to(day: list[VisitRecord], limits: Thresholds) -> None:
    tally = Tally.of(day)
    measures = {measure for known in DEFINITIONS.values() for measure in (known.numerator, known.denominator)}
    for measure in measures:
        if isinstance(measure, Measure | TalkMeasure | RingMeasure):
            assert measure.of(tally, limits) == sum(measure.counts(each, limits) for each in day), measure


@given(DAYS, LIMITS)
def test_nobody_is_lost_and_shares_are_shares(day: list[VisitRecord], limits: Thresholds) -> None:
    tally = Tally.of(day)
    assert OFFERED.of(tally, limits) == tally.entered == tally.counted == len(day) == sum(tally.outcomes[name] for name in OUTCOMES)
    assert DECIDED.of(tally, limits) == LOST.of(tally, limits) + tally.outcomes[V.ANSWERED]
    assert QUEUED.of(tally, limits) <= len(day)
    for name, known in DEFINITIONS.items():
        value = known.value(Parts({limits: tally}, NOW))
        if known.unit == "share" and value is not None:
            assert 0 <= value <= 1, name


@given(DAYS, DAYS, LIMITS)
def test_tallies_of_parts_add_up_to_the_tally_of_all(one: list[VisitRecord], other: list[VisitRecord], limits: Thresholds) -> None:
    whole, parts = Tally.of([*one, *other]), [Tally.of(one), Tally.of(other)]
    assert parts[0] + parts[1] == parts[1] + parts[0] == total(parts) == whole
    assert Tally.from_json(whole.as_json()) == whole
    both = Tally.from_json(parts[0].as_json())
    both += parts[1]
    assert both == whole
    joined = Parts.joined([Parts({limits: part}, NOW) for part in parts], NOW)
    assert joined == Parts({limits: whole}, NOW)

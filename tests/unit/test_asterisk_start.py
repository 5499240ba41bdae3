"""When Asterisk was started, in UTC whatever its zone, and whether that was while nobody listened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.asterisk_start import Start, StartWatch, start_of

AT = datetime(2026, 11, 22, 4, 0, 1, 500_000, tzinfo=UTC)
STARTED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def status(date: str, time: str) -> AmiMessage:
    return AmiMessage(("Response", "CoreStartupDate", "CoreStartupTime"), ("Success", date, time))


@pytest.mark.parametrize(
    ("date", "time"),
    [("2026-11-22", "11:00:00"), ("2026-11-22", "03:00:00"), ("2026-11-21", "22:00:00"), ("2026-11-22", "08:45:00")],
    ids=["Shanghai", "UTC", "New York", "Kathmandu"],
)
@pytest.mark.parametrize("uptime_s", [3599, 3601, 3603])
def test_the_start_is_the_same_moment_in_every_zone_and_however_often_it_is_asked(date: str, time: str, uptime_s: int) -> None:
    assert start_of(status(date, time), uptime_s, AT) == Start(STARTED, f"{date} {time}")


def test_without_an_uptime_its_zone_is_taken_to_be_ours() -> None:
    start = start_of(status("2026-11-22", "11:00:00"), None, AT)
    assert start is not None
    assert start.at == datetime(2026, 11, 22, 11, 0).astimezone(UTC)


@pytest.mark.parametrize("told", [None, status("", ""), status("2026-11-22", ""), status("soon", "11:00:00")])
def test_without_its_words_the_uptime_tells(told: AmiMessage | None) -> None:
    assert start_of(told, 3600, AT) == Start(AT - timedelta(seconds=3600))
    assert start_of(told, None, AT) is None


def test_another_run_is_told_once() -> None:
    watch = StartWatch()
    assert watch.started_since(Start(STARTED, "a"), None, 0) is None  # nobody knows what was before
    assert watch.started_since(Start(STARTED, "a"), AT, 0) is None
    later = Start(AT, "b")
    assert watch.started_since(later, STARTED, 0) == AT
    assert watch.started_since(later, STARTED, 0) is None
    assert watch.started_since(None, STARTED, 0) is None


def test_runs_are_told_apart_by_their_uptime_too() -> None:
    watch = StartWatch()
    watch.started_since(Start(STARTED), None, 0)
    assert watch.started_since(Start(STARTED + timedelta(seconds=2)), AT, 0) is None
    assert watch.started_since(Start(STARTED + timedelta(seconds=20)), AT, 0) == STARTED + timedelta(seconds=20)


@pytest.mark.parametrize(("heard_before_s", "ahead_s", "told"), [(60, 0, True), (-60, 0, False), (60, 120, False), (-60, -120, True)])
def test_a_start_while_we_were_away_is_told_by_asterisks_clock(heard_before_s: int, ahead_s: int, told: bool) -> None:
    watch = StartWatch(heard_until=STARTED - timedelta(seconds=heard_before_s))
    assert (watch.started_since(Start(STARTED, "a"), None, ahead_s) == STARTED) is told

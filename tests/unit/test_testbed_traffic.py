"""The demo's callers: a mix, at a rate, bounded, and gone when asked."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import numpy as np
import pytest

from ivr.testbed import traffic
from ivr.testbed.caller import CallResult, CallScript
from ivr.testbed.errors import TestbedError
from ivr.testbed.keys import parse_keys
from ivr.testbed.rtp import Heard
from ivr.testbed.traffic import KINDS, MOST_AT_ONCE, Arrival, arrivals, keep_calling

RESULT = CallResult("id", True, None, "caller", False, 0.1, 3.0, Heard(np.zeros(0, dtype=np.int16)))
NOW = Arrival(0.0, KINDS[0], "w1 h", "13800138000")


def test_every_kind_of_call_can_be_keyed_and_the_shares_are_whole() -> None:
    assert sum(kind.share for kind in KINDS) == 100
    for kind in KINDS:
        for keys in kind.keys:
            parse_keys(keys)


def test_they_come_at_the_rate_the_first_at_once_and_of_every_kind() -> None:
    coming = list(itertools.islice(arrivals(30.0, random.Random(1)), 2000))
    assert coming[0].after_s == 0.0
    assert sum(arrival.after_s for arrival in coming) / 2000 == pytest.approx(2.0, rel=0.1)
    assert {arrival.kind for arrival in coming} == set(KINDS)
    callers = Counter(arrival.caller for arrival in coming)
    assert 100 < callers[traffic.WITHHELD] < 300
    assert any(count > 1 for caller, count in callers.items() if caller != traffic.WITHHELD)


async def test_calls_are_placed_until_the_last_and_failures_are_told() -> None:
    told: list[str] = []

    async def place(script: CallScript) -> CallResult:
        if script.keys == "":
            raise TestbedError("sipp can't be run")
        return RESULT

    coming = iter([NOW, Arrival(0.0, KINDS[-1], "", "13800138001")])
    tally = await keep_calling(coming, place, "400", asyncio.Event(), told.append)
    assert (tally.placed, tally.answered, tally.failed, tally.left_out) == (2, 1, 1, 0)
    assert any("…8000" in line and "ended by the caller after 3 s" in line for line in told)
    assert not any("13800138000" in line for line in told)


async def test_one_too_many_stays_at_home_and_a_stop_cuts_them_off() -> None:
    stop, cut = asyncio.Event(), []

    async def place(_: CallScript) -> CallResult:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cut.append(1)
            raise
        return RESULT

    calling = asyncio.create_task(keep_calling(itertools.repeat(NOW, MOST_AT_ONCE + 3), place, "400", stop, lambda _: None))
    await asyncio.sleep(0.1)
    stop.set()
    tally = await asyncio.wait_for(calling, 2)
    assert (tally.placed, tally.left_out, len(cut)) == (MOST_AT_ONCE, 3, MOST_AT_ONCE)
    assert "3 left out" in str(tally)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "121", "many"])
def test_a_rate_that_is_none_is_wrong_usage(rate: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RATE", rate)
    monkeypatch.setattr("sys.argv", ["traffic"])
    with pytest.raises(SystemExit) as stopped:
        traffic.main()
    assert (stopped.value.code, "calls a minute" in capsys.readouterr().err) == (2, True)

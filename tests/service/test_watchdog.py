"""A loop that hangs is noticed, one that is only busy isn't."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from ivr.watchdog import LoopWatchdog


@pytest.mark.parametrize(("blocked_s", "is_hung"), [(0.6, True), (0.05, False)])
async def test_a_hung_loop_is_noticed(blocked_s: float, is_hung: bool) -> None:
    hung = threading.Event()
    task = asyncio.create_task(LoopWatchdog(beat_s=0.02, hung_after=10, on_hung=hung.set).run())
    await asyncio.sleep(0.05)
    threading.Event().wait(blocked_s)  # what no code of ours may do
    await asyncio.sleep(0.05)
    assert hung.is_set() is is_hung
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

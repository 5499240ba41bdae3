"""Ends a process whose event loop hangs: its sockets close, and Asterisk's fallback has the callers at once.

Asterisk never gives up on a FastAGI server that is silent (measured: neither TIMEOUT(absolute) nor the RTP time-out end it), so a
hung daemon would leave its callers in silence. A supervisor (systemd, compose, ``make run``) starts it again or says that it ended.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable

BEAT_S = 1.0
HUNG_AFTER_BEATS = 20
EXIT_CODE = 70


def _end_process() -> None:
    sys.stderr.write("ivrd: the event loop has hung, the process ends so that the fallback takes its calls; where it hangs:\n")
    faulthandler.dump_traceback()
    os._exit(EXIT_CODE)


class LoopWatchdog:
    """``run`` beats on the loop; a thread counts its own ticks without a beat, so that a stopped or suspended process isn't hung."""

    def __init__(self, *, beat_s: float = BEAT_S, hung_after: int = HUNG_AFTER_BEATS, on_hung: Callable[[], None] = _end_process) -> None:
        self._beat_s = beat_s
        self._hung_after = hung_after
        self._on_hung = on_hung
        self._beats = 0
        self._stop = threading.Event()

    async def run(self) -> None:
        """Until cancelled."""
        threading.Thread(target=self._watch, name="loop-watchdog", daemon=True).start()
        try:
            while True:
                self._beats += 1
                await asyncio.sleep(self._beat_s)
        finally:
            self._stop.set()

    def _watch(self) -> None:
        seen, silent = -1, 0
        while not self._stop.wait(self._beat_s):
            silent = silent + 1 if self._beats == seen else 0
            seen = self._beats
            if silent >= self._hung_after:
                self._on_hung()
                return

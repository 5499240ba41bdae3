"""One clock for every RTP stream of a process: fifty beats a second, whatever the number of streams.

For ``rtp``. A task of its own for each stream would spend most of its time on being woken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

BEAT_S = 0.02
# A machine that was away for longer than this has missed beats, and they are not made up for.
_LATE_S = 0.5

Beat = Callable[[], None]


class Metronome:
    """Calls everybody who listens at each beat, as long as anybody does."""

    def __init__(self) -> None:
        self._listeners: list[Beat] = []
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def calling(self, listener: Beat) -> Iterator[None]:
        """``listener`` is called at each beat within the context; it must not wait, nor raise."""
        self._listeners.append(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="metronome")
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        following = loop.time()
        while self._listeners:
            for listener in tuple(self._listeners):
                listener()
            following = max(following + BEAT_S, loop.time() - _LATE_S)
            await asyncio.sleep(max(0.0, following - loop.time()))


_metronomes: WeakKeyDictionary[asyncio.AbstractEventLoop, Metronome] = WeakKeyDictionary()


def metronome() -> Metronome:
    """That of the running event loop."""
    return _metronomes.setdefault(asyncio.get_running_loop(), Metronome())

"""Lines to call on, few at a time, and whose turn it is. For acceptance tests that place many calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

AT_A_TIME = 10 * (os.cpu_count() or 1)  # more, and they would be late for each other
Rank = tuple[int, float]


class Lines:
    """``AT_A_TIME`` calls at once once it is open; of those who wait for a line, the lowest rank has the next."""

    def __init__(self) -> None:
        self._free = 0
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def open(self) -> None:
        for _ in range(AT_A_TIME):
            self._next()

    @asynccontextmanager
    async def line(self, rank: Rank) -> AsyncIterator[None]:
        if self._free:
            self._free -= 1
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (rank, next(self._numbers), turn))
            await turn
        try:
            yield
        finally:
            self._next()

    def _next(self) -> None:
        while self._waiting:
            _, _, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

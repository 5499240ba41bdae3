"""A consumer of facts that keeps them and can be waited on; it also plays the slow and the failing consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ami_bridge.facts import AnyFact
from ami_bridge.link import AmiLink

DEADLINE_S = 10.0


class FactRecorder:
    def __init__(self) -> None:
        self.facts: list[AnyFact] = []
        self.fail_on: set[type] = set()
        self.wait_for: asyncio.Event | None = None  # while set to an event, every fact waits for it
        self._news = asyncio.Condition()

    async def __call__(self, fact: AnyFact) -> None:
        if self.wait_for is not None:
            await self.wait_for.wait()
        self.facts.append(fact)
        async with self._news:
            self._news.notify_all()
        if type(fact) in self.fail_on:
            raise ValueError("the consumer's own fault, about 13800138000")

    @property
    def kinds(self) -> list[str]:
        return [type(fact).__name__ for fact in self.facts]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds after some fact; fails with what has come instead."""
        try:
            async with asyncio.timeout(DEADLINE_S), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"only came: {self.kinds}") from None

    async def of(self, kind: type, count: int = 1) -> list[AnyFact]:
        """Wait for so many facts of this kind and return them."""
        await self.until(lambda: sum(type(fact) is kind for fact in self.facts) >= count)
        return [fact for fact in self.facts if type(fact) is kind]


@asynccontextmanager
async def running(link: AmiLink) -> AsyncIterator[AmiLink]:
    """The link runs in a task of its own, and is closed at the end; its failure is the test's."""
    task = asyncio.create_task(link.run(), name="link under test")
    try:
        yield link
    finally:
        async with asyncio.timeout(DEADLINE_S):
            await link.close()
            await task

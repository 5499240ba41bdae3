"""Agents as they come and go, for whoever watches: the latest picture soon after each change. For the agents' page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from aiohttp import web

from ivr.agent_desk import AgentsNow
from ivr.console.live import AT_MOST_EVERY_S, TooManyWatchersError
from ivr.console.ports import AgentsService


class LiveAgents:
    """``most``: how many may watch at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._watching: set[asyncio.Event] = set()
        self._closed = False

    async def watch(self, service: AgentsService, heartbeat_s: float) -> AsyncGenerator[AgentsNow | None, None]:
        """Pictures as they come, the first at once; None after ``heartbeat_s`` without one. Raises TooManyWatchersError."""
        if len(self._watching) >= self._most:
            raise TooManyWatchersError
        with service.watched() as changed:
            self._watching.add(changed)
            try:
                changed.set()
                while not self._closed:
                    try:
                        async with asyncio.timeout(heartbeat_s):
                            await changed.wait()
                    except TimeoutError:
                        yield None
                        continue
                    changed.clear()
                    if not self._closed:
                        yield service.agents_now()
                        await asyncio.sleep(AT_MOST_EVERY_S)
            finally:
                self._watching.discard(changed)

    def close(self) -> None:
        """End every watch."""
        self._closed = True
        for changed in self._watching:
            changed.set()


LIVE_AGENTS: web.AppKey[LiveAgents] = web.AppKey("live_agents", LiveAgents)

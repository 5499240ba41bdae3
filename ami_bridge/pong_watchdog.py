"""Drops a connection with Asterisk's manager that is open on our side only: TCP itself would not notice for hours. For ``link`` alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ami_bridge import requests
from ami_bridge.ami_session import AmiRefused, AmiSession, AmiTimeout, AmiUnavailable


def watching(session: AmiSession, every_s: float, pong_within_s: float, heard_at: Callable[[], float]) -> asyncio.Task[None]:
    """Begin to ping; cancel the task when the session is over. ``heard_at``: when bytes came last, by the loop's clock."""
    watchdog = asyncio.create_task(_watch(session, every_s, pong_within_s, heard_at), name="ami-pong-watchdog")
    watchdog.add_done_callback(lambda task: _end_with(session, task))
    return watchdog


async def _watch(session: AmiSession, every_s: float, pong_within_s: float, heard_at: Callable[[], float]) -> None:
    while True:
        await asyncio.sleep(every_s)
        asked = asyncio.get_running_loop().time()
        try:
            await session.request(requests.ping(), pong_within_s)
        except AmiTimeout:
            # One session thread serves actions and events: a slow action delays the pong, but not in silence.
            if heard_at() < asked:
                session.drop(f"Asterisk gave no sign of life for {pong_within_s:g} s")
                return
        except AmiRefused:
            continue  # "Asterisk is shutting down": the end comes by itself
        except AmiUnavailable:
            return


def _end_with(session: AmiSession, watchdog: asyncio.Task[None]) -> None:
    """Without its watchdog a connection isn't watched: it ends, and the next one begins with a new one."""
    if not watchdog.cancelled() and (error := watchdog.exception()) is not None:
        session.drop(f"the pong watchdog failed: {type(error).__name__}")

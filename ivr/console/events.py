"""``/api/v1/events``: the board pushed to whoever watches, as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from aiohttp import web

from ivr.board_snapshot import BoardSnapshot
from ivr.console.board_json import board_as_json
from ivr.console.desk import May, desk, require, token_of
from ivr.console.guard import add_headers, failure
from ivr.console.live import SHOWN_LOST, TooManyWatchersError
from ivr.store.database import StoreError

T = TypeVar("T")
HEARTBEAT_S = 15.0
RECONNECT_MS = 2000
# Whoever doesn't take what we send for so long is gone.
WRITE_DEADLINE_S = 10.0


async def events(request: web.Request) -> web.StreamResponse:
    """A ``board`` event with the whole board at once and after each change; a comment as heartbeat; an end with the log-in."""
    require(request, May.WATCH)
    found = desk(request)

    def told(board: BoardSnapshot) -> str:
        data = json.dumps(board_as_json(board, found.settings.zone, found.live.promised, SHOWN_LOST), ensure_ascii=False)
        return f"id: {found.live.edition}\nevent: board\ndata: {data}\n\n"

    return await stream(request, found.live.watch(HEARTBEAT_S), told)


async def stream(request: web.Request, watch: AsyncGenerator[T | None, None], told: Callable[[T], str]) -> web.StreamResponse:
    """What is watched, each as ``told`` writes it, a comment where there is None; until the watch or the log-in ends."""
    token = token_of(request)
    answer = web.StreamResponse()
    answer.content_type = "text/event-stream"
    answer.charset = "utf-8"
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would collect them otherwise
    add_headers(answer)
    loop = asyncio.get_running_loop()
    checked = loop.time()
    try:
        async for seen in watch:
            if not answer.prepared:
                await answer.prepare(request)
                await answer.write(f"retry: {RECONNECT_MS}\n\n".encode())
            if loop.time() - checked >= HEARTBEAT_S:
                checked = loop.time()
                if not await _still_in(request, token):
                    break
            text = ": still here\n\n" if seen is None else told(seen)
            async with asyncio.timeout(WRITE_DEADLINE_S):
                await answer.write(text.encode())
    except TooManyWatchersError:
        refused = failure(request, 503, "as many pages watch the board as may; close one")
        refused.headers["Retry-After"] = "10"
        return refused
    except (TimeoutError, ConnectionResetError):
        pass  # the browser is gone, or as good as
    finally:
        await watch.aclose()
    return answer


async def _still_in(request: web.Request, token: str) -> bool:
    try:
        return await desk(request).accounts.session_of(token) is not None
    except StoreError:
        return True  # nobody is thrown out because a disk is full

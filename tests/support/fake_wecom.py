"""WeCom's group robot on loopback, as strict as the real one: bytes, shape, key, and 20 messages a minute.

It answers HTTP 200 whatever happens; ``errcode`` says what did (developer.work.weixin.qq.com, path/91770).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
A_MINUTE = 20
LIMITS = {"text": 2048, "markdown": 4096}


@dataclass
class FakeWecom:
    """``next_answers``: canned (status, body) given instead, or None for no answer at all; then the robot is itself again."""

    port: int = 0
    monotonic: Callable[[], float] = time.monotonic
    texts: list[str] = field(default_factory=list)  # what the group reads
    refused: list[int] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    next_answers: list[tuple[int, bytes] | None] = field(default_factory=list)
    _sent: deque[float] = field(default_factory=deque)

    def url(self, key: str = KEY) -> str:
        return f"http://127.0.0.1:{self.port}/cgi-bin/webhook/send?key={key}"

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.arrived.append(self.monotonic())
        if self.next_answers:
            canned = self.next_answers.pop(0)
            if canned is None:
                await asyncio.sleep(3600)
                raise AssertionError("nobody waits so long")
            return web.Response(status=canned[0], body=canned[1], content_type="text/html")
        code = self._judge(request.query.get("key", ""), raw)
        if code:
            self.refused.append(code)
        return web.json_response({"errcode": code, "errmsg": "ok" if code == 0 else f"refused, hint: [{len(raw)}]"})

    def _judge(self, key: str, raw: bytes) -> int:
        if key != KEY:
            return 93000
        try:
            message: dict[str, Any] = json.loads(raw.decode("utf-8"))
            kind = message["msgtype"]
            content = message[kind]["content"]
        except (ValueError, KeyError, TypeError):
            return 40008
        if kind not in LIMITS or not isinstance(content, str) or not content:
            return 40008
        if len(content.encode()) > LIMITS[kind]:
            return 40058
        now = self.monotonic()
        while self._sent and now - self._sent[0] >= 60:
            self._sent.popleft()
        if len(self._sent) >= A_MINUTE:
            return 45009
        self._sent.append(now)
        self.texts.append(content)
        return 0


@asynccontextmanager
async def fake_wecom(monotonic: Callable[[], float] = time.monotonic) -> AsyncIterator[FakeWecom]:
    robot = FakeWecom(monotonic=monotonic)
    application = web.Application()
    application.add_routes([web.post("/cgi-bin/webhook/send", robot.handle)])
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    robot.port = runner.addresses[0][1]
    try:
        yield robot
    finally:
        await runner.cleanup()

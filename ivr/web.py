"""The HTTP side: /healthz says that the process lives, /readyz that it can take calls. Reads what ``ivr.app`` hands it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Readiness:
    """``missing``: why no call can be taken. ``degraded``: what works worse than it should, a sentence each."""

    missing: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return not self.missing


class WebServer:
    """aiohttp on one port of one address."""

    def __init__(self, host: str, port: int, readiness: Callable[[], Awaitable[Readiness]]) -> None:
        self._host = host
        self._port = port
        self._readiness = readiness
        application = web.Application()
        application.add_routes([web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)])
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _: web.Request) -> web.Response:
        state = await self._readiness()
        status = "ready" if state.ready else "not ready"
        body = {"status": status, "missing": state.missing, "degraded": state.degraded}
        return web.json_response(body, status=200 if state.ready else 503)

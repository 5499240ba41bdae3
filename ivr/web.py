"""The HTTP side: /healthz says that the process lives, /readyz that it can take calls; the console is hung in beside them.

Reads what ``ivr.app`` hands it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

# What a request may carry at most: a form of the console, never a file.
LARGEST_BODY_BYTES = 64 * 1024
# Requests that still run when we close are given this long.
CLOSE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """``missing``: why no call can be taken. ``degraded``: what works worse than it should, a sentence each."""

    missing: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of what runs: asterisk, flows

    @property
    def ready(self) -> bool:
        return not self.missing


class Pages(Protocol):
    """More to serve on the same port: the console."""

    def install(self, application: web.Application) -> None:
        """Add routes and middlewares; called once, before the start."""

    def close(self) -> None:
        """End what would run on for ever, like streams."""


class WebServer:
    """aiohttp on one port of one address."""

    def __init__(self, host: str, port: int, readiness: Callable[[], Awaitable[Readiness]], pages: Pages | None = None) -> None:
        self._host = host
        self._port = port
        self._readiness = readiness
        self._pages = pages
        application = web.Application(client_max_size=LARGEST_BODY_BYTES)
        application.add_routes([web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)])
        if pages is not None:
            pages.install(application)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_WITHIN_S)

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def close(self) -> None:
        if self._pages is not None:
            self._pages.close()
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _readyz(self, _: web.Request) -> web.Response:
        state = await self._readiness()
        status = "ready" if state.ready else "not ready"
        body = {"status": status, "missing": state.missing, "degraded": state.degraded, "versions": state.versions}
        return web.json_response(body, status=200 if state.ready else 503)

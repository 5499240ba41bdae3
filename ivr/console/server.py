"""The console put together: its routes and middlewares in an aiohttp application, and its one task. Wired by ``ivr.app``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import PurePath

from aiohttp import web

from ivr.board import Board
from ivr.console import actions, agents_pages, case_pages, doors, hours_pages, openapi, pages, reports_pages
from ivr.console.accounts import Accounts
from ivr.console.agents_live import LIVE_AGENTS, LiveAgents
from ivr.console.desk import DESK, Desk, desk
from ivr.console.guard import know_who, refuse_forgeries, set_headers, tell_errors
from ivr.console.live import LiveBoard
from ivr.console.ports import ConsolePorts, ConsoleSettings
from ivr.console.recordings import HEARINGS, Hearings
from ivr.console.rendering import STATIC_TYPES, Renderer
from ivr.metrics import CONTENT_TYPE, Metrics, counted
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer

_YEAR_S = 365 * 24 * 3600


class Console:
    """``install`` it in the web server's application, and ``run`` it; ``close`` first when the server goes."""

    def __init__(
        self,
        settings: ConsoleSettings,
        database: Database,
        sealer: Sealer,
        board: Board,
        *,
        metrics: Metrics,
        ports: ConsolePorts,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._metrics = metrics
        self._live = LiveBoard(board, database, settings.most_streams, clock)
        self._live_agents = LiveAgents(settings.most_streams)
        self._desk = Desk(
            settings=settings,
            database=database,
            sealer=sealer,
            board=board,
            live=self._live,
            accounts=Accounts(database, settings.session_h, clock),
            renderer=Renderer(settings.zone, settings.lines),
            ports=ports,
            clock=clock,
        )

    def install(self, application: web.Application) -> None:
        """Before the application is started."""
        application[DESK], application[HEARINGS], application[LIVE_AGENTS] = self._desk, Hearings(), self._live_agents
        application.middlewares.extend((set_headers, tell_errors, know_who, refuse_forgeries))
        application.add_routes(
            [
                web.get("/", pages.live),
                web.get("/live/board", pages.live_board),
                web.get("/calls", pages.calls),
                web.get("/calls/{id}", pages.call),
                web.post("/calls/{id}/call-back", actions.call_back),
                web.get("/complaints", case_pages.complaints),
                web.get("/complaints/{number}", case_pages.complaint),
                web.post("/complaints/{number}/steps", actions.step),
                web.get("/callbacks", pages.callbacks),
                web.post("/callbacks/{id}/cancel", actions.cancel),
                web.get("/agents", agents_pages.agents),
                web.get("/agents/board", agents_pages.agents_board),
                web.get("/reports", reports_pages.reports),
                web.get(reports_pages.ROUTE, reports_pages.report),
                web.get("/hours", hours_pages.hours),
                web.post("/hours/overrides", hours_pages.set_hours),
                web.post("/hours/overrides/{override:[0-9]{1,9}}/withdraw", hours_pages.withdraw),
                web.get("/login", doors.login_page),
                web.post("/login", doors.log_in),
                web.post("/logout", doors.log_out),
                web.get("/password", doors.password_page),
                web.post("/password", doors.change_password),
                web.get("/language", doors.choose_language),
                web.get("/static/{name}", _static),
                web.get("/favicon.ico", _favicon),
                web.get("/metrics", self._metrics_page),
                web.get(f"{openapi.PREFIX}/openapi.json", _openapi),
                *(web.route(operation.method, operation.route, operation.handler) for operation in openapi.OPERATIONS),
            ]
        )

    async def run(self) -> None:
        """Publish the live board until cancelled."""
        await self._live.run()

    def close(self) -> None:
        """End the streams, or the server would wait for whoever watches."""
        self._live.close()
        self._live_agents.close()

    async def _metrics_page(self, request: web.Request) -> web.Response:
        """For this machine alone: behind a proxy on this machine everybody seems to be here, so a forwarded request is not."""
        forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
        if not self._desk.settings.metrics_from_anywhere and (forwarded or not ip_address(request.remote or "0.0.0.0").is_loopback):  # noqa: S104
            raise web.HTTPForbidden
        with suppress(StoreError):  # the counters stay as they were last read
            self._metrics.tell(await self._desk.database.read(partial(counted, now=self._desk.clock())))
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})


async def _static(request: web.Request) -> web.Response:
    name, renderer = request.match_info["name"], desk(request).renderer
    body = renderer.static.get(name)
    if body is None:
        raise web.HTTPNotFound
    # The address has the content's version in it: what was fetched once is good for ever.
    fresh = request.query.get("v") == renderer.static_version
    return web.Response(
        body=body,
        content_type=STATIC_TYPES[PurePath(name).suffix],
        charset="utf-8",
        headers={"Cache-Control": f"public, max-age={_YEAR_S}, immutable" if fresh else "no-cache"},
    )


async def _favicon(_: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/static/icon.svg")


async def _openapi(_: web.Request) -> web.Response:
    return web.json_response(openapi.description())

"""What every handler of the console has at hand, and who is asking. Put together by ``server``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from aiohttp import web

from ivr.board import Board
from ivr.console import texts
from ivr.console.accounts import Accounts
from ivr.console.live import LiveBoard
from ivr.console.ports import ConsolePorts, ConsoleSettings
from ivr.console.rendering import Renderer
from ivr.console.texts import Language
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.store.users import OpenSession, Role

LANGUAGE_COOKIE = "ivrd_language"


class May(Enum):
    """What a role is good for (R61)."""

    WATCH = auto()  # the live board, numbers masked
    SEE_CALLBACKS = auto()
    SEE_RECORDS = auto()  # calls and complaints
    CALL_BACK = auto()
    HANDLE_CASES = auto()
    SET_HOURS = auto()
    SEE_REPORTS = auto()
    LISTEN = auto()


_EVERYTHING = frozenset(May)
RIGHTS: dict[Role, frozenset[May]] = {
    Role.AGENT: frozenset({May.WATCH, May.SEE_CALLBACKS}),
    Role.SUPERVISOR: _EVERYTHING,
    Role.MANAGER: _EVERYTHING,
    Role.ADMINISTRATOR: _EVERYTHING,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts, made once. ``clock`` gives aware UTC."""

    settings: ConsoleSettings
    database: Database
    sealer: Sealer
    board: Board
    live: LiveBoard
    accounts: Accounts
    renderer: Renderer
    ports: ConsolePorts
    clock: Callable[[], datetime]


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
_SESSION: web.RequestKey[OpenSession] = web.RequestKey("session", OpenSession)
_TOKEN: web.RequestKey[str] = web.RequestKey("token", str)


def desk(request: web.Request) -> Desk:
    return request.app[DESK]


def asker(request: web.Request) -> OpenSession | None:
    """Who is logged in; None for a stranger."""
    return request.get(_SESSION)


def set_asker(request: web.Request, session: OpenSession | None, token: str) -> None:
    request[_TOKEN] = token
    if session is not None:
        request[_SESSION] = session


def person(request: web.Request) -> OpenSession:
    """Who is logged in. Raises 401 for a stranger: the middleware has kept him out already."""
    session = asker(request)
    if session is None:
        raise web.HTTPUnauthorized
    return session


def token_of(request: web.Request) -> str:
    return request[_TOKEN]


def may(request: web.Request, right: May) -> bool:
    session = asker(request)
    return session is not None and _holds(session, right)


def require(request: web.Request, right: May) -> OpenSession:
    """Raises 403."""
    session = person(request)
    if not _holds(session, right):
        raise web.HTTPForbidden
    return session


def _holds(session: OpenSession, right: May) -> bool:
    """A one-time password is good for changing it and for nothing else."""
    return not session.user.must_change and right in RIGHTS[session.user.role]


def language_of(request: web.Request) -> Language:
    """As chosen with the switch, else as the browser asks."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen == "zh":
        return "zh"
    if chosen == "en":
        return "en"
    return texts.choose(request.headers.get("Accept-Language", ""))


def wants_json(request: web.Request) -> bool:
    return request.path.startswith("/api/")


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A whole page: the template, with who is asking and what he may do."""
    session = asker(request)
    found = desk(request)
    html = found.renderer.page(
        template,
        language_of(request),
        path=request.path,
        user=session.user if session else None,
        csrf=session.csrf if session else "",
        may={right.name.lower(): may(request, right) for right in May},
        ports=found.ports,
        done=_done(request),
        **values,
    )
    return web.Response(text=html, status=status, content_type="text/html")


def _done(request: web.Request) -> str | None:
    """What the last form has done, told once on the page after it; only words of ours are told."""
    key = f"done.{request.query.get('done', '')}"
    return key if texts.known(key) else None

"""Coming in and going out: log in, log out, change the password, choose the language."""

from __future__ import annotations

import re

from aiohttp import web

from ivr.console import texts
from ivr.console.accounts import LoggedIn
from ivr.console.desk import LANGUAGE_COOKIE, asker, desk, page, person, token_of
from ivr.console.guard import cookie_name
from ivr.console.passwords import weakness
from ivr.store import users
from ivr.store.database import StoreError

_LOCAL_PATH = re.compile(r"^/[A-Za-z0-9][A-Za-z0-9/._-]*$")  # never //elsewhere
_YEAR_S = 365 * 24 * 3600


async def login_page(request: web.Request) -> web.StreamResponse:
    if asker(request):
        raise web.HTTPSeeOther(_next(request))
    return page(request, "login.html", refused=False, next_path=_next(request), name="", first=await _nobody_yet(request))


async def log_in(request: web.Request) -> web.StreamResponse:
    """The same answer for a wrong name, a wrong password and a locked account."""
    form = await request.post()
    name, password = str(form.get("name", "")).strip().lower(), str(form.get("password", ""))
    found = await desk(request).accounts.log_in(name[:64], password, request.remote or "")
    if found is None:
        first = await _nobody_yet(request)
        return page(request, "login.html", status=401, refused=True, next_path=_next(request), name=name[:64], first=first)
    answer = web.Response(status=303, headers={"Location": "/password" if found.session.user.must_change else _next(request)})
    _give_cookie(request, answer, found)
    if found.session.user.language in texts.LANGUAGES and LANGUAGE_COOKIE not in request.cookies:
        _give_language(request, answer, found.session.user.language)
    return answer


async def log_out(request: web.Request) -> web.StreamResponse:
    await desk(request).accounts.log_out(token_of(request), person(request).user.name)
    answer = web.Response(status=303, headers={"Location": "/login"})
    https = desk(request).settings.https
    answer.del_cookie(cookie_name(https), path="/", secure=https, httponly=True, samesite="Strict")
    return answer


async def password_page(request: web.Request) -> web.StreamResponse:
    return page(request, "password.html", problem=None)


async def change_password(request: web.Request) -> web.StreamResponse:
    session = person(request)
    form = await request.post()
    old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
    problem = "differ" if new != again else "same" if new == old else weakness(new, session.user.name)
    found = None
    if problem is None:
        found = await desk(request).accounts.change_password(session.user.name, old, new, request.remote or "")
        problem = None if found else "wrong"
    if found is None:
        return page(request, "password.html", status=400, problem=problem)
    answer = web.Response(status=303, headers={"Location": "/?done=password"})
    _give_cookie(request, answer, found)
    return answer


async def choose_language(request: web.Request) -> web.StreamResponse:
    """A link, so that it works before the log-in; all it changes is the language of pages."""
    chosen = request.query.get("to", "")
    if chosen not in texts.LANGUAGES:
        raise web.HTTPBadRequest
    if session := asker(request):
        await desk(request).accounts.set_language(session.user.name, chosen)
    answer = web.Response(status=303, headers={"Location": _next(request)})
    _give_language(request, answer, chosen)
    return answer


async def _nobody_yet(request: web.Request) -> bool:
    """Whether everybody who may come in still has a one-time password: then whoever started it is told where his stands."""
    try:
        return all(user.must_change for user in await desk(request).database.read(users.everybody))
    except StoreError:
        return False


def _next(request: web.Request) -> str:
    wanted = request.query.get("next", "")
    return wanted if _LOCAL_PATH.match(wanted) and not wanted.startswith("/login") else "/"


def _give_cookie(request: web.Request, answer: web.Response, found: LoggedIn) -> None:
    settings = desk(request).settings
    answer.set_cookie(
        cookie_name(settings.https),
        found.token,
        max_age=int(settings.session_h * 3600),
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="Strict",
    )


def _give_language(request: web.Request, answer: web.Response, language: str) -> None:
    https = desk(request).settings.https
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, path="/", secure=https, httponly=True, samesite="Lax")

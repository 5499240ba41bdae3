"""Middlewares in front of every handler: security headers, errors in the asker's words, who is logged in, and forged forms refused."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from ivr.console import texts
from ivr.console.desk import asker, desk, language_of, page, set_asker, wants_json
from ivr.store.database import StoreError
from ivr.store.sealing import SealBrokenError

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# No inline script or style, nothing from elsewhere, no frame around us (CSP level 3).
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
# What machines look at, and what pages are made of: the same for everybody, and there without the store.
FOR_ANYBODY = ("/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/favicon.ico", "/static/")
# These ask themselves who is there; a recording's link carries its own signature.
OPEN = ("/login", "/language", "/api/v1/recordings/")


def cookie_name(https: bool) -> str:
    """With the prefix a browser sets such a cookie only over TLS and for this host alone (RFC 6265bis section 4.1.3)."""
    return "__Host-ivrd_session" if https else "ivrd_session"


@web.middleware
async def set_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """On every answer, errors included."""
    response = await handler(request)
    if not response.prepared:
        add_headers(response)
    return response


def add_headers(response: web.StreamResponse) -> None:
    """For a response that is begun before its handler returns."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page or JSON with one sentence, and never a traceback."""
    try:
        return await handler(request)
    except web.HTTPRedirection as redirect:
        return web.Response(status=redirect.status, headers={"Location": redirect.headers["Location"]})
    except web.HTTPException as error:
        return failure(request, error.status, error.text if error.text and not error.text.startswith(f"{error.status}:") else None)
    except (StoreError, SealBrokenError) as error:
        log.error("the console could not read the store", path=request.path, reason=str(error))
        return failure(request, 503)
    except Exception:
        log.exception("a page of the console failed", path=request.path)
        return failure(request, 500)


def failure(request: web.Request, status: int, sentence: str | None = None, *, words: str = "") -> web.Response:
    """An error in the asker's language; ``sentence`` is in English and says more: it is for programs and for English pages.

    ``words``: others than the status's own, in the asker's language.
    """
    language = language_of(request)
    key = f"error.{status}" if texts.known(f"error.{status}") else "error.400"
    words = words or texts.text(key, language)
    if wants_json(request):
        return error_json(status, sentence or words)
    return page(request, "error.html", status=status, message=words, sentence=sentence if language == "en" else None)


def error_json(status: int, message: str, reason: str = "") -> web.Response:
    """``reason``: the code of a refusal, where there is one."""
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    return web.json_response({"error": {"code": code, "message": message, **({"reason": reason} if reason else {})}}, status=status)


@web.middleware
async def know_who(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let strangers only where anybody may go; whoever has a one-time password may only change it."""
    if request.path.startswith(FOR_ANYBODY):
        return await handler(request)
    token = request.cookies.get(cookie_name(desk(request).settings.https), "")
    set_asker(request, await desk(request).accounts.session_of(token) if token else None, token)
    session = asker(request)
    if request.path.startswith(OPEN):
        return await handler(request)
    if session is None:
        if wants_json(request):
            return failure_unauthorised(request)
        raise web.HTTPSeeOther("/login" if request.path == "/" or request.method != "GET" else f"/login?next={request.path}")
    if session.user.must_change and request.path not in ("/password", "/logout"):
        if wants_json(request):
            raise web.HTTPForbidden
        raise web.HTTPSeeOther("/password")
    return await handler(request)


def failure_unauthorised(request: web.Request) -> web.Response:
    message = texts.text("login.title", language_of(request))
    return web.json_response({"error": {"code": "unauthorized", "message": message}}, status=401)


@web.middleware
async def refuse_forgeries(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A write comes from a page of ours: same origin, and with the token of this log-in."""
    if request.method in READING:
        return await handler(request)
    origin = request.headers.get("Origin")
    foreign = request.headers.get("Sec-Fetch-Site") not in (None, "same-origin", "none")
    if foreign or (origin is not None and urlsplit(origin).netloc != request.host):
        return failure(request, 403, words=texts.text("error.csrf", language_of(request)))
    session = asker(request)
    if session is not None and request.path != "/login":
        given = request.headers.get(CSRF_HEADER) or ""
        if not given and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
            given = str((await request.post()).get(CSRF_FIELD, ""))
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            return failure(request, 403, words=texts.text("error.csrf", language_of(request)))
    return await handler(request)

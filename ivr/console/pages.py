"""The pages people look at. Reading only; what changes something is in ``actions`` and ``doors``."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from ivr.console import reading
from ivr.console.desk import May, desk, page, person, require
from ivr.console.live import SHOWN_LOST
from ivr.console.reading import CallFilter
from ivr.console.timeline import timeline
from ivr.console.troubles import loss_standing, service_standing, troubles
from ivr.domain.contacts import ContactOutcome
from ivr.domain.numbers import normalise

CALLBACK_STATES = ("due", "claimed", "dialling", "done", "failed", "cancelled", "expired")
_ID = re.compile(r"^[A-Za-z0-9._:@-]{1,150}$")


async def live(request: web.Request) -> web.StreamResponse:
    require(request, May.WATCH)
    return page(request, "live.html", **_board(request))


async def live_board(request: web.Request) -> web.StreamResponse:
    """The live page's inside alone, for the script that keeps it fresh."""
    require(request, May.WATCH)
    return page(request, "board.html", **_board(request))


def _board(request: web.Request) -> dict[str, Any]:
    found = desk(request)
    board, settings = found.live.latest, found.settings
    return {
        "board": board,
        "troubles": troubles(board, settings.loss_target, found.ports.flow_troubles(), found.live.overdue),
        "settings": settings,
        "loss": loss_standing(board.total, settings.loss_target),
        "service": service_standing(board.total, settings.service_level_target),
        "queue_loss": {queue.name: loss_standing(queue.figures, settings.loss_target) for queue in board.queues},
        "shown_lost": board.lost[:SHOWN_LOST],
        "promised": {lost.contact: found.live.promised.get(lost.contact) for lost in board.lost[:SHOWN_LOST]},
    }


async def calls(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    found = desk(request)
    wanted = call_filter(request)
    listed = await found.database.read(partial(reading.calls, sealer=found.sealer, wanted=wanted))
    return page(
        request,
        "calls.html",
        calls=listed,
        wanted=wanted,
        number=request.query.get("number", "")[:32],
        lines=found.settings.lines,
        outcomes=[outcome.value for outcome in ContactOutcome],
        older=listed[-1].started_at.isoformat() if len(listed) == wanted.limit else None,
    )


def call_filter(request: web.Request) -> CallFilter:
    """From the query. Raises 400 for a time nobody can read."""
    query, settings = request.query, desk(request).settings
    return CallFilter(
        line=query.get("line", "")[:32],
        outcome=query.get("outcome", "")[:32],
        caller=normalise(query.get("number", "")[:32], settings.country, settings.area_code),
        before=before_of(request),
        limit=limit_of(request),
    )


def before_of(request: web.Request) -> datetime | None:
    """Where a list goes on, from the query. Raises 400."""
    text = request.query.get("before")
    if not text:
        return None
    try:
        before = datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPBadRequest(text="before: write a time as ISO 8601 with offset") from None
    if before.tzinfo is None:
        raise web.HTTPBadRequest(text="before: the time needs an offset, like +08:00")
    return before


def limit_of(request: web.Request) -> int:
    """1 to 500. Raises 400."""
    text = request.query.get("limit", str(reading.PAGE))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= 500:
        raise web.HTTPBadRequest(text="limit: a whole number from 1 to 500")
    return int(text)


async def call(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    detail = await call_detail(request)
    return page(request, "call.html", detail=detail, contact=detail.contact, steps=timeline(detail.contact))


async def call_detail(request: web.Request) -> reading.CallDetail:
    """Raises 404."""
    found, contact_id = desk(request), request.match_info["id"]
    detail = None
    if _ID.match(contact_id):
        detail = await found.database.read(partial(reading.call, sealer=found.sealer, contact_id=contact_id))
    if detail is None:
        raise web.HTTPNotFound
    return detail


async def callbacks(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_CALLBACKS)
    found = desk(request)
    state, limit, before = request.query.get("state", "")[:16], limit_of(request), before_of(request)
    listed = await found.database.read(partial(reading.callback_list, sealer=found.sealer, state=state, limit=limit, before=before))
    older = listed[-1].created_at.isoformat() if len(listed) == limit else None
    return page(request, "callbacks.html", callbacks=listed, state=state, states=CALLBACK_STATES, before=before, older=older)


async def me(request: web.Request) -> web.StreamResponse:
    """Who is logged in: a page that came from elsewhere, without its cookie, asks again with it."""
    user = person(request).user
    return web.json_response({"name": user.name, "role": user.role.value}, dumps=partial(json.dumps, ensure_ascii=False))

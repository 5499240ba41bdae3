"""Recordings to listen to: for supervisors and up, or by a signed link; in parts (RFC 9110 section 14), each hearing audited (R60)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from aiohttp import web

from ivr.console import reading
from ivr.console.case_pages import case_detail
from ivr.console.desk import May, asker, desk, may
from ivr.console.guard import add_headers
from ivr.recording_links import LinkError

ONE_HEARING = timedelta(minutes=5)  # since its last part was asked for
_REMEMBERED = 1000


class Hearings:
    """A player asks for one recording in many parts: they are one hearing, as long as they come close together."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_new(self, actor: str, subject: str, now: datetime) -> bool:
        key = (actor, subject)
        last = self._last.pop(key, None)
        self._last[key] = now
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return last is None or now - last > ONE_HEARING


HEARINGS: web.AppKey[Hearings] = web.AppKey("hearings", Hearings)


async def of_complaint(request: web.Request) -> web.StreamResponse:
    """``?token=`` of a signed link, or a log-in that may listen."""
    number = request.match_info["number"].upper()
    actor = _listener(request, number)
    detail = await case_detail(request)
    if not detail.complaint.recording:
        raise web.HTTPNotFound
    return await _send(request, detail.complaint.recording, actor, number)


async def of_message(request: web.Request) -> web.StreamResponse:
    session = asker(request)
    if session is None or not may(request, May.LISTEN):
        raise web.HTTPForbidden
    message = request.match_info["message"]
    reference = await desk(request).database.read(partial(reading.message_recording, message_id=int(message[:12])))
    if not reference:
        raise web.HTTPNotFound
    return await _send(request, reference, session.user.name, f"message {message}")


def _listener(request: web.Request, number: str) -> str:
    """Who hears it, for the audit trail. Raises 401 and 403."""
    token, check = request.query.get("token"), desk(request).ports.check_link
    if token is not None and check is not None:
        try:
            check(number, token)
        except LinkError as error:
            raise web.HTTPForbidden(text=str(error)) from None
        return "link"
    session = asker(request)
    if session is None:
        raise web.HTTPUnauthorized
    if not may(request, May.LISTEN):
        raise web.HTTPForbidden
    return session.user.name


async def _send(request: web.Request, reference: str, actor: str, subject: str) -> web.StreamResponse:
    path = await asyncio.to_thread(_inside, desk(request).settings.recordings, reference)
    if path is None:
        raise web.HTTPNotFound
    if request.app[HEARINGS].is_new(actor, subject, desk(request).clock()):
        await desk(request).accounts.audit(actor, "recording-heard", subject)
    answer = web.FileResponse(path)
    answer.content_type = "audio/wav"
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Disposition"] = f'inline; filename="{path.stem}.wav"'
    add_headers(answer)
    return answer


def _inside(folder: Path, reference: str) -> Path | None:
    """The file, if it is one and lies in the folder of recordings."""
    root = folder.resolve()
    path = (root / f"{reference}.wav").resolve()
    return path if path.is_relative_to(root) and path.is_file() else None

"""``/api/v1``: the same records as the pages, as JSON under the names of ``ivrd … --json``; numbers masked (R60)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from aiohttp import web

from ivr.callback_view import callback_as_json
from ivr.console import reading
from ivr.console.actions import promise, take_step, withdraw
from ivr.console.board_json import board_as_json
from ivr.console.case_pages import case_detail
from ivr.console.desk import May, desk, require
from ivr.console.live import SHOWN_LOST
from ivr.console.pages import call_detail, call_filter, limit_of
from ivr.console.ports import RefusedError
from ivr.console.refusals import refused
from ivr.console.rendering import masked_keys
from ivr.domain.cases import StepRefusedError, next_step
from ivr.domain.contacts import Contact
from ivr.store import cases
from ivr.store.complaints import Complaint
from ivr.views import complaint_as_json, contact_as_json

_dumps = partial(json.dumps, ensure_ascii=False)


async def board(request: web.Request) -> web.StreamResponse:
    require(request, May.WATCH)
    found = desk(request)
    return _json(board_as_json(found.live.latest, found.settings.zone, found.live.promised, SHOWN_LOST))


async def calls(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    found = desk(request)
    listed = await found.database.read(partial(reading.calls, sealer=found.sealer, wanted=call_filter(request)))
    return _json({"calls": [_call(request, contact) for contact in listed]})


async def call(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    detail = await call_detail(request)
    messages = [{"id": message.id, "seconds": message.seconds} for message in detail.messages]
    return _json({**_call(request, detail.contact), "callback": detail.callback, "messages": messages})


async def complaints(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    found = desk(request)
    state = request.query.get("state", "")[:16]
    listed = await found.database.read(partial(reading.case_list, sealer=found.sealer, state=state, limit=limit_of(request)))
    return _json({"complaints": [_complaint(request, complaint) for complaint in listed]})


async def complaint(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    return _json(_case(request, await case_detail(request)))


async def add_step(request: web.Request) -> web.StreamResponse:
    body = await body_of(request)
    detail = await case_detail(request)
    try:
        await take_step(request, detail.complaint.number, body)
    except StepRefusedError as error:
        return refused(request, error)
    return _json(_case(request, await case_detail(request)))


async def callbacks(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_CALLBACKS)
    found = desk(request)
    state = request.query.get("state", "")[:16]
    listed = await found.database.read(partial(reading.callback_list, sealer=found.sealer, state=state, limit=limit_of(request)))
    return _json({"callbacks": [callback_as_json(record, found.settings.zone) for record in listed]})


async def add_callback(request: web.Request) -> web.StreamResponse:
    body = await body_of(request)
    try:
        made = await promise(request, body.get("contact", ""))
    except RefusedError as error:
        return refused(request, error)
    return _json({"id": made}, status=201)


async def cancel_callback(request: web.Request) -> web.StreamResponse:
    try:
        await withdraw(request, request.match_info["id"])
    except RefusedError as error:
        return refused(request, error)
    return _json({"id": request.match_info["id"], "state": "cancelled"})


async def body_of(request: web.Request) -> dict[str, str]:
    """A JSON object of texts. Raises 400."""
    try:
        body: Any = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="the body is no JSON") from None
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise web.HTTPBadRequest(text="the body must be a JSON object whose values are texts")
    return body


def _call(request: web.Request, contact: Contact) -> dict[str, Any]:
    record = contact_as_json(contact, desk(request).settings.zone)
    for step in record["path"]:
        step["keys"] = masked_keys(step["keys"])
    return record


def _complaint(request: web.Request, complaint: Complaint) -> dict[str, Any]:
    """Where the file lies on our disk is nobody's business out there: the recording is a path of this API."""
    record = complaint_as_json(complaint, desk(request).settings.zone, "")
    record["recording"] = f"/api/v1/recordings/{complaint.number}" if complaint.recording else None
    case = cases.as_case(complaint.number, complaint.state, complaint.verdict, complaint.rejections, ())
    answer_by = complaint.answer_by.astimezone(desk(request).settings.zone).isoformat(timespec="seconds")
    return {
        **record,
        "finding": complaint.verdict,
        "next_step": next_step(case),
        "rejections": complaint.rejections,
        "answer_by": answer_by if case.waits_for_answer else None,
    }


def _case(request: web.Request, detail: reading.CaseDetail) -> dict[str, Any]:
    zone = desk(request).settings.zone
    events = [
        {"at": event.at.astimezone(zone).isoformat(timespec="seconds"), "actor": event.actor, "step": event.action, "note": event.note}
        for event in detail.events
    ]
    return {**_complaint(request, detail.complaint), "events": events}


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=_dumps)

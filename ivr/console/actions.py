"""The buttons: promise a lost caller a call, cancel a promise, take a case one step on. Each leaves an audit row."""

from __future__ import annotations

from aiohttp import web

from ivr.console.desk import May, desk, require
from ivr.console.guard import failure
from ivr.console.pages import case_detail, case_page
from ivr.console.ports import RefusedError
from ivr.domain.cases import Finding, Step, StepRefusedError, StepTaken


async def call_back(request: web.Request) -> web.StreamResponse:
    """A form on the live page or a call's."""
    try:
        await promise(request, request.match_info["id"])
    except RefusedError as error:
        return failure(request, 409, str(error))
    raise web.HTTPSeeOther("/?done=callback")


async def promise(request: web.Request, contact: str) -> str:
    """The promise's id. Raises RefusedError."""
    session, found = require(request, May.CALL_BACK), desk(request)
    if found.ports.callbacks is None:
        raise web.HTTPNotFound
    made = await found.ports.callbacks.call_back(contact, session.user.name)
    await found.accounts.audit(session.user.name, "callback-added", contact)
    found.live.soon()
    return made


async def cancel(request: web.Request) -> web.StreamResponse:
    try:
        await withdraw(request, request.match_info["id"])
    except RefusedError as error:
        return failure(request, 409, str(error))
    raise web.HTTPSeeOther("/callbacks?done=cancelled")


async def withdraw(request: web.Request, callback: str) -> None:
    """Raises RefusedError."""
    session, found = require(request, May.CALL_BACK), desk(request)
    if found.ports.callbacks is None:
        raise web.HTTPNotFound
    await found.ports.callbacks.cancel(callback, session.user.name)
    await found.accounts.audit(session.user.name, "callback-cancelled", callback)
    found.live.soon()


async def step(request: web.Request) -> web.StreamResponse:
    """The form below a case; refused, it comes back with the reason and what was typed."""
    form = await request.post()
    note = str(form.get("note", ""))
    detail = await case_detail(request)
    try:
        await take_step(request, detail.complaint.number, str(form.get("step", "")), note, str(form.get("finding", "")))
    except StepRefusedError as error:
        return case_page(request, await case_detail(request), problem=str(error), note=note)
    raise web.HTTPSeeOther(f"/complaints/{detail.complaint.number}?done=step")


async def take_step(request: web.Request, number: str, name: str, note: str, finding: str) -> None:
    """Raises StepRefusedError, 400 for a word that is no step or no finding."""
    session, found = require(request, May.HANDLE_CASES), desk(request)
    if found.ports.cases is None:
        raise web.HTTPNotFound
    try:
        taken = StepTaken(Step(name), session.user.name, note.replace("\r\n", "\n"), Finding(finding) if finding else None)
    except ValueError:
        raise web.HTTPBadRequest(text="step: verify, solve, inform or close; finding: unfounded, ordinary or serious") from None
    await found.ports.cases.take_step(number, taken)
    await found.accounts.audit(session.user.name, f"case-{taken.step.value}", number)

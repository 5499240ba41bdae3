"""The buttons: promise a lost caller a call, cancel a promise, take a case one step on. Each leaves an audit row."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from ivr.console.case_pages import Typed, case_detail, case_page
from ivr.console.desk import May, desk, require
from ivr.console.ports import RefusedError
from ivr.console.refusals import refused
from ivr.domain.cases import LONGEST_NOTE, Finding, Step, StepRefusedError, StepTaken


async def call_back(request: web.Request) -> web.StreamResponse:
    """A form on the live page or a call's."""
    try:
        await promise(request, request.match_info["id"])
    except RefusedError as error:
        return refused(request, error)
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
        return refused(request, error)
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
    given = {name: str(form.get(name, "")) for name in ("step", "note", "finding", "seen")}
    detail = await case_detail(request)
    try:
        await take_step(request, detail.complaint.number, given)
    except StepRefusedError as error:
        typed = Typed(given["step"], given["note"][: LONGEST_NOTE * 2], given["finding"])
        return case_page(request, await case_detail(request), refused=error, typed=typed)
    raise web.HTTPSeeOther(f"/complaints/{detail.complaint.number}?done=step")


async def take_step(request: web.Request, number: str, given: Mapping[str, str]) -> None:
    """``given``: step, note, finding, seen. Raises StepRefusedError, 400 for a word that is no step or no finding, or no number."""
    session, found = require(request, May.HANDLE_CASES), desk(request)
    if found.ports.cases is None:
        raise web.HTTPNotFound
    finding, seen, note = given.get("finding", ""), given.get("seen", ""), given.get("note", "").replace("\r\n", "\n")
    try:
        taken = StepTaken(
            Step(given.get("step", "")), session.user.name, note, Finding(finding) if finding else None, int(seen[:9]) if seen else None
        )
    except ValueError:
        raise web.HTTPBadRequest(
            text="step: verify, solve, inform, close or reopen; finding: unfounded, ordinary or serious; seen: a number"
        ) from None
    await found.ports.cases.take_step(number, taken)
    await found.accounts.audit(session.user.name, f"case-{taken.step.value}", number)

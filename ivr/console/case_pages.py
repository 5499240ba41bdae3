"""The pages on complaints: the register, and one case with its form and the steps that may be taken now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from ivr.console import reading
from ivr.console.desk import May, desk, language_of, may, page, require
from ivr.console.pages import before_of, limit_of
from ivr.console.refusals import CONFLICT, words_of
from ivr.domain.case_deadlines import ANSWER_WITHIN, SHARES, Level
from ivr.domain.cases import CaseState, Finding, StepRefusedError, possible_steps
from ivr.store.cases import as_case

SOON = ANSWER_WITHIN * (1 - SHARES[Level.SUPERVISOR])  # from here on the supervisor knows of it
_NUMBER = re.compile(r"^[A-Z]{1,3}[0-9]{13}$")


@dataclass(frozen=True, slots=True)
class Typed:
    """What stood in the form that was refused."""

    step: str = ""
    note: str = ""
    finding: str = ""


async def complaints(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    found = desk(request)
    state, limit, before = request.query.get("state", "")[:16], limit_of(request), before_of(request)
    listed = await found.database.read(partial(reading.case_list, sealer=found.sealer, state=state, limit=limit, before=before))
    return page(
        request,
        "complaints.html",
        complaints=listed,
        state=state,
        states=[reading.UNANSWERED, *(each.value for each in CaseState)],
        before=before,
        older=listed[-1].filed_at.isoformat() if len(listed) == limit else None,
        now=found.clock(),
        soon=SOON,
    )


async def complaint(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_RECORDS)
    return case_page(request, await case_detail(request))


def case_page(
    request: web.Request, detail: reading.CaseDetail, *, refused: StepRefusedError | None = None, typed: Typed | None = None
) -> web.Response:
    """One case with the forms of its steps; ``refused`` is why the step just tried was, ``typed`` what stood in its form.

    What was typed stands in the form again, where that step may still be taken; else it is shown, so that nobody's words are lost.
    """
    row = detail.complaint
    case = as_case(row.number, row.state, row.verdict, row.rejections, detail.events)
    steps = possible_steps(case) if desk(request).ports.cases is not None and may(request, May.HANDLE_CASES) else ()
    return page(
        request,
        "complaint.html",
        status=CONFLICT if refused else 200,
        complaint=row,
        case=case,
        events=detail.events,
        steps=[step.value for step in steps],
        findings=[finding.value for finding in Finding],
        problem=words_of(refused, language_of(request)) if refused else None,
        typed=typed or Typed(),
        now=desk(request).clock(),
        soon=SOON,
    )


async def case_detail(request: web.Request) -> reading.CaseDetail:
    """Raises 404."""
    found, number = desk(request), request.match_info["number"].upper()
    detail = None
    if _NUMBER.match(number):
        detail = await found.database.read(partial(reading.case, sealer=found.sealer, number=number))
    if detail is None:
        raise web.HTTPNotFound
    return detail

"""The page on reports 报表 (R52): which were made, to look at and to take away, and what became of sending them; the same as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from ivr.console.desk import May, desk, page, require
from ivr.console.guard import add_headers
from ivr.console.pages import limit_of
from ivr.reports.carrier import inside
from ivr.reports.notice import CHANNEL_PREFIX, subject_of
from ivr.reports.periods import Kind, Period
from ivr.store import made_reports
from ivr.store.made_reports import MadeReport, Sending

FORMS = {
    "html": "text/html",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
}
# A report has its style within, and nothing else: no script runs in it, and it can't act as a page of ours.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
PATTERNS = {"kind": "day|week|month", "first": r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "file": r"(?:zh|en)\.(?:html|xlsx|csv)"}
ROUTE = f"/reports/{{kind:{PATTERNS['kind']}}}/{{first:{PATTERNS['first']}}}/{{file:{PATTERNS['file']}}}"
_dumps = partial(json.dumps, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report that was made. ``files``: the forms by language."""

    period: Period
    made: MadeReport
    sent: Sequence[Sending]

    @property
    def path(self) -> str:
        return f"{self.period.kind}/{self.period.name}"

    @property
    def languages(self) -> list[str]:
        return sorted({name.partition(".")[0] for name in self.made.files}, reverse=True)

    def forms(self, language: str) -> list[str]:
        return [form for form in FORMS if f"{language}.{form}" in self.made.files]


async def reports(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_REPORTS)
    kind = _kind(request)
    listed = await desk(request).database.read(partial(_listed, kind=kind, limit=limit_of(request)))
    return page(request, "reports.html", reports=listed, kind=kind or "", kinds=[known.value for known in Kind])


async def reports_json(request: web.Request) -> web.StreamResponse:
    require(request, May.SEE_REPORTS)
    listed = await desk(request).database.read(partial(_listed, kind=_kind(request), limit=limit_of(request)))
    return web.json_response({"reports": [_as_json(request, row) for row in listed]}, dumps=_dumps)


async def report(request: web.Request) -> web.StreamResponse:
    """One file: HTML to look at, the others to keep."""
    require(request, May.SEE_REPORTS)
    folder, asked = desk(request).settings.reports, request.match_info
    try:
        first = date.fromisoformat(asked["first"])
    except ValueError:
        raise web.HTTPNotFound from None
    made = await desk(request).database.read(partial(made_reports.one, kind=asked["kind"], first=first))
    name = made.files.get(asked["file"]) if made else None
    path = await asyncio.to_thread(_file, folder, name) if folder and name else None
    if path is None:
        raise web.HTTPNotFound
    form = asked["file"].rpartition(".")[2]
    answer = web.FileResponse(path)
    answer.content_type, answer.charset = FORMS[form], None if form == "xlsx" else "utf-8"
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Disposition"] = f'{"inline" if form == "html" else "attachment"}; filename="{path.name}"'
    answer.headers["Content-Security-Policy"] = REPORT_POLICY
    add_headers(answer)
    return answer


def _kind(request: web.Request) -> str | None:
    """Raises 400."""
    text = request.query.get("kind", "")
    if text and text not in set(Kind):
        raise web.HTTPBadRequest(text="kind: day, week or month")
    return text or None


def _listed(session: Session, kind: str | None, limit: int) -> list[ReportRow]:
    rows = []
    for made in made_reports.latest(session, limit, kind):
        period = Period(Kind(made.kind), made.first)
        rows.append(ReportRow(period, made, made_reports.sendings(session, subject_of(period), CHANNEL_PREFIX)))
    return rows


def _as_json(request: web.Request, row: ReportRow) -> dict[str, Any]:
    return {
        "kind": row.period.kind.value,
        "first": row.period.name,
        "last": row.period.last.isoformat(),
        "made_at": row.made.made_at.astimezone(desk(request).settings.zone).isoformat(timespec="seconds"),
        "files": {name: f"/api/v1/reports/{row.path}/{name}" for name in row.made.files},
        "sent": [{"recipient": one.recipient, "state": one.state} for one in row.sent],
    }


def _file(folder: Path, name: str) -> Path | None:
    """Where the database says it lies, if that is below the folder."""
    try:
        path = inside(folder, name)
    except ValueError:
        return None
    return path if path.is_file() else None

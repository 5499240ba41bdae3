"""The console's page on reports: for supervisors and up, in both languages, files by what the database says and by nothing else."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import openpyxl
import pytest
from support import reported
from support.console import LINES, Running, console

from ivr.console import texts
from ivr.reports.making import Made, ReportMaker
from ivr.reports.notice import tell
from ivr.reports.periods import Kind, Period
from ivr.settings import ReportRecipient, Settings, load
from ivr.store import made_reports
from ivr.store.schema import MadeReportRow, OutboxRow

NOW = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
DAY = Period(Kind.DAY, reported.DAY)
PATH = f"/reports/day/{reported.DAY}"


def make(running: Running, folder: Path, period: Period = DAY) -> Made:
    settings = Settings.model_validate({**load(None, {"STATE": str(folder)}).model_dump()})
    made = ReportMaker.of(settings, running.database, lambda: NOW).make(period)
    running.database.write_now(partial(made_reports.record, kind=period.kind, first=period.first, files=made.files, now=NOW))
    return made


@pytest.mark.parametrize("language", texts.LANGUAGES)
async def test_supervisors_see_what_was_made_and_where_it_went(tmp_path: Path, language: str) -> None:
    async with console(tmp_path, reports=tmp_path / "reports") as running, await running.client("sue", language) as sue:
        status, body = await sue.get("/reports")
        known = "zh" if language == "zh" else "en"
        assert (status, texts.text("reports.none", known) in body) == (200, True)
        reported.keep(running.database, reported.fixture())
        made = make(running, tmp_path)
        make(running, tmp_path, Period(Kind.MONTH, date(2026, 10, 1)))
        to = {"leaders": ReportRecipient(mail=("gm@example.com",))}
        running.database.write_now(partial(tell, notices=made.notices, recipients=to, now=NOW))
        status, body = await sue.get("/reports")
        for word in ("nav.reports", "report.day", "report.month", "delivery.pending", "reports.view", "language.en"):
            assert texts.text(word, known) in body
        assert f'href="{PATH}/zh.html"' in body
        assert f'href="{PATH}/en.xlsx"' in body
        assert 'aria-current="page"' in body
        assert "2026-10-01 – 2026-10-31" in body
        _, body = await sue.get("/reports?kind=month")
        assert PATH not in body
        running.database.write_now(lambda session: session.query(OutboxRow).update({"state": "rejected"}))
        assert texts.text("delivery.rejected", known) in (await sue.get("/reports"))[1]


async def test_files_come_as_they_are_and_a_report_can_do_nothing(tmp_path: Path) -> None:
    async with console(tmp_path, reports=tmp_path / "reports") as running, await running.client("max") as manager:
        reported.keep(running.database, reported.fixture())
        make(running, tmp_path)
        async with manager.http.get(f"{running.url}{PATH}/zh.html") as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type, "46.7 %" in text) == (200, "text/html", True)
            assert answer.headers["Content-Disposition"] == 'inline; filename="hotline-day-2026-11-18.zh.html"'
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src" not in policy
            assert policy.startswith("default-src 'none'")
            assert policy.endswith("sandbox")
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with manager.http.get(f"{running.url}/api/v1{PATH}/en.xlsx") as answer:
            raw = await answer.read()
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert openpyxl.load_workbook(io.BytesIO(raw)).sheetnames[0] == "400 hotline daily log"
        async with manager.http.get(f"{running.url}{PATH}/en.csv") as answer:
            assert (answer.content_type, (await answer.text()).lstrip("\ufeff")[:8]) == ("text/csv", "section,")
        status, listed = await manager.json("/api/v1/reports?kind=day")
        assert status == 200
        [told] = listed["reports"]
        assert (told["kind"], told["first"], told["last"], told["made_at"]) == (
            "day",
            "2026-11-18",
            "2026-11-18",
            "2026-11-19T09:00:00+08:00",
        )
        assert told["files"]["en.xlsx"] == f"/api/v1{PATH}/en.xlsx"
        assert (await manager.json("/api/v1/reports?kind=year"))[0] == 400


async def test_agents_and_strangers_get_none(tmp_path: Path) -> None:
    async with (
        console(tmp_path, reports=tmp_path / "reports") as running,
        await running.client("ann") as ann,
        await running.client() as stranger,
    ):
        make(running, tmp_path)
        for path in ("/reports", f"{PATH}/zh.html", f"/api/v1{PATH}/zh.html", "/api/v1/reports"):
            assert (await ann.get(path))[0] == 403, path
            assert (await stranger.get(path))[0] in (303, 401), path
        assert "/reports" not in (await ann.get("/"))[1]


@pytest.mark.parametrize(
    "path",
    [
        "/reports/day/2026-11-17/zh.html",
        "/reports/day/2026-02-30/zh.html",
        "/reports/year/2026-11-18/zh.html",
        f"{PATH}/zh.exe",
        f"{PATH}/..%2F..%2Fivrd.db",
        f"{PATH}/zh.html/..%2F..%2F..%2Fivrd.db",
        "/reports/day/..%2F..%2F/zh.html",
    ],
)
async def test_what_is_no_report_is_not_found(tmp_path: Path, path: str) -> None:
    async with console(tmp_path, reports=tmp_path / "reports") as running, await running.client("sue") as sue:
        make(running, tmp_path)
        assert (await sue.get(path))[0] == 404


async def test_a_row_that_points_elsewhere_or_to_what_is_gone_is_not_followed(tmp_path: Path) -> None:
    async with console(tmp_path, reports=tmp_path / "reports") as running, await running.client("sue") as sue:
        make(running, tmp_path)
        (tmp_path / "reports" / "link.html").symlink_to(tmp_path / "ivrd.db")
        for name in ("../ivrd.db", "/etc/passwd", "link.html", "gone.html", "day"):
            running.database.write_now(lambda session, name=name: session.query(MadeReportRow).update({"files": {"zh.html": name}}))
            assert (await sue.get(f"{PATH}/zh.html"))[0] == 404, name
    assert set(LINES) == {"hr", "course", "product", "complaint"}


async def test_without_a_folder_of_reports_there_is_no_file(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        make(running, tmp_path)
        assert (await sue.get(f"{PATH}/zh.html"))[0] == 404

"""The console's page on the hours and its API: seen by everybody, set by supervisors, refused in the asker's words, audited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.console import Clock, Running, console
from support.house import ZONE, new_database

from callflows.calendar import Calendar
from callflows.line_hours import Setting
from ivr.console import texts
from ivr.console.hours_words import WORDS
from ivr.console.ports import ConsolePorts
from ivr.hours import HoursDesk

OFFICE = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "20:00"}], "weekends": [{"from": "08:00", "to": "20:00"}]})
NIGHT = Calendar.model_validate({"weekdays": [{"from": "00:00", "to": "06:00"}, {"from": "22:00", "to": "24:00"}]})
HOSTILE = "<script>alert(1)</script>"


@dataclass
class Scene:
    running: Running
    desk: HoursDesk


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    database = new_database(folder)
    known = {"hr": NIGHT, "course": OFFICE, "product": OFFICE, "complaint": OFFICE}
    desk = HoursDesk(known, list(known), ZONE, database, clock=Clock())
    async with console(folder, ports=ConsolePorts(hours=desk)) as running:
        yield Scene(running, desk)
    await asyncio.to_thread(database.close)


def local(**later: float) -> str:
    return (datetime.now(ZONE) + timedelta(**later)).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("language", texts.LANGUAGES)
async def test_everybody_sees_the_hours_in_both_languages(tmp_path: Path, language: str) -> None:
    async with scene(tmp_path) as found, await found.running.client("ann", language) as ann:
        await found.desk.set("hr", Setting.CLOSED, datetime.now(UTC) + timedelta(hours=1), HOSTILE, "max", "phone")
        status, body = await ann.get("/hours")
        assert status == 200
        for key in ("hours.now", "hours.plan", "hours.overrides", "hours.closed", "source.phone"):
            assert texts.text(key, "zh" if language == "zh" else "en") in body
        assert HOSTILE not in body
        assert "&lt;script&gt;" in body
        assert 'aria-current="page"' in body
        assert 'action="/hours/overrides"' not in body, "an agent looks and doesn't touch"
        assert "/withdraw" not in body


async def test_a_supervisor_sets_and_withdraws(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        form = {"line": "hr", "state": "open", "until": local(hours=2), "from": "", "reason": "late shift"}
        assert (await sue.post("/hours/overrides", **form))[:2] == (303, "/hours?done=hours")
        [made] = found.desk.overrides
        assert (made.line, made.setting, made.set_by, made.set_from) == ("hr", Setting.OPEN, "sue", "console")
        _, body = await sue.get("/hours?done=hours")
        assert "It is set." in body
        assert "late shift" in body
        assert (await sue.post(f"/hours/overrides/{made.id}/withdraw"))[:2] == (303, "/hours?done=hours_withdrawn")
        assert found.desk.overrides == ()
        status, _, body = await sue.post(f"/hours/overrides/{made.id}/withdraw")
        assert (status, "was withdrawn already" in body) == (409, True)
        actions = [row[:2] for row in found.running.audit() if row[1].startswith("hours")]
        assert actions == [("sue", "hours-open"), ("sue", "hours-withdrawn")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"line": ""}, "Choose a line."),
        ({"line": "nobody"}, "Choose a line."),
        ({"state": ""}, "Choose a state."),
        ({"state": "holiday"}, "Choose a state."),
        ({"until": ""}, "Give a date and a time."),
        ({"until": "9999-99-99"}, "Give a date and a time."),
        ({"until": "0001-01-01T00:00"}, "Give a date and a time."),
        ({"from": "later"}, "Give a date and a time."),
        ({"until": "2020-01-01T10:00"}, "The end is over already."),
        ({"from": local(hours=3)}, "It would end before it begins."),
        ({"until": local(days=400)}, "A year at most"),
        ({"reason": "  "}, "Say why."),
    ],
)
async def test_a_refused_form_comes_back_as_it_was_typed(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    form = {"line": "hr", "state": "closed", "until": local(hours=2), "from": "", "reason": "fire drill", **changes}
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        status, _, body = await sue.post("/hours/overrides", **form)
        assert status == 409
        assert sentence in body
        assert form["reason"].strip() in body
        assert found.desk.overrides == ()


async def test_who_may_not_is_refused(tmp_path: Path) -> None:
    form = {"line": "*", "state": "emergency", "until": local(hours=2), "reason": "prank"}
    async with scene(tmp_path) as found:
        async with await found.running.client("ann") as ann:
            await ann.get("/hours")
            assert (await ann.post("/hours/overrides", **form))[0] == 403
            assert (await ann.post("/hours/overrides/1/withdraw"))[0] == 403
            assert (await ann.post_json("/api/v1/hours/overrides", form))[0] == 403
        async with await found.running.client("sue") as sue:
            assert (await sue.post("/hours/overrides", headers={"Origin": "http://elsewhere"}, **form))[0] == 403
            assert (await sue.post_json("/api/v1/hours/overrides", form, csrf="wrong"))[0] == 403
        async with await found.running.client() as stranger:
            assert (await stranger.get("/hours"))[0] == 303
            assert (await stranger.json("/api/v1/hours"))[0] == 401
        assert found.desk.overrides == ()


async def test_the_api_shows_sets_and_withdraws(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, await found.running.client("sue") as sue:
        status, made = await sue.post_json(
            "/api/v1/hours/overrides", {"line": "*", "state": "emergency", "until": local(hours=2), "reason": "flood"}
        )
        assert (status, made["line"], made["state"]) == (201, None, "emergency")
        status, shown = await sue.json("/api/v1/hours")
        assert [line["state"] for line in shown["lines"]] == ["emergency"] * 4
        assert [override["id"] for override in shown["overrides"]] == [made["id"]]
        status, told = await sue.json("/api/v1/hours/changes?days=2")
        assert status == 200
        assert {change["line"] for change in told["changes"]} == {"hr", "course", "product", "complaint"}
        assert (await sue.json("/api/v1/hours/changes?days=0"))[0] == 400
        status, gone = await sue.post_json(f"/api/v1/hours/overrides/{made['id']}/withdraw", {})
        assert (status, gone["withdrawn_by"]) == (200, "sue")
        status, refused = await sue.post_json(f"/api/v1/hours/overrides/{made['id']}/withdraw", {})
        assert (status, "was withdrawn" in refused["error"]["message"]) == (409, True)
        status, refused = await sue.post_json("/api/v1/hours/overrides", {"line": "hr", "state": "open", "until": "x", "reason": "y"})
        assert (status, "is no time" in refused["error"]["message"]) == (409, True)


async def test_where_nobody_keeps_the_hours_there_is_no_page_and_no_link(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        assert 'href="/hours"' not in (await sue.get("/"))[1]
        assert (await sue.get("/hours"))[0] == 404


def test_every_word_of_the_page_is_used() -> None:
    folder = Path(texts.__file__).parent
    page = (folder / "templates" / "hours.html").read_text(encoding="utf-8")
    families = (
        "why.",
        "source.",
        "weekday.",
        "refused.",
        "done.",
        "nav.",
        "hours.emergency",
        "hours.holiday",
        "hours.closed",
        "hours.open",
    )
    assert [key for key in WORDS if f"'{key}'" not in page and not key.startswith(families)] == []

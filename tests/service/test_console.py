"""The console's pages and API: who sees what, nothing hostile comes through, every write asks its port, the stream stays fresh."""

from __future__ import annotations

import asyncio
import json
import re
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from support.console import FakeCallbacks, Running, Visitor, console
from support.house import ZONE, new_database

from ivr.board_snapshot import BoardSnapshot
from ivr.cases import Cases
from ivr.console import openapi, texts
from ivr.console.live import SHOWN_LOST
from ivr.console.ports import ConsolePorts
from ivr.console.rendering import HERE, duration, masked_keys, percent
from ivr.console.timeline import timeline
from ivr.console.troubles import Standing, loss_standing, troubles
from ivr.console_desk import ConsoleCallbacks
from ivr.domain.contacts import Contact, PathStep, Ring, Visit, VisitOutcome
from ivr.domain.figures import Thresholds, queue_figures
from ivr.flow_troubles import FlowTrouble
from ivr.promises import Promises, Terms, allow_list
from ivr.recording_links import LinkError
from ivr.settings import load as load_settings
from ivr.store import complaints
from ivr.store.database import Database
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def lost(number: int, caller: str, waited: float = 12.0, **fields: object) -> Contact:
    at = datetime.now(UTC)
    joined = at - timedelta(seconds=waited)
    contact = Contact(
        id=f"{number}.0",
        started_at=joined - timedelta(seconds=4),
        call=f"{number}.0",
        caller=caller,
        caller_name=HOSTILE,
        line="hr",
        path=[PathStep("menu", joined - timedelta(seconds=3), "1"), PathStep("number", joined, "13800138000")],
        visits=[Visit("hr", joined, left_at=at, outcome=VisitOutcome.ABANDONED_WAIT)],
        ended_at=at,
    )
    for name, value in fields.items():
        setattr(contact, name, value)
    return contact


def file_complaint(running: Running, *, recording: bool = True, serial: str | None = "1234") -> str:
    reference = "2026/11/21/1.0-120000"
    if recording:
        path = running.recordings / f"{reference}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(16000))
    new = complaints.NewComplaint("k", "1.0", "complaint", serial, "+8613800138000", HOSTILE, "+8613800138000", reference, 1.0, False)
    file = complaints.file
    return running.database.write_now(lambda session: file(session, running.sealer, new, prefix="C", zone=ZONE, now=running.clock()))


def with_cases(folder: Path) -> ConsolePorts:
    # The same file as the console's own database: the service may live anywhere.
    return ConsolePorts(FakeCallbacks(), Cases(Database(f"sqlite:///{folder}/ivrd.db"), Sealer("a secret for tests")))


async def until_published(running: Running, visitor: Visitor, words: str) -> str:
    async with asyncio.timeout(3):
        while True:
            status, body = await visitor.get("/live/board")
            if words in body:
                return body
            assert status == 200
            await asyncio.sleep(0.02)


async def test_every_answer_has_the_security_headers(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        for path in ("/", "/login", "/calls/none", "/api/v1/board", "/healthz", "/static/console.css", "/metrics"):
            async with sue.http.get(running.url + path, allow_redirects=False) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "no-store" in answer.headers["Cache-Control"] or path.startswith("/static/")


@pytest.mark.parametrize("language", texts.LANGUAGES)
async def test_every_page_opens_in_both_languages_and_hides_numbers(tmp_path: Path, language: str) -> None:
    async with console(tmp_path, ports=with_cases(tmp_path)) as running, await running.client("sue", language) as sue:
        running.show(lost(1, "+8613800138000", complaint="C2026112100001"))
        number = file_complaint(running)
        await until_published(running, sue, "+86138****8000")
        for path in ("/", "/calls", "/calls/1.0", "/complaints", f"/complaints/{number}", "/callbacks", "/password"):
            status, body = await sue.get(path)
            assert status == 200, path
            assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in body
            assert "3800138000" not in body, path
            assert "<script>alert" not in body, path
            assert "onerror" not in body, path
        _, body = await sue.get("/calls/1.0")
        assert "138****8000" in body  # the number he keyed in


async def test_the_switch_changes_the_language_and_is_remembered(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue", "en") as sue:
        assert (await sue.get("/language?to=zh&next=/calls"))[0] == 303
        assert "通话记录" in (await sue.get("/calls"))[1]
        async with await running.client("sue", "en") as again:  # another browser
            assert "通话记录" in (await again.get("/calls"))[1]
        assert (await sue.get("/language?to=xx"))[0] == 400


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("fr, en;q=0.3, zh-TW;q=0.8", "zh"),
        ("de", "zh"),
        ("en;q=nonsense, zh", "zh"),
        ("x" * 9000, "zh"),
    ],
)
def test_the_browser_s_language_at_first(header: str, language: str) -> None:
    assert texts.choose(header) == language


async def test_an_agent_sees_the_board_and_promises_and_no_records(tmp_path: Path) -> None:
    async with console(tmp_path, ports=with_cases(tmp_path)) as running, await running.client("ann") as ann:
        running.show(lost(1, "+8613800138000"))
        number = file_complaint(running)
        body = await until_published(running, ann, "+86138****8000")
        assert "call-back" not in body
        for path, status in {
            "/": 200,
            "/callbacks": 200,
            "/calls": 403,
            "/calls/1.0": 403,
            "/complaints": 403,
            f"/complaints/{number}": 403,
            f"/api/v1/recordings/{number}": 403,
            "/api/v1/calls": 403,
            "/api/v1/board": 200,
        }.items():
            assert (await ann.get(path))[0] == status, path
        assert (await ann.post("/calls/1.0/call-back"))[0] == 403
        assert (await ann.post(f"/complaints/{number}/steps", step="close"))[0] == 403


async def test_a_lost_caller_has_a_button_that_promises_a_call(tmp_path: Path) -> None:
    callbacks = FakeCallbacks()
    async with console(tmp_path, ports=ConsolePorts(callbacks)) as running, await running.client("sue") as sue:
        running.show(lost(1, "+8613800138000"), lost(2, ""))
        body = await until_published(running, sue, 'formaction="/calls/1.0/call-back"')
        assert "number withheld" in body
        assert "/calls/2.0/call-back" not in body
        assert (await sue.post("/calls/1.0/call-back"))[:2] == (303, "/?done=callback")
        assert "The callback is promised" in (await sue.get("/?done=callback"))[1]
        status, _, body = await sue.post("/calls/refused/call-back")
        assert (status, "there is nothing to call" in body) == (409, True)
        assert await sue.post_json("/api/v1/callbacks", {"contact": "1.0"}) == (201, {"id": "callback-of-1.0"})
        assert (await sue.post_json("/api/v1/callbacks", {"contact": "1.0"}, csrf="wrong"))[0] == 403
        assert (await sue.post_json("/api/v1/callbacks", [1]))[0] == 400
        assert (await sue.post("/callbacks/x1/cancel"))[:2] == (303, "/callbacks?done=cancelled")
        assert (await sue.post_json("/api/v1/callbacks/dialling/cancel", {}))[0] == 409
        assert (callbacks.promised, callbacks.cancelled) == ([("1.0", "sue"), ("1.0", "sue")], [("x1", "sue")])
        assert ("sue", "callback-added", "1.0") in running.audit()


async def test_the_button_promises_once_and_shows_what_came_of_it(tmp_path: Path) -> None:
    nudged = []
    database, sealer = new_database(tmp_path), Sealer("a secret for tests")
    settings = load_settings(environment={"STATE": str(tmp_path)})
    promises = Promises(sealer, allow_list(settings), Terms.of(settings, "product"))
    service = ConsoleCallbacks(database, sealer, promises, nudge=lambda: nudged.append(1))
    async with console(tmp_path, ports=ConsolePorts(service)) as running, await running.client("sue") as sue:
        running.show(lost(1, "+8613800138000"), lost(2, "+8613800138000"), lost(3, "+442079460000"))
        await until_published(running, sue, "/calls/2.0/call-back")
        assert (await sue.post("/calls/2.0/call-back"))[0] == 303
        assert (await sue.post("/calls/1.0/call-back"))[0] == 303  # the same person: one promise
        body = await until_published(running, sue, "Call back: due")
        assert ("/calls/2.0/call-back" in body, len(nudged)) == (False, 2)
        assert "call-back" not in (await sue.get("/calls/1.0"))[1]
        assert (await sue.post("/calls/3.0/call-back"))[0] == 409  # abroad: not allowed
        assert (await sue.post("/calls/none/call-back"))[0] == 409
        _, listed = await sue.json("/api/v1/callbacks?state=due")
        [made] = listed["callbacks"]
        assert (made["number"], made["created_by"], made["reason"]) == ("+86138****8000", "sue", "requested")
        assert "+86138****8000" in (await sue.get("/callbacks"))[1]
        assert (await sue.post(f"/callbacks/{made['id']}/cancel"))[0] == 303
        assert (await sue.post(f"/callbacks/{made['id']}/cancel"))[0] == 409
        await until_published(running, sue, "/calls/2.0/call-back")  # cancelled: it can be promised again
    database.close()


async def test_without_its_port_a_button_is_not_shown_and_does_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        running.show(lost(1, "+8613800138000"))
        number = file_complaint(running)
        assert "call-back" not in await until_published(running, sue, "+86138****8000")
        assert "<textarea" not in (await sue.get(f"/complaints/{number}"))[1]
        assert (await sue.post("/calls/1.0/call-back"))[0] == 404
        assert (await sue.post_json(f"/api/v1/complaints/{number}/steps", {"step": "close"}))[0] == 404


async def test_a_case_is_walked_to_its_end_with_who_and_when(tmp_path: Path) -> None:
    async with (
        console(tmp_path, ports=with_cases(tmp_path)) as running,
        await running.client("sue") as sue,
        await running.client("max") as max_,
    ):
        number = file_complaint(running)
        steps = f"/complaints/{number}/steps"
        status, _, body = await sue.post(steps, step="close", note="kept words", seen="0")
        assert (status, "the next step is “Verify”" in body, "kept words" in body) == (409, True, True)
        async with await running.client("sue", "zh") as in_chinese:
            assert "投诉待核实，不能执行“结案”，下一步应为“核实”。" in (await in_chinese.post(steps, step="close"))[2]
        assert (await sue.post(steps, step="dance"))[0] == 400
        assert (await sue.post(steps, step="verify", finding="serious", note=HOSTILE))[0] == 303
        assert (await max_.post_json(f"/api/v1/complaints/{number}/steps", {"step": "solve", "note": "mended"}))[0] == 200
        status, _, body = await sue.post(steps, step="verify", finding="ordinary", note="what I found", seen="1")
        assert (status, "max has taken a step meanwhile" in body, "what I found" in body) == (409, True, True)
        assert (await sue.post_json(f"/api/v1/complaints/{number}/steps", {"step": "reopen", "note": "x"}))[1]["error"]["reason"] == "order"
        _, case = await sue.json(f"/api/v1/complaints/{number}")
        assert [(event["actor"], event["step"]) for event in case["events"]] == [("sue", "verify"), ("max", "solve")]
        assert (case["state"], case["finding"], case["recording"]) == ("solved", "serious", f"/api/v1/recordings/{number}")
        _, body = await sue.get(f"/complaints/{number}")
        assert "<script>alert" not in body
        _, body = await sue.get("/complaints?limit=1&state=unanswered")
        (older,) = re.findall(r'href="(/complaints\?[^"]+)">Older', body)
        _, body = await sue.get(older.replace("&amp;", "&"))
        assert ("No complaint matches" in body, "Back to the newest" in body) == (True, True)
        assert ("max", "case-solve", number) in running.audit()


async def test_a_recording_comes_in_parts_and_each_hearing_is_noted_once(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        number = file_complaint(running)
        path = f"{running.url}/api/v1/recordings/{number}"
        async with sue.http.get(path) as answer:
            whole = await answer.read()
            assert (answer.status, answer.content_type, "no-store" in answer.headers["Cache-Control"]) == (200, "audio/wav", True)
        async with sue.http.get(path, headers={"Range": "bytes=100-199"}) as answer:
            assert (answer.status, await answer.read()) == (206, whole[100:200])
        async with sue.http.get(path, headers={"Range": f"bytes={len(whole) + 1}-"}) as answer:
            assert answer.status == 416
        assert [row for row in running.audit() if row[1] == "recording-heard"] == [("sue", "recording-heard", number)]
        running.clock.shift = timedelta(minutes=6)
        await sue.get(f"/api/v1/recordings/{number}", Range="bytes=50-60")
        assert [row[1] for row in running.audit()].count("recording-heard") == 2
        (running.recordings / "2026/11/21/1.0-120000.wav").unlink()
        assert (await sue.get(f"/api/v1/recordings/{number}"))[0] == 404
        assert (await sue.get("/api/v1/recordings/..%2f..%2fetc%2fpasswd"))[0] == 404


async def test_a_signed_link_opens_its_recording_without_a_log_in(tmp_path: Path) -> None:
    def check(number: str, token: str) -> None:
        if token != f"for-{number}":
            raise LinkError("this link has expired")

    async with console(tmp_path, ports=ConsolePorts(check_link=check)) as running, await running.client() as crm:
        number = file_complaint(running)
        assert (await crm.get(f"/api/v1/recordings/{number}?token=for-other"))[0] == 403
        async with crm.http.get(f"{running.url}/api/v1/recordings/{number}?token=for-{number}") as answer:
            assert (answer.status, len(await answer.read()) > 16000) == (200, True)
        assert running.audit()[-1] == ("link", "recording-heard", number)


async def test_the_stream_tells_a_change_within_a_second(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("ann") as ann, ann.http.get(running.url + "/api/v1/events") as answer:
        assert answer.content_type == "text/event-stream"
        events = stream(answer)
        first = await anext(events)
        assert (first["calls_today"], first["lost"]) == (0, [])
        await asyncio.sleep(0.4)
        began = asyncio.get_running_loop().time()
        running.show(lost(1, "+8613800138000"))
        while not (board := await anext(events))["lost"]:
            pass
        assert asyncio.get_running_loop().time() - began < 1.0
        assert [caller["caller"] for caller in board["lost"]] == ["+86138****8000"]
        assert board["total"]["abandon"]["loss"] == 1.0
        for number in range(2, 40):  # a storm of changes is a few events
            running.show(lost(number, f"+86138001380{number:02}"))
            await asyncio.sleep(0.01)
        seen = 0
        async with asyncio.timeout(5):
            while (board := await anext(events))["lost_callers"] < 39:
                seen += 1
        assert (seen < 12, len(board["lost"])) == (True, SHOWN_LOST)
        await events.aclose()


async def stream(answer: aiohttp.ClientResponse):  # type: ignore[no-untyped-def]
    """The data of each event of the stream."""
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_as_many_may_watch_as_are_let_and_no_more(tmp_path: Path) -> None:
    async with console(tmp_path, most_streams=1) as running, await running.client("ann") as ann:
        async with ann.http.get(running.url + "/api/v1/events") as watching:
            assert watching.status == 200
            status, body = await ann.json("/api/v1/events")
            assert (status, body["error"]["code"]) == (503, "service_unavailable")
        for number in range(3):  # the next word finds that nobody listens any more
            running.show(lost(number, ""))
            await asyncio.sleep(0.4)
        async with ann.http.get(running.url + "/api/v1/events") as again:
            assert again.status == 200


async def test_the_api_s_description_is_valid_and_matches_the_routes(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client() as stranger:
        status, told = await stranger.json("/api/v1/openapi.json")
    assert (status, told["openapi"]) == (200, "3.1.0")
    described = {(method.upper(), path) for path, item in told["paths"].items() for method in item}
    application = web.Application()
    application.add_routes([web.route(operation.method, operation.route, operation.handler) for operation in openapi.OPERATIONS])
    served = {
        (route.method, route.resource.canonical) for route in application.router.routes() if route.resource and route.method != "HEAD"
    }
    assert {(method, path) for method, path in served} == described
    for path, item in told["paths"].items():
        for operation in item.values():
            named = {parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            if "requestBody" in operation:
                Draft202012Validator.check_schema(operation["requestBody"]["content"]["application/json"]["schema"])


async def test_the_api_answers_what_the_pages_show(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        running.show(lost(1, "+8613800138000"), lost(2, "+8613800138001", line="course"))
        _, listed = await sue.json("/api/v1/calls?line=course")
        assert [call["id"] for call in listed["calls"]] == ["2.0"]
        _, listed = await sue.json("/api/v1/calls?number=13800138000")
        assert [call["id"] for call in listed["calls"]] == ["1.0"]
        _, call = await sue.json("/api/v1/calls/1.0")
        assert (call["caller"], call["path"][1]["keys"], call["messages"]) == ("+86138****8000", "138****8000", [])
        for path, status in {
            "calls/none": 404,
            "calls?before=yesterday": 400,
            "calls?before=2026-11-21T10:00:00": 400,
            "calls?limit=0": 400,
            "calls?limit=²": 400,
            "complaints/C1": 404,
            "nothing": 404,
        }.items():
            answer, body = await sue.json(f"/api/v1/{path}")
            assert (answer, set(body["error"])) == (status, {"code", "message"}), path


async def test_a_store_that_fails_is_a_sentence_and_health_stays(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        with running.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE contacts")
        status, body = await sue.get("/calls")
        assert (status, "database can&#39;t be read" in body) == (503, True)
        with running.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE sessions")
        assert (await sue.get("/healthz"))[0] == 200
        assert (await sue.get("/"))[0] == 503


async def test_a_body_too_large_is_refused(tmp_path: Path) -> None:
    async with console(tmp_path) as running, await running.client("sue") as sue:
        assert (await sue.post("/callbacks/x/cancel", note="x" * 100_000))[0] == 413


def test_every_text_a_template_asks_for_is_there_and_none_is_left_over() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in (HERE / "templates").iterdir()}
    python = "\n".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.py") if not path.name.endswith(("texts.py", "_words.py")))
    asked = {key for source in sources.values() for key in re.findall(r"\bt\('([a-z_.]+[a-z_])'", source)}
    assert {key for key in asked if not texts.known(key)} == set()
    families = {
        "nav", "standing", "stage", "agents", "outcome", "visit", "state", "finding", "reason", "cb", "result", "by", "served_by", "step",
        "password", "call", "done", "error", "trouble", "step_refused", "call_refused", "number_kind", "refused", "weekday", "why",
        "source", "agent_state", "delivery", "report", "language",
    }  # fmt: skip
    unused = [key for key in texts.all_keys() if key not in asked and f'"{key}"' not in python and key.partition(".")[0] not in families]
    built = ("complaint.rejected.", "actor.", "hours.emergency", "hours.closed", "hours.open", "hours.holiday")  # of a count, of a state
    unused = [key for key in unused if not key.startswith(built)]
    assert unused == []


def test_both_languages_of_every_text_have_the_same_places() -> None:
    for key in texts.all_keys():
        places = [set(re.findall(r"\{(\w+)\}", texts.text(key, language))) for language in texts.LANGUAGES]
        assert places[0] == places[1], key


def test_how_figures_are_written() -> None:
    assert [duration(seconds) for seconds in (None, -1, 0, 59.9, 60, 3723)] == ["–", "0 s", "0 s", "59 s", "1:00", "1:02:03"]
    assert [percent(share) for share in (None, 0.0, 0.1, 0.12345, 1.0, 0.2)] == ["–", "0 %", "10 %", "12.3 %", "100 %", "20 %"]
    assert masked_keys("1 13800138000 4") == "1 138****8000 4"


def test_one_call_is_told_in_the_order_it_happened() -> None:
    def at(seconds: float) -> datetime:
        return NOW + timedelta(seconds=seconds)

    visit = Visit("hr", at(5), [Ring("Wang Wei", "a", at(5), at(10)), Ring("Li Na", "b", at(10), at(12))], at(12), at(12), left_at=at(12))
    visit.agent, visit.agent_call, visit.talk_ended_at, visit.ended_by = "Li Na", "b", at(30), "agent"
    visit.outcome = VisitOutcome.ANSWERED
    contact = Contact("1.0", NOW, path=[PathStep("menu", at(1), "1")], visits=[visit], ended_at=at(30))
    kinds = [moment.kind for moment in timeline(contact)]
    assert kinds == ["began", "node", "joined", "rang", "rang_off", "rang", "answered", "talk_ended", "ended"]
    gone = Contact("1.0", NOW, visits=[Visit("hr", at(5), left_at=at(9), outcome=VisitOutcome.ABANDONED_WAIT)], ended_at=at(9))
    assert [(moment.kind, moment.outcome) for moment in timeline(gone)][-2:] == [("left", "abandoned_wait"), ("ended", "abandoned_queue")]


def test_the_most_urgent_trouble_is_told_first() -> None:
    def visits(count: int, outcome: VisitOutcome) -> list[Visit]:
        answered = NOW if outcome is VisitOutcome.ANSWERED else None
        return [Visit("hr", NOW, picked_up_at=answered, answered_at=answered, left_at=NOW, outcome=outcome) for _ in range(count)]

    figures = queue_figures(visits(8, VisitOutcome.ANSWERED) + visits(2, VisitOutcome.ABANDONED_WAIT), NOW, Thresholds())
    assert loss_standing(figures, 0.1) is Standing.BAD
    assert loss_standing(figures, 0.2) is Standing.GOOD
    few = queue_figures(visits(1, VisitOutcome.ABANDONED_WAIT), NOW, Thresholds())
    assert loss_standing(few, 0.1) is Standing.FEW
    assert loss_standing(queue_figures([], NOW, Thresholds()), 0.1) is Standing.NONE
    board = BoardSnapshot(1, NOW, NOW, (), figures, (), (), 10, 0, NOW)
    flows = [FlowTrouble("refused", "1f0e9d6c", NOW, "not fit")]
    assert [trouble.text for trouble in troubles(board, 0.1, flows, 2)] == [
        "trouble.link", "trouble.loss", "trouble.cases", "trouble.flow_refused",
    ]  # fmt: skip

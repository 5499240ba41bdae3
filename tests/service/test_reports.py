"""Reports from a database to their files: the numbers of the fixture, both languages, what became of each case, and nobody's number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from support import reported
from support.house import new_database
from support.reported import DAY, SEALER, call, local, visit

from callbacks.model import Reason
from ivr.domain.contacts import VisitOutcome
from ivr.reports import call_sections, words
from ivr.reports.contents import ComplaintCounts, Contents, Funnel
from ivr.reports.document import Document, Section
from ivr.reports.making import ReportMaker
from ivr.reports.periods import Kind, Period
from ivr.reports.report import SECTIONS, report_of
from ivr.rollup import catch_up
from ivr.settings import Settings, load
from ivr.store import contacts
from ivr.store.database import Database

NOW = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
WEDNESDAY = Period(Kind.DAY, DAY)
HOSTILE = '=HYPERLINK("http://evil","<script>alert(1)</script>")'


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = new_database(tmp_path)
    yield store
    store.close()


def settings_in(folder: Path, **more: object) -> Settings:
    told = load(None, {"STATE": str(folder)}).model_dump()
    return Settings.model_validate({**told, **more})


def maker(database: Database, folder: Path, **more: object) -> ReportMaker:
    return ReportMaker.of(settings_in(folder, **more), database, clock=lambda: NOW)


def told(contents: Contents, made: ReportMaker, language: words.Language = "en") -> Document:
    return report_of(contents, made._hotline, language)


def section(document: Document, key: str) -> Section:
    return next(found for found in document.sections if found.key == key)


def rows(document: Document, key: str, table: int = 0) -> dict[str, tuple[object, ...]]:
    found = section(document, key).tables[table]
    return {str(row[0]): row[1:] for row in (*found.rows, *([found.totals] if found.totals else []))}


@pytest.mark.parametrize("rolled_up", [False, True])
def test_the_fixture_comes_out_in_all_definitions(database: Database, tmp_path: Path, rolled_up: bool) -> None:
    reported.keep(database, reported.fixture())
    reported.keep(database, reported.fixture(DAY - timedelta(days=7))[:10])
    if rolled_up:
        catch_up(database)
    made = maker(database, tmp_path)
    document = told(made.contents(WEDNESDAY), made)
    figures = {row[3].partition("[")[2].split()[0]: row[1] for row in section(document, "key").tables[0].rows}  # type: ignore[union-attr]
    assert figures["loss"] == pytest.approx(7 / 15)
    assert figures["sl.strict"] == pytest.approx(0.357, abs=0.001)
    assert figures["within.3s"] == 0
    assert figures["within.10s"] == pytest.approx(2 / 15)
    assert figures["abandon.queue"] == pytest.approx(0.286, abs=0.001)
    assert figures["asa.mean"] == pytest.approx(28.5)
    assert figures["wait.longest"] == 90
    assert rows(document, "volume")["entries into queues"] == (15, 10, 0.5)
    assert rows(document, "volume", 1)["10:00"][:3] == (15, 8, 7)
    assert rows(document, "lines")["Human resources"][:4] == (15, 8, 7, pytest.approx(7 / 15))
    assert rows(document, "queues")["Total"][:3] == (15, 8, 7)
    assert rows(document, "agents")["101"][1] == 8


def test_each_caller_gave_up_in_one_place_and_those_who_hung_up_at_once_are_apart(database: Database, tmp_path: Path) -> None:
    at = local(DAY)
    reported.keep(
        database,
        [
            call("1", at, steps=(("greeting", ""), ("menu", "")), lasts_s=5.0, line=None),
            call("2", at, steps=(("greeting", ""), ("menu", "")), lasts_s=5.1, line=None),
            call("3", at, visit("hr", at, 5.0, VisitOutcome.ABANDONED_WAIT)),
            call("4", at, visit("hr", at, 5.1, VisitOutcome.ABANDONED_WAIT)),
            call("5", at, visit("hr", at, 4.0, VisitOutcome.ABANDONED_RING)),
            call("6", at, visit("hr", at, 40.0, VisitOutcome.ABANDONED_RING)),
            call("7", at, visit("hr", at, 2.0, VisitOutcome.ANSWERED)),
        ],
    )
    made = maker(database, tmp_path)
    contents = made.contents(WEDNESDAY)
    by_outcome = contents.now.calls.by_outcome
    assert dict(by_outcome) == {"short": 3, "abandoned_ivr": 1, "abandoned_queue": 1, "abandoned_ring": 1, "answered": 1}
    document = told(contents, made, "zh")
    split = section(document, "outcomes").charts[0]
    assert dict(zip(split.categories, split.series[0].values, strict=True)) == {"IVR放弃": 1, "排队放弃": 1, "振铃放弃": 1, "速挂": 3}
    assert rows(document, "questions", 1)["menu"] == (2, 1.0)


def test_a_line_s_own_limits_count_for_it(database: Database, tmp_path: Path) -> None:
    at = local(DAY)
    reported.keep(
        database,
        [call("1", at, visit("hr", at, 7.0, VisitOutcome.ABANDONED_WAIT)), call("2", at, visit("hr", at, 25.0, VisitOutcome.ANSWERED))],
    )
    lines = {**settings_in(tmp_path).model_dump()["lines"]}
    lines["hr"] |= {"short_s": 8.0, "service_s": 30.0}
    made = maker(database, tmp_path, lines=lines)
    contents = made.contents(WEDNESDAY)
    assert contents.now.calls.by_outcome["short"] == 1
    assert contents.now.figures(contents.limits, NOW).value("sl.strict") == 1.0


def test_what_callers_chose_in_the_menus_is_counted_and_what_they_typed_is_not(database: Database, tmp_path: Path) -> None:
    at = local(DAY)
    steps = (("menu", "2"), ("course_menu", "1"), ("course_on_campus", ""))
    typed = (("menu", "4"), ("serial", "13800138000"), ("told", ""))
    reported.keep(database, [call(str(n), at, visit("course", at, 1, VisitOutcome.ANSWERED), steps=steps, line="course") for n in range(3)])
    reported.keep(database, [call("x", at, steps=typed, line="complaint")])
    made = maker(database, tmp_path)
    choices = section(told(made.contents(WEDNESDAY), made), "questions").tables[1].rows
    assert choices == (
        ("course_menu", "1", "course_on_campus", 3, 1.0),
        ("menu", "2", "course_menu", 3, 0.75),
        ("menu", "4", "serial", 1, 0.25),
    )


def test_complaints_are_counted_by_what_happened_in_the_period(database: Database, tmp_path: Path) -> None:
    day, hour = timedelta(days=1), timedelta(hours=1)
    at = local(DAY)
    reported.complain(database, "quick", at, finding="unfounded", verify=at + hour, inform=at + 2 * hour, close=at + 3 * hour)
    reported.complain(database, "new", at + hour)
    reported.complain(database, "due in time", at - 3 * day, finding="serious", verify=at - 2 * day, solve=at - day, inform=at - hour)
    reported.complain(database, "due and late", at - 3 * day, finding="ordinary", verify=at - day, inform=at + day)
    reported.complain(database, "long overdue", at - 9 * day)
    reported.complain(database, "closed before", at - 9 * day, inform=at - 8 * day, close=at - 7 * day)
    reported.complain(database, "tomorrow", at + day)
    made = maker(database, tmp_path)
    contents = made.contents(WEDNESDAY)
    counts = ComplaintCounts.of(contents.now.complaints, contents.start, contents.end)
    assert (counts.filed, dict(counts.findings)) == (2, {"unfounded": 1, None: 1})
    assert (counts.verified, counts.solved, counts.answered, counts.closed) == (1, 0, 2, 1)
    assert (counts.due, counts.due_in_time) == (2, 1)
    assert (counts.overdue, counts.open) == (2, 4)
    assert counts.mean_answer_h == pytest.approx((2 + 71) / 2)
    document = told(contents, made)
    register = section(document, "complaints").tables[2].rows
    assert [(row[4], row[5]) for row in register] == [("Unfounded", 2.0), ("Not verified", None)]
    assert rows(document, "complaints", 1)["Total"][-4:] == (0.5, 2, 4, pytest.approx(36.5))
    assert section(told(made.contents(Period(Kind.DAY, date(2026, 1, 1))), made), "complaints").tables == ()


def test_callbacks_fall_through_a_funnel(database: Database, tmp_path: Path) -> None:
    at = local(DAY)
    reported.promise(database, "a", at, Reason.REQUESTED, "done", ["no_answer", "bridged"])
    reported.promise(database, "b", at, Reason.ABANDONED, "failed", ["no_answer", "busy", "no_key"])
    reported.promise(database, "c", at, Reason.ABANDONED, "cancelled", last="served")
    reported.promise(database, "d", at, Reason.ABANDONED, "cancelled")
    reported.promise(database, "e", at, Reason.FOLLOW_UP, "due")
    reported.promise(database, "f", at, Reason.ABANDONED, "expired")
    reported.promise(database, "before", at - timedelta(days=1), Reason.REQUESTED, "due")
    made = maker(database, tmp_path)
    contents = made.contents(WEDNESDAY)
    assert Funnel.of(contents.now.promises) == Funnel(6, dialled=2, reached=2, talked=1, failed=1, expired=1, cancelled=1, served=1, open=1)
    assert (contents.now.outgoing.dialled, contents.now.outgoing.reached, contents.now.outgoing.talked) == (5, 2, 1)
    assert rows(told(contents, made), "callbacks")["lost caller"] == (4, 1, 1, 0, 1, 1, 1, 1, 0)


def test_ratings_offered_and_answered_apart(database: Database, tmp_path: Path) -> None:
    for number, rating in enumerate((5, 4, 3, 1, None)):
        reported.rate(database, str(number), local(DAY), rating)
    made = maker(database, tmp_path)
    document = told(made.contents(WEDNESDAY), made)
    assert rows(document, "satisfaction")["Human resources"] == (5, 4, 0.8, 0.5, 0.25, 3.25)


def test_what_was_not_seen_as_it_happened_is_said(database: Database, tmp_path: Path) -> None:
    at = local(DAY)
    unsure = visit("hr", at, 5, VisitOutcome.ANSWERED)
    unsure.uncertain = True
    running = replace(call("2", at), ended_at=None)
    reported.keep(database, [call("1", at, unsure), running])
    reported.gap(database, at, at + timedelta(minutes=3), filled=True)
    reported.gap(database, at + timedelta(hours=1), None, filled=False)
    made = maker(database, tmp_path)
    sentences = section(told(made.contents(WEDNESDAY), made), "quality").sentences
    assert sentences[0].startswith("The link to telephone system main was down from 11-18 10:00:00 to 11-18 10:03:00. queue_log has told")
    assert "is down since 11-18 11:00:00" in sentences[1]
    assert sentences[2:4] == ("Visits of queues that are uncertain in part: 1.", "Calls not over when the report was made: 1.")
    quiet = section(told(made.contents(Period(Kind.DAY, date(2026, 1, 1))), made), "quality").sentences
    assert quiet[0] == "Every call was followed as it happened."


@pytest.mark.parametrize("kind", list(Kind))
def test_every_report_of_every_kind_is_whole_in_both_languages(database: Database, tmp_path: Path, kind: Kind) -> None:
    reported.weeks(database, date(2026, 11, 2), 14, a_day=12)
    made = maker(database, tmp_path)
    period = Period.around(kind, date(2026, 11, 12))
    zh, en = (told(made.contents(period), made, language) for language in words.LANGUAGES)
    assert [found.key for found in zh.sections] == [found.key for found in en.sections]
    assert len(zh.sections) == len(SECTIONS)
    for chinese, english in zip(zh.sections, en.sections, strict=True):
        assert [(len(table.rows), [column.key for column in table.columns]) for table in chinese.tables] == [
            (len(table.rows), [column.key for column in table.columns]) for table in english.tables
        ]
        for table in chinese.tables:
            assert all(len(row) == len(table.columns) for row in (*table.rows, *([table.totals] if table.totals else [])))
    assert re.search("[\u4e00-\u9fff]", zh.title)
    assert not re.search("[\u4e00-\u9fff]", en.title + en.short)
    outcomes = section(en, "outcomes").tables[0]
    assert outcomes.totals[1] == sum(int(str(row[1])) for row in outcomes.rows) == sum(int(str(cell)) for cell in outcomes.totals[2:])


def test_an_empty_period_is_a_report_too(database: Database, tmp_path: Path) -> None:
    reported.keep(database, reported.fixture())
    made = maker(database, tmp_path)
    quiet = made.make(Period(Kind.MONTH, date(2026, 8, 1)))
    text = (made.folder / quiet.files["en.html"]).read_text(encoding="utf-8")
    assert "–" in text
    assert "100.0 %" not in text
    assert openpyxl.load_workbook(made.folder / quiet.files["zh.xlsx"]).sheetnames


def test_the_files_name_nobody_and_hold_no_formula(database: Database, tmp_path: Path) -> None:
    reported.weeks(database, DAY, 1, a_day=40)
    at = local(DAY)
    hostile = call(
        "evil", at, visit(HOSTILE[:30], at, 3, VisitOutcome.ANSWERED, agent=HOSTILE), steps=((HOSTILE, "1"), ("+1", "")), line="-1+1"
    )
    reported.keep(database, [hostile])
    agents = {"101": {"name": "=1+1", "contact": "sip:1@192.0.2.1"}}
    made = maker(database, tmp_path, agents=agents)
    files = made.make(WEDNESDAY).files
    for name, path in files.items():
        raw = (made.folder / path).read_bytes()
        text = raw.decode("utf-8-sig") if not name.endswith("xlsx") else _text_of(raw)
        assert not re.search(r"138[0-9]{8}", text), name
        assert "王明" not in text, name
        if name.endswith("html"):
            assert "<script" not in text
            assert "&lt;script&gt;" in text
            assert "http-equiv" not in text
            assert not re.search(r"""(?:src|href)=["'](?!#)""", text), "nothing is fetched from elsewhere"
        if name.endswith("csv"):
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not any(cell[:1] in "=@\t\r" for cell in cells if cell)
            assert not any(cell[:1] in "+-" and not re.fullmatch(r"-[0-9.]+", cell) for cell in cells if cell)
            assert "'+1" in cells


def _text_of(workbook: bytes) -> str:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert not any(cell.data_type == "f" for cell in cells)
    assert any(cell.value == HOSTILE for cell in cells)
    return "\n".join(str(cell.value) for cell in cells)


def test_a_second_making_replaces_the_files_and_leaves_nothing_unfinished(database: Database, tmp_path: Path) -> None:
    made = maker(database, tmp_path)
    first = made.make(WEDNESDAY)
    before = (made.folder / first.files["zh.html"]).read_bytes()
    reported.keep(database, reported.fixture())
    assert made.make(WEDNESDAY).files == first.files
    assert (made.folder / first.files["zh.html"]).read_bytes() != before
    names = {path.name for path in (made.folder / "day" / DAY.isoformat()).iterdir()}
    assert names == {Path(path).name for path in first.files.values()}


def test_a_day_of_25_hours_has_all_its_half_hours(database: Database, tmp_path: Path) -> None:
    hotline = settings_in(tmp_path).model_dump()["hotline"] | {"time_zone": "Europe/Berlin"}
    made = maker(database, tmp_path, hotline=hotline)
    long = Period(Kind.DAY, date(2026, 10, 25))
    at = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)  # 02:10, and an hour later 02:10 again
    reported.keep(
        database, [call(str(n), at + timedelta(hours=n), visit("hr", at + timedelta(hours=n), 1, VisitOutcome.ANSWERED)) for n in range(2)]
    )
    document = told(made.contents(long), made)
    chart = section(document, "volume").charts[0]
    assert len(chart.categories) == 50
    table = section(document, "volume").tables[1]
    assert [row[:2] for row in table.rows] == [("02:00", 1), ("02:00", 1)]


def test_every_word_is_used_and_has_the_same_places_in_both_languages() -> None:
    sources = [path for path in Path(words.__file__).parent.rglob("*.*") if path.suffix in (".py", ".html") and path.name != "words.py"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    # Of these the code makes the end up, from what it tells of.
    families = {
        "title",
        "name",
        "weekday",
        "volume",
        "figure",
        "outcome",
        "complaint",
        "callbacks",
        "reason",
        "quality",
        "tile",
        "standing",
    }
    unused = {key for key in words.WORDS if f'"{key}"' not in code and f"'{key}'" not in code and key.partition(".")[0] not in families}
    assert unused == set()
    assert {f"figure.{name}" for name in call_sections.KEY_FIGURES} == {key for key in words.WORDS if key.startswith("figure.")}
    for key, (zh, en) in words.WORDS.items():
        assert set(re.findall(r"\{(\w+)", zh)) == set(re.findall(r"\{(\w+)", en)), key


def test_the_callers_of_these_tests_have_numbers_and_names(database: Database) -> None:
    """Else that none is in the files would prove nothing."""
    reported.keep(database, reported.fixture())
    [found] = database.read_now(lambda session: contacts.latest(session, SEALER, limit=1))
    assert (found.caller, found.caller_name) == (reported.CALLER, "王明")

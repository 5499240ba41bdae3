"""The workbook as a spreadsheet program reads it: values of their kinds, charts over them, and no text that is a formula."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from support.house import ZONE

from ivr.reports import workbook
from ivr.reports.charts import svg, ticks
from ivr.reports.tables import Chart, Column, Kind, Series, Sheet, Table
from ivr.reports.workbook import figures_workbook, write_workbook

HOSTILE = (
    '=HYPERLINK("http://evil","x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "=cmd|' /C calc'!A0",
    "{=1}",
    "http://evil/",
    "0123",
)
AT = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)


def written(*sheets: Sheet) -> tuple[openpyxl.Workbook, bytes]:
    file = io.BytesIO()
    write_workbook(file, "=title", sheets, ZONE)
    return openpyxl.load_workbook(io.BytesIO(file.getvalue())), file.getvalue()


def test_every_kind_comes_back_as_it_was() -> None:
    columns = tuple(Column(kind.name, kind.name, kind) for kind in (Kind.TEXT, Kind.COUNT, Kind.SHARE, Kind.SECONDS, Kind.MOMENT))
    book, _ = written(Sheet("figures", [Table("what", columns, (("hr", 15, 0.4667, 28.5, AT), ("course", None, None, None, None)))]))
    page = book["figures"]
    title, head, first, second = list(page.iter_rows())
    assert title[0].value == "what"
    assert [cell.value for cell in head] == [column.title for column in columns]
    assert [cell.value for cell in first] == ["hr", 15, 0.4667, 28.5, datetime(2026, 11, 18, 10, 30)]  # noqa: DTZ001 - a spreadsheet's
    assert [cell.number_format for cell in first[1:4]] == ["#,##0", "0.0%", "#,##0.0"]
    assert [cell.value for cell in second] == ["course", None, None, None, None]


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_formula_or_a_link_wherever_it_stands(text: str) -> None:
    columns = (Column("name", text, Kind.TEXT), Column("count", "count"))
    chart = Chart(text, "grouped", (text, "b"), (Series(text, (1.0, 2.0)),))
    table = Table(text, columns, ((text, 1), ("b", 2)), (text, 3), note=text)
    book, raw = written(Sheet(text, [table], [chart]))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert text.replace("\r", "\n").strip() in {str(cell.value).replace("_x000D_", "\n").strip() for cell in cells}
    assert not any(cell.hyperlink for cell in cells)
    archive = zipfile.ZipFile(io.BytesIO(raw))
    sheets = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
    [drawn] = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
    assert sheets
    assert drawn.count("<c:f>") == drawn.count("<c:f>&#x27;chart data") + drawn.count("<c:f>'chart data")
    assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    assert not any("externalLink" in name or "vbaProject" in name for name in archive.namelist())


def test_a_formula_like_text_stays_text_when_it_is_edited() -> None:
    book, _ = written(Sheet("a", [Table("t", (Column("name", "name", Kind.TEXT),), (("=1+1",), ("plain",)))]))
    by_value = {cell.value: cell for row in book["a"].iter_rows() for cell in row}
    assert (by_value["=1+1"].quotePrefix, by_value["plain"].quotePrefix) == (True, False)


def test_charts_are_real_and_read_the_cells_of_the_data_sheet() -> None:
    chart = Chart("loss", "line", ("10:00", "10:30"), (Series("loss", (0.5, None), "bad"),), Kind.SHARE)
    empty = Chart("nothing", "stacked", ("10:00",), (Series("none", (0.0,)),))
    book, raw = written(Sheet("volume", [], [chart, empty]))
    assert book.sheetnames == ["volume", "chart data"]
    archive = zipfile.ZipFile(io.BytesIO(raw))
    [drawn] = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
    assert "'chart data'!$B$2:$B$3" in drawn
    assert [[cell.value for cell in row] for row in book["chart data"].iter_rows()] == [["loss", "loss"], ["10:00", 0.5], ["10:30", None]]


def test_sheets_get_names_that_excel_takes() -> None:
    names = ["a[b]:*?/\\", "'", "A" * 40, "a" * 40, "重复", "重复", ""]
    book, _ = written(*(Sheet(name, []) for name in names))
    assert len(set(map(str.casefold, book.sheetnames))) == len(names)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in book.sheetnames)


def test_a_long_list_is_written_in_constant_memory_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MANY_ROWS", 100)
    rows = tuple((f"={number}", number) for number in range(101))
    table = Table("long", (Column("name", "name", Kind.TEXT), Column("count", "count")), rows)
    chart = Chart("c", "grouped", ("a",), (Series("s", (1.0,)),))
    write_workbook(tmp_path / "long.xlsx", "long", [Sheet("long", [table], [chart])], ZONE)
    page = openpyxl.load_workbook(tmp_path / "long.xlsx", read_only=True)["long"]
    last = list(page.iter_rows(values_only=True))[-1]
    assert last[:2] == ("=100", 100)


def test_flat_records_become_a_typed_sheet_with_charts() -> None:
    records = [
        {
            "queue": "=hr",
            "start": f"2026-11-18T1{n}:00:00+08:00",
            "offered": 5 + n,
            "answered": 4,
            "loss": 0.2,
            "asa.mean": 9.5,
            "longest_wait": None,
        }
        for n in range(3)
    ]
    file = io.BytesIO()
    figures_workbook(file, "report", records, ZONE)
    book = openpyxl.load_workbook(io.BytesIO(file.getvalue()))
    head, first = list(book["report"].iter_rows())[1:3]
    assert [cell.value for cell in head] == list(records[0])
    assert [cell.value for cell in first][:3] == ["=hr", datetime(2026, 11, 18, 10, 0), 5]  # noqa: DTZ001 - a spreadsheet's
    assert (first[0].data_type, first[4].number_format) == ("s", "0.0%")
    charts = [name for name in zipfile.ZipFile(file).namelist() if name.startswith("xl/charts/chart")]
    assert len(charts) == 2


def test_no_records_make_an_empty_sheet() -> None:
    file = io.BytesIO()
    figures_workbook(file, "report", [], ZONE)
    assert openpyxl.load_workbook(file).sheetnames == ["report"]


@pytest.mark.parametrize(
    ("highest", "marks"),
    [(0, [0, 1]), (1, [0, 0.25, 0.5, 0.75, 1]), (7, [0, 2, 4, 6, 8]), (0.467, [0, 0.2, 0.4, 0.6]), (1000, [0, 250, 500, 750, 1000])],
)
def test_an_axis_has_round_marks(highest: float, marks: list[float]) -> None:
    assert ticks(highest) == marks


@pytest.mark.parametrize("form", ["stacked", "grouped", "line", "bars"])
def test_a_drawing_escapes_what_it_is_told(form: str) -> None:
    hostile = '"><script>alert(1)</script>'
    chart = Chart(hostile, form, (hostile, "b"), (Series(hostile, (1.0, None)), Series("s", (2.0, 3.0))))  # type: ignore[arg-type]
    drawn = svg(chart)
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") >= 3
    assert 'style="' not in drawn

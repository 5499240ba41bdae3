"""Tables and charts as an xlsx workbook. Used by the reports and by ``ivrd report --format xlsx``.

A text is always written as text: a name that begins with = + - @ is never a formula, and stays none when somebody edits the cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import xlsxwriter

from ivr.reports.tables import Cell, Chart, Column, Kind, Series, Sheet, Table

LONGEST_TEXT = 32_767  # Excel's limit of a cell
LONGEST_SHEET_NAME = 31
MANY_ROWS = 20_000  # above it rows are written as they come, in constant memory
_FORMULA_LIKE = ("=", "+", "-", "@", "\t", "\r", "\n")
_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.SHARE: "0.0%",
    Kind.SECONDS: "#,##0.0",
    Kind.NUMBER: "0.00",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
    Kind.TEXT: "@",
}
_TONES = {"good": "#2E8B57", "bad": "#C0392B", "few": "#D99A2B", "plain": "#1A56AD", "quiet": "#AAB4C0"}
_CHART_ROWS = 16  # a chart is so many rows high
_WIDEST, _NARROWEST = 48, 9


def write_workbook(file: BinaryIO | Path, title: str, sheets: Sequence[Sheet], zone: ZoneInfo, *, data_name: str = "chart data") -> None:
    """Write ``sheets`` to ``file``. Moments appear in ``zone``; ``data_name`` is the last sheet, what the charts are drawn from.

    Raises OSError and xlsxwriter.exceptions.XlsxFileError when it can't be written.
    """
    rows = sum(len(table.rows) for sheet in sheets for table in sheet.tables)
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "in_memory": rows <= MANY_ROWS,
        "constant_memory": rows > MANY_ROWS,
    }
    with xlsxwriter.Workbook(str(file) if isinstance(file, Path) else file, options) as book:
        book.set_properties({"title": title, "comments": ""})
        _Writer(book, zone, data_name).write(sheets)


def figures_workbook(file: BinaryIO | Path, title: str, records: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    """Flat records, as ``ivrd report --format csv`` prints them, as a sheet with two charts where the records have such columns.

    Keys are column names, in the first record's order. ISO 8601 texts under ``start`` and ``end`` become moments.
    """
    keys = list(records[0]) if records else []
    columns = tuple(Column(key, key, _kind_by_name(key, [record.get(key) for record in records])) for key in keys)
    rows = tuple(tuple(_as_cell(record.get(column.key), column.kind) for column in columns) for record in records)
    labels = tuple(_label(record, zone) for record in records)
    charts = []
    if {"offered", "answered"} <= set(keys) and len(records) > 1:
        counts = [Series(key, tuple(_number(record[key]) for record in records)) for key in ("offered", "answered")]
        charts.append(Chart("offered, answered", "grouped", labels, (Series("offered", counts[0].values, "quiet"), counts[1])))
    loss = next((key for key in keys if key == "loss" or key.endswith(".loss")), None)
    if loss and len(records) > 1:
        values = tuple(_number(record[loss]) for record in records)
        charts.append(Chart("loss 呼损率", "line", labels, (Series("loss", values, "bad"),), Kind.SHARE))
    write_workbook(file, title, [Sheet(title, [Table(title, columns, rows)], charts)], zone)


class _Writer:
    """One workbook being written."""

    def __init__(self, book: Any, zone: ZoneInfo, data_name: str) -> None:
        self._book = book
        self._zone = zone
        self._data_name = data_name
        self._names: set[str] = set()
        self._formats: dict[tuple[Any, ...], Any] = {}
        self._charts: list[tuple[Any, Chart, int, int]] = []

    def write(self, sheets: Sequence[Sheet]) -> None:
        for sheet in sheets:
            page = self._book.add_worksheet(self._free_name(sheet.name))
            page.hide_gridlines(2)
            page.set_landscape()
            page.set_paper(9)  # A4
            page.fit_to_pages(1, 0)
            self._sheet(page, sheet)
        if self._charts:
            self._draw(self._book.add_worksheet(self._free_name(self._data_name)))

    def _sheet(self, page: Any, sheet: Sheet) -> None:
        widths: dict[int, int] = {}
        for table in sheet.tables:
            for index, column in enumerate(table.columns):
                longest = max((_breadth(row[index]) for row in table.rows[:500]), default=0)
                widths[index] = max(widths.get(index, _NARROWEST), min(_WIDEST, max(_breadth(column.title), longest) + 2))
        for index, width in widths.items():
            page.set_column(index, index, width)
        row = 0
        for table in sheet.tables:
            row = self._table(page, table, row) + 1
        beside = (max(widths) + 2) if widths else 0
        for number, chart in enumerate(sheet.charts):
            if not chart.empty:
                self._charts.append((page, chart, 1 + number * _CHART_ROWS, beside))

    def _table(self, page: Any, table: Table, row: int) -> int:
        page.write_string(row, 0, _cut(table.title), self._format(bold=True, font_size=13))
        row += 1
        if table.note:
            page.write_string(row, 0, _cut(table.note), self._format(italic=True, font_color="#55606E"))
            row += 1
        for index, column in enumerate(table.columns):
            page.write_string(
                row, index, _cut(column.title), self._format(bold=True, bottom=1, bg_color="#E9EDF2", text_wrap=True, valign="top")
            )
        row += 1
        lines = (*table.rows, *((table.totals,) if table.totals else ()))
        for number, cells in enumerate(lines):
            last = bool(table.totals) and number == len(table.rows)
            look = {"bold": True, "top": 1} if last else {}
            for index, cell in enumerate(cells):
                self._cell(page, row, index, cell, table.kind_of(number, index), look)
            row += 1
        return row

    def _cell(self, page: Any, row: int, column: int, cell: Cell, kind: Kind, look: dict[str, Any]) -> None:
        if cell is None:
            page.write_blank(row, column, None, self._format(**look))
        elif isinstance(cell, str):
            guard = {"quote_prefix": True} if cell.startswith(_FORMULA_LIKE) else {}
            page.write_string(row, column, _cut(cell), self._format(num_format="@", **guard, **look))
        elif isinstance(cell, datetime):
            local = cell.astimezone(self._zone).replace(tzinfo=None)
            page.write_datetime(row, column, local, self._format(num_format=_FORMATS[Kind.MOMENT], align="left", **look))
        else:
            page.write_number(row, column, cell, self._format(num_format=_FORMATS[Kind.NUMBER if kind is Kind.TEXT else kind], **look))

    def _draw(self, data: Any) -> None:
        row = 0
        for page, chart, at_row, at_column in self._charts:
            data.write_string(row, 0, _cut(chart.title), self._format(bold=True))
            for index, series in enumerate(chart.series):
                data.write_string(row, index + 1, _cut(series.name), self._format(bold=True))
            first, last = row + 1, row + len(chart.categories)
            for number, category in enumerate(chart.categories):
                data.write_string(first + number, 0, _cut(category), self._format(num_format="@"))
                for index, series in enumerate(chart.series):
                    if (value := series.values[number]) is not None:
                        data.write_number(first + number, index + 1, value, self._format(num_format=_FORMATS[chart.kind]))
            page.insert_chart(at_row, at_column, self._chart(chart, data.get_name(), first, last))
            row = last + 2

    def _chart(self, chart: Chart, sheet: str, first: int, last: int) -> Any:
        shape = {"stacked": ("column", "stacked"), "grouped": ("column", None), "line": ("line", None), "bars": ("bar", None)}[chart.form]
        drawn = self._book.add_chart({"type": shape[0], **({"subtype": shape[1]} if shape[1] else {})})
        for index, series in enumerate(chart.series):
            colour = _TONES[series.tone]
            look = (
                {"line": {"color": colour, "width": 2}, "marker": {"type": "circle", "size": 4}}
                if chart.form == "line"
                else {"fill": {"color": colour}}
            )
            drawn.add_series(
                {
                    "name": [sheet, first - 1, index + 1],
                    "categories": [sheet, first, 0, last, 0],
                    "values": [sheet, first, index + 1, last, index + 1],
                    **look,
                }
            )
        # By its cell: some texts would be taken for a reference.
        drawn.set_title({"name": [sheet, first - 1, 0], "name_font": {"size": 11}})
        drawn.set_legend({"position": "bottom"} if len(chart.series) > 1 else {"none": True})
        drawn.set_y_axis(
            {
                "num_format": "0%" if chart.kind is Kind.SHARE else "General",
                "major_gridlines": {"visible": True, "line": {"color": "#D8DEE7"}},
                "min": 0,
            }
        )
        if chart.form == "bars":
            drawn.set_y_axis({"reverse": True})
        drawn.show_blanks_as("gap")
        drawn.set_size({"width": 640, "height": _CHART_ROWS * 20 - 20})
        return drawn

    def _free_name(self, wanted: str) -> str:
        """Excel's rules: at most 31 characters, none of ``[]:*?/\\``, no apostrophe at an end, no two alike whatever their case."""
        plain = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", wanted)
        plain = " ".join(plain.split()).strip(" '")[:LONGEST_SHEET_NAME].strip(" '") or "sheet"
        name, number = plain, 2
        while name.casefold() in self._names:
            name, number = f"{plain[: LONGEST_SHEET_NAME - 4]} {number}", number + 1
        self._names.add(name.casefold())
        return name

    def _format(self, **look: Any) -> Any:
        key = tuple(sorted(look.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(look)
        return self._formats[key]


def _cut(text: str) -> str:
    return text[:LONGEST_TEXT]


def _breadth(cell: Cell) -> int:
    """About how many characters wide: Chinese ones count twice."""
    if isinstance(cell, str):
        return sum(2 if ord(c) > 0x2E80 else 1 for c in cell)
    return 16 if isinstance(cell, datetime) else 8


def _kind_by_name(key: str, values: Sequence[Any]) -> Kind:
    if key in ("start", "end", "from", "to"):
        return Kind.MOMENT
    known = [value for value in values if value is not None]
    if any(isinstance(value, str) for value in known):
        return Kind.TEXT
    if any(part in ("sl", "abandon", "loss", "rate", "share") or part.endswith("_rate") for part in key.replace("/", ".").split(".")):
        return Kind.SHARE
    return Kind.SECONDS if any(isinstance(value, float) for value in known) else Kind.COUNT


def _as_cell(value: Any, kind: Kind) -> Cell:
    if kind is Kind.MOMENT and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return value
        return at if at.tzinfo else value
    return value if value is None or isinstance(value, str | int | float | datetime) else str(value)


def _label(record: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Of a record on a chart's axis: its beginning, with whose it is before."""
    start = _as_cell(record.get("start"), Kind.MOMENT)
    moment = start.astimezone(zone).strftime("%m-%d %H:%M") if isinstance(start, datetime) else ""
    whose = next((str(value) for key, value in record.items() if isinstance(value, str) and key not in ("start", "end")), "")
    return f"{whose} {moment}".strip()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None

"""A report as one HTML file that needs nothing else: for the console, as an attachment, and on paper. Used by ``making``."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ivr.reports.charts import svg
from ivr.reports.document import Document, shown
from ivr.reports.tables import Cell, Kind, Table
from ivr.reports.words import word

TEMPLATES = Path(__file__).parent / "templates"
MOST_ROWS = 200  # of one table; the workbook has them all


def html(document: Document, zone: ZoneInfo) -> str:
    """The page. Every text is escaped, whoever wrote it."""

    def cell(value: Cell, kind: Kind) -> str:
        if isinstance(value, datetime):
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        if value is None:
            return ""
        return value if isinstance(value, str) else shown(value, kind)

    def numeric(table: Table, column: int) -> bool:
        return table.columns[column].kind not in (Kind.TEXT, Kind.MOMENT)

    return _template().render(
        document=document,
        lang="zh-CN" if document.language == "zh" else "en",
        t=lambda key, **values: word(key, document.language, **values),
        cell=cell,
        shown=shown,
        numeric=numeric,
        svg=svg,
        most_rows=MOST_ROWS,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")

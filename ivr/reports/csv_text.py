"""A report's tables as CSV, one figure a line, for other programs: the same keys in every language. Used by ``making``."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.reports.document import Document
from ivr.reports.tables import Cell
from ivr.views import spreadsheet_safe


def csv_text(document: Document, zone: ZoneInfo) -> str:
    """``section,table,row,column,value``: shares of 1, seconds, moments as ISO 8601 in ``zone``. No text can become a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["section", "table", "row", "column", "value"])
    for section in document.sections:
        for table in section.tables:
            for row in (*table.rows, *([table.totals] if table.totals else [])):
                for column, cell in list(zip(table.columns, row, strict=True))[1:]:
                    told = (section.key, table.title, _plain(row[0], zone), column.key, _plain(cell, zone))
                    writer.writerow([spreadsheet_safe(part) for part in told])
    return out.getvalue()


def _plain(cell: Cell, zone: ZoneInfo) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(timespec="seconds")
    return round(cell, 4) if isinstance(cell, float) else cell

"""A report's rows as JSON, flat records for CSV and workbooks, and a table for people. Pure; for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table

from ivr.domain.definition_book import ABANDONMENTS, DEFINITIONS, SERVICE_LEVELS
from ivr.domain.definitions import Unit, Value
from ivr.domain.figures import Figures
from ivr.reporting import By, ReportRow

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIMES = ("aht", "talk.mean", "hold.mean", "ring.mean", "wrap_up.mean", "transfer.rate")
_CONTACTS = ("abandon.ivr", "abandon.hotline")


def row_as_json(row: ReportRow, by: By, zone: ZoneInfo, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """One row as ``ivrd report --format json`` prints it: shares from 0 to 1, seconds as numbers; ``wanted`` definitions beside."""
    f = row.figures
    tally = f.tally
    place = {} if row.hour_of_week is None else {"hour_of_week": row.hour_of_week, "weekday": _weekday(row), "hour": row.hour_of_week % 24}
    whole = (*ABANDONMENTS, *_CONTACTS) if by in (By.LINE, By.HOTLINE) else ABANDONMENTS
    return {
        by.value: row.name,
        **place,
        "start": row.start.astimezone(zone).isoformat(),
        "end": row.end.astimezone(zone).isoformat(),
        "offered": row.entered,
        "answered": f.answered,
        "abandoned": f.abandoned,
        "abandoned_wait": f.abandoned_wait,
        "abandoned_ring": f.abandoned_ring,
        "abandoned_short": f.abandoned_short,
        "flow_out": f.flow_out,
        "refused": f.refused,
        "withdrawn": f.withdrawn,
        "lost": f.lost,
        "transferred": tally.transferred,
        "carry_in": row.carry_in,
        "carry_out": row.carry_out,
        "sl": {name: _told(f, name) for name in SERVICE_LEVELS},
        "abandon": {name: _told(f, name) for name in whole},
        "asa": {name: _told(f, f"asa.{name}") for name in ("mean", "p50", "p90", "p95")},
        "wait": {"all": _told(f, "wait.all"), "wazo": _told(f, "wait.wazo")},
        "answered_within": {f"{mark:g}": count for mark, count in f.answered_within},
        "longest_wait": _told(f, "wait.longest"),
        "times": {name: _told(f, name) for name in _TIMES},
        "satisfaction": {
            **{name: tally.ratings[name] for name in ("offered", "answered", "satisfied", "dissatisfied")},
            "rate": _told(f, "satisfaction.rate"),
        },
        **({"definitions": {name: _told(f, name) for name in wanted}} if wanted else {}),
        "reconstructed": tally.reconstructed,
        "uncertain": tally.uncertain,
        "quality": row.quality,
    }


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Nested keys become columns like ``sl.strict`` and ``asa.mean``."""
    return {
        (inner if key in ("sl", "abandon", "definitions") else f"{key}.{inner}") if isinstance(value, dict) else key: item
        for key, value in record.items()
        for inner, item in (value.items() if isinstance(value, dict) else [(key, value)])
    }


def table(rows: Sequence[ReportRow], by: By, zone: ZoneInfo, wanted: Sequence[str] = ()) -> Table:
    """For people; the figures asked for by name take the place of the usual ones."""
    if wanted:
        found = Table(by.value, "from", "offered", *wanted, "quality")
        for row in rows:
            found.add_row(row.name, _begin(row, zone), str(row.entered), *(_written(row.figures, name) for name in wanted), _mark(row))
        return found
    found = Table(
        by.value, "from", "offered", "answered", "lost", "呼损率", "≤3 s", "≤10 s", "≤20 s", "SL", "ASA s", "longest s", "quality"
    )
    for row in rows:
        f = row.figures
        found.add_row(
            row.name,
            _begin(row, zone),
            *(str(count) for count in (row.entered, f.answered, f.lost)),
            _written(f, "loss"),
            *(str(count) for _, count in f.answered_within),
            *(_written(f, name) for name in ("sl.strict", "asa.mean", "wait.longest")),
            _mark(row),
        )
    return found


def told(name: str, value: Value) -> Value:
    """Rounded as it is shown: shares to 0.01 %, seconds to a tenth."""
    if value is None or DEFINITIONS[name].unit is Unit.COUNT:
        return value
    return round(value, 4 if DEFINITIONS[name].unit is Unit.SHARE else 1)


def written(name: str, value: Value) -> str:
    """For people: 35.7%, 28.5, or - where there is none."""
    if value is None:
        return "-"
    return f"{value:.1%}" if DEFINITIONS[name].unit is Unit.SHARE else str(told(name, value))


def _told(figures: Figures, name: str) -> Value:
    return told(name, figures.value(name))


def _written(figures: Figures, name: str) -> str:
    return written(name, figures.value(name))


def _weekday(row: ReportRow) -> str:
    return _DAYS[(row.hour_of_week or 0) // 24]


def _begin(row: ReportRow, zone: ZoneInfo) -> str:
    if row.hour_of_week is not None:
        return f"{_weekday(row)} {row.hour_of_week % 24:02}:00"
    return row.start.astimezone(zone).strftime("%m-%d %H:%M")


def _mark(row: ReportRow) -> str:
    return "" if row.quality == "measured" else row.quality

"""A report's rows as JSON, flat records for CSV and workbooks, and a table for people. Pure; for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Table

from ivr.domain.definition_book import ABANDONMENTS, DEFINITIONS, SERVICE_LEVELS
from ivr.domain.definitions import Unit, Value
from ivr.domain.figures import Figures
from ivr.domain.intervals import Grain
from ivr.reporting import Ask, By, ReportRow
from ivr.store.visit_rows import View

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


# Heads are short: at 80 columns a table of ten columns must still be one.
_USUAL: tuple[tuple[str, Callable[[ReportRow], str]], ...] = (
    ("calls", lambda row: str(row.entered)),
    ("answd", lambda row: str(row.figures.answered)),
    ("lost", lambda row: str(row.figures.lost)),
    ("呼损率", lambda row: _written(row.figures, "loss")),
    ("SL", lambda row: _written(row.figures, "sl.strict")),
    ("ASA s", lambda row: _written(row.figures, "asa.mean")),
    ("max s", lambda row: _written(row.figures, "wait.longest")),
    ("≤3 s", lambda row: str(row.figures.answered_within[0][1])),
    ("≤10 s", lambda row: str(row.figures.answered_within[1][1])),
    ("≤20 s", lambda row: str(row.figures.answered_within[2][1])),
)
_CARRIED: tuple[tuple[str, Callable[[ReportRow], str]], ...] = (
    ("before", lambda row: str(row.carry_in)),
    ("after", lambda row: str(row.carry_out)),
)
NARROW = 100  # columns; below it some figures are left to JSON and CSV, so that the others stay whole


def table(rows: Sequence[ReportRow], ask: Ask, width: int) -> Table:
    """For people, in so many columns; the figures asked for by name take the place of the usual ones."""
    start, end = (at.astimezone(ask.zone) for at in (ask.start, ask.end))
    figures: list[tuple[str, Callable[[ReportRow], str]]] = list(_USUAL)
    if ask.definitions:
        figures = [_USUAL[0], *((name, partial(_named, name=name)) for name in ask.definitions)]
    carried = ask.view is View.ACTIVITY and ask.by is not By.AGENT and ask.grain is not Grain.HOUR_OF_WEEK
    if width < NARROW and not ask.definitions:
        left_out = ("≤", "ASA") if carried else ("≤",) if ask.grain else ("≤20",)
        figures = [each for each in figures if not each[0].startswith(left_out)]
    if carried:
        figures[1:1] = _CARRIED
    title = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}, {ask.zone}, {ask.view.value}"
    if ask.grain:
        title += ", intervals with calls"
        rows = [row for row in rows if row.entered or row.figures.tally.counted or row.carry_in]
    found = Table(title=title, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD)
    found.add_column(ask.by.value, no_wrap=True, min_width=max(len(ask.by.value), *(min(24, len(row.name)) for row in rows), 1))
    if ask.grain:
        found.add_column("from", no_wrap=True, min_width=11)
    for head, _ in figures:
        found.add_column(head, justify="right", overflow="fold", no_wrap=not ask.definitions)
    marked = any(row.quality != "measured" for row in rows)
    if marked:
        found.add_column("quality", no_wrap=True)
    for row in rows:
        begin = [_begin(row, ask.zone)] if ask.grain else []
        mark = [row.quality if row.quality != "measured" else ""] if marked else []
        found.add_row(row.name, *begin, *(read(row) for _, read in figures), *mark)
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


def _named(row: ReportRow, name: str) -> str:
    return _written(row.figures, name)


def _written(figures: Figures, name: str) -> str:
    return written(name, figures.value(name))


def _weekday(row: ReportRow) -> str:
    return _DAYS[(row.hour_of_week or 0) // 24]


def _begin(row: ReportRow, zone: ZoneInfo) -> str:
    if row.hour_of_week is not None:
        return f"{_weekday(row)} {row.hour_of_week % 24:02}:00"
    return row.start.astimezone(zone).strftime("%m-%d %H:%M")

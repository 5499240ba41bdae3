"""Reports: the figures of queues, lines or agents over a period, cut into intervals. Used by ``ivrd report``. Pure but for the reading.

Cohort view: a visit belongs to the interval in which it entered the queue, whenever it ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from ivr.domain.contacts import Contact, Visit
from ivr.domain.figures import Figures, Thresholds, queue_figures
from ivr.domain.intervals import Grain, intervals


class By(StrEnum):
    QUEUE = "queue"
    LINE = "line"
    AGENT = "agent"


NO_LINE = "none"  # a visit of a caller who chose no line

_OF: dict[By, Callable[[Contact, Visit], str | None]] = {
    By.QUEUE: lambda _, visit: visit.queue,
    By.LINE: lambda contact, _: contact.line or NO_LINE,
    By.AGENT: lambda _, visit: visit.agent,
}


@dataclass(frozen=True, slots=True)
class ReportRow:
    """``name`` is the queue, line or agent; the interval is [start, end), aware UTC."""

    name: str
    start: datetime
    end: datetime
    figures: Figures


def report_rows(
    contacts: Iterable[Contact],
    start: datetime,
    end: datetime,
    *,
    by: By,
    grain: Grain | None,
    zone: ZoneInfo,
    now: datetime,
    thresholds: Thresholds,
    names: Sequence[str] = (),
) -> list[ReportRow]:
    """A row for each name and interval; without a ``grain`` the period is one interval. ``names`` get a row even without visits."""
    visits: dict[str, list[Visit]] = defaultdict(list)
    for contact in contacts:
        for visit in contact.visits:
            name = _OF[by](contact, visit)
            if name and start <= visit.joined_at < end:
                visits[name].append(visit)
    spans = list(intervals(start, end, grain, zone)) if grain else [(start, end)]
    return [
        ReportRow(name, begin, finish, queue_figures(_within(visits[name], begin, finish), now, thresholds))
        for name in sorted({*names, *visits})
        for begin, finish in spans
    ]


def _within(visits: Iterable[Visit], start: datetime, end: datetime) -> list[Visit]:
    return [visit for visit in visits if start <= visit.joined_at < end]


def row_as_json(row: ReportRow, by: By, zone: ZoneInfo) -> dict[str, Any]:
    """One row as ``ivrd report --format json`` prints it: shares from 0 to 1, seconds as numbers."""
    f = row.figures
    return {
        by.value: row.name,
        "start": row.start.astimezone(zone).isoformat(),
        "end": row.end.astimezone(zone).isoformat(),
        "offered": f.offered,
        "answered": f.answered,
        "abandoned": f.abandoned,
        "abandoned_wait": f.abandoned_wait,
        "abandoned_ring": f.abandoned_ring,
        "abandoned_short": f.abandoned_short,
        "flow_out": f.flow_out,
        "refused": f.refused,
        "withdrawn": f.withdrawn,
        "lost": f.lost,
        "carry_in": 0,  # in the cohort view a visit is counted where it entered, so none is carried in
        "carry_out": f.waiting,
        "sl": {"sl.strict": _share(f.service_level_strict), "sl.inclusive": _share(f.service_level_inclusive)},
        "abandon": {
            "abandon.queue": _share(f.abandon_queue),
            "abandon.raw": _share(f.abandon_raw),
            "loss": _share(f.loss_rate),
        },
        "asa": {
            "mean": _seconds(f.average_speed_of_answer),
            "p50": _seconds(f.value("asa.p50")),
            "p90": _seconds(f.value("asa.p90")),
        },
        "answered_within": {f"{mark:g}": count for mark, count in f.answered_within},
        "longest_wait": _seconds(f.longest_wait),
        "quality": "uncertain" if f.uncertain else "measured",
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

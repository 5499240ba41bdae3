"""Reads what a report counts: one transaction's view of the database, for its period and for the same period before. Used by ``making``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.domain.contacts import Quality, VisitOutcome
from ivr.domain.figures import Thresholds
from ivr.domain.intervals import Grain, floor
from ivr.domain.tally import Tally, total
from ivr.domain.visit_record import VisitRecord
from ivr.reports.contents import ANSWER_WITHIN, AgentRow, CallCounts, Cell, Contents, Gathered, Outgoing
from ivr.reports.periods import Period
from ivr.store import report_counts
from ivr.store.schema import StaleMinuteRow, VisitRow

AT_ONCE = 5000


def contents(session: Session, period: Period, zone: ZoneInfo, thresholds: Thresholds, names: Mapping[str, str], now: datetime) -> Contents:
    """``names``: the agents' names by extension; ``now``: when the report is made, aware."""
    before = period.compared
    return Contents(
        period,
        period.start(zone),
        period.end(zone),
        now,
        thresholds,
        _gathered(session, period, zone, thresholds, names, steps=True),
        _gathered(session, before, zone, thresholds, names, steps=False),
    )


def _gathered(
    session: Session, period: Period, zone: ZoneInfo, thresholds: Thresholds, names: Mapping[str, str], *, steps: bool
) -> Gathered:
    start, end = period.start(zone), period.end(zone)
    at_once = report_counts.gave_up_at_once(session, start, end, thresholds.short_s)
    found = Gathered(
        cells=tuple(_cells(session, start, end, zone)),
        calls=CallCounts.of(report_counts.calls(session, start, end, steps=steps), at_once, thresholds.short_s, zone),
        outgoing=Outgoing.of(report_counts.dials(session, start, end)),
        complaints=tuple(report_counts.complaints(session, start, end, ANSWER_WITHIN)),
        promises=tuple(report_counts.promises(session, start, end)),
        ratings=tuple(report_counts.ratings(session, start, end)),
        messages=report_counts.messages(session, start, end),
        gaps=tuple(report_counts.gaps(session, start, end)),
        stale=_stale(session, start, end),
    )
    return replace(found, agents=tuple(_agents(found, names)))


def _cells(session: Session, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Cell]:
    tallies: dict[tuple[datetime, str, str, str], Tally] = defaultdict(Tally)
    for record in _visits(session, start, end):
        tallies[floor(record.joined_at, Grain.HALF, zone), record.queue, record.line, record.agent or ""].add(record)
    for (at, queue, line, agent), tally in sorted(tallies.items(), key=lambda item: item[0]):
        yield Cell(at, queue, line, agent, tally)


def _visits(session: Session, start: datetime, end: datetime) -> Iterator[VisitRecord]:
    query = select(VisitRow).where(VisitRow.joined_at >= start, VisitRow.joined_at < end).execution_options(yield_per=AT_ONCE)
    for row in session.scalars(query):
        yield VisitRecord(
            row.contact, row.number, row.pbx, row.queue, row.line, row.agent, row.joined_at, row.left_at, row.talk_ended_at,
            VisitOutcome(row.outcome) if row.outcome else None,
            row.wait_ms, row.ring_ms, row.talk_ms, row.held_ms, row.ended_by, Quality(row.quality),
        )  # fmt: skip


def _stale(session: Session, start: datetime, end: datetime) -> int:
    query = select(func.count()).select_from(StaleMinuteRow).where(StaleMinuteRow.minute >= start, StaleMinuteRow.minute < end)
    return session.scalar(query) or 0


def _agents(found: Gathered, names: Mapping[str, str]) -> Iterator[AgentRow]:
    by_agent: dict[str, list[Tally]] = defaultdict(list)
    for cell in found.cells:
        if cell.agent:
            by_agent[cell.agent].append(cell.tally)
    for agent, tallies in sorted(by_agent.items()):
        yield AgentRow(agent, names.get(agent, ""), total(tallies))

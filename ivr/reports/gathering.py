"""Reads what a report counts: one transaction's view of the database, for its period and for the same period before. Used by ``making``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.agent_reporting import TEAM, agent_rows
from ivr.domain.agent_figures import LONGEST_BREAK
from ivr.domain.agent_figures import Tally as AgentTally
from ivr.domain.case_deadlines import ANSWER_WITHIN
from ivr.domain.intervals import Grain, floor
from ivr.domain.measures import Limits
from ivr.domain.tally import Tally
from ivr.reporting import RECALLED_WITHIN
from ivr.reports.contents import AgentRow, CallCounts, Cell, Contents, Gathered, Outgoing, by_line
from ivr.reports.periods import Kind, Period
from ivr.shift_plan import ShiftPlan
from ivr.store import beside_visits, figure_cells, report_counts
from ivr.store.visit_rows import Key


@dataclass(frozen=True, slots=True)
class Staff:
    """The agents: their names by what Asterisk calls them, and what is planned for them."""

    plan: ShiftPlan
    names: Mapping[str, str] = field(default_factory=dict)
    longest_break: timedelta = LONGEST_BREAK


def contents(session: Session, period: Period, zone: ZoneInfo, limits: Limits, staff: Staff, now: datetime) -> Contents:
    """``now``: when the report is made, aware."""
    start, end = period.start(zone), period.end(zone)
    this = _gathered(session, period, zone, limits, steps=True)
    this = replace(this, agents=tuple(_agents(session, start, end, staff, now)))
    return Contents(period, start, end, now, limits, this, _gathered(session, period.compared, zone, limits, steps=False))


def _gathered(session: Session, period: Period, zone: ZoneInfo, limits: Limits, *, steps: bool) -> Gathered:
    start, end = period.start(zone), period.end(zone)
    longest_short_s = max(known.short_s for known in (limits.default, *limits.lines.values()))
    gave_up_ms = report_counts.gave_up_within(session, start, end, longest_short_s)
    cells = tuple(_cells(session, start, end, zone, Grain.HALF if period.kind is Kind.DAY else Grain.DAY))
    return Gathered(
        cells=cells,
        by_line=by_line(cells),
        calls=CallCounts.of(report_counts.calls(session, start, end, steps=steps), gave_up_ms, limits, zone),
        outgoing=Outgoing.of(report_counts.dials(session, start, end)),
        complaints=tuple(report_counts.complaints(session, start, end, ANSWER_WITHIN)),
        promises=tuple(report_counts.promises(session, start, end)),
        ratings=tuple(report_counts.ratings(session, start, end)),
        messages=report_counts.messages(session, start, end),
        gaps=tuple(report_counts.gaps(session, start, end)),
    )


def _cells(session: Session, start: datetime, end: datetime, zone: ZoneInfo, grain: Grain) -> Iterator[Cell]:
    def place(moment: datetime) -> datetime:
        return floor(moment, grain, zone)

    found = figure_cells.read(session, start, end, place)

    def tally(key: Key, at: datetime) -> Tally:
        return found.setdefault((key, place(at)), Tally())

    beside_visits.add_wrap_ups(session, start, end, False, tally)
    for lost in beside_visits.unrecovered(session, start, end, RECALLED_WITHIN):
        tally(Key("", lost.line), lost.started_at).unrecovered += 1
    for (key, at), counted in sorted(found.items(), key=lambda item: (item[0][1], item[0][0].queue, item[0][0].line)):
        yield Cell(at, key.queue, key.line, counted)


def _agents(session: Session, start: datetime, end: datetime, staff: Staff, now: datetime) -> Iterator[AgentRow]:
    calls: dict[str, Tally] = defaultdict(Tally)
    for (cell, _), counted in figure_cells.read(session, start, end, lambda _: None, agents=True).items():
        calls[cell.agent] += counted
    times: dict[str, AgentTally] = {}
    for row in agent_rows(session, start, end, now=now, plan=staff.plan, longest_break=staff.longest_break):
        if row.agent != TEAM:
            times[row.agent] = times[row.agent] + row.tally if row.agent in times else row.tally
    for agent in sorted({*calls, *times}):
        yield AgentRow(agent, staff.names.get(agent, ""), calls.get(agent, Tally()), times.get(agent))

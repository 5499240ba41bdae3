"""Reads what a report counts: one transaction's view of the database, for its period and for the same period before. Used by ``making``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.domain.agent_figures import Tally as AgentTally
from ivr.domain.agent_figures import tally as time_tally
from ivr.domain.intervals import Grain, floor
from ivr.domain.measures import Limits
from ivr.domain.tally import Tally
from ivr.reports.contents import ANSWER_WITHIN, AgentRow, CallCounts, Cell, Contents, Gathered, Outgoing
from ivr.reports.periods import Period
from ivr.store import agents, figure_cells, report_counts


def contents(session: Session, period: Period, zone: ZoneInfo, limits: Limits, names: Mapping[str, str], now: datetime) -> Contents:
    """``names``: the agents' names by what Asterisk calls them; ``now``: when the report is made, aware."""
    start, end = period.start(zone), period.end(zone)
    this = _gathered(session, period, zone, limits, steps=True)
    this = replace(this, agents=tuple(_agents(session, start, end, names, now)))
    return Contents(period, start, end, now, limits, this, _gathered(session, period.compared, zone, limits, steps=False))


def _gathered(session: Session, period: Period, zone: ZoneInfo, limits: Limits, *, steps: bool) -> Gathered:
    start, end = period.start(zone), period.end(zone)
    longest_short_s = max(known.short_s for known in (limits.default, *limits.lines.values()))
    gave_up_ms = report_counts.gave_up_within(session, start, end, longest_short_s)
    return Gathered(
        cells=tuple(_cells(session, start, end, zone)),
        calls=CallCounts.of(report_counts.calls(session, start, end, steps=steps), gave_up_ms, limits, zone),
        outgoing=Outgoing.of(report_counts.dials(session, start, end)),
        complaints=tuple(report_counts.complaints(session, start, end, ANSWER_WITHIN)),
        promises=tuple(report_counts.promises(session, start, end)),
        ratings=tuple(report_counts.ratings(session, start, end)),
        messages=report_counts.messages(session, start, end),
        gaps=tuple(report_counts.gaps(session, start, end)),
    )


def _cells(session: Session, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Cell]:
    found = figure_cells.read(session, start, end, lambda moment: floor(moment, Grain.HALF, zone))
    for (key, at), tally in sorted(found.items(), key=lambda item: (item[0][1], item[0][0].queue, item[0][0].line)):
        yield Cell(at, key.queue, key.line, tally)


def _agents(session: Session, start: datetime, end: datetime, names: Mapping[str, str], now: datetime) -> Iterator[AgentRow]:
    calls: dict[str, Tally] = defaultdict(Tally)
    for (cell, _), tally in figure_cells.read(session, start, end, lambda _: None, agents=True).items():
        calls[cell.agent] += tally
    times: dict[str, AgentTally] = defaultdict(AgentTally)
    for key, kept in agents.between(session, start, end).items():
        times[key.agent] += time_tally(kept.intervals, kept.events, start, end, now=now)
    present = {agent for agent, time in times.items() if time.logged_in or time.events}
    for agent in sorted({*calls, *present}):
        yield AgentRow(agent, names.get(agent, ""), calls.get(agent, Tally()), times[agent] if agent in present else None)

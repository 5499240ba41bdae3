"""Agents' figures of any period out of the store, by the same tally as the live page, and how they are shown. For CLI, API and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ivr.domain.agent_figures import LONGEST_BREAK, Tally, tally
from ivr.domain.agent_states import AgentKey, AgentState, Interval, Quality, What
from ivr.shift_plan import ShiftPlan
from ivr.store import agents as store

TEAM = ""  # the name of the row that is everybody's


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent's figures, or with ``agent`` TEAM everybody's together."""

    agent: str
    pbx: str
    tally: Tally


def agent_rows(
    session: Session,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    plan: ShiftPlan,
    longest_break: timedelta = LONGEST_BREAK,
    agent: str = "",
) -> list[AgentRow]:
    """Whoever was there, was called or was to be there in [start, end), by name; the team last where there is more than one."""
    kept = store.between(session, start, end, agent=agent)
    for name in plan.agents:
        if (not agent or name == agent) and not any(key.agent == name for key in kept):
            kept[AgentKey("", name)] = store.Kept()
    rows: list[AgentRow] = []
    for key, found in sorted(kept.items(), key=lambda item: (item[0].agent, item[0].pbx)):
        shifts = plan.planned(key.agent, start, min(end, now))
        counted = tally(found.intervals, found.events, start, end, now=now, shifts=shifts, longest_break=longest_break)
        if counted.logged_in or counted.events or counted.planned:
            rows.append(AgentRow(key.agent, key.pbx, counted))
    if len(rows) > 1:
        rows.append(AgentRow(TEAM, "", sum((row.tally for row in rows), Tally())))
    return rows


def tally_as_json(found: Tally) -> dict[str, Any]:
    """Times in seconds, rates as shares of 1; null where there is nothing to make a rate of."""
    seconds = found.seconds
    return {
        "logged_in": _seconds(found.logged_in),
        "available": _seconds(seconds[AgentState.AVAILABLE]),
        "ringing": _seconds(seconds[AgentState.RINGING]),
        "talk": _seconds(max(0.0, found.talk_and_hold - found.hold)),
        "hold": _seconds(found.hold),
        "wrap_up": _seconds(seconds[AgentState.WRAPPING_UP]),
        "own_calls": _seconds(found.own_calls),
        "on_break": _seconds(seconds[AgentState.ON_BREAK]),
        "breaks": {reason: _seconds(lasted) for reason, lasted in sorted(found.breaks.items())},
        "long_breaks": found.long_breaks,
        "over_break": _seconds(found.over_break),
        "offers": found.offers,
        "handled": found.handled,
        "refused": found.events[What.REFUSED],
        "no_answer": found.events[What.NO_ANSWER],
        "cancelled": found.events[What.CANCELLED],
        "pick_up_failed": found.events[What.PICK_UP_FAILED],
        "transferred_out": found.events[What.TRANSFERRED_OUT],
        "transferred_in": found.events[What.TRANSFERRED_IN],
        "occupancy": _share(found.occupancy),
        "handled_per_hour": _rounded(found.handled_per_hour, 2),
        "aht": _seconds(found.average_handling),
        "answered_share": _share(found.answered_share),
        "transfer_rate": _share(found.transfer_rate),
        "adherence": _share(found.adherence),
        "planned": _seconds(found.planned) if found.has_plan else None,
        "uncertain": _seconds(found.uncertain),
    }


def row_as_json(row: AgentRow) -> dict[str, Any]:
    return {"agent": row.agent or None, "pbx": row.pbx or None, **tally_as_json(row.tally)}


def interval_as_json(interval: Interval, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """``seconds`` until now where it has no end."""
    return {
        "state": interval.state.value,
        "from": local(interval.began_at, zone),
        "to": local(interval.ended_at, zone) if interval.ended_at else None,
        "seconds": _seconds(((interval.ended_at or now) - interval.began_at).total_seconds()),
        "reason": interval.reason or None,
        "queue": interval.queue or None,
        "call": interval.call or None,
        "quality": interval.quality.value,
    }


def joined(intervals: Sequence[Interval]) -> list[Interval]:
    """One interval for one stay in one state; its quality is the worst of its parts'."""
    found: list[Interval] = []
    for interval in intervals:
        if found and found[-1].same_as(interval) and found[-1].ended_at == interval.began_at:
            worst = max(found[-1].quality, interval.quality, key=list(Quality).index)
            last = found.pop()
            interval = Interval(
                last.state, last.began_at, interval.ended_at, reason=last.reason, queue=last.queue, call=last.call, quality=worst
            )
        found.append(interval)
    return found


def local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds")


def _seconds(value: float | None) -> float | None:
    return _rounded(value, 1)


def _share(value: float | None) -> float | None:
    return _rounded(value, 4)


def _rounded(value: float | None, places: int) -> float | None:
    return None if value is None else round(value, places)

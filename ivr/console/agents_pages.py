"""The page on the agents 坐席: each one's state since when, with whom, and today's figures; the same as JSON, and pushed.

Everybody who may watch sees the states; the figures are a supervisor's, and each agent's own (R44).
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ivr.agent_desk import AgentNow, AgentsNow
from ivr.agent_reporting import local, row_as_json, tally_as_json
from ivr.console.agents_live import LIVE_AGENTS
from ivr.console.desk import May, desk, may, page, person, require
from ivr.console.events import HEARTBEAT_S, stream
from ivr.console.ports import AgentsService
from ivr.domain.agent_states import AgentState

OCCUPANCY_TARGET, PER_HOUR_TARGET = 0.8, 15.0  # R44
LONGEST_PERIOD = timedelta(days=400)
_IN_CALLS = (AgentState.RINGING, AgentState.TALKING, AgentState.GOING_OFFLINE)
_dumps = partial(json.dumps, ensure_ascii=False)


async def agents(request: web.Request) -> web.StreamResponse:
    require(request, May.WATCH)
    return page(request, "agents.html", **_shown(request))


async def agents_board(request: web.Request) -> web.StreamResponse:
    """The page's inside alone, for the script that keeps it fresh."""
    require(request, May.WATCH)
    return page(request, "agents_board.html", **_shown(request))


async def agents_json(request: web.Request) -> web.StreamResponse:
    require(request, May.WATCH)
    return web.json_response(_as_json(request, _service(request).agents_now()), dumps=_dumps)


async def agents_events(request: web.Request) -> web.StreamResponse:
    """An ``agents`` event with everybody at once and after each change; a comment as heartbeat; an end with the log-in."""
    require(request, May.WATCH)
    watch = request.app[LIVE_AGENTS].watch(_service(request), HEARTBEAT_S)
    return await stream(request, watch, lambda now: f"event: agents\ndata: {_dumps(_as_json(request, now))}\n\n")


async def report_json(request: web.Request) -> web.StreamResponse:
    """As ``ivrd agents report --format json``."""
    require(request, May.SEE_RECORDS)
    service, zone = _service(request), desk(request).settings.zone
    start, end = _moment(request, "from", zone), _moment(request, "to", zone)
    if not timedelta() < end - start <= LONGEST_PERIOD:
        raise web.HTTPBadRequest(text=f"from must be before to, by {LONGEST_PERIOD.days} days at most")
    rows = await service.report(start, end)
    told = {"from": local(start, zone), "to": local(end, zone), "tz": str(zone), "rows": [row_as_json(row) for row in rows]}
    return web.json_response(told, dumps=_dumps)


def _service(request: web.Request) -> AgentsService:
    """Raises 404 where nobody follows the agents."""
    found = desk(request).ports.agents
    if found is None:
        raise web.HTTPNotFound
    return found


def _moment(request: web.Request, name: str, zone: ZoneInfo) -> datetime:
    """A time without offset is the hotline's. Raises 400."""
    try:
        at = datetime.fromisoformat(request.query.get(name, ""))
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise web.HTTPBadRequest(text=f"{name}: write a time as ISO 8601, with or without offset") from None


def _shown(request: web.Request) -> dict[str, Any]:
    now = _service(request).agents_now()
    counts = Counter(agent.state for agent in now.agents)
    team = now.team if may(request, May.SEE_RECORDS) else None
    return {
        "now": now,
        "counts": counts,
        "in_calls": sum(counts[state] for state in _IN_CALLS),
        "own": {agent.key for agent in now.agents if _may_see(request, agent)},
        "team": team,
        "planned": any(agent.today.has_plan for agent in now.agents),
        "occupancy_target": OCCUPANCY_TARGET,
        "per_hour_target": PER_HOUR_TARGET,
    }


def _may_see(request: web.Request, agent: AgentNow) -> bool:
    return may(request, May.SEE_RECORDS) or agent.agent == person(request).user.name


def _as_json(request: web.Request, now: AgentsNow) -> dict[str, Any]:
    zone = desk(request).settings.zone
    everything = may(request, May.SEE_RECORDS)
    return {
        "at": local(now.at, zone),
        "since": local(now.since, zone),
        "link_lost_at": local(now.link_lost_at, zone) if now.link_lost_at else None,
        "agents": [
            {
                "agent": agent.agent,
                "pbx": agent.key.pbx,
                "state": agent.state.value,
                "since": local(agent.since, zone),
                "reason": agent.reason or None,
                "queue": agent.queue or None,
                "call": (agent.call or None) if everything else None,
                "quality": agent.quality.value,
                "long_break": agent.long_break,
                "today": tally_as_json(agent.today) if _may_see(request, agent) else None,
            }
            for agent in now.agents
        ],
        "team": tally_as_json(now.team) if everything else None,
    }

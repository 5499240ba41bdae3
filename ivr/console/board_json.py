"""The board as JSON, for ``/api/v1/board`` and the stream of events: shares from 0 to 1, durations in seconds, callers masked. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.board_snapshot import BoardSnapshot, LostCaller, QueueNow, RunningCall
from ivr.domain.figures import Figures


def board_as_json(board: BoardSnapshot, zone: ZoneInfo, promised: dict[str, str], most_lost: int) -> dict[str, Any]:
    """``promised``: the state of what was promised to a lost caller, by his latest contact; the newest ``most_lost`` are listed."""

    def local(at: datetime | None) -> str | None:
        return at.astimezone(zone).isoformat(timespec="milliseconds") if at else None

    def queue(now: QueueNow) -> dict[str, Any]:
        return {
            "queue": now.name,
            "waiting": now.waiting,
            "ringing": now.ringing,
            "talking": now.talking,
            "late": now.late,
            "longest_wait": _seconds((board.at - now.longest_since).total_seconds() if now.longest_since else None),
            "agents": {status.value: count for status, count in sorted(now.agents.items())},
            "today": figures_as_json(now.figures),
        }

    def running(call: RunningCall) -> dict[str, Any]:
        return {
            "contact": call.contact,
            "caller": call.caller or None,
            "line": call.line,
            "stage": call.stage.value,
            "node": call.node,
            "queue": call.queue,
            "agent": call.agent,
            "started_at": local(call.started_at),
            "since": local(call.since),
        }

    def lost(caller: LostCaller) -> dict[str, Any]:
        return {
            "contact": caller.contact,
            "caller": caller.caller or None,
            "line": caller.line,
            "queue": caller.queue,
            "outcome": caller.outcome.value,
            "at": local(caller.at),
            "waited": _seconds(caller.waited_s),
            "times": caller.times,
            "callback": promised.get(caller.contact),
        }

    return {
        "at": local(board.at),
        "since": local(board.since),
        "link_lost_at": local(board.link_lost_at),
        "calls_today": board.calls_today,
        "left_in_menu": board.left_in_menu,
        "total": figures_as_json(board.total),
        "queues": [queue(now) for now in board.queues],
        "running": [running(call) for call in board.running],
        "lost_callers": len(board.lost),
        "lost": [lost(caller) for caller in board.lost[:most_lost]],
    }


def figures_as_json(figures: Figures) -> dict[str, Any]:
    """The names of ``ivrd report --format json``."""
    return {
        "offered": figures.offered,
        "answered": figures.answered,
        "abandoned": figures.abandoned,
        "abandoned_wait": figures.abandoned_wait,
        "abandoned_ring": figures.abandoned_ring,
        "abandoned_short": figures.abandoned_short,
        "flow_out": figures.flow_out,
        "refused": figures.refused,
        "withdrawn": figures.withdrawn,
        "lost": figures.lost,
        "waiting": figures.waiting,
        "sl": {"sl.strict": _share(figures.service_level_strict), "sl.inclusive": _share(figures.service_level_inclusive)},
        "abandon": {
            "abandon.queue": _share(figures.abandon_queue),
            "abandon.raw": _share(figures.abandon_raw),
            "loss": _share(figures.loss_rate),
        },
        "asa": {"mean": _seconds(figures.average_speed_of_answer)},
        "answered_within": {f"{mark:g}": count for mark, count in figures.answered_within},
        "longest_wait": _seconds(figures.longest_wait),
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

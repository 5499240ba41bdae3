"""What Asterisk says of a queue's members, as facts. Used by ``translate`` alone.

Headers differ between 16 and 22: LoginTime, Wrapuptime and PausedReason come and go, and ``Ringinuse``, ``Pausedreason`` are spelt in two
ways (asterisk's app_queue.c, queue_member_blob_create); none of these is required.
"""

from __future__ import annotations

from datetime import datetime

from ami_bridge.facts import AgentAdded, AgentPaused, AgentRemoved, AgentStateReported, AgentUnpaused, AnyFact
from ami_bridge.provenance import Reading, Refused, unescape

# All that every version has. As a whole they are longer than a forged caller ID.
_HEADERS = {
    *("Queue", "MemberName", "Interface", "StateInterface", "Membership"),
    *("Penalty", "CallsTaken", "LastCall", "Status", "Paused"),
}


def status(event: Reading, at: datetime) -> AgentStateReported:
    return _state(event, at)


def added(event: Reading, at: datetime) -> tuple[AnyFact, ...]:
    state = _state(event, at)
    return (AgentAdded(at, state.queue, state.agent, state.paused), state)


def paused(event: Reading, at: datetime) -> tuple[AnyFact, ...]:
    state = _state(event, at)
    kind = AgentPaused if state.paused else AgentUnpaused
    return (kind(at, state.queue, state.agent, state.reason), state)


def removed(event: Reading, at: datetime) -> tuple[AnyFact, ...]:
    state = _state(event, at, removed=True)
    return (AgentRemoved(at, state.queue, state.agent), state)


def listed(item: Reading, at: datetime) -> AgentStateReported:
    """QueueStatus calls the same things by other names."""
    return _reported(item, at, item["Name"], removed=False)


def _state(event: Reading, at: datetime, *, removed: bool = False) -> AgentStateReported:
    if missing := _HEADERS - event.own.keys():
        raise Refused(f"it has no {', '.join(sorted(missing))} of its own")
    return _reported(event, at, event["MemberName"], removed=removed)


def _reported(event: Reading, at: datetime, agent: str, *, removed: bool) -> AgentStateReported:
    wrapup = _any_case(event, "wrapuptime")
    return AgentStateReported(
        at,
        event["Queue"],
        agent,
        event.number("Status"),
        event["Paused"] == "1",
        removed,
        unescape(_any_case(event, "pausedreason")),
        int(wrapup) if wrapup.isascii() and wrapup.isdigit() and len(wrapup) < 8 else 0,
    )


def _any_case(event: Reading, name: str) -> str:
    return next((value for key, value in event.own.items() if key.lower() == name), "")

"""What Asterisk says of itself right after a login: its version, its start, its clock, the channels and queues that there are.

Asked for ``link`` alone, which tells it: ask first, tell then, so that the bracket around a snapshot is always whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ami_bridge import requests
from ami_bridge.ami_session import AmiRefused, AmiSession
from ami_bridge.ami_wire import AmiMessage
from ami_bridge.asterisk_start import Start, start_of
from ami_bridge.facts import AnyFact
from ami_bridge.translate import Suspicion, Translator, timestamp


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``at`` is aware UTC by Asterisk's clock, ``ours`` the same moment by ours. ``start``: of Asterisk, None where it doesn't tell."""

    version: str
    start: Start | None
    at: datetime
    ours: datetime
    facts: Sequence[AnyFact]
    suspicions: Sequence[Suspicion]

    @property
    def clock_ahead_s(self) -> float:
        """Asterisk's clock minus ours."""
        return (self.at - self.ours).total_seconds()


async def ask(session: AmiSession, translator: Translator, now: Callable[[], datetime], timeout_s: float) -> Snapshot:
    """``timeout_s`` is for each answer. Raises AmiUnavailable, AmiRefused, AmiTimeout."""
    core = await session.request(requests.core_settings(), timeout_s)
    status = await _core_status(session, timeout_s)
    pong = await session.request(requests.ping(), timeout_s)
    ours = now()
    at = timestamp(pong.message.get("Timestamp")) or ours
    channels = await session.request(requests.core_show_channels(), timeout_s)
    queues = await session.request(requests.queue_status(), timeout_s)
    facts, suspicions = translator.snapshot(channels.items, queues.items, at)
    return Snapshot(core.message.get("AsteriskVersion"), start_of(status, session.uptime_s, at), at, ours, facts, suspicions)


async def _core_status(session: AmiSession, timeout_s: float) -> AmiMessage | None:
    """None where the manager's user may not ask (neither ``reporting`` nor ``system`` in its write classes)."""
    try:
        return (await session.request(requests.core_status(), timeout_s)).message
    except AmiRefused:
        return None

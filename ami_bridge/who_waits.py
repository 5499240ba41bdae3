"""Who waits in Asterisk's queues at this moment, by its own word: QueueStatus, asked once. For whoever compares it with his own books."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from ami_bridge import requests
from ami_bridge.ami_session import Response
from ami_bridge.facts import CallerWaiting
from ami_bridge.requests import Request
from ami_bridge.translate import Translator

Waiting = dict[str, frozenset[str]]  # queue → the Uniqueids of the callers in it


async def who_waits(ask: Callable[[Request], Awaitable[Response]]) -> Waiting:
    """``ask`` is ``AmiLink.request``; a queue in which nobody waits is missing. Raises what it raises."""
    answer = await ask(requests.queue_status())
    facts, _ = Translator().snapshot((), answer.items, datetime.now(UTC))
    found: dict[str, set[str]] = {}
    for fact in facts:
        if isinstance(fact, CallerWaiting):
            found.setdefault(fact.queue, set()).add(fact.call)
    return {queue: frozenset(calls) for queue, calls in found.items()}

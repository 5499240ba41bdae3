"""Dials promised calls by AMI, and finds out what became of them: from Asterisk's events, its channels and its queue_log.

Implements ``callbacks.ports.Dialler`` for ``ivr.calling_back``; facts of Asterisk 22.10 as ``ami_bridge.outbound_dialplan`` has them.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog

from ami_bridge import requests
from ami_bridge.ami_session import AmiRefused, AmiTimeout, AmiUnavailable, Response
from ami_bridge.facts import AgentAnswered, AgentStateReported, CallbackReported, Fact
from ami_bridge.outbound_dialplan import CALLED_CONTEXT, DIAL_CONTEXT
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.requests import Request
from callbacks.model import Dial, Result
from callbacks.ports import Sent
from ivr.domain.contact_book import OURS
from ivr.domain.numbers import spoken

log = structlog.get_logger(__name__)

DEFAULT_WAIT_S = 90
_NOBODY_THERE = (0, 4, 5)  # device states unknown, invalid, unavailable
_NO_ANSWER_CAUSES = (18, 19)  # Q.850: no user responding, no answer from user
_BUSY, _REJECTED = 17, 21
LOG_TAIL_BYTES = 4 * 1024 * 1024  # of queue_log, some 40 000 rows: days of a hotline
LOG_BEFORE_BYTES = 16 * 1024


class Link(Protocol):
    """The AMI link, as far as dialling needs it."""

    @property
    def connected(self) -> bool: ...

    async def request(self, request: Request, timeout_s: float | None = None) -> Response: ...


class AmiDialler:
    """Dials by ``Originate`` through the outbound dialplan, which alone knows the trunk.

    ``queue_log``: Asterisk's file, where this machine has it; ``ring``: how long Originate waits; ``queue_waits`` in s.
    """

    def __init__(
        self, link: Link, queue_log: Path, *, caller_id: str, country: str, ring: timedelta, queue_waits: Mapping[str, int]
    ) -> None:
        self._link = link
        self._queue_log = queue_log
        self._caller_id = caller_id
        self._country = country
        self._ring_s = ring.total_seconds()
        self._queue_waits = queue_waits
        self._agents: dict[str, dict[str, bool]] = {}  # queue → agent → whether he can be rung

    @property
    def ready(self) -> bool:
        return self._link.connected

    def staffed(self, queue: str) -> bool:
        agents = self._agents.get(queue)
        return agents is None or any(agents.values())

    def note_agent(self, fact: AgentStateReported) -> None:
        """Busy and ringing agents count: they come back within the customer's wait."""
        agents = self._agents.setdefault(fact.queue, {})
        if fact.removed:
            agents.pop(fact.agent, None)
        else:
            agents[fact.agent] = fact.state not in _NOBODY_THERE and not fact.paused

    async def dial(self, dial: Dial) -> Sent:
        """Asked for once; Asterisk's answer says only that it has begun."""
        callback = dial.callback
        digits = spoken(callback.number, self._country)
        try:
            request = requests.originate(
                channel=f"Local/{digits}@{DIAL_CONTEXT}/n",
                context=CALLED_CONTEXT,
                extension="s",
                channel_id=dial.channel_id,
                timeout_s=self._ring_s,
                caller_id=f"<{self._caller_id}>",
                variables={
                    "IVR_LANGUAGE": callback.language,
                    "IVR_QUEUE": callback.queue,
                    "IVR_QUEUE_WAIT": str(self._queue_waits.get(callback.queue, DEFAULT_WAIT_S)),
                    "IVR_CUSTOMER": digits,
                },
            )
            await self._link.request(request)
        except (AmiRefused, requests.UnfitRequest) as refused:
            log.error("Asterisk refused to dial", callback=callback.id, reason=str(refused))
            return Sent.REFUSED
        except AmiTimeout:
            return Sent.UNKNOWN
        except AmiUnavailable as lost:
            return Sent.UNKNOWN if lost.sent else Sent.REFUSED
        return Sent.ACCEPTED

    async def living(self) -> Mapping[str, bool] | None:
        try:
            answer = await self._link.request(requests.core_show_channels())
        except (AmiRefused, AmiTimeout, AmiUnavailable):
            return None
        alive: dict[str, bool] = {}
        for item in answer.items:
            call, own = item.get("Linkedid"), item.get("Uniqueid").removesuffix(";2")
            if own.startswith(OURS):
                alive.setdefault(own, False)
            # The agent's leg belongs to the call by its Linkedid; up means that the two talk.
            if call.startswith(OURS) and item.get("Application") == "AppQueue" and item.get("ChannelStateDesc") == "Up":
                alive[call] = True
        return alive

    async def found_out(self, channel_id: str) -> Result | None:
        return await asyncio.to_thread(_logged_result, self._queue_log, channel_id)


def _logged_result(queue_log: Path, channel_id: str) -> Result | None:
    """What queue_log holds of one call: Asterisk's own CONNECT, and the rows our dialplan leaves there (``outbound_dialplan``).

    The file before the last rotation is read too.
    """
    found: Result | None = None
    for file in (queue_log.with_name(f"{queue_log.name}.0"), queue_log):
        for fact in _facts_about(channel_id.encode(), file):
            match fact:
                case AgentAnswered(call=call) if call.removesuffix(";2") == channel_id:
                    return Result.BRIDGED
                case CallbackReported(call=call, result=told, cause=cause) if call == channel_id:
                    found = reported_result(told, cause) or Result.REACHED  # KEY, and no end of it: Asterisk itself died
    return found


def _facts_about(name: bytes, file: Path) -> Iterator[Fact]:
    """What the last rows of a log tell between the first and the last that name a call; nothing where it is another machine's.

    The rows right before are read with them: they say whether a row is one that a caller has written.
    """
    try:
        with file.open("rb") as stream:
            if (begin := file.stat().st_size - LOG_TAIL_BYTES) > 0:
                stream.seek(begin)
                stream.readline()  # the rest of a row
            tail = stream.read()
    except OSError:
        return
    first, last = tail.find(name), tail.rfind(name)
    if first < 0:
        return
    begin = tail.rfind(b"\n", 0, max(0, first - LOG_BEFORE_BYTES)) + 1
    reader = QueueLogReader(file.name)
    for line in io.BytesIO(tail[begin : tail.find(b"\n", last) + 1 or len(tail)]):
        yield from reader.line(line)


def reported_result(told: str, cause: int) -> Result | None:
    """The dialplan's word and Asterisk's hang-up cause (Q.850) as a result; None when the call goes on."""
    match told:
        case "SERVED":
            return Result.BRIDGED
        case "LEFT":
            return Result.REACHED
        case "NOKEY":
            return Result.NO_KEY
        case "FORBIDDEN":
            return Result.FORBIDDEN
        case "KEY":
            return None
    if told == "BUSY" or cause == _BUSY:
        return Result.BUSY
    if cause == _REJECTED:
        return Result.REFUSED
    if told in ("NOANSWER", "CANCEL") or cause in _NO_ANSWER_CAUSES:
        return Result.NO_ANSWER
    return Result.UNREACHABLE

"""Asks other systems for a flow: a signed request, a short deadline, answers used again for a while, and rest for who keeps failing.

For sessions, by ``ivr.house.WebhookDesk``. The contract is docs/webhooks.md; addresses come from the settings alone, never from a call,
and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from callflows.nodes.variables import Secret
from callflows.outcomes import WebhookAnswered, WebhookFailed
from ivr import standard_webhooks
from ivr.circuit_breaker import CircuitBreaker
from ivr.domain.contacts import Contact
from ivr.posting import Answer, Poster, UnansweredError, UnreachableError
from ivr.settings import FlowWebhook
from ivr.webhook import TEMPORARY

log = structlog.get_logger(__name__)

TOPIC = "flow.asked"
LONGEST_VALUE = 200
MOST_CACHED = 1000  # answers of one webhook
Values = tuple[tuple[str, str], ...]


class _FaultyError(Exception):
    """The webhook failed us; the message is a sentence without what was sent or answered. ``its_fault``: does it count against it?"""

    def __init__(self, why: str, *, its_fault: bool = True) -> None:
        super().__init__(why)
        self.its_fault = its_fault


@dataclass(frozen=True, slots=True)
class Asked:
    """A webhook of the settings and what its requests are signed with, the newest key first."""

    settings: FlowWebhook
    keys: Sequence[bytes]


class FlowWebhooks:
    """The desk that the sessions ask. ``clock`` is the time of day, ``running`` seconds that never go back."""

    def __init__(
        self,
        poster: Poster,
        webhooks: Mapping[str, Asked],
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        running: Callable[[], float] = time.monotonic,
    ) -> None:
        self._webhooks = {name: _Asker(poster, name, asked, zone, clock, running) for name, asked in webhooks.items()}

    async def ask(self, webhook: str, values: Sequence[tuple[str, str]], contact: Contact) -> WebhookAnswered | WebhookFailed:
        """Never raises; answers within the webhook's ``timeout_s``."""
        asker = self._webhooks.get(webhook)
        if asker is None:
            log.error("a flow asks a webhook that the settings don't name", webhook=webhook)
            return WebhookFailed()
        return await asker.ask(values, contact.id)

    @property
    def resting(self) -> frozenset[str]:
        """Webhooks that are left alone for they kept failing."""
        return frozenset(name for name, asker in self._webhooks.items() if asker.breaker.open)


class _Asker:
    def __init__(
        self, poster: Poster, name: str, asked: Asked, zone: ZoneInfo, clock: Callable[[], datetime], running: Callable[[], float]
    ) -> None:
        self._poster = poster
        self._name = name
        self._settings, self._keys = asked.settings, asked.keys
        self._zone = zone
        self._clock = clock
        self._running = running
        self.breaker = CircuitBreaker(running)
        self._cached: OrderedDict[Values, tuple[float, Values]] = OrderedDict()

    async def ask(self, values: Sequence[tuple[str, str]], contact: str) -> WebhookAnswered | WebhookFailed:
        sent = tuple(sorted((name, value) for name, value in values if name in self._settings.sends))
        remembered = self._remembered(sent)
        if remembered is not None:
            return WebhookAnswered(remembered)
        if not self.breaker.may_try():
            return WebhookFailed()
        try:
            answered = self._read(await self._post(sent, contact))
        except _FaultyError as error:
            log.warning("a webhook failed", webhook=self._name, reason=str(error))
            if not error.its_fault:
                self._told(self.breaker.succeeded(), "a webhook is asked again")
            elif self.breaker.failed():
                log.error("a webhook keeps failing and is left alone for a while", webhook=self._name)
            return WebhookFailed()
        self._told(self.breaker.succeeded(), "a webhook is asked again")
        self._remember(sent, answered)
        return WebhookAnswered(answered)

    def _told(self, news: bool, what: str) -> None:
        if news:
            log.info(what, webhook=self._name)

    async def _post(self, sent: Values, contact: str) -> Answer:
        settings, now = self._settings, self._clock()
        data = {"webhook": self._name, "contact": contact, "values": dict(sent)}
        at = now.astimezone(self._zone).isoformat(timespec="milliseconds")
        body = json.dumps({"type": TOPIC, "timestamp": at, "data": data}, ensure_ascii=False, separators=(",", ":")).encode()
        signed = standard_webhooks.headers(self._keys, f"flow-asked:{uuid.uuid4()}", body, now)
        try:
            async with asyncio.timeout(settings.timeout_s):
                return await self._poster.post(settings.url, body, {"Content-Type": "application/json", **signed}, settings.timeout_s)
        except (UnreachableError, UnansweredError) as error:
            raise _FaultyError(str(error)) from error
        except TimeoutError as error:
            raise _FaultyError(f"no answer within {settings.timeout_s:g} s") from error

    def _read(self, answer: Answer) -> Values:
        """What the answer may set. Raises _FaultyError."""
        if not 200 <= answer.status < 300:
            refused = 400 <= answer.status < 500 and answer.status not in TEMPORARY
            raise _FaultyError(f"it answers {answer.status}", its_fault=not refused)
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError) as error:  # the latter: brackets nested by the thousand
            raise _FaultyError("its answer is no JSON") from error
        if not isinstance(said, dict):
            raise _FaultyError("its answer is no JSON object")
        wanted = {name: said[name] for name in self._settings.sets if name in said}
        if wrong := sorted(name for name, value in wanted.items() if not isinstance(value, str)):
            raise _FaultyError(f"its answer has no text under {', '.join(wrong)}")
        return tuple((name, _printable(value)) for name, value in wanted.items())

    def _remembered(self, sent: Values) -> Values | None:
        until, answered = self._cached.get(sent, (0.0, ()))
        return answered if until > self._running() else None

    def _remember(self, sent: Values, answered: Values) -> None:
        if not self._settings.cache_s or any(isinstance(value, Secret) for _, value in sent):
            return  # what was typed unseen isn't kept
        self._cached[sent] = (self._running() + self._settings.cache_s, answered)
        self._cached.move_to_end(sent)
        while len(self._cached) > MOST_CACHED:
            self._cached.popitem(last=False)


def _printable(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:LONGEST_VALUE]

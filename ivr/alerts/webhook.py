"""A signed webhook as a sink for alerts: for duty systems, chat gateways, wallboards. The contract is docs/webhooks.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.alerts.case_texts import case_text
from ivr.alerts.messages import (
    BOOKS_AGREE,
    BOOKS_DRIFT,
    CALL_ABANDONED,
    CALLS_ABANDONED,
    LOSS_RATE,
    Alert,
    BooksAlert,
    CaseAlert,
    LossAlert,
)
from ivr.alerts.texts import Wording
from ivr.delivery import Delivery, RetryLater
from ivr.domain.alert_rules import AbandonedCall
from ivr.webhook import Webhook


class AlertWebhook:
    """Each message carries the figures, and the sentence a person would read."""

    def __init__(self, webhook: Webhook, wording: Wording, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._webhook = webhook
        self._wording = wording
        self._zone = zone
        self._clock = clock

    async def send(self, message_id: str, alert: Alert) -> Delivery:
        if isinstance(alert, LossAlert):
            data: dict[str, Any] = {
                "line": alert.line,
                "why": alert.turn.why.value,
                "lost": alert.turn.lost,
                "decided": alert.turn.decided,
                "loss_rate": alert.turn.loss_rate,
                "threshold": alert.threshold,
                "window_seconds": alert.window_minutes * 60,
                "text": self._wording.loss(alert.line, alert.turn, alert.window_minutes, alert.threshold),
            }
            return await self._post(message_id, LOSS_RATE[alert.turn.turn], alert.at, data)
        if isinstance(alert, BooksAlert):
            text = self._wording.books(alert.at, agree=alert.agree, sentence=alert.sentence, counts=alert.counts)
            books: dict[str, Any] = {"drifts": alert.drifts, "what": alert.sentence, "text": text}
            return await self._post(message_id, BOOKS_AGREE if alert.agree else BOOKS_DRIFT, alert.at, books)
        if isinstance(alert, CaseAlert):
            case: dict[str, Any] = {
                "number": alert.number,
                "line": alert.line,
                "level": alert.level.name.lower(),
                "state": alert.state,
                "rejections": alert.rejections,
                "answer_by": self._local(alert.answer_by),
                "text": case_text(self._wording, alert),
            }
            return await self._post(message_id, alert.topic, alert.at, case)
        data = {**self._call(alert), "text": self._wording.abandoned(alert)}
        return await self._post(message_id, CALL_ABANDONED, alert.at, data)

    async def send_collected(self, message_id: str, calls: Sequence[AbandonedCall]) -> Delivery:
        latest = max(call.at for call in calls)
        data = {
            "count": len(calls),
            "longest_wait": max(round(call.waited_s, 1) for call in calls),
            "calls": [self._call(call) for call in calls],
            "text": self._wording.collected(calls, self._clock()),
        }
        return await self._post(message_id, CALLS_ABANDONED, latest, data)

    def too_much(self, delivery: Delivery) -> bool:
        return isinstance(delivery, RetryLater) and delivery.after_s is not None

    def _call(self, call: AbandonedCall) -> dict[str, Any]:
        return {
            "contact": call.contact,
            "line": call.line,
            "caller": call.caller or None,
            "where": call.where.value,
            "node": call.node,
            "waited": round(call.waited_s, 1),
            "at": self._local(call.at),
        }

    async def _post(self, message_id: str, topic: str, at: datetime, data: dict[str, Any]) -> Delivery:
        return await self._webhook.send(message_id, {"type": topic, "timestamp": self._local(at), "data": data})

    def _local(self, at: datetime) -> str:
        return at.astimezone(self._zone).isoformat(timespec="milliseconds")

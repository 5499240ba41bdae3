"""The signed webhook as a CRM: for every system that can take an HTTPS request. The contract is docs/webhooks.md and its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr import recording_links
from ivr.crm.port import CaseNews
from ivr.delivery import Delivery
from ivr.domain.numbers import masked
from ivr.store.complaints import COMPLAINT_FILED, COMPLAINT_UPDATED, Complaint
from ivr.webhook import Webhook


class WebhookCrm:
    """Idempotent by ``webhook-id``: the receiver keeps the ids it has taken.

    ``recordings_url`` is where the console serves recordings, ``link_secret`` what their links are signed with.
    """

    name = "webhook"

    def __init__(self, webhook: Webhook, recordings_url: str, link_secret: str, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._webhook = webhook
        self._recordings_url = recordings_url
        self._link_secret = link_secret
        self._zone = zone
        self._clock = clock

    async def open_case(self, news: CaseNews) -> Delivery:
        return await self._webhook.send(news.message_id, self._message(COMPLAINT_FILED, news))

    async def update_case(self, news: CaseNews) -> Delivery:
        return await self._webhook.send(news.message_id, self._message(COMPLAINT_UPDATED, news))

    def _message(self, topic: str, news: CaseNews) -> dict[str, Any]:
        data = self._complaint(news.complaint)
        if topic == COMPLAINT_UPDATED:
            step = news.step
            data["step"] = {"action": step.action, "at": self._local(step.at), "by": step.actor, "note": step.note} if step else None
        return {"type": topic, "timestamp": self._local(news.at), "data": data}

    def _complaint(self, complaint: Complaint) -> dict[str, Any]:
        """The CRM is the system of record and calls the customer: it gets the contact number whole, and nobody else does (R60)."""
        return {
            "number": complaint.number,
            "contact": complaint.contact,
            "line": complaint.line,
            "serial": complaint.serial,
            "caller": masked(complaint.caller) or None,
            "contact_number": complaint.contact_number or None,
            "recording": self._recording(complaint),
            "incomplete": complaint.incomplete,
            "state": complaint.state,
            "verdict": complaint.verdict,
            "filed_at": self._local(complaint.filed_at),
        }

    def _recording(self, complaint: Complaint) -> dict[str, Any] | None:
        if not complaint.recording:
            return None
        url, expires_at = recording_links.link(self._recordings_url, self._link_secret, complaint.number, now=self._clock())
        return {"url": url, "expires_at": self._local(expires_at), "seconds": complaint.recording_s}

    def _local(self, at: datetime) -> str:
        return at.astimezone(self._zone).isoformat(timespec="milliseconds")

"""A mailbox as a sink for alerts: the same words as a robot's, as plain text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from ivr.alerts.case_texts import case_text
from ivr.alerts.messages import Alert, BooksAlert, CaseAlert, LossAlert
from ivr.alerts.texts import Wording
from ivr.delivery import Delivery
from ivr.domain.alert_rules import AbandonedCall
from ivr.mailing import Mailer

_HEADING = re.compile(r"^\*\*(.+?)\*\*")


class EmailAlerts:
    """``to``: the addresses, all in one message."""

    def __init__(self, mailer: Mailer, to: Sequence[str], wording: Wording, clock: Callable[[], datetime]) -> None:
        self._mailer = mailer
        self._to = to
        self._wording = wording
        self._clock = clock

    async def send(self, message_id: str, alert: Alert) -> Delivery:
        if isinstance(alert, LossAlert):
            return await self._mail(message_id, self._wording.loss(alert.line, alert.turn, alert.window_minutes, alert.threshold))
        if isinstance(alert, BooksAlert):
            return await self._mail(
                message_id, self._wording.books(alert.at, agree=alert.agree, sentence=alert.sentence, counts=alert.counts)
            )
        if isinstance(alert, CaseAlert):
            return await self._mail(message_id, case_text(self._wording, alert))
        return await self._mail(message_id, self._wording.abandoned(alert))

    async def send_collected(self, message_id: str, calls: Sequence[AbandonedCall]) -> Delivery:
        return await self._mail(message_id, self._wording.collected(calls, self._clock()))

    def too_much(self, delivery: Delivery) -> bool:
        """A mail server that wants less answers 4xx, and is tried again later like any other."""
        return False

    async def _mail(self, message_id: str, markdown: str) -> Delivery:
        text = plain(markdown)
        message = self._mailer.message(message_id, self._to, text.partition("\n")[0], text, self._clock())
        return await self._mailer.send(message, self._to)


def plain(markdown: str) -> str:
    """The robots' markdown without its marks: a heading in asterisks, lines that begin with ``>``. A masked number keeps its asterisks."""
    return "\n".join(_HEADING.sub(r"\1", line.removeprefix(">")) for line in markdown.splitlines())

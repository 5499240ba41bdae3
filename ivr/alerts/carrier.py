"""Takes the outbox's alerts to one channel, within its limit: one by one, collected when there are too many. Built by ``ivr.outgoing``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from ivr.alerts.budget import MinuteBudget, Wait
from ivr.alerts.messages import CASE_TOPICS, Alert, alert_of, channel_of, collectable, collected_id
from ivr.delivery import Carried, Delivered, Delivery, NotYet, Parcel, Rejected
from ivr.domain.alert_rules import AbandonedCall

KEEPS = timedelta(hours=1)
# A case that goes up a level stays up: told after a night without the robot, it is news all the same.
CASES_KEEP = timedelta(days=3)
LONGEST_RETRY_S = 60.0


class AlertSink(Protocol):
    """One robot or hook."""

    async def send(self, message_id: str, alert: Alert) -> Delivery: ...

    async def send_collected(self, message_id: str, calls: Sequence[AbandonedCall]) -> Delivery: ...

    def too_much(self, delivery: Delivery) -> bool:
        """Whether this answer says that we sent too often."""
        ...


class AlertCarrier:
    """``name`` is the channel's in the settings. ``monotonic`` gives seconds."""

    keeps: timedelta | None = KEEPS
    lasting: Mapping[str, timedelta] = dict.fromkeys(CASE_TOPICS, CASES_KEEP)
    longest_retry_s = LONGEST_RETRY_S

    def __init__(self, name: str, sink: AlertSink, a_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.channel = channel_of(name)
        self._sink = sink
        self._budget = MinuteBudget(a_minute)
        self._monotonic = monotonic

    async def carry(self, parcels: Sequence[Parcel]) -> Carried | NotYet:
        together = collectable(parcels)
        answer = self._budget.ask(self._monotonic(), len(together))
        if isinstance(answer, Wait):
            return NotYet(answer.seconds)
        # What went collected and may have arrived goes collected again, whatever there is room for now.
        if answer == "single" and not parcels[0].unsure:
            together = together[:1]
        self._budget.spend(self._monotonic())
        delivery = await self._send(together)
        if self._sink.too_much(delivery):
            self._budget.exhaust(self._monotonic())
        return Carried(len(together), delivery)

    async def _send(self, parcels: Sequence[Parcel]) -> Delivery:
        try:
            alerts = [alert_of(parcel) for parcel in parcels]
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            return Rejected(f"the stored alert can't be read: {type(error).__name__}")
        calls = [alert for alert in alerts if isinstance(alert, AbandonedCall)]
        if len(calls) > 1:
            return await self._sink.send_collected(collected_id(parcels), calls)
        return await self._sink.send(parcels[0].message_id, alerts[0])

    def settled(self, session: Session, parcel: Parcel, delivered: Delivered) -> None:
        """Nothing follows from a delivered alert."""

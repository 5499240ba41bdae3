"""Watches the loss rate 呼损率 of each line over the last half-hour (R2): one alert when it crosses, one when it recovers.

Run by the daemon. Whether a channel was told "high" last is read from its own outbox rows: the state survives a restart, and a new
channel hears of what it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.alerts.consequence import covering
from ivr.alerts.messages import LOSS_RATE, LossAlert, channel_of, loss_payload, row
from ivr.domain.alert_rules import LossRule, Turn, loss_turn
from ivr.domain.figures import Thresholds, queue_figures
from ivr.settings import Alerts
from ivr.store import alerts as store
from ivr.store.database import Database, StoreError
from ivr.store.schema import OutboxRow

log = structlog.get_logger(__name__)

INTERVAL_S = 30.0


@dataclass(frozen=True, slots=True)
class _Due:
    """An alert to write, and the row it follows: of two watchers that see the same turn, one gets the key."""

    channel: str
    after: int
    alert: LossAlert


class LossWatch:
    """``after_commit`` wakes the outbox. ``lines`` are watched, each for itself."""

    def __init__(
        self,
        database: Database,
        alerts: Alerts,
        lines: Sequence[str],
        thresholds: Thresholds,
        *,
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._alerts = alerts
        self._rule = LossRule(alerts.loss_rate, alerts.loss_least_calls)
        self._lines = lines
        self._thresholds = thresholds
        self._after_commit = after_commit
        self._clock = clock

    async def run(self) -> None:
        """Evaluate every 30 s until cancelled."""
        while True:
            if self._alerts.channels:
                try:
                    await self.evaluate()
                except StoreError as error:
                    log.error("the loss rate can't be looked at", reason=str(error))
            await asyncio.sleep(INTERVAL_S)

    async def evaluate(self) -> int:
        """Look once; tells how many alerts were written. Raises StoreError."""
        due = await self._database.read(self._due)
        if due:
            await self._database.write(partial(_write, due=due, now=self._clock()))
            self._after_commit()
        for found in due:
            turn = found.alert.turn
            log.warning("loss rate", line=found.alert.line, turn=turn.turn.value, why=turn.why.value, lost=turn.lost, of=turn.decided)
        return len(due)

    def _due(self, session: Session) -> list[_Due]:
        now = self._clock()
        visits = store.visits_by_line(session, now - timedelta(minutes=self._alerts.loss_window_minutes), now)
        told = store.last_of_topics(session, LOSS_RATE.values())
        due: list[_Due] = []
        for line in self._lines:
            figures = queue_figures(visits.get(line, ()), now, self._thresholds)
            for channel in covering(self._alerts.channels, line):
                last_id, last_topic = told.get((channel_of(channel), line), (0, ""))
                turn = loss_turn(self._rule, high=last_topic == LOSS_RATE[Turn.HIGH], figures=figures)
                if turn:
                    alert = LossAlert(line, now, turn, self._alerts.loss_window_minutes, self._rule.rate)
                    due.append(_Due(channel, last_id, alert))
        return due


def _write(session: Session, due: Sequence[_Due], now: datetime) -> None:
    for found in due:
        topic = LOSS_RATE[found.alert.turn.turn]
        key = f"{topic}:{found.channel}:{found.alert.line}:after-{found.after}"
        if session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is None:
            session.add(row(found.channel, key, topic, found.alert.line, loss_payload(found.alert), now))

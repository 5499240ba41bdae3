"""Tells supervisors of cases: one that waits for its answer too long (R18), one whose answer the customer rejects (R19).

Each alert is an outbox row for every channel that covers the line and the level, written in the transaction that notes it as told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from callbacks.ports import Hours
from callbacks.timer import CallbackTimer
from ivr.alerts.consequence import covering
from ivr.alerts.messages import CaseAlert, row
from ivr.domain.case_deadlines import level_of_rejection, told_at
from ivr.settings import AlertChannel, Alerts
from ivr.store import case_deadlines as store
from ivr.store.case_deadlines import DueCase
from ivr.store.complaints import Complaint
from ivr.store.database import Database
from ivr.store.schema import OutboxRow

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 60.0
LONGEST_PUT_OFF = timedelta(hours=14)  # a night: a week of holidays isn't waited for


def write_alert(session: Session, channels: Mapping[str, AlertChannel], alert: CaseAlert, key: str, now: datetime) -> int:
    """The rows of one alert, each once by its key; tells how many channels it is for."""
    wanted = [name for name in covering(channels, alert.line) if alert.level.name.lower() in channels[name].cases]
    for channel in wanted:
        own = f"{alert.topic}:{channel}:{alert.number}:{key}"
        if session.scalar(select(OutboxRow.id).where(OutboxRow.key == own)) is None:
            session.add(row(channel, own, alert.topic, alert.number, alert.as_json(), now))
    return len(wanted)


def tell_rejection(alerts: Alerts, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Callable[[Session, Complaint], None]:
    """What follows when a case is reopened: told at once, a level higher each time."""

    def tell(session: Session, complaint: Complaint) -> None:
        now = clock()
        level = level_of_rejection(complaint.rejections)
        alert = CaseAlert(complaint.number, complaint.line, now, level, complaint.state, complaint.answer_by, complaint.rejections)
        write_alert(session, alerts.channels, alert, str(complaint.rejections), now)

    return tell


class CaseWatch:
    """A task of the daemon. The rows say what is due; the clock only wakes it, so a restart loses nothing and tells nothing twice.

    ``hours`` are the lines': a deadline that is due at night is told at the opening.
    """

    def __init__(
        self,
        database: Database,
        alerts: Alerts,
        hours: Hours,
        *,
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._alerts = alerts
        self._hours = hours
        self._after_commit = after_commit
        self._clock = clock
        self._timer = CallbackTimer(self.look, interval_s=LOOK_EVERY_S, name="case-deadlines")

    async def run(self) -> None:
        """Look every minute until cancelled."""
        await self._timer.run()

    async def look(self) -> None:
        """Tell what is due, each case in a transaction of its own. Raises StoreError; what is told stays told."""
        now = self._clock()
        for case in await self._database.read(partial(store.due, now=now)):
            is_open = self._hours.is_open(case.line, now)
            when = told_at(
                case.due_at, now, is_open=is_open, opens_at=partial(self._hours.opens_at, case.line, now), longest=LONGEST_PUT_OFF
            )
            if when > now:
                continue
            if await self._database.write(partial(self._tell, case=case, now=now)):
                self._after_commit()
                log.warning("a case waits for its answer", complaint=case.complaint, level=case.level.name.lower())

    def _tell(self, session: Session, case: DueCase, now: datetime) -> bool:
        if not store.settle(session, case, now):
            return False
        alert = CaseAlert(case.complaint, case.line, now, case.level, case.state, case.answer_by)
        write_alert(session, self._alerts.channels, alert, f"{case.round}:{int(case.level)}", now)
        return True

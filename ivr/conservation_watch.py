"""Watches every minute whether our books agree with Asterisk's queues, with queue_log, and with themselves; drift raises an alert.

A task of the daemon. What doesn't agree in two looks running is no race between two events any more: the alert channels are told, once
when it begins and once when it is over, and the daemon says so itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from ami_bridge.ami_session import AmiRefused, AmiTimeout, AmiUnavailable
from ami_bridge.facts import CallerQueued
from ivr.alerts.consequence import covering
from ivr.alerts.messages import BOOKS_AGREE, BOOKS_DRIFT, BooksAlert, channel_of, row
from ivr.domain.conservation import Drift, Flow, Kind, counted, log_drifts, sentence, waiting_drifts
from ivr.domain.contact_book import OURS
from ivr.domain.contacts import Contact, Quality
from ivr.domain.ledger import Source
from ivr.domain.tally import Tally, total
from ivr.domain.visit_record import REFUSED
from ivr.settings import Alerts
from ivr.store import alerts as alert_store
from ivr.store.database import Database, StoreError
from ivr.store.figure_cells import QUARTER, complete_from, entered_between, floor, read, waiting_at
from ivr.store.schema import LedgerRow, LogPositionRow, OutboxRow
from ivr.store.visit_rows import View

log = structlog.get_logger(__name__)

INTERVAL_S = 60.0
ASKING_S = 10.0
SETTLED = timedelta(minutes=3)  # what is older has been written, by us and by Asterisk
LOOKED_AT = timedelta(minutes=10)
SECONDS_APART = timedelta(seconds=5)  # queue_log's whole seconds and AMI's microseconds of one entry
SUBJECT = "books"


class ConservationWatch:
    """``asterisk`` asks who waits there (``ami_bridge.who_waits``), of which ``queues`` are ours; ``running``: contacts that go on."""

    def __init__(
        self,
        database: Database,
        alerts: Alerts,
        queues: Iterable[str],
        *,
        asterisk: Callable[[], Awaitable[Mapping[str, frozenset[str]]]],
        running: Callable[[], Iterable[Contact]],
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._alerts = alerts
        self._queues = frozenset(queues)
        self._asterisk = asterisk
        self._running = running
        self._after_commit = after_commit
        self._clock = clock
        self._seen: frozenset[Drift] = frozenset()  # at the last look
        self._lasting: frozenset[Drift] = frozenset()

    @property
    def troubles(self) -> Sequence[str]:
        """What isn't as it should be, a sentence; for readiness and the log."""
        if not self._lasting:
            return []
        return [f"the books don't agree with Asterisk: {sentence(self._lasting)}; see `ivrd calls explain` and `ivrd ledger show`"]

    async def run(self) -> None:
        """Look every minute until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.look()
            except StoreError as error:
                log.error("the books can't be compared", reason=str(error))

    async def look(self) -> frozenset[Drift]:
        """Look once; gives what didn't agree the last time either. Raises StoreError."""
        seen = frozenset(await self._waiting() | await self._database.read(self._stored))
        lasting = seen & self._seen
        self._seen = seen
        if lasting != self._lasting:
            self._say(lasting)
        self._lasting = lasting
        await self._tell(lasting)
        return lasting

    async def _waiting(self) -> set[Drift]:
        """Who waits now, there and here. A link that is down says nothing: that is its own trouble."""
        try:
            async with asyncio.timeout(ASKING_S):
                theirs = await self._asterisk()
        except (AmiUnavailable, AmiRefused, AmiTimeout, TimeoutError):
            return set()
        ours: dict[str, set[str]] = {}
        for contact in self._running():
            if visit := contact.open_visit:
                ours.setdefault(visit.queue, set()).add(visit.call or contact.call)
        asked = {
            # Who is called back waits in a queue too, and is no call of his own.
            queue: frozenset(call for call in calls if not call.startswith(OURS))
            for queue, calls in theirs.items()
            if queue in self._queues
        }
        return waiting_drifts(asked, {queue: calls for queue, calls in ours.items() if queue in self._queues})

    def _stored(self, session: Session) -> set[Drift]:
        end = self._clock() - SETTLED
        start = end - LOOKED_AT
        if complete_from(session) > start:
            return set()  # visits of before are still being made rows
        return self._against_log(session, start, end) | self._add_up(session, floor(end, QUARTER) - QUARTER)

    def _against_log(self, session: Session, start: datetime, end: datetime) -> set[Drift]:
        read_at = session.scalar(select(LogPositionRow.read_at).order_by(LogPositionRow.read_at.desc()).limit(1))
        if read_at is None or read_at < end:
            return set()  # nobody follows it, which is told elsewhere
        about = (start - SECONDS_APART, end + SECONDS_APART)
        visited = [record for record in entered_between(session, *about) if record.queue in self._queues]
        logged = _logged(session, *about)
        return log_drifts(
            {key for key, at in logged.items() if start <= at < end and key[0] in self._queues},
            logged.keys(),
            # A refusal writes no entry, and what is uncertain is said to be so already.
            {
                (record.queue, record.contact)
                for record in visited
                if start <= record.joined_at < end and record.outcome not in REFUSED and record.quality is not Quality.UNCERTAIN
            },
            {(record.queue, record.contact) for record in visited},
        )

    def _add_up(self, session: Session, quarter: datetime) -> set[Drift]:
        """The last whole quarter of an hour, its flows from the cells and its carries from the visits."""
        end = quarter + QUARTER
        tallies: dict[str, list[Tally]] = {}
        for (key, _), tally in read(session, quarter, end, lambda _: 0, view=View.ACTIVITY).items():
            tallies.setdefault(key.queue, []).append(tally)
        before = [record.queue for record in waiting_at(session, quarter)]
        after = [record.queue for record in waiting_at(session, end)]
        return {
            Drift(Kind.CELLS, queue, quarter.isoformat())
            for queue in {*tallies, *before, *after}
            if Flow.of(before.count(queue), total(tallies.get(queue, ())), after.count(queue)).missing
        }

    def _say(self, lasting: frozenset[Drift]) -> None:
        if lasting:
            log.error("the books don't agree", what=sentence(lasting), subjects=[drift.subject for drift in sorted(lasting)][:20])
        else:
            log.info("the books agree again")

    async def _tell(self, lasting: frozenset[Drift]) -> None:
        if not self._alerts.channels:
            return
        counts = tuple((queue, kind.value, count) for (queue, kind), count in counted(lasting).items())
        alert = BooksAlert(self._clock(), not lasting, len(lasting), sentence(lasting), counts)
        if await self._database.write(partial(_write, alerts=self._alerts, alert=alert)):
            self._after_commit()


def _logged(session: Session, start: datetime, end: datetime) -> dict[tuple[str, str], datetime]:
    """Entries into queues by queue_log, of the calls we follow: (queue, contact) → when."""
    ledger = LedgerRow
    query = select(ledger.contact, ledger.at, ledger.body).where(
        ledger.at >= start,
        ledger.at < end,
        ledger.source == Source.QUEUE_LOG.value,
        ledger.kind == CallerQueued.__name__,
        ledger.contact != "",
    )
    return {(json.loads(body)["queue"], contact): at for contact, at, body in session.execute(query)}


def _write(session: Session, alerts: Alerts, alert: BooksAlert) -> bool:
    """A row for each channel that was told otherwise last; that they agree is told only to who knows that they didn't."""
    told = alert_store.last_of_topics(session, (BOOKS_DRIFT, BOOKS_AGREE))
    topic = BOOKS_AGREE if alert.agree else BOOKS_DRIFT
    wrote = False
    for channel in covering(alerts.channels, None):
        last_id, last_topic = told.get((channel_of(channel), SUBJECT), (0, BOOKS_AGREE))
        key = f"{topic}:{channel}:after-{last_id}"
        if last_topic != topic and session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is None:
            session.add(row(channel, key, topic, SUBJECT, alert.as_json(), alert.at))
            wrote = True
    return wrote

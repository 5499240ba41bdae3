"""What supervisors see and are told, put together: live board, metrics, console, cases, the watch on the loss rate.

For ``ivr.app`` alone, which starts its tasks and feeds it facts and contacts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ami_bridge.facts import AnyFact
from ivr import recording_links
from ivr.alerts.cases import tell_rejection
from ivr.alerts.loss_watch import LossWatch
from ivr.board import Board
from ivr.cases import Cases
from ivr.console.ports import AgentsService, ConsolePorts, ConsoleSettings, HoursService
from ivr.console.server import Console
from ivr.console_desk import ConsoleCallbacks
from ivr.domain.contacts import Contact
from ivr.domain.figures import Thresholds
from ivr.domain.intervals import Grain, floor
from ivr.flow_troubles import FlowTrouble
from ivr.follow_up import promise_follow_up, withdraw_follow_up
from ivr.metrics import Metrics
from ivr.outbox import Outbox
from ivr.promises import Promises
from ivr.reporting import limits_from
from ivr.settings import Settings
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer


class Supervision:
    """``nudge_callbacks`` has promised calls looked at at once."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        outbox: Outbox,
        promises: Promises,
        nudge_callbacks: Callable[[], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hours: HoursService | None = None,
        flow_troubles: Callable[[], Sequence[FlowTrouble]] = tuple,
        promises_kept: Callable[[], Mapping[str, float]] = dict,
        agents: AgentsService | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sealer = sealer
        self._clock = clock
        thresholds = Thresholds(settings.targets.service_s, settings.targets.short_s)
        self._metrics = Metrics(settings.lines, settings.queues)
        self._board = Board(list(settings.queues), limits_from(settings), settings.zone, clock=clock)
        self._metrics.watch(self._board.snapshot)
        self._metrics.watch_promises(promises_kept)
        cases = Cases(
            database,
            sealer,
            on_informed=promise_follow_up(promises, clock=clock),
            on_rejected=withdraw_follow_up(tell_rejection(settings.alerts, clock), clock),
            after_commit=outbox.wake,
            clock=clock,
        )
        ports = ConsolePorts(
            callbacks=ConsoleCallbacks(database, sealer, promises, nudge_callbacks, clock),
            cases=cases,
            check_link=self._check_link,
            hours=hours,
            flow_troubles=flow_troubles,
            agents=agents,
        )
        self.console = Console(_console_settings(settings), database, sealer, self._board, metrics=self._metrics, ports=ports, clock=clock)
        self.loss_watch = LossWatch(database, settings.alerts, sorted(settings.lines), thresholds, after_commit=outbox.wake, clock=clock)

    def on_fact(self, fact: AnyFact) -> None:
        self._board.apply(fact)
        self._metrics.apply(fact)

    def on_gone(self, contact_id: str) -> None:
        """It turned out to be another contact's second call."""
        self._board.contact_gone(contact_id)

    def on_change(self, contact: Contact) -> None:
        """The tracker folded something into this contact."""
        self._board.contact_changed(contact)

    async def seed(self) -> None:
        """Take up today's contacts from the store. Raises StoreError."""
        now = self._clock()
        midnight = floor(now, Grain.DAY, self._settings.zone)
        today: Any = partial(contacts.with_visits_between, sealer=self._sealer, start=midnight, end=now)
        self._board.seed(await self._database.read(today))

    def _check_link(self, complaint: str, token: str) -> None:
        secret = self._settings.paths.secret(recording_links.SECRET_NAME)
        recording_links.verify(secret, complaint, token, now=self._clock())


def _console_settings(settings: Settings) -> ConsoleSettings:
    return ConsoleSettings(
        zone=settings.zone,
        recordings=settings.paths.recordings,
        reports=settings.paths.reports,
        lines={name: {"zh": line.name.zh, "en": line.name.en} for name, line in settings.lines.items()},
        https=settings.console.https,
        session_h=settings.console.session_h,
        metrics_from_anywhere=settings.console.metrics_from_anywhere,
        country=settings.hotline.country,
        area_code=settings.hotline.area_code,
        most_streams=settings.console.most_streams,
        service_s=settings.targets.service_s,
        service_level_target=settings.targets.service_level,
        loss_target=settings.targets.loss_rate,
    )

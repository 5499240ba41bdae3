"""The books put together: queue_log followed, agents' times, the figures' cells, reports, old facts let go. For ``ivr.app`` alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from ami_bridge.facts import AnyFact
from ami_bridge.link import AmiLink
from ami_bridge.who_waits import who_waits
from ivr.agent_desk import AgentDesk
from ivr.conservation_watch import ConservationWatch
from ivr.ledger_pruning import LedgerPruning
from ivr.log_following import LogFollowing
from ivr.log_rotation import LogRotation
from ivr.queue_log_source import log_file_of, source_of
from ivr.report_clock import ReportClock
from ivr.reports.making import ReportMaker
from ivr.rollup import RollUp
from ivr.settings import Settings
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

log = structlog.get_logger(__name__)


class Bookkeeping:
    """``open`` it before the link comes up, hand it every fact, run its parts as tasks, and ``flush`` at the end."""

    def __init__(
        self, settings: Settings, database: Database, sealer: Sealer, tracker: Tracker, link: AmiLink, *, wake_outbox: Callable[[], None]
    ) -> None:
        self.agents = AgentDesk.of(settings, database, sealer)
        self._log_following = LogFollowing(source_of(settings), tracker, database, pbx=settings.asterisk.name)
        self._pruning = LedgerPruning(database, settings.ledger.keep_days)
        self._rollup = RollUp(database)
        self._conservation = ConservationWatch(
            database,
            settings.alerts,
            settings.queues,
            asterisk=partial(who_waits, link.request),
            running=lambda: tracker.running,
            after_commit=wake_outbox,
        )
        self._reports = ReportClock(ReportMaker.of(settings, database), database, settings.reports, settings.zone, after_commit=wake_outbox)

        # An Asterisk that somebody else configures has its logs rotated by him.
        ours = settings.asterisk.queue_log is None
        self._log_rotation = LogRotation(log_file_of(settings).parent, link.request) if ours else None

    async def open(self) -> None:
        """Take up the log where it was left, and the agents as they were. Raises StoreError."""
        await self._log_following.open()
        await self.agents.open()

    def on_fact(self, fact: AnyFact) -> None:
        self.agents.on_fact(fact)

    def tasks(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """By name; each runs until it is cancelled."""
        return {
            "queue-log": self._log_following.run(),
            "ledger-pruning": self._pruning.run(),
            "roll-up": self._rollup.run(),
            "agents": self.agents.run(),
            "conservation": self._conservation.run(),
            "reports": self._reports.run(),
            **({"asterisk-logs": self._log_rotation.run()} if self._log_rotation else {}),
        }

    @property
    def troubles(self) -> Sequence[str]:
        """What isn't as it should be, a sentence each."""
        log_trouble = self._log_following.status.trouble
        unread = f"queue_log can't be read: {log_trouble}; what happens while the link to Asterisk is down stays uncertain"
        return [*([unread] if log_trouble else []), *self._conservation.troubles]

    async def flush(self) -> None:
        try:
            await self.agents.flush()
        except StoreError as error:
            log.error("the agents' last states could not be written", reason=str(error))

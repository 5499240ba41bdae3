"""What awaits a caller who joins a queue now: his place, his wait as an interval, and the priority he is granted.

For the session and the metrics. It scores its own promises and falls silent for a queue where too many of them are broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from ami_bridge import facts as asterisk
from callflows.outcomes import QueueOutlook
from ivr.domain.contacts import Contact
from ivr.domain.expected_wait import Interval, expected_wait
from ivr.domain.queue_priority import CEILING_S, position_on_joining, priority_to_grant
from ivr.domain.wait_promises import Calibration, outcome_of_promise
from ivr.queue_work import QueueWork, Waiting

log = structlog.get_logger(__name__)

# The caller hears silence meanwhile. A look takes some 3 ms; a machine that can't do it in this time has other worries.
DEADLINE_S = 0.2
# Who joins later than this after he looked has heard or recorded something else since: his promise was about another moment.
PROMISE_HOLDS = timedelta(seconds=60)
# Nothing that is worth saying: the flow then says neither place nor wait.
_NOT_KNOWN = QueueOutlook(position=1, shortest_s=None, longest_s=None, staffed=False)


@dataclass(slots=True)
class _Promise:
    queue: str
    made_at: datetime
    longest_s: float
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    queue: str
    priority: int
    at: datetime


class QueueOutlooks:
    """Feed it every fact of the link, and at start the calls of the store; all of it on the event loop."""

    def __init__(
        self,
        queues: Iterable[str],
        *,
        ceiling_s: float = CEILING_S,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        estimate: Callable[..., Interval | None] = expected_wait,
    ) -> None:
        self._ceiling_s = ceiling_s
        self._deadline_s = deadline_s
        self._clock = clock
        self._estimate = estimate
        self._calibrations = {queue: Calibration() for queue in queues}
        self._work = QueueWork(self._calibrations, on_end=self._wait_ended)
        self._promises: dict[str, _Promise] = {}  # by contact, the oldest first
        self._grants: dict[str, _Grant] = {}

    def seed(self, contacts: Iterable[Contact]) -> None:
        """At start: the calls of today, or of the last day, from the store."""
        self._work.learn(contacts)

    def apply(self, fact: asterisk.Fact) -> None:
        """What Asterisk says, in its order."""
        self._work.apply(fact)
        if isinstance(fact, asterisk.CallerQueued):
            self._joined(fact)

    async def look(self, queue: str, priority: int = 0, *, contact: str = "") -> QueueOutlook:
        """What awaits who joins ``queue`` now, wishing for ``priority``. Never raises; answers within 0.2 s.

        ``contact`` has the promise remembered, and scored when he is answered. The wait is None where nobody is there to answer,
        where it may exceed an hour, where too many promises were broken lately or no answer came in time; then, where the link to
        Asterisk is down, ``staffed`` is False too: nobody is known to be there.
        """
        try:
            return await self._look(queue, priority, contact)
        except Exception:
            log.exception("the expected wait can't be told", queue=queue)
            return _NOT_KNOWN

    async def _look(self, queue: str, wished: int, contact: str) -> QueueOutlook:
        if queue not in self._calibrations or not self._work.known:
            return _NOT_KNOWN
        now = self._clock()
        self._score_overdue(now)
        waiting = self._work.waiting(queue, now)
        granted = priority_to_grant(waiting, wished, ceiling_s=self._ceiling_s)
        position = position_on_joining(waiting, granted)
        found = self._work.situation(queue, now, priority=granted, ceiling_s=self._ceiling_s)
        work = partial(self._estimate, position, found.agents, found.handling, found.pickups, overtaking=found.overtaking)
        try:
            async with asyncio.timeout(self._deadline_s):
                interval = await asyncio.to_thread(work)
        except TimeoutError:
            log.warning("the expected wait was not worked out in time", queue=queue, position=position)
            interval = None
        if interval and contact:
            self._promises.pop(contact, None)
            self._promises[contact] = _Promise(queue, now, interval.longest_s)
        if interval is None or self._calibrations[queue].silent:
            return QueueOutlook(position, None, None, found.staffed)
        return QueueOutlook(position, interval.shortest_s, interval.longest_s, found.staffed)

    def grant(self, queue: str, wished: int, *, contact: str) -> int:
        """The priority to hand over with (QUEUE_PRIO), 0 to 10: the wished one, or less where it would overtake somebody who has waited
        longer than the ceiling. It is remembered until he joins. 0 while we don't see who waits."""
        if queue not in self._calibrations or not self._work.known:
            return 0
        now = self._clock()
        priority = priority_to_grant(self._work.waiting(queue, now), wished, ceiling_s=self._ceiling_s)
        self._grants = {known: grant for known, grant in self._grants.items() if now - grant.at <= PROMISE_HOLDS}
        self._grants[contact] = _Grant(queue, priority, now)
        return priority

    def kept_ratios(self) -> Mapping[str, float]:
        """Queue → share of its last 50 promises that were kept, 0 to 1 (``ivrd_wait_promises_kept_ratio``); only those with 10 or more."""
        self._score_overdue(self._clock())
        return {queue: ratio for queue, calibration in self._calibrations.items() if (ratio := calibration.kept_ratio) is not None}

    def silent_queues(self) -> frozenset[str]:
        """Where no wait is told, since too many promises were broken."""
        return frozenset(queue for queue, calibration in self._calibrations.items() if calibration.silent)

    def _joined(self, fact: asterisk.CallerQueued) -> None:
        grant = self._grants.pop(fact.contact, None)
        if grant and grant.queue == fact.queue:
            self._work.grant(fact.call, grant.priority)
        promise = self._promises.get(fact.contact)
        if promise is None or promise.joined_at == fact.at:  # told twice, after a snapshot
            return
        if promise.queue == fact.queue and promise.joined_at is None and fact.at - promise.made_at <= PROMISE_HOLDS:
            promise.joined_at = fact.at
        else:
            del self._promises[fact.contact]

    def _wait_ended(self, caller: Waiting, at: datetime | None, answered: bool) -> None:
        promise = self._promises.pop(caller.contact, None)
        if promise is None or promise.joined_at is None or at is None:
            return
        kept = outcome_of_promise(promise.longest_s, (at - promise.joined_at).total_seconds(), answered=answered)
        if kept is not None:
            self._score(promise.queue, kept=kept)

    def _score_overdue(self, now: datetime) -> None:
        """Who waits longer than promised is known to, before his wait is over. Promises of who never joined are forgotten."""
        if not self._work.known:
            return
        for contact, promise in list(self._promises.items()):
            if promise.joined_at is None:
                if now - promise.made_at > PROMISE_HOLDS:
                    del self._promises[contact]
            elif (now - promise.joined_at).total_seconds() > promise.longest_s:
                del self._promises[contact]
                self._score(promise.queue, kept=False)

    def _score(self, queue: str, *, kept: bool) -> None:
        calibration = self._calibrations[queue]
        was_silent = calibration.silent
        calibration.score(kept=kept)
        if calibration.silent and not was_silent:
            log.warning("expected waits are no longer told: too many were exceeded", queue=queue, kept=calibration.kept_ratio)
        elif was_silent and not calibration.silent:
            log.info("expected waits are told again", queue=queue, kept=calibration.kept_ratio)

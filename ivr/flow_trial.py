"""The watch on a version on trial: rolls it back by itself when it loses more callers, at the stated confidence.

Run by the daemon as the task ``flow-trial``. How it is judged, and why looking often is honest: ``callflows.trial``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.orm import Session

from callflows.trial import CONFIDENCE, Verdict, judge
from ivr.store import flow_versions as store
from ivr.store.database import Database, StoreError
from ivr.store.flow_versions import Change, OvertakenError, Service, Step

log = structlog.get_logger(__name__)

INTERVAL_S = 10.0
# A long trial has many calls to look at: never spend more than this part of the time on it.
BUSY_AT_MOST = 0.01
ACTOR = "flow-trial"


def verdict_of(session: Session, trial: Service, confidence: float = CONFIDENCE) -> Verdict:
    """Both versions' figures since this trial began. ``trial`` is a step with a version on trial."""
    calls = store.calls_of(session, [trial.version, trial.trial or ""], trial.at)
    return judge(calls, trial.version, trial.trial or "", trial.share, confidence)


class FlowTrial:
    """One per daemon; of two daemons that see the same, one writes."""

    def __init__(
        self, database: Database, *, confidence: float = CONFIDENCE, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._confidence = confidence
        self._clock = clock

    async def run(self) -> None:
        """Look every 10 s, or less often when a look takes long, until cancelled."""
        failing = False
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self.evaluate()
                failing = False
            except StoreError as error:
                if not failing:
                    log.error("the version on trial can't be judged", reason=str(error))
                failing = True
            await asyncio.sleep(max(INTERVAL_S, (loop.time() - began) / BUSY_AT_MOST))

    async def evaluate(self) -> Verdict | None:
        """Look once; None without a trial. Raises StoreError."""
        trial = await self._database.read(store.newest)
        if trial is None or trial.trial is None:
            return None
        verdict = await self._database.read(partial(verdict_of, trial=trial, confidence=self._confidence))
        if verdict.worse:
            await self._roll_back(trial, verdict)
        return verdict

    async def _roll_back(self, trial: Service, verdict: Verdict) -> None:
        reason = sentence_of(verdict)
        change = Change(Step.AUTOMATIC, trial.version, reason)
        try:
            await self._database.write(partial(store.take, change=change, after=trial.id, actor=ACTOR, now=self._clock()))
        except OvertakenError:
            return  # somebody ended the trial in the meantime
        log.error("the version on trial is rolled back", version=trial.trial, reason=reason, p_value=verdict.p_value)


def sentence_of(verdict: Verdict) -> str:
    """Why a trial is rolled back, as people read it."""
    tried, stays = verdict.trial, verdict.in_service
    return (
        f"trial of {tried.version} rolled back: it lost {tried.lost} of {tried.calls} callers, "
        f"{stays.version} {stays.lost} of {stays.calls} (worse at {verdict.confidence:.0%} confidence, p {verdict.p_value:.2g})"
    )

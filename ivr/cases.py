"""Walks complaints through their states: one transaction for the state, who and when, the CRM's row and what follows. The service behind
``ivrd complaints verify|solve|inform|close|reopen`` and the console's buttons.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.orm import Session

from ivr.domain.cases import Step, StepRefusedError, StepTaken, take
from ivr.store import cases, complaints
from ivr.store.complaints import Complaint
from ivr.store.database import Database
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)

# What follows once the customer was told the result (R17) or rejected it (R19): run in the same transaction, idempotent by its own key.
WhatFollows = Callable[[Session, Complaint], None]


def nothing_follows(_: Session, __: Complaint) -> None:
    """For steps after which nobody is called or told."""


class UnknownComplaintError(StepRefusedError):
    """There is no complaint of this number."""

    def __init__(self, number: str) -> None:
        super().__init__("unknown", f"there is no complaint {number}", number=number)


class Cases:
    """``after_commit`` wakes the outbox. ``clock`` gives aware times."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        on_informed: WhatFollows = nothing_follows,
        on_rejected: WhatFollows = nothing_follows,
        after_commit: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._follows = {Step.INFORM: on_informed, Step.REOPEN: on_rejected}
        self._after_commit = after_commit
        self._clock = clock

    async def take_step(self, number: str, taken: StepTaken) -> Complaint:
        """The complaint after the step. Raises StepRefusedError with a sentence, and StoreError."""
        complaint = await self._database.write(partial(self._take, number=number, taken=taken))
        self._after_commit()
        log.info("case moved on", complaint=number, step=taken.step.value, state=complaint.state)
        return complaint

    def take_step_now(self, number: str, taken: StepTaken) -> Complaint:
        """The blocking form, for the command line. Raises StepRefusedError and StoreError."""
        return self._database.write_now(partial(self._take, number=number, taken=taken))

    def _take(self, session: Session, number: str, taken: StepTaken) -> Complaint:
        case = cases.lock(session, number)
        if case is None:
            raise UnknownComplaintError(number)
        after = take(case, taken)
        cases.record(session, after, taken, self._clock())
        session.flush()
        complaint = complaints.by_number(session, self._sealer, number)
        if complaint is None:
            raise UnknownComplaintError(number)
        self._follows.get(taken.step, nothing_follows)(session, complaint)
        return complaint

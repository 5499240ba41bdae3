"""What ``ivr.cases`` runs in its transactions: the follow-up call 回访 that is promised once the customer was told the result (R17), and
taken back when he rejects it before that call (R19).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.orm import Session

from ivr.cases import WhatFollows
from ivr.promises import Promises, RefusedError
from ivr.store import callbacks
from ivr.store.complaints import Complaint

log = structlog.get_logger(__name__)


def log_refusal(complaint: str, reason: str) -> None:
    """The daemon's way to say that nobody will be called."""
    log.info("no follow-up call", complaint=complaint, why=reason)


def promise_follow_up(
    promises: Promises,
    refused: Callable[[str, str], None] = log_refusal,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> WhatFollows:
    """The hook. A number that may not be called doesn't hold the case up: ``refused`` is told the complaint and a sentence."""

    def promise(session: Session, complaint: Complaint) -> None:
        try:
            promises.follow_up(
                session, complaint.number, complaint.contact_number, complaint.line, clock(), by="ivrd", round_=complaint.rejections
            )
        except RefusedError as error:
            refused(complaint.number, str(error))

    return promise


def withdraw_follow_up(tell: WhatFollows, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> WhatFollows:
    """The hook of a rejection: he has said what he thinks of it, so that call isn't made; ``tell`` tells those who take it up."""

    def rejected(session: Session, complaint: Complaint) -> None:
        callbacks.cancel_follow_ups(session, complaint.number, clock())
        tell(session, complaint)

    return rejected

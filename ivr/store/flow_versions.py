"""Published flows and which of them are in service, in the database. Functions run by ``Database.write`` and ``read``.

Every change of what callers get is one more row of ``flow_service``; nothing is ever overwritten, so the history is its own audit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callflows.trial import TrialCall
from ivr.domain.contacts import ContactOutcome
from ivr.store.schema import ContactRow, FlowServiceRow, FlowVersionRow
from ivr.store.users import audit

# He left with nothing: no person, no promise, no message. Whoever finds the hotline closed counts too, or a version that wrongly says
# "closed" would look better than one that serves.
LOST = frozenset(
    {
        ContactOutcome.ABANDONED_IVR.value,
        ContactOutcome.ABANDONED_QUEUE.value,
        ContactOutcome.ABANDONED_RING.value,
        ContactOutcome.AFTER_HOURS.value,
        ContactOutcome.REJECTED_CAPACITY.value,
        ContactOutcome.SYSTEM_ERROR.value,
    }
)


class Step(StrEnum):
    """What somebody did to the flows in service."""

    PUBLISH = "publish"
    TRIAL = "trial"
    PROMOTE = "promote"
    STOP = "stop"
    ROLL_BACK = "rollback"
    AUTOMATIC = "automatic"  # a trial rolled back by the watch on its loss rate


@dataclass(frozen=True, slots=True)
class FlowVersion:
    """One published version; times are aware UTC. ``sources``: file name → text, empty where only listed."""

    id: str
    published_at: datetime
    published_by: str
    note: str
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """Which flows new calls get since ``at``: ``version``, and ``trial`` for ``share`` of the callers."""

    id: int
    at: datetime
    actor: str
    step: Step
    version: str
    trial: str | None
    share: float
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A step to take: what is in service after it, and why."""

    step: Step
    version: str
    reason: str
    trial: str | None = None
    share: float = 0.0


class OvertakenError(Exception):
    """Somebody else changed what is in service in the meantime: look again, then decide again."""


def keep(session: Session, version: str, sources: Mapping[str, str], *, by: str, note: str, now: datetime) -> bool:
    """Store a version; tells whether it is new. One whose exact contents are known stays as it was first published."""
    if session.get(FlowVersionRow, version) is not None:
        return False
    session.add(FlowVersionRow(id=version, sources=dict(sources), published_at=now, published_by=by[:64], note=note))
    session.flush()  # the service row refers to it
    return True


def take(session: Session, change: Change, *, after: int, actor: str, now: datetime) -> Service:
    """Put versions in service, and say so in the audit. ``after``: the newest row the decision was made on, 0 for none.

    Raises OvertakenError when there is a newer one.
    """
    # PostgreSQL: whoever else decides on the same row waits here, then sees ours. SQLite has one writer anyway.
    session.execute(select(FlowServiceRow.id).where(FlowServiceRow.id == after).with_for_update())
    if newest_id(session) != after:
        raise OvertakenError("the flows in service were changed by somebody else just now; look at `ivrd flow versions` and try again")
    row = FlowServiceRow(
        at=now,
        actor=actor[:64],
        version=change.version,
        trial=change.trial,
        share=change.share,
        reason=f"{change.step.value}: {change.reason}",
    )
    session.add(row)
    session.flush()
    audit(session, actor, f"flow.{change.step.value}", change.trial or change.version, now)
    return _service(row)


def newest_id(session: Session) -> int:
    """The id of what counts now; 0 before anything was published."""
    return session.scalar(select(func.max(FlowServiceRow.id))) or 0


def history(session: Session) -> Sequence[Service]:
    """Every step, oldest first."""
    return [_service(row) for row in session.scalars(select(FlowServiceRow).order_by(FlowServiceRow.id))]


def newest(session: Session) -> Service | None:
    row = session.scalars(select(FlowServiceRow).order_by(FlowServiceRow.id.desc()).limit(1)).first()
    return _service(row) if row else None


def load(session: Session, version: str) -> FlowVersion | None:
    row = session.get(FlowVersionRow, version)
    return FlowVersion(row.id, row.published_at, row.published_by, row.note, row.sources) if row else None


def listed(session: Session) -> Sequence[FlowVersion]:
    """All versions without their texts, newest first."""
    columns = (FlowVersionRow.id, FlowVersionRow.published_at, FlowVersionRow.published_by, FlowVersionRow.note)
    rows = session.execute(select(*columns).order_by(FlowVersionRow.published_at.desc(), FlowVersionRow.id))
    return [FlowVersion(row.id, row.published_at, row.published_by, row.note, {}) for row in rows]


def in_use(session: Session) -> list[FlowVersion]:
    """What new calls get, and what calls that go on began with; their prompts are still needed."""
    latest = newest(session)
    running = session.scalars(select(ContactRow.flow_version).where(ContactRow.ended_at.is_(None)).distinct())
    named = {latest.version, latest.trial, *running} if latest else set(running)
    return [version for name in sorted(filter(None, named)) if (version := load(session, name))]


def calls_of(session: Session, versions: Sequence[str], since: datetime) -> list[TrialCall]:
    """The calls of these versions that began since then and have ended, in the order they ended; for ``callflows.trial``."""
    columns = (ContactRow.id, ContactRow.caller_index, ContactRow.flow_version, ContactRow.outcome, ContactRow.failure)
    query = select(*columns).where(
        ContactRow.started_at >= since, ContactRow.ended_at.is_not(None), ContactRow.flow_version.in_(list(versions))
    )
    return [
        # A failed flow counts as lost, though an agent may have saved the call afterwards.
        TrialCall(row.caller_index or row.id, row.flow_version, row.outcome in LOST or row.failure is not None)
        for row in session.execute(query.order_by(ContactRow.ended_at, ContactRow.id))
    ]


@dataclass(frozen=True, slots=True)
class WalkedPath:
    """A call's way through the flows: node names as the walk gave them, and whether the caller was lost at the last."""

    nodes: tuple[str, ...]
    lost: bool


def paths_between(session: Session, start: datetime, end: datetime, version: str | None = None) -> list[WalkedPath]:
    """The paths of the calls that began in [start, end) and have ended, of one version or of all. Times are aware."""
    query = select(ContactRow.path, ContactRow.outcome, ContactRow.failure).where(
        ContactRow.started_at >= start, ContactRow.started_at < end, ContactRow.ended_at.is_not(None)
    )
    if version is not None:
        query = query.where(ContactRow.flow_version == version)
    return [WalkedPath(_nodes(row.path), row.outcome in LOST or row.failure is not None) for row in session.execute(query)]


def _nodes(path: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(step["node"]) for step in path)


def _service(row: FlowServiceRow) -> Service:
    # The step's name stands before the reason, so that one column tells people and us what was done.
    step, _, reason = row.reason.partition(": ")
    return Service(row.id, row.at, row.actor, Step(step), row.version, row.trial, row.share, reason)

"""What the reports of R52 count, read from the tables. Functions of a session, run by ``Database.read``; nobody is unsealed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ivr.domain.contacts import VisitOutcome
from ivr.store.schema import (
    CallbackAttemptRow,
    CallbackRow,
    ComplaintEventRow,
    ComplaintRow,
    ContactRow,
    LinkGapRow,
    MessageRow,
    RatingRow,
    VisitRow,
)

AT_ONCE = 2000  # rows fetched together
LOOKED_UP_AT_ONCE = 500  # below SQLite's limit of variables


@dataclass(frozen=True, slots=True)
class CallRow:
    """One contact as it is counted. ``steps``: the nodes he came through with the keys he pressed there; only where they were asked for."""

    id: str
    line: str | None
    outcome: str | None
    started_at: datetime
    ended_at: datetime | None
    last_node: str | None
    nodes: int
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ComplaintLife:
    """A complaint with the first time of each step, None for those not taken; ``closed_at``: for as long as it wasn't reopened after it.

    ``finding``: as it stands now.
    """

    number: str
    line: str | None
    filed_at: datetime
    incomplete: bool
    finding: str | None
    verified_at: datetime | None = None
    solved_at: datetime | None = None
    informed_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PromiseLife:
    """A promised call with the results of its dials, oldest first; None for one that goes on."""

    reason: str
    line: str | None
    state: str
    last_result: str | None
    results: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Rated:
    """A survey that was offered; ``rating`` is None where it wasn't answered."""

    line: str | None
    question: str
    rating: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """The link to a PBX was down; ``filled``: queue_log has told what happened."""

    pbx: str
    began_at: datetime
    ended_at: datetime | None
    filled: bool


def first_call_at(session: Session) -> datetime | None:
    return session.scalar(select(func.min(ContactRow.started_at)))


def calls(session: Session, start: datetime, end: datetime, *, steps: bool) -> Iterator[CallRow]:
    """The contacts that came in [start, end). ``steps``: with their way through the menus."""
    plain = (
        ContactRow.id,
        ContactRow.line,
        ContactRow.outcome,
        ContactRow.started_at,
        ContactRow.ended_at,
        ContactRow.last_node,
        ContactRow.nodes,
    )
    wanted = (*plain, ContactRow.path) if steps else plain
    query = select(*wanted).where(ContactRow.started_at >= start, ContactRow.started_at < end).execution_options(yield_per=AT_ONCE)
    for row in session.execute(query):
        path = row[7] if steps else ()
        ways = tuple((str(step["node"]), str(step["keys"])) for step in path)
        # Rows of before these columns were kept have them empty.
        yield CallRow(row[0], row[1], row[2], row[3], row[4], row[5] or (ways[-1][0] if ways else None), row[6] or len(ways), ways)


def gave_up_within(session: Session, start: datetime, end: datetime, longest_s: float) -> dict[str, int]:
    """The contacts that entered a queue in [start, end) and gave up there within ``longest_s`` seconds, with their wait in ms."""
    query = select(VisitRow.contact, VisitRow.wait_ms).where(
        VisitRow.joined_at >= start,
        VisitRow.joined_at < end,
        VisitRow.outcome.in_((VisitOutcome.ABANDONED_WAIT.value, VisitOutcome.ABANDONED_RING.value)),
        VisitRow.wait_ms <= longest_s * 1000,
    )
    return {row[0]: row[1] or 0 for row in session.execute(query)}


def complaints(session: Session, start: datetime, end: datetime, answer_within: timedelta) -> list[ComplaintLife]:
    """Those that a report of [start, end) has anything to say of: filed, due, taken a step further in it, or open at its end."""
    stepped = select(ComplaintEventRow.complaint).where(ComplaintEventRow.at >= start, ComplaintEventRow.at < end)
    # One that is closed now and had no step in the period may still have been open at its end: a step came after it.
    later = select(ComplaintEventRow.complaint).where(ComplaintEventRow.at >= end)
    query = select(ComplaintRow).where(
        ComplaintRow.filed_at < end,
        or_(
            ComplaintRow.filed_at >= start - answer_within,
            ComplaintRow.state != "closed",
            ComplaintRow.number.in_(stepped),
            ComplaintRow.number.in_(later),
        ),
    )
    rows = list(session.scalars(query.order_by(ComplaintRow.filed_at, ComplaintRow.number)))
    steps = _first_steps(session, [row.number for row in rows])
    return [
        ComplaintLife(
            row.number, row.line, row.filed_at, row.incomplete, row.verdict,
            verified_at=steps[row.number].get("verify"),
            solved_at=steps[row.number].get("solve"),
            informed_at=steps[row.number].get("inform"),
            closed_at=steps[row.number].get("close"),
        )
        for row in rows
    ]  # fmt: skip


def _first_steps(session: Session, numbers: Sequence[str]) -> dict[str, dict[str, datetime]]:
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for some in _portions(numbers):
        query = (
            select(ComplaintEventRow.complaint, ComplaintEventRow.action, ComplaintEventRow.at)
            .where(ComplaintEventRow.complaint.in_(some))
            .order_by(ComplaintEventRow.id)
        )
        for number, action, at in session.execute(query):
            found[number].setdefault(action, at)
            if action == "reopen":  # it isn't closed any more; that the customer had an answer by then stays true
                found[number].pop("close", None)
    return found


def promises(session: Session, start: datetime, end: datetime) -> list[PromiseLife]:
    """The calls that were promised in [start, end), as they stand now."""
    query = select(CallbackRow.id, CallbackRow.reason, CallbackRow.line, CallbackRow.state, CallbackRow.last_result).where(
        CallbackRow.created_at >= start, CallbackRow.created_at < end
    )
    rows = session.execute(query.order_by(CallbackRow.created_at)).all()
    results: dict[str, list[str | None]] = defaultdict(list)
    for some in _portions([row[0] for row in rows]):
        dials = select(CallbackAttemptRow.callback, CallbackAttemptRow.result).where(CallbackAttemptRow.callback.in_(some))
        for promise, result in session.execute(dials.order_by(CallbackAttemptRow.number)):
            results[promise].append(result)
    return [PromiseLife(reason, line, state, last, tuple(results[found])) for found, reason, line, state, last in rows]


def dials(session: Session, start: datetime, end: datetime) -> Counter[str | None]:
    """The calls we made in [start, end), by how they ended."""
    query = (
        select(CallbackAttemptRow.result, func.count())
        .where(CallbackAttemptRow.dialled_at >= start, CallbackAttemptRow.dialled_at < end)
        .group_by(CallbackAttemptRow.result)
    )
    return Counter({row[0]: row[1] for row in session.execute(query)})


def ratings(session: Session, start: datetime, end: datetime) -> list[Rated]:
    query = select(RatingRow.line, RatingRow.question, RatingRow.rating).where(RatingRow.offered_at >= start, RatingRow.offered_at < end)
    return [Rated(line, question, rating) for line, question, rating in session.execute(query)]


def messages(session: Session, start: datetime, end: datetime) -> Counter[str | None]:
    """The messages left, by line."""
    query = select(MessageRow.line, func.count()).where(MessageRow.taken_at >= start, MessageRow.taken_at < end).group_by(MessageRow.line)
    return Counter({row[0]: row[1] for row in session.execute(query)})


def gaps(session: Session, start: datetime, end: datetime) -> list[Gap]:
    """When the link to a PBX was down in [start, end), the earliest first."""
    query = select(LinkGapRow).where(LinkGapRow.began_at < end, or_(LinkGapRow.ended_at.is_(None), LinkGapRow.ended_at > start))
    return [Gap(row.pbx, row.began_at, row.ended_at, row.filled) for row in session.scalars(query.order_by(LinkGapRow.began_at))]


def _portions(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[at : at + LOOKED_UP_AT_ONCE] for at in range(0, len(keys), LOOKED_UP_AT_ONCE))

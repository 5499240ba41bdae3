"""Figures of any period from the database: cells of minutes and quarters where they are fresh, the visits themselves elsewhere.

Functions of a session, for reports. What is read equals a count over all visits exactly, whatever has been rolled up.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from ivr.domain.tally import Tally
from ivr.domain.visit_record import VisitRecord
from ivr.store import visit_rows
from ivr.store.contacts import LONGEST_CALL
from ivr.store.schema import FigureCellRow, StaleMinuteRow
from ivr.store.visit_rows import Key, View

CELLS: Table = FigureCellRow.__table__  # type: ignore[assignment]
MINUTE, QUARTER, BLOCK = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=8)
SINCE = "since"  # the grain of the row that says from when on contacts have their visits as rows
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

P = TypeVar("P", bound=Hashable)
Span = tuple[datetime, datetime]


class CellGrain(StrEnum):
    MINUTE = "minute"
    QUARTER = "quarter"
    BLOCK = "block"  # eight hours by UTC, once they are over: China's days are three of them


_LENGTH = {CellGrain.MINUTE: MINUTE, CellGrain.QUARTER: QUARTER, CellGrain.BLOCK: BLOCK}


def read(
    session: Session,
    start: datetime,
    end: datetime,
    place: Callable[[datetime], P],
    *,
    view: View = View.COHORT,
    agents: bool = False,
    finest: timedelta = QUARTER,
    marks: Sequence[datetime] | None = None,
) -> dict[tuple[Key, P], Tally]:
    """What happened in [start, end), by key and by the ``place`` of its moment: an interval's number, an hour of the week.

    Moments of one quarter of an hour must have one place, unless ``finest`` is MINUTE. ``agents``: by agent, of whom only served visits
    tell. Contacts count in the cohort view under the queue "". ``marks``: moments where the place changes; where they are known, what lies
    between two of them is read in larger pieces.
    """
    found: dict[tuple[Key, P], Tally] = {}

    def tally(key: Key, moment: datetime) -> Tally:
        return found.setdefault((key, place(moment)), Tally())

    filled = max(start, min(end, complete_from(session)))
    visit_rows.count_from_contacts(session, start, filled, view, agents, tally)
    stale = stale_minutes(session, floor(filled, QUARTER), ceiling(end, QUARTER))
    rest: list[Span] = [(filled, end)]
    if finest == QUARTER and marks is not None:
        broken = _broken_blocks(session, filled, end, view, {floor(minute, BLOCK) for minute in stale}, marks)
        rest = _from_cells(session, rest, CellGrain.BLOCK, view, agents, broken, tally)
    if finest == QUARTER:
        stale_quarters = {floor(minute, QUARTER) for minute in stale}
        rest = _from_cells(session, rest, CellGrain.QUARTER, view, agents, stale_quarters, tally)
    if not agents:
        rest = _from_cells(session, rest, CellGrain.MINUTE, view, agents, stale, tally)
    for begin, finish in rest:
        visit_rows.count(session, begin, finish, view, agents, tally)
    return found


def entered_between(session: Session, start: datetime, end: datetime) -> Iterator[VisitRecord]:
    """The visits that entered their queue in [start, end), whether they are rows yet or not."""
    filled = max(start, min(end, complete_from(session)))
    if start < filled:
        old = visit_rows.in_contacts_between(session, start, filled)
        yield from (record for record in old if start <= record.joined_at < filled)
    yield from visit_rows.joined_between(session, filled, end)


def waiting_at(session: Session, moment: datetime) -> list[VisitRecord]:
    """Visits that had begun before it and were left at it or later: what is carried into an interval that begins then."""
    entered = entered_between(session, moment - LONGEST_CALL, moment)
    return [record for record in entered if record.exited_at is None or record.exited_at >= moment]


def stale_minutes(session: Session, start: datetime, end: datetime) -> set[datetime]:
    """Minutes in [start, end) whose cells aren't what their visits are."""
    query = select(StaleMinuteRow.minute).where(StaleMinuteRow.minute >= start, StaleMinuteRow.minute < end)
    return set(session.scalars(query))


def stale_count(session: Session) -> int:
    """How many minutes wait to be rolled up."""
    return session.scalar(select(func.count()).select_from(StaleMinuteRow)) or 0


def complete_from(session: Session) -> datetime:
    """From this moment on visits are rows, and minutes that aren't stale have their cells; far in the future where none are yet."""
    since = filled_since(session)
    if since is None:
        return datetime.max.replace(tzinfo=UTC)
    # A contact that began before may have entered a queue later: how much later at most, is known.
    return since if since <= BEGINNING else since + LONGEST_CALL


def filled_since(session: Session) -> datetime | None:
    """Every contact that began at this moment or later has its visits as rows; None: nobody looked yet."""
    return session.scalar(select(FigureCellRow.start).where(FigureCellRow.grain == SINCE))


def quarters_by_queue(session: Session, start: datetime, end: datetime) -> Mapping[str, Sequence[tuple[datetime, Tally]]]:
    """Of each queue its quarters' tallies by entry, in order; quarters in which nobody came to it are missing."""
    found: dict[str, dict[datetime, Tally]] = {}
    for (key, quarter), tally in read(session, start, end, lambda moment: floor(moment, QUARTER)).items():
        if key.queue:
            so_far = found.setdefault(key.queue, {}).setdefault(quarter, Tally())
            so_far += tally
    return {queue: sorted(quarters.items(), key=lambda item: item[0]) for queue, quarters in found.items()}


def _from_cells(
    session: Session,
    spans: Iterable[Span],
    grain: CellGrain,
    view: View,
    agents: bool,
    stale: set[datetime],
    tally: Callable[[Key, datetime], Tally],
) -> list[Span]:
    """Add what fresh cells tell of these spans; gives what they don't."""
    length = _LENGTH[grain]
    rest: list[Span] = []
    for start, end in spans:
        first, last = ceiling(start, length), floor(end, length)
        if first >= last:
            rest.append((start, end))
            continue
        _add_cells(session, first, last, grain, view, agents, stale, tally)
        left_out = sorted(moment for moment in stale if first <= moment < last)
        gaps = ((start, first), *((moment, moment + length) for moment in left_out), (last, end))
        rest += _joined(span for span in gaps if span[0] < span[1])
    return rest


def _broken_blocks(
    session: Session, start: datetime, end: datetime, view: View, stale: set[datetime], marks: Sequence[datetime]
) -> set[datetime]:
    """The blocks from ``start`` to ``end`` that can't be read whole: not summed up yet, stale, or with a mark inside."""
    c = CELLS.c
    first, last = ceiling(start, BLOCK), floor(end, BLOCK)
    summed = select(c.start).distinct().where(c.grain == CellGrain.BLOCK.value, c.view == view.value, c.start >= first, c.start < last)
    there = set(session.scalars(summed)) - stale - {floor(mark, BLOCK) for mark in marks if mark != floor(mark, BLOCK)}
    every = (first + number * BLOCK for number in range(max(0, (last - first) // BLOCK)))
    return {block for block in every if block not in there}


def _add_cells(
    session: Session,
    first: datetime,
    last: datetime,
    grain: CellGrain,
    view: View,
    agents: bool,
    stale: set[datetime],
    tally: Callable[[Key, datetime], Tally],
) -> None:
    for key, start, told in stored(session, first, last, grain, view, CELLS.c.agent != "" if agents else CELLS.c.agent == ""):
        if start not in stale:
            tally(key, start).take(told)


def stored(
    session: Session, first: datetime, last: datetime, grain: CellGrain, view: View, *narrowed: ColumnElement[bool]
) -> Iterator[tuple[Key, datetime, Mapping[str, Any]]]:
    """The cells that begin in [first, last), whether they are fresh or not: what ``Tally.take`` adds."""
    c = CELLS.c
    query = select(c.start, c.queue, c.line, c.agent, c.tally).where(
        c.grain == grain.value, c.view == view.value, c.start >= first, c.start < last, *narrowed
    )
    # One parser call for many cells: each alone would take longer than the sums.
    for rows in session.execute(query.execution_options(yield_per=1000)).partitions():
        told = json.loads(f"[{','.join(row.tally for row in rows)}]")
        for (start, queue, line, agent, _), cell in zip(rows, told, strict=True):
            yield Key(queue, line, agent), start, cell


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order, those that touch made one."""
    so_far: Span | None = None
    for start, end in spans:
        if so_far and so_far[1] == start:
            so_far = (so_far[0], end)
        else:
            if so_far:
                yield so_far
            so_far = (start, end)
    if so_far:
        yield so_far


def floor(moment: datetime, length: timedelta) -> datetime:
    """The latest mark at or before it; marks of minutes and quarters are the same in every zone."""
    return moment - (moment - BEGINNING) % length


def ceiling(moment: datetime, length: timedelta) -> datetime:
    return moment + (BEGINNING - moment) % length


def places(bounds: Sequence[datetime]) -> Callable[[datetime], int]:
    """The place of a moment among intervals that follow each other: ``bounds`` are their beginnings."""
    return lambda moment: bisect_right(bounds, moment) - 1

"""The roll-up: minutes whose visits changed become cells of minutes and quarters again, in bites, so that months are read in seconds.

A task of the daemon; ``catch_up`` is for whoever fills a database otherwise. Reports are exact before, meanwhile and after.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, load_only

from ivr.domain.contacts import Contact
from ivr.domain.tally import Tally
from ivr.store import visit_rows, visits
from ivr.store.contacts import visits_of_row
from ivr.store.database import Database, StoreError
from ivr.store.figure_cells import BEGINNING, CELLS, QUARTER, SINCE, CellGrain, filled_since, floor
from ivr.store.schema import ContactRow, StaleMinuteRow
from ivr.store.visit_rows import Key, View

log = structlog.get_logger(__name__)

INTERVAL_S = 15.0
PAUSE_S = 0.05  # between two bites: calls' records come first
CONTACTS_A_BITE = 500
WRITE_TIMEOUT_S = 30.0

ALL = ""  # cells add up over every PBX

_Cells = dict[tuple[CellGrain, View, datetime, Key], Tally]


class RollUp:
    """Runs as one task; a refusing database is tried again at the next turn."""

    def __init__(self, database: Database, *, interval_s: float = INTERVAL_S) -> None:
        self._database = database
        self._interval_s = interval_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause_s = self._interval_s
            try:
                if await self._database.write(bite, timeout_s=WRITE_TIMEOUT_S):
                    pause_s = PAUSE_S
            except StoreError as error:
                log.error("figures can't be rolled up; reports read the visits themselves", reason=str(error))
            await asyncio.sleep(pause_s)


def catch_up(database: Database) -> None:
    """Everything there is to do, at once. Raises StoreError."""
    while database.write_now(bite):
        pass


def bite(session: Session) -> bool:
    """A bounded piece of the work, in one transaction; whether there is more."""
    minute = StaleMinuteRow.minute
    # The newest for those who look at today; the oldest, so that a busy present never starves the past.
    for order in (minute.desc(), minute.asc()):
        stale = session.scalar(select(minute).order_by(order).limit(1))
        if stale is None:
            return _fill(session)
        roll_up(session, floor(stale, QUARTER))
    return True


def roll_up(session: Session, quarter: datetime) -> None:
    """Make the cells of this quarter's stale minutes, and of the quarter, anew."""
    end = quarter + QUARTER
    # Deleted before anything is read: a visit that comes meanwhile marks its minute again.
    stale = StaleMinuteRow.minute
    minutes = set(session.scalars(delete(StaleMinuteRow).where(stale >= quarter, stale < end).returning(stale)))
    cells = _count(session, quarter, end, minutes)
    _delete(session, CellGrain.QUARTER, [quarter])
    _delete(session, CellGrain.MINUTE, sorted(minutes))
    _insert(session, cells)


def _count(session: Session, start: datetime, end: datetime, minutes: set[datetime]) -> _Cells:
    """Every visit is read once and added to its minutes, and to its agent's quarter; a quarter is what its minutes add up to."""
    by_minute: dict[tuple[View, Key, datetime], Tally] = defaultdict(Tally)
    by_agent: dict[tuple[View, Key], Tally] = defaultdict(Tally)

    def tallies(view: View) -> visit_rows.Tallies:
        def tally(key: Key, moment: datetime) -> Tally:
            if key.agent:
                return by_agent[view, key]
            return by_minute[view, key, moment.replace(second=0, microsecond=0)]

        return tally

    visit_rows.count_both(session, start, end, tallies(View.COHORT), tallies(View.ACTIVITY))
    cells: _Cells = {(CellGrain.QUARTER, view, start, key): tally for (view, key), tally in by_agent.items()}
    for (view, key, minute), counted in by_minute.items():
        if minute in minutes:
            cells[CellGrain.MINUTE, view, minute, key] = counted
        quarter = cells.setdefault((CellGrain.QUARTER, view, start, key), Tally())
        quarter += counted
    return cells


def _delete(session: Session, grain: CellGrain, starts: Sequence[datetime]) -> None:
    c = CELLS.c
    session.execute(delete(CELLS).where(c.grain == grain.value, c.view.in_([view.value for view in View]), c.start.in_(starts)))


def _insert(session: Session, cells: _Cells) -> None:
    rows = [
        {
            "grain": grain.value,
            "view": view.value,
            "start": start,
            "pbx": ALL,
            "queue": key.queue,
            "line": key.line,
            "agent": key.agent,
            "tally": tally.as_json(),
        }
        for (grain, view, start, key), tally in cells.items()
    ]
    if rows:
        session.execute(insert(CELLS), rows)


def _fill(session: Session) -> bool:
    """Contacts of before the table of visits get their rows, the newest first; whether there are more."""
    since = filled_since(session)
    if since == BEGINNING:
        return False
    row = ContactRow
    older = [] if since is None else [row.started_at < since]
    # Down to the beginning of the last one of this bite, with all that began in that moment.
    down_to = session.scalar(select(row.started_at).where(*older).order_by(row.started_at.desc()).offset(CONTACTS_A_BITE - 1).limit(1))
    some = [*older, row.started_at >= down_to] if down_to else older
    found = session.scalars(
        select(row).options(load_only(row.pbx, row.line, row.started_at, row.visits, row.path, row.nodes)).where(*some)
    ).all()
    stale = visits.save(session, [Contact(it.id, it.started_at, pbx=it.pbx, line=it.line, visits=visits_of_row(it)) for it in found])
    visits.mark_stale(session, {*stale, *(it.started_at for it in found)})
    for it in found:
        if it.path and not it.nodes:
            it.nodes, it.last_node = len(it.path), it.path[-1]["node"][:64]
    session.execute(delete(CELLS).where(CELLS.c.grain == SINCE))
    _insert_since(session, down_to or BEGINNING)
    if found:
        log.info("queue visits of earlier calls made rows", calls=len(found), down_to=(down_to or BEGINNING).isoformat())
    return True


def _insert_since(session: Session, moment: datetime) -> None:
    nothing = {"view": View.COHORT.value, "pbx": ALL, "queue": "", "line": "", "agent": "", "tally": "{}"}
    session.execute(insert(CELLS), [{"grain": SINCE, "start": moment, **nothing}])

"""The roll-up: minutes whose visits changed become cells of minutes and quarters again, in bites, so that months are read in seconds.

A task of the daemon; ``catch_up`` is for whoever fills a database otherwise. Reports are exact before, meanwhile and after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, load_only

from ivr.domain.contacts import Contact
from ivr.domain.tally import Tally
from ivr.store import cell_counting, visits
from ivr.store.cell_counting import Cells
from ivr.store.contacts import visits_of_row
from ivr.store.database import Database, StoreError
from ivr.store.figure_cells import BEGINNING, BLOCK, CELLS, QUARTER, SINCE, CellGrain, Span, filled_since, floor, stale_minutes, stored
from ivr.store.schema import ContactRow, StaleMinuteRow, VisitRow
from ivr.store.visit_rows import View

log = structlog.get_logger(__name__)

INTERVAL_S = 15.0
PAUSE_S = 0.05  # between two bites: calls' records come first
CONTACTS_A_BITE = 500
VISITS_A_BITE = 2000  # a tenth of a second of one core at most
QUARTERS_A_BITE = 16  # less than a block: a bite reaches into two of them at most
UNSUMMED = "unsummed"  # the grain of a row that says: this block is to be summed up
RESTING = timedelta(hours=1)  # so long after its end a block changes no more, as a rule
WRITE_TIMEOUT_S = 30.0

ALL = ""  # cells add up over every PBX


class RollUp:
    """Runs as one task; a refusing database is tried again at the next turn."""

    def __init__(
        self, database: Database, *, interval_s: float = INTERVAL_S, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pause_s = self._interval_s
            try:
                if await self._database.write(partial(bite, now=self._clock()), timeout_s=WRITE_TIMEOUT_S):
                    pause_s = PAUSE_S
            except StoreError as error:
                log.error("figures can't be rolled up; reports read the visits themselves", reason=str(error))
            await asyncio.sleep(pause_s)


def catch_up(database: Database) -> None:
    """Everything there is to do, at once. Raises StoreError."""
    while database.write_now(partial(bite, now=datetime.now(UTC))):
        pass


def bite(session: Session, now: datetime, visits: int = VISITS_A_BITE) -> bool:
    """A bounded piece of the work, in one transaction; whether there is more. ``visits``: so many at a time, or one quarter of an hour."""
    # The oldest first: a busy present makes itself stale again and again, and must never starve the past.
    window = _stale_window(session, visits)
    if window is None:
        return _fill(session) or _sum_block(session, now)
    roll_up(session, *window)
    return True


def _stale_window(session: Session, visits: int) -> Span | None:
    """The first stale quarter, and those right behind it that are stale too, as long as they don't hold more visits than that."""
    stale = StaleMinuteRow.minute
    earliest = session.scalar(select(stale).order_by(stale).limit(1))
    if earliest is None:
        return None
    start = floor(earliest, QUARTER)
    last = start + QUARTERS_A_BITE * QUARTER
    joined = VisitRow.joined_at
    if visits_end := session.scalar(select(joined).where(joined >= start, joined < last).order_by(joined).offset(visits).limit(1)):
        last = max(start + QUARTER, floor(visits_end, QUARTER))
    quarters = {floor(minute, QUARTER) for minute in stale_minutes(session, start, last)}
    end = start + QUARTER
    while end < last and end in quarters:
        end += QUARTER
    return start, end


def roll_up(session: Session, start: datetime, end: datetime) -> None:
    """Make the cells of the stale minutes in [start, end), and of all its quarters, anew."""
    # Deleted before anything is read: a visit that comes meanwhile marks its minute again.
    stale = StaleMinuteRow.minute
    minutes = set(session.scalars(delete(StaleMinuteRow).where(stale >= start, stale < end).returning(stale)))
    cells = cell_counting.count(session, start, end, minutes)
    _delete(session, CellGrain.QUARTER, [start + number * QUARTER for number in range((end - start) // QUARTER)])
    _delete(session, CellGrain.MINUTE, sorted(minutes))
    _insert(session, cells)
    blocks = sorted({floor(start, BLOCK), floor(end - QUARTER, BLOCK)})
    _delete(session, CellGrain.BLOCK, blocks)
    session.execute(delete(CELLS).where(CELLS.c.grain == UNSUMMED, CELLS.c.start.in_(blocks)))
    for block in blocks:
        _mark(session, UNSUMMED, block)


def _sum_block(session: Session, now: datetime) -> bool:
    """A block of hours that is over, from its quarters, none of which is stale; whether there was one to sum up."""
    c = CELLS.c
    block = session.scalar(select(c.start).where(c.grain == UNSUMMED, c.start <= now - BLOCK - RESTING).order_by(c.start).limit(1))
    if block is None:
        return False
    session.execute(delete(CELLS).where(c.grain == UNSUMMED, c.start == block))
    cells: Cells = {}
    for view in View:
        for key, _, told in stored(session, block, block + BLOCK, CellGrain.QUARTER, view):
            cells.setdefault((CellGrain.BLOCK, view, block, key), Tally()).take(told)
    _delete(session, CellGrain.BLOCK, [block])
    _insert(session, cells)
    return True


def _delete(session: Session, grain: CellGrain, starts: Sequence[datetime]) -> None:
    c = CELLS.c
    session.execute(delete(CELLS).where(c.grain == grain.value, c.view.in_([view.value for view in View]), c.start.in_(starts)))


def _insert(session: Session, cells: Cells) -> None:
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
    _mark(session, SINCE, down_to or BEGINNING)
    if found:
        log.info("queue visits of earlier calls made rows", calls=len(found), down_to=(down_to or BEGINNING).isoformat())
    return True


def _mark(session: Session, grain: str, moment: datetime) -> None:
    """A row that holds no tally and says something of the cells themselves."""
    nothing = {"view": View.COHORT.value, "pbx": ALL, "queue": "", "line": "", "agent": "", "tally": "{}"}
    session.execute(insert(CELLS), [{"grain": grain, "start": moment, **nothing}])

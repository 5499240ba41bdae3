"""Brings old queue_logs into the ledger and the records, for ``ivrd ledger import``: by the daemon's own reading and the daemon's tracker.

Nothing follows from it: nobody is alerted of a call of last year, nor called back. The same file twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ami_bridge.queue_log import QueueLogReader
from ami_bridge.queue_log_file import Position
from ivr.domain.call_facts import CallCutOff
from ivr.queue_log_source import FileSource, Home, LogUnreadableError, Rows
from ivr.store import log_positions
from ivr.store.contacts import LONGEST_CALL
from ivr.store.database import Database
from ivr.store.schema import ContactRow, LedgerRow, VisitRow
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

CHUNK_BYTES = 1024 * 1024
ROWS_AT_ONCE = 5000  # nobody else waits for the loop


@dataclass(slots=True)
class Imported:
    """What an import came to. ``odd``: rows by what is odd about them; the rest: how many there are more than before."""

    files: int = 0
    rows: int = 0
    odd: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    entries: int = 0
    contacts: int = 0
    visits: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


class LogImport:
    """One import. ``followed``: the log that the daemon follows: where that is among the files it goes on behind what was read."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        home: Home,
        *,
        pbx: str,
        followed: str = "",
        on_rows: Callable[[Imported], None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._pbx = pbx
        self._home = home
        self._followed = followed
        self._on_rows = on_rows
        self._clock = clock
        self._tracker = Tracker(database, sealer, pbx=pbx, clock=lambda: self._found.last_at or clock())
        self._reader = QueueLogReader("queue_log")
        self._found = Imported()

    async def run(self, files: Iterable[Path]) -> Imported:
        """Read the files, the oldest first. Raises LogUnreadableError, StoreError: what was read before is in."""
        found = self._found
        before = self._database.read_now(_sizes)
        for file in in_order(files):
            position = await self._read(file)
            found.files += 1
            if position is not None and str(file.resolve()) == self._followed:
                await self._hand_over(position)
        self._end_what_is_open()
        await self._tracker.flush()
        entries, contacts, visits = self._database.read_now(_sizes)
        found.entries, found.contacts, found.visits = entries - before[0], contacts - before[1], visits - before[2]
        return found

    async def _read(self, file: Path) -> Position | None:
        source = FileSource(file, self._home, CHUNK_BYTES, self._reader)
        rows = source.read(None)
        if rows.position is None:
            raise LogUnreadableError(f"{file}: there is no such file")
        while rows.more:
            await self._take(rows)
            rows = source.read(rows.position)
        return rows.position

    async def _take(self, rows: Rows) -> None:
        found = self._found
        await self._tracker.take_rows(rows.facts, at_once=ROWS_AT_ONCE)
        found.rows += rows.lines
        found.odd = dict(self._reader.counts)
        found.warnings += (*rows.holes, *rows.warnings)
        if rows.facts:
            found.first_at = found.first_at or rows.facts[0].at
            found.last_at = rows.facts[-1].at
        await self._tracker.flush()
        self._on_rows(found)

    async def _hand_over(self, position: Position) -> None:
        """The daemon, where it has never read this log, goes on here."""
        if self._database.read_now(partial(log_positions.reached, pbx=self._pbx, path=self._followed)) is None:
            keep = partial(log_positions.keep, pbx=self._pbx, path=self._followed, position=position, read_at=self._clock())
            self._tracker.also(keep)

    def _end_what_is_open(self) -> None:
        """Calls whose end no row tells, though no call is as long: how they ended is not known."""
        for contact in self._tracker.running:
            told_last = max(entry.fact.at for entry in self._tracker.entries(contact.id))
            if self._clock() - told_last > LONGEST_CALL:
                self._tracker.apply(CallCutOff(told_last, contact.id, told_last))


def in_order(files: Iterable[Path]) -> Sequence[Path]:
    """By the time of their first row: rotated logs are named in many ways. Raises LogUnreadableError."""
    return sorted(dict.fromkeys(files), key=_begins)


def _begins(file: Path) -> float:
    try:
        source = FileSource(file, Home("", None), chunk_bytes=64 * 1024)
        facts = source.read(None).facts
    except EOFError as error:
        raise LogUnreadableError(f"{file}: it is cut short") from error
    return facts[0].at.timestamp() if facts else 0.0


def _sizes(session: Session) -> tuple[int, int, int]:
    entries, contacts, visits = (
        session.scalar(select(func.count()).select_from(table)) or 0 for table in (LedgerRow, ContactRow, VisitRow)
    )
    return entries, contacts, visits

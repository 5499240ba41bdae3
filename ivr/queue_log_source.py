"""Where queue_log's rows come from, as facts: the file as Asterisk writes it, or the table of its realtime engine.

For ``ivr.log_following`` and ``ivrd ledger import``. Reading blocks: call it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError

from ami_bridge.facts import AnyFact, CallerQueued
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.queue_log_file import LogFollower, Position
from ami_bridge.queue_log_table import QueueLogTable, QueueLogTableError
from ivr.asterisk_plan import asterisk_plan
from ivr.domain.numbers import normalise
from ivr.settings import Settings, SettingsError

CHUNK_BYTES = 256 * 1024  # some 4000 rows, 50 ms of a thread


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read at once: so many ``lines``. ``position`` None: there is no log.

    ``holes``: sentences on rows that may be missing before these; ``warnings``: on rows that are odd.
    """

    facts: tuple[AnyFact, ...]
    position: Position | None
    lines: int
    holes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def more(self) -> bool:
        """There may be more at once."""
        return self.lines > 0


class LogUnreadableError(Exception):
    """The log can't be read now; the text says why."""


class LogSource(Protocol):
    """One log. Raises LogUnreadableError."""

    name: str

    def read(self, position: Position | None) -> Rows:
        """From there on; None: from its beginning."""
        ...

    def end(self) -> Position | None:
        """Behind its last row; None where there is no log."""
        ...


@dataclass(frozen=True, slots=True)
class Home:
    """How numbers without a country code are read."""

    country: str
    area_code: str | None

    def with_number(self, fact: AnyFact) -> AnyFact:
        """A caller's number as sessions tell it: E.164, a short code, or empty."""
        if isinstance(fact, CallerQueued) and fact.caller:
            return replace(fact, caller=normalise(fact.caller, self.country, self.area_code))
        return fact


class FileSource:
    """queue_log as a file, through its rotations."""

    def __init__(self, path: Path, home: Home, chunk_bytes: int = CHUNK_BYTES, reader: QueueLogReader | None = None) -> None:
        self.name = str(path)
        self._follower = LogFollower(path, chunk_bytes)
        self._reader = reader or QueueLogReader(path.name)
        self._home = home

    def read(self, position: Position | None) -> Rows:
        try:
            chunk = self._follower.read(position)
        except OSError as error:
            raise LogUnreadableError(f"{self.name}: {error.strerror or error}") from error
        self._reader.go_to(str(chunk.file), chunk.first_line)
        facts = [self._home.with_number(fact) for line in chunk.lines for fact in self._reader.line(line)]
        warnings, self._reader.warnings = tuple(self._reader.warnings), []
        return Rows(tuple(facts), chunk.position, len(chunk.lines), chunk.notices, warnings)

    def end(self) -> Position | None:
        try:
            return self._follower.end()
        except OSError as error:
            raise LogUnreadableError(f"{self.name}: {error.strerror or error}") from error


class TableSource:
    """queue_log as Asterisk's realtime engine writes it into a database; ``zone``: of the times in it."""

    def __init__(self, url: str, home: Home, zone: ZoneInfo) -> None:
        parsed = make_url(url)
        self.name = f"table:{parsed.set(username=None, password=None).render_as_string()}"
        self._table = QueueLogTable(create_engine(parsed, pool_size=1, pool_pre_ping=True), zone=zone)
        self._reader = QueueLogReader("queue_log")
        self._home = home

    def read(self, position: Position | None) -> Rows:
        try:
            chunk = self._table.read(position)
        except QueueLogTableError as error:
            raise LogUnreadableError(str(error)) from error
        read = (self._reader.row(row) for row in chunk.rows)
        facts = [self._home.with_number(fact) for each in read for fact in each]
        warnings, self._reader.warnings = tuple(self._reader.warnings), []
        if chunk.unreadable:
            warnings += (f"{chunk.unreadable} rows of {self.name} bear no time that can be read, and are left out",)
        return Rows(tuple(facts), chunk.position, len(chunk.rows), (), warnings)

    def end(self) -> Position | None:
        try:
            return self._table.end()
        except QueueLogTableError as error:
            raise LogUnreadableError(str(error)) from error


def configured_log(settings: Settings) -> str:
    """Where this PBX's log is: a path, or a SQLAlchemy URL. Raises SettingsError."""
    log = settings.asterisk.queue_log
    return log if log and is_table(log) else str(log_file_of(settings).absolute())


def is_table(log: str) -> bool:
    return "://" in log


def log_file_of(settings: Settings) -> Path:
    """The log as a file; where it is a table, that which our configuration would write. Raises SettingsError."""
    log = settings.asterisk.queue_log
    return Path(log) if log and not is_table(log) else asterisk_plan(settings).state / "log" / "queue_log"


def home_of(settings: Settings) -> Home:
    return Home(settings.hotline.country, settings.hotline.area_code)


def source_of(settings: Settings) -> LogSource:
    """The log as the settings have it. Raises SettingsError."""
    log = configured_log(settings)
    if not is_table(log):
        return FileSource(Path(log), home_of(settings))
    try:
        return TableSource(log, home_of(settings), settings.queue_log_zone)
    except (ArgumentError, ImportError) as error:
        raise SettingsError([f"asterisk.queue_log is no URL of a database that can be opened: {error}"]) from error

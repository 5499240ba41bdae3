"""Where queue_log's rows come from, as facts: the file as Asterisk writes it, or the table of its realtime engine.

For ``ivr.log_following`` and ``ivrd ledger import``. Reading blocks: call it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ami_bridge.facts import AnyFact, CallerQueued
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.queue_log_file import LogFollower, Position
from ivr.asterisk_plan import asterisk_plan
from ivr.domain.numbers import normalise
from ivr.settings import Settings

CHUNK_BYTES = 256 * 1024  # some 4000 rows, 50 ms of a thread


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read at once. ``more``: there may be more at once; ``position`` None: there is no log.

    ``holes``: sentences on rows that may be missing before these; ``warnings``: on rows that are odd.
    """

    facts: tuple[AnyFact, ...]
    position: Position | None
    more: bool
    holes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class LogSource(Protocol):
    """One log. Raises OSError or SQLAlchemyError where it can't be read."""

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

    def __init__(self, path: Path, home: Home, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.name = str(path)
        self._follower = LogFollower(path, chunk_bytes)
        self._reader = QueueLogReader(path.name)
        self._home = home

    def read(self, position: Position | None) -> Rows:
        chunk = self._follower.read(position)
        self._reader.go_to(str(chunk.file), chunk.first_line)
        facts = [self._home.with_number(fact) for line in chunk.lines for fact in self._reader.line(line)]
        warnings, self._reader.warnings = tuple(self._reader.warnings), []
        return Rows(tuple(facts), chunk.position, bool(chunk.lines), chunk.notices, warnings)

    def end(self) -> Position | None:
        position: Position | None = None
        while (chunk := self._follower.read(position)).lines:
            position = chunk.position
        return chunk.position


def configured_log(settings: Settings) -> str:
    """Where this PBX's log is: a path, or a SQLAlchemy URL. Raises SettingsError."""
    return settings.asterisk.queue_log or str(asterisk_plan(settings).state / "log" / "queue_log")


def is_table(log: str) -> bool:
    return "://" in log


def source_of(settings: Settings) -> LogSource:
    """The log as the settings have it. Raises SettingsError."""
    home = Home(settings.hotline.country, settings.hotline.area_code)
    log = configured_log(settings)
    return FileSource(Path(log), home)

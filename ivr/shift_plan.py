"""The plan of shifts as it lies on the disk: read anew when it changes, the last good one kept when it is spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from ivr.domain.shifts import Shifts, ShiftsError, read_shifts

log = structlog.get_logger(__name__)

LARGEST_FILE = 4 * 1024 * 1024


def load_shifts(path: Path, zone: ZoneInfo, agents: Sequence[str] = ()) -> Shifts:
    """Raises ShiftsError, for a file that can't be read too."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ShiftsError([f"{path}: it is larger than {LARGEST_FILE // 1024 // 1024} MiB"])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ShiftsError([f"{path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ShiftsError([f"{path}: it is no UTF-8; save it as CSV UTF-8"]) from error
    return read_shifts(text, str(path), zone, agents)


class ShiftPlan:
    """``path`` None: nothing is planned. ``agents``: who may be named in it."""

    def __init__(self, path: Path | None, zone: ZoneInfo, agents: Sequence[str] = ()) -> None:
        self._path = path
        self._zone = zone
        self._agents = agents
        self._shifts: Shifts | None = None
        self._seen: tuple[int, int, int] | None = None
        self.problems: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Blocking. A plan that can't be read leaves the one before, and is told of once."""
        if self._path is None:
            return
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = None
        if seen is not None and seen == self._seen:
            return
        self._seen = seen
        problems: tuple[str, ...] = ()
        try:
            self._shifts = load_shifts(self._path, self._zone, self._agents)
        except ShiftsError as error:
            problems = error.problems
        if problems != self.problems:
            if problems:
                log.error("the plan of shifts can't be used: the one before counts", problems=list(problems[:5]), count=len(problems))
            else:
                log.info("the plan of shifts is read again")
        self.problems = problems

    @property
    def agents(self) -> Sequence[str]:
        """Who is in it."""
        return list(self._shifts.agents) if self._shifts else []

    def planned(self, agent: str, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...] | None:
        """His shifts that touch [start, end), aware UTC; None where nothing is planned for him."""
        return self._shifts.planned(agent, start, end) if self._shifts else None

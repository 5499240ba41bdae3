"""The numbers of the callers who go first: a text file, read anew when it changes. For ``ivr.customers`` alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from ivr.domain.numbers import normalise

log = structlog.get_logger(__name__)

LARGEST_FILE = 8 * 1024 * 1024  # half a million numbers


class VipList:
    """``path`` None: nobody. ``country`` and ``area_code`` are how numbers without + are read."""

    def __init__(self, path: Path | None, country: str, area_code: str | None) -> None:
        self._path = path
        self._country = country
        self._area_code = area_code
        self._numbers: frozenset[str] = frozenset()
        self._seen: tuple[int, int, int] | None = None
        self._trouble = ""
        self._reading = asyncio.Lock()

    async def has(self, number: str) -> bool:
        """Is this E.164 number on the list, as it is now? A file that can't be read leaves the list as it was, and is told of once."""
        if self._path is None:
            return False
        async with self._reading:
            await asyncio.to_thread(self._refresh, self._path)
        return number in self._numbers

    def _refresh(self, path: Path) -> None:
        try:
            status = path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return
            if status.st_size > LARGEST_FILE:
                raise ValueError(f"it is larger than {LARGEST_FILE // 1024 // 1024} MiB")
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:  # the latter: no UTF-8 too
            reason = error.strerror if isinstance(error, OSError) else str(error)
            if reason != self._trouble:
                log.error("the VIPs' numbers can't be read: who was one stays one", file=str(path), reason=reason)
            self._trouble, self._seen = str(reason), None
            return
        numbers, wrong = set(), []
        for line_number, line in enumerate(lines, start=1):
            if written := line.partition("#")[0].strip():
                number = normalise(written, self._country, self._area_code)
                if number.startswith("+"):
                    numbers.add(number)
                else:
                    wrong.append(line_number)
        if wrong:
            log.warning("lines that are no telephone numbers are left out", file=str(path), lines=wrong[:20], count=len(wrong))
        self._numbers, self._seen, self._trouble = frozenset(numbers), seen, ""
        log.info("the VIPs' numbers are read", count=len(numbers))

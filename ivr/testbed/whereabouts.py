"""Where each running call is in its flow, as the daemon has written it down: what lets a caller act on the place, not on the clock.

For the callers of acceptance tests and of ``call``. Reads the SQLite database of the same machine, and writes nothing.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

_FRESH_S = 0.15  # one look at the database serves all callers for so long


class Whereabouts:
    """``path(call_id)`` may be asked at every beat of every caller."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._looked_at = 0.0
        self._paths: dict[str, tuple[str, ...]] = {}

    def path(self, call_id: str) -> tuple[str, ...]:
        """The nodes that the running call with this SIP Call-ID has come to; none before the first, and after its end."""
        now = time.monotonic()
        if now - self._looked_at > _FRESH_S:
            self._paths = self._look()
            self._looked_at = time.monotonic()
        return self._paths.get(call_id, ())

    def _look(self) -> dict[str, tuple[str, ...]]:
        query = "SELECT sip_call_id, path FROM contacts WHERE ended_at IS NULL"
        try:
            with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True, timeout=0.05)) as reading:
                return {call_id: tuple(str(step["node"]) for step in json.loads(path)) for call_id, path in reading.execute(query)}
        except sqlite3.Error:  # not there yet, or being remade: asked again in a moment
            return self._paths

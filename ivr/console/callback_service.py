"""The console's way to promises: a button gives one for the caller of a call, or takes one back. Wired by ``ivr.app``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ivr.promises import Promises, RefusedError
from ivr.store import callbacks, contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer


class ConsoleCallbacks:
    """``ports.CallbackService``. ``nudge`` lets whoever dials look at once."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        promises: Promises,
        nudge: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._promises = promises
        self._nudge = nudge
        self._clock = clock

    async def call_back(self, contact: str, actor: str) -> str:
        """The id of a promise that is due now; of the open one where this person has one. Raises RefusedError and StoreError."""
        now = self._clock()

        def give(session: Session) -> str:
            found = contacts.load(session, self._sealer, contact)
            if found is None:
                raise RefusedError(f"there is no call {contact}")
            # An open promise to this person is found by his number; after one that failed, another can be given.
            key = f"by-hand:{contact}:{now.timestamp():.0f}"
            return self._promises.by_hand(session, found.caller, now, key=key, line=found.line, due_at=now, by=actor)

        made = await self._database.write(give)
        self._nudge()
        return made

    async def cancel(self, callback: str, actor: str) -> None:
        """``actor`` is in the console's audit trail. Raises RefusedError and StoreError."""
        if not await self._database.write(lambda session: callbacks.cancel(session, callback, self._clock())):
            raise RefusedError("it is being dialled, has ended, or isn't there: it can't be cancelled")

"""The console's call-back buttons: the promise of a call to whoever gave up, given by a supervisor. Wired by ``ivr.supervision``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.orm import Session

from ivr.promises import Promises, RefusedError
from ivr.store import callbacks, contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer


class ConsoleCallbacks:
    """``nudge`` has the keeper look at once. A person has one open promise, however it came to be: pressed twice, it is the same."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        promises: Promises,
        nudge: Callable[[], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._promises = promises
        self._nudge = nudge
        self._clock = clock

    async def call_back(self, contact: str, actor: str) -> str:
        """Raises ivr.promises.RefusedError and StoreError."""
        promised = await self._database.write(partial(self._promise, contact_id=contact, actor=actor))
        self._nudge()
        return promised

    def _promise(self, session: Session, contact_id: str, actor: str) -> str:
        contact = contacts.load(session, self._sealer, contact_id)
        if contact is None:
            raise RefusedError("no_call", f"there is no call {contact_id}")
        now = self._clock()
        # An open promise to this person is found by his number; one that failed or was cancelled can be given anew: the key has the time.
        key = f"by_hand:{contact.id}:{now.timestamp():.0f}"
        return self._promises.by_hand(session, contact.caller, now, key=key, line=contact.line, due_at=now, by=actor)

    async def cancel(self, callback: str, actor: str) -> None:
        """Raises ivr.promises.RefusedError and StoreError."""
        if not await self._database.write(partial(callbacks.cancel, callback_id=callback, now=self._clock())):
            raise RefusedError("over", "this call is being dialled, or is over already")

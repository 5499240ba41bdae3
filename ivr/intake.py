"""Files complaints and keeps messages: the services behind the flow's effects. Stored before anyone is told a number (R11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from ivr.domain.contacts import Contact
from ivr.domain.numbers import normalise
from ivr.outbox import Outbox
from ivr.store import complaints
from ivr.store.complaints import NewComplaint, NewMessage
from ivr.store.database import Database, StoreError
from ivr.store.sealing import Sealer

log = structlog.get_logger(__name__)


class Intake:
    """Exactly once per contact: the keys are made of it, so a retry, a hang-up or a restart can't make a second row."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        outbox: Outbox,
        *,
        prefix: str,
        zone: ZoneInfo,
        country: str,
        area_code: str | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._outbox = outbox
        self._prefix = prefix
        self._zone = zone
        self._country = country
        self._area_code = area_code
        self._clock = clock

    async def file_complaint(
        self,
        contact: Contact,
        *,
        serial: str | None,
        contact_number: str | None,
        recording: str | None,
        recording_s: float | None,
        complete: bool,
    ) -> str | None:
        """The complaint's number, once it is committed; None when the database can't take it now."""
        number = normalise(contact_number or "", self._country, self._area_code) or contact.caller
        new = NewComplaint(
            key=f"{contact.id}-complaint",
            contact=contact.id,
            line=contact.line,
            serial=serial,
            caller=contact.caller,
            caller_name=contact.caller_name,
            contact_number=number,
            recording=recording,
            recording_s=recording_s,
            incomplete=not complete,
        )
        filing = partial(complaints.file, sealer=self._sealer, new=new, prefix=self._prefix, zone=self._zone, now=self._clock())
        try:
            filed = await self._database.write(filing)
        except StoreError as error:
            log.error("a complaint could not be stored", contact=contact.id, reason=str(error))
            return None
        self._outbox.wake()
        log.info("complaint filed", complaint=filed, complete=complete)
        return filed

    async def take_message(self, contact: Contact, *, recording: str, recording_s: float | None, complete: bool) -> bool:
        """True once the message is committed."""
        new = NewMessage(
            key=f"{contact.id}-{recording}",
            contact=contact.id,
            line=contact.line,
            caller=contact.caller,
            recording=recording,
            recording_s=recording_s,
            incomplete=not complete,
        )
        try:
            await self._database.write(partial(complaints.take_message, sealer=self._sealer, new=new, now=self._clock()))
        except StoreError as error:
            log.error("a message could not be stored", contact=contact.id, reason=str(error))
            return False
        log.info("message taken", line=contact.line, complete=complete)
        return True

"""Files complaints and keeps messages: the services behind the flow's effects. Stored before anyone is told a number (R11)."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from ivr.domain.contacts import Contact
from ivr.domain.numbers import normalise
from ivr.outbox import Outbox
from ivr.store import complaints
from ivr.store.complaints import NewComplaint, NewMessage
from ivr.store.database import Database
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
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._outbox = outbox
        self._prefix = prefix
        self._zone = zone
        self._country = country
        self._area_code = area_code

    def complaint(
        self,
        contact: Contact,
        *,
        serial: str | None,
        contact_number: str | None,
        recording: str | None,
        recording_s: float | None,
        complete: bool,
    ) -> NewComplaint:
        """A complaint of this contact, as it is to be filed."""
        return NewComplaint(
            key=f"{contact.id}-complaint",
            contact=contact.id,
            line=contact.line,
            serial=serial,
            caller=contact.caller,
            caller_name=contact.caller_name,
            contact_number=normalise(contact_number or "", self._country, self._area_code) or contact.caller,
            recording=recording,
            recording_s=recording_s,
            incomplete=not complete,
        )

    def message(self, contact: Contact, *, recording: str, recording_s: float | None, complete: bool) -> NewMessage:
        """A message of this contact, as it is to be kept."""
        return NewMessage(
            key=f"{contact.id}-{recording}",
            contact=contact.id,
            line=contact.line,
            caller=contact.caller,
            recording=recording,
            recording_s=recording_s,
            incomplete=not complete,
        )

    async def file(self, new: NewComplaint, at: datetime) -> str:
        """The complaint's number, once it is committed; ``at`` (aware) is when it was told. Raises StoreError: it may be stored yet."""
        filing = partial(complaints.file, sealer=self._sealer, new=new, prefix=self._prefix, zone=self._zone, now=at)
        number = await self._database.write(filing)
        self._outbox.wake()
        log.info("complaint filed", complaint=number, complete=not new.incomplete)
        return number

    async def take(self, new: NewMessage, at: datetime) -> None:
        """Returns once the message is committed. Raises StoreError: it may be stored yet."""
        await self._database.write(partial(complaints.take_message, sealer=self._sealer, new=new, now=at))
        log.info("message taken", line=new.line, complete=not new.incomplete)

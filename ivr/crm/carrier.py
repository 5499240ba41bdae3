"""Takes the outbox's complaints to the CRM: each is read anew from the sealed register at delivery. Built by ``ivr.outgoing``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from ivr.crm.port import CaseNews, Crm
from ivr.delivery import Carried, Delivered, Delivery, NotYet, Parcel, Rejected, RetryLater
from ivr.store import cases, complaints
from ivr.store.complaints import COMPLAINT_FILED, COMPLAINT_UPDATED, CRM_CHANNEL
from ivr.store.database import Database
from ivr.store.schema import ComplaintRow
from ivr.store.sealing import SealBrokenError, Sealer

LONGEST_RETRY_S = 900.0


class CrmCarrier:
    """One complaint at a time, for ever until it is accepted or rejected."""

    channel = CRM_CHANNEL
    keeps: timedelta | None = None
    lasting: Mapping[str, timedelta] = {}
    longest_retry_s = LONGEST_RETRY_S

    def __init__(self, database: Database, sealer: Sealer, crm: Crm) -> None:
        self._database = database
        self._sealer = sealer
        self._crm = crm

    async def carry(self, parcels: Sequence[Parcel]) -> Carried | NotYet:
        """Raises StoreError when the complaint can't be read now."""
        return Carried(1, await self._deliver(parcels[0]))

    async def _deliver(self, parcel: Parcel) -> Delivery:
        try:
            news = await self._database.read(partial(self._news, parcel=parcel))
        except SealBrokenError as error:
            return RetryLater(str(error))
        if news is None:
            return Rejected(f"there is no complaint {parcel.subject}")
        match parcel.topic:
            case topic if topic == COMPLAINT_FILED:
                return await self._crm.open_case(news)
            case topic if topic == COMPLAINT_UPDATED:
                return await self._crm.update_case(news)
        return Rejected(f"{parcel.topic!r} is nothing a CRM is told")

    def _news(self, session: Session, parcel: Parcel) -> CaseNews | None:
        complaint = complaints.by_number(session, self._sealer, parcel.subject)
        if complaint is None:
            return None
        event_id = parcel.payload.get(cases.EVENT)
        step = cases.event(session, event_id) if isinstance(event_id, int) else None
        return CaseNews(parcel.message_id, parcel.created_at, complaint, step, parcel.unsure)

    def settled(self, session: Session, parcel: Parcel, delivered: Delivered) -> None:
        """The CRM's own name for the case goes into the register."""
        row = session.get(ComplaintRow, parcel.subject)
        if row is not None and delivered.reference:
            row.crm_reference = delivered.reference

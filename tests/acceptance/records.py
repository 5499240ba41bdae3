"""A house's own records as the daemon writes them, unmasked. For acceptance tests that look closer than the command line lets them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from acceptance.house import House
from ivr.domain.contacts import Contact
from ivr.settings import DATA_KEY
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.testbed.caller import CallResult

RECORDED_WITHIN_S = 15.0
_POLL_S = 0.3


@dataclass
class Records:
    """Close it before the house."""

    house: House
    sealer: Sealer
    database: Database

    @classmethod
    def of(cls, house: House) -> Records:
        settings = house.settings
        return cls(house, Sealer(settings.paths.secret(DATA_KEY)), Database(settings.store_url))

    async def close(self) -> None:
        await asyncio.to_thread(self.database.close)

    async def contact(self, result: CallResult) -> Contact:
        """The record of a call, once it has an end. Raises TimeoutError."""
        find = partial(contacts.by_sip_call_id, sealer=self.sealer, sip_call_id=result.call_id)
        async with asyncio.timeout(RECORDED_WITHIN_S):
            while True:
                contact = await self.database.read(find)
                if contact and contact.ended_at:
                    return contact
                await asyncio.sleep(_POLL_S)

"""Who a caller is to us: what our own records say of his number, whether he goes first, and what he chose last time.

For sessions, by ``ivr.house.CustomerDesk``. Nothing is ever told of a withheld or short number: it is nobody's in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from callflows.outcomes import CustomerKnown, CustomerUnknown
from ivr.domain.contacts import Contact
from ivr.settings import Priority, Settings
from ivr.store import customers as store
from ivr.store.customers import Acquaintance
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.vip_list import VipList

log = structlog.get_logger(__name__)

DEADLINE_S = 0.7  # the session gives the whole look-up 0.8 s
YES = "yes"


@dataclass(frozen=True, slots=True)
class Standing:
    """What makes a caller go first, and whose cases his department handles, from the settings."""

    priority: Priority
    departments: Mapping[str, str]  # by line

    @classmethod
    def of(cls, settings: Settings) -> Standing:
        return cls(settings.priority, {name: line.department for name, line in settings.lines.items()})


class Customers:
    """The desk that the sessions ask."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        standing: Standing,
        vips: VipList,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._standing = standing
        self._vips = vips
        self._clock = clock

    async def look_up(self, contact: Contact) -> CustomerKnown | CustomerUnknown:
        """Facts as variables ``customer_…``; flags are ``yes`` or absent. Raises StoreError when the database is too slow."""
        if not contact.caller.startswith("+"):
            return CustomerUnknown()
        look = partial(store.acquaintance, caller_index=self._sealer.index(contact.caller), contact=contact.id, now=self._clock())
        found = await self._database.read(look, timeout_s=DEADLINE_S)
        vip = await self._vips.has(contact.caller)
        facts, priority = known(found, vip, self._standing)
        return CustomerKnown(facts, priority) if facts else CustomerUnknown()

    async def remember(self, contact: Contact, name: str, value: str) -> None:
        """For the next call from this number. Raises StoreError."""
        if not contact.caller.startswith("+"):
            return
        index = self._sealer.index(contact.caller)
        await self._database.write(
            partial(store.remember, caller_index=index, name=name, value=value, now=self._clock()), timeout_s=DEADLINE_S
        )


def known(found: Acquaintance, vip: bool, standing: Standing) -> tuple[tuple[tuple[str, str], ...], int]:
    """The facts that say something, and the priority; no facts of who is a stranger. What he chose himself never hides what we know,
    but for the line he wants."""
    department = standing.departments.get(found.complaint_line or "", "") if found.complaint else ""
    ours = {
        "calls": str(found.calls) if found.calls else "",
        "open_complaint": found.complaint or "",
        "complaint_line": (found.complaint_line or "") if found.complaint else "",
        "complaint_department": department,
        "callback": YES if found.called_back else "",
        "vip": YES if vip else "",
        "repeated": YES if found.repeated else "",
    }
    facts = {"last_line": found.last_line or "", **found.choices, **ours}
    ranks = standing.priority
    priority = max(ranks.vip if vip else 0, ranks.open_complaint if found.complaint else 0, ranks.repeated if found.repeated else 0)
    return tuple((f"customer_{name}", value) for name, value in facts.items() if value), priority

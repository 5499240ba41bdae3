"""A whole daemon's inside on a temporary SQLite database, without Asterisk and without the AMI link: for tests of sessions."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event
from support.fake_agi_caller import FakeCaller

from ami_bridge.agi import AgiCall, AgiServer, AgiSettings
from callbacks.numbers import AllowList
from callflows import loader
from callflows.calendar import AlwaysOpen, Calendar
from callflows.flow import FlowBook
from ivr.crm.carrier import CrmCarrier
from ivr.crm.port import Crm
from ivr.crm.register import BuiltInRegister
from ivr.domain.contacts import Contact
from ivr.house import House
from ivr.intake import Intake
from ivr.keeping import Shelf
from ivr.outbox import Outbox
from ivr.promises import Desk, Promises, Terms
from ivr.session import Session
from ivr.store import complaints, contacts
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.tracking import Tracker

ZONE = ZoneInfo("Asia/Shanghai")
LINES = ("hr", "course", "product", "complaint")
ALLOWED = AllowList(frozenset({"CN"}), frozenset({"mobile", "fixed_line", "fixed_line_or_mobile"}))
TERMS = Terms(
    first_after=timedelta(minutes=2),
    expires_after=timedelta(hours=96),
    follow_up_after=timedelta(hours=24),
    abandoned=True,
    short_s=5.0,
    language="zh",
    queue_of_line={line: line for line in LINES},
    default_queue="complaint",
)
NIGHT = Calendar.model_validate({"weekdays": [{"from": "08:00", "to": "08:01"}], "chinese_holidays": False})


@dataclass
class FakePrompts:
    """A prompt library that has every prompt but those named."""

    missing: set[str] = field(default_factory=set)

    def has(self, prompt_name: str, language: str) -> bool:
        return prompt_name not in self.missing

    def seconds(self, prompt_name: str, language: str) -> float | None:
        return 1.0


@dataclass
class Inside:
    """The parts, and what a test asks of them."""

    house: House
    database: Database
    sealer: Sealer
    tracker: Tracker
    outbox: Outbox
    prompts: FakePrompts
    port: int
    _refusing: bool = False
    _listening: bool = False

    async def call(self, caller: FakeCaller) -> Contact:
        """Place one leg, then read the contact back from the database."""
        await caller.call(self.port)
        await self.tracker.flush()
        return await self.contact(caller.linkedid)

    async def contact(self, contact_id: str) -> Contact:
        found = await self.database.read(partial(contacts.load, sealer=self.sealer, contact_id=contact_id))
        assert found is not None
        return found

    async def complaints(self) -> list[complaints.Complaint]:
        return list(await self.database.read(lambda session: complaints.latest(session, self.sealer, 100)))

    def refuse_writes(self, refuse: bool) -> None:
        """Make the real database refuse every write, as a full disk or a lost mount does, or take them again."""

        def checkout(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA query_only={'ON' if self._refusing else 'OFF'}")

        if not self._listening:
            event.listen(self.database.engine, "checkout", checkout)
            self._listening = True
        self._refusing = refuse

    async def messages(self, contact: str) -> list[Any]:
        return list(await self.database.read(lambda session: complaints.messages_of(session, contact)))


@cache
def _migrated() -> bytes:
    """An empty database of today's schema: migrated once, copied for each test."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        store = Database(f"sqlite:///{file}")
        store.upgrade()
        store.close()
        return file.read_bytes()


def new_database(folder: Path) -> Database:
    """The folder's database; a second call opens the first one's."""
    file = folder / "ivrd.db"
    if not file.exists():
        file.write_bytes(_migrated())
    return Database(f"sqlite:///{file}")


@dataclass(frozen=True, slots=True)
class OneBook:
    """``ivr.house.Flows`` of a house whose flows never change."""

    only: FlowBook

    def book_for(self, caller: str) -> FlowBook:
        return self.only

    async def book(self, version: str) -> FlowBook:
        return self.only


@asynccontextmanager
async def inside(
    folder: Path, *, closed: bool = False, now: datetime | None = None, crm: Crm | None = None, book: FlowBook | None = None, **changes: Any
) -> AsyncIterator[Inside]:
    database = new_database(folder)
    sealer = Sealer("a secret for tests")
    tracker = Tracker(database, sealer)
    outbox = Outbox(database, [CrmCarrier(database, sealer, crm or BuiltInRegister())])
    intake = Intake(database, sealer, outbox, prefix="C", zone=ZONE, country="CN", area_code=None)
    prompts = FakePrompts()
    house = House(
        flows=OneBook(book or loader.load(loader.read_folder(loader.SHIPPED_FLOWS))),
        main_flow="hotline",
        calendars=dict.fromkeys(LINES, NIGHT if closed else AlwaysOpen()),
        queue_of_line={line: line for line in LINES},
        queue_waits=dict.fromkeys(LINES, 45),
        default_queue="complaint",
        language="zh",
        zone=ZONE,
        country="CN",
        area_code=None,
        recordings=folder / "recordings",
        prompts=prompts,
        tracker=tracker,
        sealer=sealer,
        intake=intake,
        callbacks=Desk(database, Promises(sealer, ALLOWED, TERMS)),
        shelf=Shelf(folder / "spool" / "kept", sealer),
        clock=(lambda: now) if now else (lambda: datetime.now(UTC)),
    )
    house = replace(house, **changes)

    async def drive(call: AgiCall) -> None:
        await Session(call, house).run()

    settings = AgiSettings("127.0.0.1", 0, "token", ("127.0.0.1",), 100, 2.0)
    server = AgiServer(settings, drive)
    await server.start()
    try:
        yield Inside(house, database, sealer, tracker, outbox, prompts, server.port)
    finally:
        await server.drain(0)
        await asyncio.to_thread(database.close)

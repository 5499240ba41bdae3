"""Supervisors' PINs for the telephone: made, checked, and after too many wrong ones refused for a while. For the daemon and the CLI.

A PIN is short, so guessing is what it is kept from: ``TRIES`` wrong ones in ``WINDOW``, from whichever phones, and all are refused.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.orm import Session

from ivr.console.passwords import fits
from ivr.store import hours as store
from ivr.store import users
from ivr.store.database import Database, StoreError

log = structlog.get_logger(__name__)

DIGITS = 8
TRIES = 5
WINDOW = timedelta(minutes=15)
REFUSED_FOR = timedelta(minutes=15)
CHECK_TIMEOUT_S = 10.0  # a caller waits; each PIN takes some 60 ms to compare
NOBODY = "phone"  # who keyed a wrong PIN, in the audit trail


def new_pin() -> str:
    """Eight digits: at five tries in a quarter of an hour it takes 570 years to try them all."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def refused_until(wrong: Sequence[datetime]) -> datetime | None:
    """When PINs are taken again after these wrong ones, in order; None when they never stopped being. Pure."""
    if len(wrong) < TRIES or wrong[-1] - wrong[-TRIES] > WINDOW:
        return None
    return wrong[-1] + REFUSED_FOR


class SupervisorPins:
    """``check_pin`` is asked by sessions, one after another: many guesses at once would all be made before the refusal."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()

    async def check_pin(self, pin: str, contact: str = "") -> str | None:
        """Whose PIN it is; None for a wrong one, too many wrong ones before, and a database that doesn't answer.

        ``contact`` is the call's id, for the audit trail. The PIN itself is kept nowhere.
        """
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S), self._turn:
                return await self._checked(pin, contact)
        except (StoreError, TimeoutError) as error:
            log.error("a supervisor's PIN could not be checked", reason=str(error) or "it took too long", contact=contact)
            return None

    async def _checked(self, pin: str, contact: str) -> str | None:
        now = self._clock()
        wrong = await self._database.read(partial(store.wrong_pins, since=now - WINDOW - REFUSED_FOR))
        until = refused_until(wrong)
        if until is not None and now < until:
            log.warning("PINs are refused after too many wrong ones", until=until.isoformat(timespec="seconds"), contact=contact)
            await self._audit(NOBODY, "pin-locked", contact, now)
            return None
        who = await owner(await self._database.read(store.usable_pins), pin)
        # A wrong one is counted before anybody is told that it was wrong.
        await self._audit(who or NOBODY, "pin-accepted" if who else store.PIN_REFUSED, contact, now)
        return who

    async def _audit(self, actor: str, action: str, contact: str, now: datetime) -> None:
        def write(session: Session) -> None:
            users.audit(session, actor, action, contact, now)

        await self._database.write(write)


async def owner(pins: Sequence[store.StoredPin], pin: str) -> str | None:
    """Whose of these it is; hashes are compared in a thread."""
    if not (pin.isascii() and pin.isdecimal() and len(pin) == DIGITS):
        return None
    for stored in pins:
        if await fits(stored.pin_hash, pin):
            return stored.user
    return None

"""Logging in and out of the console, with throttle and locks; every attempt leaves an audit row. For the console's server and the CLI."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from ivr.console.passwords import NAME, fits, hashed
from ivr.store import users
from ivr.store.database import Database
from ivr.store.users import OpenSession

# An account is locked after this many wrong passwords in a row, each further one doubles the time.
TRIES = 5
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(minutes=30)
# One address may be wrong this often in the window, whatever names it tries.
ADDRESS_TRIES = 30
ADDRESS_WINDOW = timedelta(minutes=5)
_ADDRESSES = 10_000
_AT_ONCE = 2  # log-ins being checked: memory and cores are the calls'


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """``token`` goes into the cookie and nowhere else: the store has its hash."""

    token: str
    session: OpenSession


class AddressThrottle:
    """Counts wrong log-ins by address, in memory; the oldest addresses are forgotten first."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, address: str, now: datetime) -> bool:
        times = self._wrong.get(address)
        while times and now - times[0] > ADDRESS_WINDOW:
            times.popleft()
        return not times or len(times) < ADDRESS_TRIES

    def note(self, address: str, now: datetime) -> None:
        self._wrong.setdefault(address, deque(maxlen=ADDRESS_TRIES)).append(now)
        self._wrong.move_to_end(address)
        while len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)


class Accounts:
    """What the server asks about people. ``session_h`` is how long a log-in lasts, in hours."""

    def __init__(self, database: Database, session_h: float, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._lasts = timedelta(hours=session_h)
        self._clock = clock
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._throttle = AddressThrottle()

    async def log_in(self, name: str, password: str, address: str) -> LoggedIn | None:
        """None for whatever reason: who may not come in isn't told why. Raises StoreError."""
        async with self._turn:  # one after another, or many guesses at once would all be made before the lock
            if not await self._knows_password(name, password, address):
                return None
        now = self._clock()
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        expires = now + self._lasts

        def begin(session: Session) -> OpenSession | None:
            users.begin_session(session, name, token_hash(token), csrf, now=now, expires_at=expires)
            users.audit(session, name, "log-in", address, now)
            session.flush()
            return users.session_of(session, token_hash(token), now)

        opened = await self._database.write(begin)
        return LoggedIn(token, opened) if opened else None

    async def _knows_password(self, name: str, password: str, address: str) -> bool:
        now = self._clock()
        if not self._throttle.allows(address, now):
            return False
        user = await self._database.read(lambda session: users.find(session, name)) if NAME.match(name) else None
        usable = user is not None and not user.disabled and not (user.locked_until and user.locked_until > now)
        if await fits(user.password_hash if user and usable else None, password):
            return True
        self._throttle.note(address, now)
        await self._database.write(lambda session: _refuse(session, name, address, now, wrong_password=usable))
        return False

    async def session_of(self, token: str) -> OpenSession | None:
        """Raises StoreError."""
        return await self._database.read(lambda session: users.session_of(session, token_hash(token), self._clock()))

    async def log_out(self, token: str, name: str) -> None:
        """Raises StoreError."""

        def end(session: Session) -> None:
            users.end_session(session, token_hash(token))
            users.audit(session, name, "log-out", "", self._clock())

        await self._database.write(end)

    async def change_password(self, name: str, old: str, new: str, address: str) -> LoggedIn | None:
        """The old one again, then a new log-in: all others of this account end. None when the old one is wrong. Raises StoreError."""
        if await self.log_in(name, old, address) is None:
            return None
        password_hash = await asyncio.to_thread(hashed, new)

        def change(session: Session) -> None:
            users.set_password(session, name, password_hash, one_time=False)
            users.audit(session, name, "password-changed", name, self._clock())

        await self._database.write(change)
        return await self.log_in(name, new, address)

    async def set_language(self, name: str, language: str) -> None:
        """Raises StoreError."""
        await self._database.write(lambda session: users.set_language(session, name, language))

    async def audit(self, actor: str, action: str, subject: str) -> None:
        """Raises StoreError."""
        await self._database.write(lambda session: users.audit(session, actor, action, subject, self._clock()))


def token_hash(token: str) -> str:
    """32 random bytes need no stretching: whoever reads the table can't turn it back."""
    return hashlib.sha256(token.encode()).hexdigest()


def lock_after(failures: int) -> timedelta | None:
    """How long an account is locked after so many wrong passwords in a row."""
    if failures < TRIES:
        return None
    doublings: int = 2 ** min(failures - TRIES, 10)
    return min(LONGEST_LOCK, FIRST_LOCK * doublings)


def _refuse(session: Session, name: str, address: str, now: datetime, *, wrong_password: bool) -> None:
    user = users.find(session, name)
    if user and wrong_password:
        failures = user.failed_logins + 1
        lock = lock_after(failures)
        users.note_failure(session, name, failures, now + lock if lock else None)
    # A password typed into the name's field must not end in the audit trail.
    users.audit(session, name if user else "?", "log-in-refused", address, now)

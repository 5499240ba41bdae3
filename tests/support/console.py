"""A console on a free port of this machine over a temporary database, with people who may log in: for tests of pages, API and log-ins."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from argon2 import PasswordHasher
from support.house import ZONE, new_database
from support.midday import MIDDAY

from ivr.board import Board
from ivr.console import passwords
from ivr.console.ports import ConsolePorts, ConsoleSettings, RefusedError
from ivr.console.server import Console
from ivr.domain.contacts import Contact
from ivr.domain.figures import Thresholds
from ivr.metrics import Metrics
from ivr.store import contacts, users
from ivr.store.database import Database
from ivr.store.sealing import Sealer
from ivr.store.users import Role
from ivr.web import Readiness, WebServer

PASSWORD = "correct horse 9"
# argon2 is slow on purpose, and these tests log in some hundred times: here it isn't.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
passwords._NOBODY = passwords.hashed("nobody knows this")
PASSWORD_HASH = passwords.hashed(PASSWORD)
LINES = {
    "hr": {"zh": "人力资源", "en": "Human resources"},
    "course": {"zh": "课程咨询", "en": "Courses"},
    "product": {"zh": "产品咨询", "en": "Products"},
    "complaint": {"zh": "投诉", "en": "Complaints"},
}
_CSRF = re.compile(r'<meta name="csrf" content="([^"]+)">')


class Clock:
    """Now, shifted by hand."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class FakeCallbacks:
    """Keeps what was asked of it; a contact named "refused" can't be promised anything."""

    promised: list[tuple[str, str]] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)

    async def call_back(self, contact: str, actor: str) -> str:
        if contact == "refused":
            raise RefusedError("withheld", "the number was withheld: nobody can be called back")
        self.promised.append((contact, actor))
        return f"callback-of-{contact}"

    async def cancel(self, callback: str, actor: str) -> None:
        if callback == "dialling":
            raise RefusedError("over", "it is being dialled")
        self.cancelled.append((callback, actor))


@dataclass
class Running:
    """The console as it runs, and how a test gets in."""

    url: str
    database: Database
    sealer: Sealer
    board: Board
    metrics: Metrics
    clock: Clock
    recordings: Path

    async def client(self, name: str | None = None, language: str = "en") -> Visitor:
        """Somebody's browser, logged in when a name is given."""
        visitor = Visitor(self.url, language)
        if name:
            status, _ = await visitor.log_in(name)
            assert status == 303
        return visitor

    def show(self, *found: Contact) -> None:
        """On the board and in the store."""
        for contact in found:
            self.board.contact_changed(contact)
        self.database.write_now(lambda session: contacts.save(session, self.sealer, found))

    def audit(self) -> list[tuple[str, str, str]]:
        from sqlalchemy import select

        from ivr.store.schema import AuditRow

        rows = select(AuditRow).order_by(AuditRow.id)
        return self.database.read_now(lambda session: [(row.actor, row.action, row.subject) for row in session.scalars(rows)])


class Visitor:
    """A browser's worth of HTTP: cookies, the page's CSRF token."""

    def __init__(self, url: str, language: str) -> None:
        self.url = url
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept-Language": language})
        self.csrf = ""

    async def log_in(self, name: str, password: str = PASSWORD) -> tuple[int, str]:
        status, _, body = await self.post("/login", name=name, password=password)
        if status == 303:
            await self.get("/password")
        return status, body

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(self.url + path, headers=headers, allow_redirects=False) as answer:
            body = await answer.text()
        if found := _CSRF.search(body):
            self.csrf = found[1]
        return answer.status, body

    async def json(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, *, headers: dict[str, str] | None = None, **form: str) -> tuple[int, str, str]:
        """Status, where to go on, body. The form carries the token unless it says otherwise."""
        data = {"csrf": self.csrf, **form}
        async with self.http.post(self.url + path, data=data, headers=headers or {}, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def post_json(self, path: str, body: Any, csrf: str | None = None) -> tuple[int, Any]:
        headers = {"X-CSRF-Token": self.csrf if csrf is None else csrf}
        async with self.http.post(self.url + path, json=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.json()

    async def __aenter__(self) -> Visitor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PEOPLE = {"ann": Role.AGENT, "sue": Role.SUPERVISOR, "max": Role.MANAGER, "admin": Role.ADMINISTRATOR}


@asynccontextmanager
async def console(
    folder: Path, *, ports: ConsolePorts | None = None, people: Iterable[str] = PEOPLE, **settings: Any
) -> AsyncIterator[Running]:
    database, sealer, clock = new_database(folder), Sealer("a secret for tests"), Clock()
    recordings = folder / "recordings"
    told = replace(ConsoleSettings(zone=ZONE, recordings=recordings, lines=LINES), **settings)
    board = Board(list(LINES), Thresholds(), MIDDAY, clock=clock)
    metrics = Metrics(LINES, LINES)
    metrics.watch(board.snapshot)
    for name in people:
        database.write_now(lambda session, name=name: users.add(session, name, PEOPLE[name], PASSWORD_HASH, now=clock()))
        database.write_now(lambda session, name=name: users.set_password(session, name, PASSWORD_HASH, one_time=False))
    pages = Console(told, database, sealer, board, metrics=metrics, ports=ports or ConsolePorts(), clock=clock)

    async def readiness() -> Readiness:
        return Readiness()

    port = free_port()
    server = WebServer("127.0.0.1", port, readiness, pages)
    await server.start()
    task = asyncio.create_task(pages.run(), name="console")
    try:
        yield Running(f"http://127.0.0.1:{port}", database, sealer, board, metrics, clock, recordings)
    finally:
        await server.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(database.close)

"""A receiver of Standard Webhooks on loopback, strict about signatures, and as unkind as a test tells it to be.

It speaks HTTP by hand, so that it can also break it: answer twice, half, or not at all.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
TOLERANCE_S = 300


@dataclass
class Received:
    id: str
    message: dict[str, Any]
    body: bytes
    headers: dict[str, str]


@dataclass
class FakeReceiver:
    """``answers``: what the next requests get, then 200 for ever. An answer is a status, a whole response in bytes, or "nothing" (no
    answer until the client leaves), "drop" (taken, then the connection is cut), "double" (taken, answered twice)."""

    port: int = 0
    answers: list[int | bytes | str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id, in the order of their first coming
    faults: list[str] = field(default_factory=list)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_request: Callable[[Received], None] = lambda _: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if not self._signed(headers, body):
            self.faults.append(f"not signed: {headers}")
            writer.write(response(401))
            await writer.drain()
            return
        received = Received(headers["webhook-id"], json.loads(body), body, headers)
        self.received.append(received)
        self.on_request(received)
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "nothing":
            await reader.read()  # until the client gives up
            return
        if answer in ("drop", "double") or (isinstance(answer, int) and 200 <= answer < 300):
            self.taken.setdefault(received.id, received.message)
        if answer == "drop":
            return
        if isinstance(answer, bytes):
            writer.write(answer)
        else:
            writer.write(response(200) * 2 if answer == "double" else response(int(answer)))
        await writer.drain()

    def _signed(self, headers: dict[str, str], body: bytes) -> bool:
        message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message_id or "." in message_id or not timestamp.isdigit():
            return False
        if abs(self.clock().timestamp() - int(timestamp)) > TOLERANCE_S:
            return False
        digest = hmac.new(KEY, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        wanted = "v1," + base64.b64encode(digest).decode()
        return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split(" "))


def response(status: int, body: bytes = b"", more: str = "") -> bytes:
    """A whole HTTP response that keeps the connection open."""
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@asynccontextmanager
async def fake_receiver(
    *answers: int | bytes | str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[FakeReceiver]:
    receiver = FakeReceiver(answers=list(answers), clock=clock)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def free_port_that_refuses() -> int:
    """A port of loopback where nobody listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A real SMTP server on loopback (aiosmtpd) that takes mail, or answers as it is told: for tests of what is sent by mail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession

PASSWORD = "correct horse"


@dataclass
class FakeSmtp:
    """``recipients``: canned answers by address; ``data``: canned answers to the next messages, None for none at all."""

    port: int = 0
    recipients: dict[str, list[str]] = field(default_factory=dict)
    data: list[str | None] = field(default_factory=list)
    sender: str = "250 OK"
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    logged_in: list[bool] = field(default_factory=list)

    async def handle_MAIL(self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if self.sender.startswith("2"):
            envelope.mail_from = address
        return self.sender

    async def handle_RCPT(self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        answers = self.recipients.get(address)
        answer = answers.pop(0) if answers else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else "250 taken"
        if answer is None:
            await asyncio.sleep(3600)
            raise AssertionError("nobody waits so long")
        if answer.startswith("2"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message: Any = message_from_bytes(content, policy=policy.default)
            self.taken.append((list(envelope.rcpt_tos), message))
            self.over_tls.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
            self.logged_in.append(bool(session.authenticated))
        return answer


@asynccontextmanager
async def fake_smtp(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, log_in: bool = False
) -> AsyncIterator[FakeSmtp]:
    """On a free port."""
    fake = FakeSmtp()
    connections: list[SMTP] = []

    def authenticate(_: SMTP, __: SmtpSession, ___: Envelope, ____: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False)

    def connected() -> SMTP:
        tls_wanted = starttls is not None
        made = SMTP(
            fake,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=tls_wanted,
            authenticator=authenticate,
            auth_required=log_in,
            auth_require_tls=tls_wanted,
        )
        connections.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=tls)
    fake.port = int(server.sockets[0].getsockname()[1])
    try:
        yield fake
    finally:
        server.close()
        for connection in connections:
            if connection.transport is not None:
                connection.transport.abort()

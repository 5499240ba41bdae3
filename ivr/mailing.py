"""Hands a message to the mail server and says what became of it. Used by the alerts' and the reports' mail channels.

RFC 5321: what the server said 250 to after DATA is its own; an answer of 4xx is for now, of 5xx for good; no answer to the message itself
may be either, so it goes again under the same Message-ID, by which mail programs know it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
import structlog

from ivr.delivery import Delivered, Delivery, Rejected, RetryLater, Unknown

log = structlog.get_logger(__name__)

DEADLINE_S = 20.0  # of one message, connecting included; the outbox gives a delivery 30 s
_REMEMBERED = 200  # messages of which some recipients have theirs and others not yet
_FOR_GOOD = range(500, 600)


@dataclass(frozen=True, slots=True)
class MailServer:
    """``security`` "tls": from the first byte; "starttls": demanded, never given up. ``context``: whose certificates are trusted."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str = ""
    password: str = ""
    context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """``kind``: its media type, as application/pdf."""

    name: str
    kind: str
    body: bytes


class Mailer:
    """One connection for each message: there are few, and a connection kept open dies unseen."""

    def __init__(self, server: MailServer, deadline_s: float = DEADLINE_S) -> None:
        self._server = server
        self._deadline_s = deadline_s
        # Who has the message already, when a server took it for some and not yet for others.
        self._have_it: OrderedDict[str, set[str]] = OrderedDict()

    def message(
        self, message_id: str, to: Sequence[str], subject: str, text: str, at: datetime, attachments: Sequence[Attachment] = ()
    ) -> EmailMessage:
        """``message_id`` is the same at every attempt; ``at`` is aware. Line breaks in ``subject`` become spaces."""
        found = EmailMessage()
        found["From"] = self._server.sender
        found["To"] = ", ".join(to)
        found["Subject"] = " ".join(subject.split())
        found["Date"] = format_datetime(at)
        local = "".join(c if c.isalnum() or c in "-_" else "-" for c in message_id)
        found["Message-ID"] = f"<{local}@{self._server.sender.rpartition('@')[2]}>"
        found["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office programs don't answer it
        found.set_content(text)
        for part in attachments:
            main, _, sub = part.kind.partition("/")
            found.add_attachment(part.body, maintype=main, subtype=sub, filename=part.name)
        return found

    async def send(self, message: EmailMessage, to: Sequence[str]) -> Delivery:
        """To each of ``to``. Whoever has it already, of an attempt before, isn't sent it again."""
        key = str(message["Message-ID"])
        have_it = self._have_it.get(key, set())
        missing = [address for address in to if address not in have_it]
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.security == "tls",
            start_tls=self._server.security == "starttls",
            tls_context=self._server.context if self._server.security != "none" else None,
            timeout=self._deadline_s,
            local_hostname=socket.gethostname() or "localhost",  # else it would ask the DNS, on the event loop
        )
        attempt = _Attempt(client, self._server, message, missing)
        try:
            async with asyncio.timeout(self._deadline_s):
                delivery = await attempt.run()
        except TimeoutError:
            delivery = attempt.broken(f"no answer within {self._deadline_s:g} s")
        finally:
            client.close()
        self._remember(key, have_it | attempt.taken, delivery)
        return delivery

    def _remember(self, key: str, have_it: set[str], delivery: Delivery) -> None:
        self._have_it.pop(key, None)
        if have_it and isinstance(delivery, RetryLater):
            self._have_it[key] = have_it
            while len(self._have_it) > _REMEMBERED:
                self._have_it.popitem(last=False)


class _Attempt:
    """One message's way through one connection; ``handed_over`` once its text was on the way."""

    def __init__(self, client: aiosmtplib.SMTP, server: MailServer, message: EmailMessage, to: Sequence[str]) -> None:
        self._client = client
        self._server = server
        self._message = message
        self._to = to
        self._handed_over = False
        self.taken: set[str] = set()

    async def run(self) -> Delivery:
        """Raises TimeoutError alone."""
        try:
            await self._client.connect()
            if self._server.user:
                await self._client.login(self._server.user, self._server.password)
            await self._client.mail(self._server.sender)
            accepted, refused = await self._recipients()
            if not accepted:
                return self._nobody(refused)
            text = await asyncio.to_thread(self._message.as_bytes)  # a workbook's base64 takes its time
            self._handed_over = True
            await self._client.data(text)
        except aiosmtplib.SMTPTimeoutError as error:
            return self.broken(f"no answer in time ({type(error).__name__})")
        except aiosmtplib.SMTPAuthenticationError as error:
            return RetryLater(f"the mail server refuses the log-in: {_said(error)}")  # whoever corrects the password wants it sent
        except aiosmtplib.SMTPResponseException as error:
            return Rejected(f"the mail server refuses: {_said(error)}") if error.code in _FOR_GOOD and self._begun(error) else _later(error)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            return self.broken(_plain(str(error) or type(error).__name__))
        self.taken = set(accepted)
        return self._done(refused)

    def broken(self, why: str) -> Delivery:
        """The connection ended without an answer, or never began."""
        if self._handed_over:
            return Unknown(f"the mail server did not answer to the message: {why}")
        return RetryLater(f"{self._server.host}:{self._server.port}: {why}")

    async def _recipients(self) -> tuple[list[str], list[aiosmtplib.SMTPRecipientRefused]]:
        accepted, refused = [], []
        for address in self._to:
            try:
                await self._client.rcpt(address)
                accepted.append(address)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(error)
        return accepted, refused

    def _begun(self, error: aiosmtplib.SMTPResponseException) -> bool:
        """Whether it is the message, or its sender, that is refused, and not us at the door."""
        return self._handed_over or isinstance(error, aiosmtplib.SMTPSenderRefused)

    def _nobody(self, refused: Sequence[aiosmtplib.SMTPRecipientRefused]) -> Delivery:
        if all(error.code in _FOR_GOOD for error in refused):
            return Rejected(f"the mail server knows none of the addresses: {_said(refused[0])}")
        return RetryLater(f"the mail server takes it for nobody yet: {_said(refused[0])}")

    def _done(self, refused: Sequence[aiosmtplib.SMTPRecipientRefused]) -> Delivery:
        for error in refused:
            if error.code in _FOR_GOOD:
                log.error("a mail address is refused: correct it in the settings", address=error.recipient, said=_said(error))
        if waiting := [error for error in refused if error.code not in _FOR_GOOD]:
            return RetryLater(f"the mail server has it for others, not yet for {len(waiting)}: {_said(waiting[0])}")
        return Delivered()


def _later(error: aiosmtplib.SMTPResponseException) -> Delivery:
    return RetryLater(f"the mail server answers: {_said(error)}")


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {_plain(error.message)}".strip()


def _plain(text: str) -> str:
    """One line for a log, whatever the other side sent."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]

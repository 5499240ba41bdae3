"""SIP as text: messages read and written, no I/O. For ``telephone`` only, which needs one dialogue at a time with our own Asterisk.

RFC 3261 for all of it but REFER (RFC 3515) and Replaces (RFC 3891).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_URI = re.compile(r"<(?P<uri>[^>]+)>")
_TAG = re.compile(r";tag=(?P<tag>[^;>\s]+)")
_COMPACT = {"f": "from", "t": "to", "i": "call-id", "m": "contact", "v": "via", "l": "content-length", "c": "content-type", "r": "refer-to"}


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request or response; header names in small letters, in the order they came."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def method(self) -> str:
        """Empty for a response."""
        return "" if self.start.startswith("SIP/2.0 ") else self.start.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def call_id(self) -> str:
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        number, _, method = self.get("cseq").partition(" ")
        return int(number), method.strip()

    @property
    def contact(self) -> str:
        """The URI where its sender wants the next request."""
        found = _URI.search(self.get("contact"))
        return found["uri"] if found else ""


def parse(datagram: bytes) -> SipMessage:
    """Raises ValueError where there is no message in it (a keep-alive)."""
    head, _, body = datagram.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    if not start.strip():
        raise ValueError("an empty datagram is no SIP message")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.append((_COMPACT.get(name, name), value.strip()))
    return SipMessage(start, tuple(headers), body)


def tag_of(address: str) -> str:
    found = _TAG.search(address)
    return found["tag"] if found else ""


def written(start: str, headers: list[tuple[str, str]], body: str = "", kind: str = "application/sdp") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def answer(request: SipMessage, status: str, tag: str, contact: str, body: str = "") -> bytes:
    """A response to ``request``; ``tag`` is ours where the request has none for us yet."""
    to = request.get("to")
    headers = [("Via", via) for via in request.all("via")]
    headers += [
        ("From", request.get("from")),
        ("To", to if tag_of(to) or status.startswith("100") else f"{to};tag={tag}"),
        ("Call-ID", request.call_id),
        ("CSeq", request.get("cseq")),
        ("Contact", f"<{contact}>"),
    ]
    return written(f"SIP/2.0 {status}", headers, body)


def session(address: str, port: int, direction: str = "sendrecv") -> str:
    """SDP (RFC 4566): A-law on one RTP port, with the direction that holds or resumes."""
    lines = ("v=0", f"o=- 1 {secrets.randbelow(10**9)} IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0")
    media = (f"m=audio {port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20", f"a={direction}")
    return "\r\n".join((*lines, *media)) + "\r\n"


def media_port(body: str) -> int | None:
    """Where the other side wants its audio."""
    found = re.search(r"^m=audio (\d+) ", body, re.MULTILINE)
    return int(found[1]) if found else None


def new_token() -> str:
    return secrets.token_hex(8)

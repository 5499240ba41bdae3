"""Links to a complaint's recording that need no log-in: signed, and good for a limited time. Pure; the CRM is given them, the console
checks them.

A token is ``<expiry in Unix seconds>-<HMAC-SHA256, base64url>`` over the complaint's number and the expiry.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

SECRET_NAME = "recording_links"  # noqa: S105 - the name of the secret in STATE/secrets, not the secret
GOOD_FOR = timedelta(days=7)
_TOKEN = re.compile(r"([0-9]{1,12})-([A-Za-z0-9_-]{43})")


class LinkError(Exception):
    """The token doesn't open this recording. The message is a sentence for the person who followed the link."""


def sign(secret: str, complaint: str, *, now: datetime, good_for: timedelta = GOOD_FOR) -> str:
    """A token for the recording of this complaint. ``now`` is aware."""
    expiry = int((now + good_for).timestamp())
    return f"{expiry}-{_mac(secret, complaint, expiry)}"


def verify(secret: str, complaint: str, token: str, *, now: datetime) -> None:
    """Raises LinkError unless the token was signed for this complaint and is still good."""
    parts = _TOKEN.fullmatch(token)
    if parts is None or not hmac.compare_digest(parts[2], _mac(secret, complaint, int(parts[1]))):
        raise LinkError("this link is not valid")
    if now.timestamp() >= int(parts[1]):
        raise LinkError("this link has expired")


def link(base_url: str, secret: str, complaint: str, *, now: datetime) -> tuple[str, datetime]:
    """The whole URL below ``base_url``, and when it expires (aware UTC)."""
    token = sign(secret, complaint, now=now)
    expiry = datetime.fromtimestamp(int(token.partition("-")[0]), UTC)
    return f"{base_url.rstrip('/')}/{complaint}?token={token}", expiry


def _mac(secret: str, complaint: str, expiry: int) -> str:
    digest = hmac.digest(secret.encode(), f"recording\n{complaint}\n{expiry}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

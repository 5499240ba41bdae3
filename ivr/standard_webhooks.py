"""Signatures by Standard Webhooks 1.0: three headers over id, time and body. Pure; used by the webhook adapters.

The signed content is ``id.timestamp.body``, the header ``v1,<base64 of HMAC-SHA256>``, one for each secret while secrets are changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64  # the specification's bounds of a symmetric secret


class SecretError(ValueError):
    """The text is no signing secret. The message says why, and not what it was."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of one or more ``whsec_<base64>``, separated by white space: the newest first. Raises SecretError."""
    keys = tuple(_key(word) for word in text.split())
    if not keys:
        raise SecretError(f"it is empty; a signing secret reads {PREFIX}<base64>")
    return keys


def _key(word: str) -> bytes:
    if not word.startswith(PREFIX):
        raise SecretError(f"a signing secret reads {PREFIX}<base64>")
    try:
        key = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError(f"what follows {PREFIX} is not base64") from error
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise SecretError(f"a signing secret has {LEAST_BYTES} to {MOST_BYTES} bytes, this one has {len(key)}")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature of the header's list. ``timestamp`` is in Unix seconds."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def headers(keys: Sequence[bytes], message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers for an attempt at ``now`` (aware). Raises ValueError for an id that could be read in two ways."""
    if "." in message_id or not message_id.isascii() or not message_id.isprintable():
        raise ValueError(f"{message_id!r} can't be a webhook-id")
    timestamp = int(now.timestamp())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message_id, timestamp, body) for key in keys),
    }

"""What we may ask of Asterisk, each request checked before a byte of it is written.

Used by the link and by whoever sends a request through it; limits measured on Asterisk 22.10.1.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

# Asterisk reads 1022 bytes of a line; one of 1023 is parsed as two. The rest is a margin.
MAX_LINE_BYTES = 1000
MAX_HEADERS = 100  # Asterisk takes 128
_FORBIDDEN = re.compile(r"[\r\n\x00]")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_VARIABLE_NAME = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*\Z")
# What separates, quotes or escapes in Asterisk's splitting of the Variable header.
_SPLIT_BY_ASTERISK = re.compile(r'([\\",])')


class UnfitRequest(ValueError):  # noqa: N818
    """The request can't be sent as it is; the sentence says which header and why. It never quotes the value."""


@dataclass(frozen=True, slots=True)
class Request:
    """An action and its headers. ``ends_with`` names the event that closes its list, for actions that answer with one.

    Raises UnfitRequest when a header would break the framing or reach more than was meant.
    """

    action: str
    headers: tuple[tuple[str, str], ...] = ()
    ends_with: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            raise UnfitRequest(f"{self.action} has {len(self.headers)} headers; Asterisk takes at most {MAX_HEADERS}")
        for name, value in (("Action", self.action), *self.headers):
            if not _HEADER_NAME.match(name):
                raise UnfitRequest(f"{self.action}: {name!r} is no header name")
            if _FORBIDDEN.search(value):
                raise UnfitRequest(f"{self.action}: {name} holds a line break or NUL, which would begin a new header")
            size = len(f"{name}: {value}".encode("utf-8", "surrogatepass"))
            if size > MAX_LINE_BYTES:
                raise UnfitRequest(f"{self.action}: {name} is a line of {size} bytes; at most {MAX_LINE_BYTES} are safe")
            # Hangup takes "/regex/" for a channel and would end every call that matches.
            if name.lower() in {"channel", "extrachannel"} and value.lstrip().startswith("/"):
                raise UnfitRequest(f"{self.action}: {name} begins with '/', which Asterisk reads as a pattern of channels")

    def encode(self, action_id: str) -> bytes:
        """The bytes to send, ended by the empty line. A character UTF-8 has no bytes for becomes '?'."""
        lines = [f"Action: {self.action}", f"ActionID: {action_id}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


class ActionIds:
    """Short and not to be guessed, so that no text inside an event can pass for the reply to one of ours.

    Asterisk merges list events when an ActionID has more than 240 characters; these have about 15. No ActionID is
    the beginning of another.
    """

    def __init__(self) -> None:
        self._session = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._session}-{next(self._numbers)}."


def variable(name: str, value: str) -> tuple[str, str]:
    """A ``Variable`` header that sets exactly this one channel variable, commas and quotes in it included."""
    if not _VARIABLE_NAME.match(name):
        raise UnfitRequest(f"{name!r} is no channel variable's name")
    return ("Variable", f"{name}=" + _SPLIT_BY_ASTERISK.sub(r"\\\1", value))


def ping() -> Request:
    return Request("Ping")


def challenge() -> Request:
    return Request("Challenge", (("AuthType", "MD5"),))


def login(user: str, secret: str, challenge: str) -> Request:
    """Log in without sending the secret. Only the classes that the facts need are asked for."""
    # MD5 is what Asterisk's manager speaks; it keeps the secret off the wire, no more.
    key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
    return Request(
        "Login",
        (("AuthType", "MD5"), ("Username", user), ("Key", key), ("Events", "agent,call,system,user")),
    )


def core_settings() -> Request:
    return Request("CoreSettings")


def core_status() -> Request:
    return Request("CoreStatus")


def queue_status() -> Request:
    return Request("QueueStatus", ends_with="QueueStatusComplete")


def core_show_channels() -> Request:
    return Request("CoreShowChannels", ends_with="CoreShowChannelsComplete")


def hangup(channel: str, cause: int = 16) -> Request:
    """End one channel, given by name or Uniqueid. ``cause`` is a Q.850 number; 16 is a normal ending."""
    return Request("Hangup", (("Channel", channel), ("Cause", str(cause))))


def originate(
    *,
    channel: str,
    context: str,
    extension: str,
    channel_id: str,
    timeout_s: float,
    caller_id: str = "",
    variables: Mapping[str, str] | None = None,
) -> Request:
    """Call ``channel`` and, once it answers, run ``extension`` of ``context``. The reply says only that Asterisk has begun.

    ``channel_id`` becomes the Uniqueid and has to be new: Asterisk accepts one twice and mixes the two calls up.
    """
    if not 0 < len(channel_id) <= 100:
        raise UnfitRequest(f"Originate: ChannelId has {len(channel_id)} characters; give 1 to 100")
    headers = [
        ("Channel", channel),
        ("Context", context),
        ("Exten", extension),
        ("Priority", "1"),
        ("Timeout", str(round(timeout_s * 1000))),
        ("ChannelId", channel_id),
        ("Async", "true"),  # without it the whole session waits until somebody answers
    ]
    if caller_id:
        headers.append(("CallerID", caller_id))
    headers += [variable(name, value) for name, value in (variables or {}).items()]
    return Request("Originate", tuple(headers))

"""Which headers of an event come from Asterisk, and which a caller may have written into his number.

Used by ``translate`` alone.

Asterisk writes a newline inside CALLERID(num), a connected number or a dialled extension raw into its events, and SIP
carries one there as %0D%0A (measured on 22.10.1, ``injected_callerid.ami`` and tests/contract). So a caller can add
headers, or end a message and begin another. What protects us:

* A broadcast event begins ``Event, Privilege, Timestamp``, with ``debug=on`` in manager.conf four headers more, and ``SystemName`` where
  asterisk.conf has one. A message without Privilege in second place is a forgery
  or the rest of an event that was cut.
* The fourteen headers of a channel stand together in a fixed order. An added header breaks the order, a cut one ends it.
* An event's own headers (Queue, MemberName, Cause …) come after its channels, behind everything a caller can write.
* SIP leaves 79 bytes of a caller's number (measured; AST_CHANNEL_NAME). A whole event that passes the above needs more.

Where an event has one channel only, its last ``Priority, Uniqueid, Linkedid`` in a row are genuine, for they stand
behind all that is hostile: the event is kept. With two channels nothing tells the copies apart, and it is refused: the
hostile call loses details of its own ringing. An event that was cut in two is refused as well, so such a call has no
CallArrived. What can't be told from the truth: a text of several hundred bytes, set by the dialplan itself, that holds
a whole event and ends in the head of another. The dialplan has to filter the number before anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ami_bridge.ami_wire import AmiMessage

_CHANNEL = (
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Language",
    "AccountCode",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Linkedid",
)
# What manager.c may write behind the Timestamp, in this order: its debugging, and the name of the system.
_PREAMBLE = ("SequenceNumber", "File", "Line", "Func", "SystemName")
_BEHIND_A_CHANNEL = frozenset({"Tenantid", "ChanVariable"})
_IDENTITY = _CHANNEL[-3:]
_PLACE = _CHANNEL[-5:-3]
_C_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Refused(Exception):  # noqa: N818
    """The event can't be trusted, or lacks what it should have. The text says why, without quoting a value."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as an event describes it. ``number`` and ``name`` are the caller's own words: hostile."""

    state: str  # ChannelState's number: "0" down, "4" ring, "6" up
    number: str
    name: str
    context: str
    extension: str
    uniqueid: str
    linkedid: str


@dataclass(frozen=True, slots=True)
class Reading:
    """An event taken apart: its channels, and the headers of its own. ``repaired`` says what was put right on the way."""

    channel: Channel | None
    destination: Channel | None
    own: dict[str, str]
    timed: bool  # Asterisk's Timestamp stands where it should
    privilege: str
    repaired: str | None = None
    parties: Mapping[str, Channel] = field(default_factory=dict)  # of a transfer, by what their headers begin with

    def __getitem__(self, name: str) -> str:
        try:
            return self.own[name]
        except KeyError:
            raise Refused(f"it has no {name} of its own") from None

    def number(self, name: str) -> int:
        value = self[name]
        if not (value.isascii() and value.removeprefix("-").isdigit() and len(value) < 12):
            raise Refused(f"its {name} is no number")
        return int(value)

    @property
    def caller(self) -> Channel:
        if self.channel is None:
            raise Refused("it names no channel")
        return self.channel

    @property
    def agent(self) -> Channel:
        if self.destination is None:
            raise Refused("it names no destination channel")
        return self.destination

    def party(self, prefix: str) -> Channel:
        try:
            return self.parties[prefix]
        except KeyError:
            raise Refused(f"it names no {prefix}") from None


def read_event(message: AmiMessage, *, repairable: bool) -> Reading:
    """Read a broadcast event. ``repairable``: this event describes one channel only. Raises Refused."""
    keys = message.keys
    if keys[1:2] != ("Privilege",):
        raise Refused("it doesn't begin as Asterisk's events do")
    return _read(message, _head(message), repairable)


def read_transfer(message: AmiMessage, prefixes: Sequence[str]) -> Reading:
    """Read an event of several channels, whose headers begin with these prefixes; the others are its own. Raises Refused."""
    if message.keys[1:2] != ("Privilege",):
        raise Refused("it doesn't begin as Asterisk's events do")
    if fault := _irregularity(message):
        raise Refused(fault)
    parties: dict[str, Channel] = {}
    own: dict[str, str] = {}
    at = _head(message)
    while at < len(message.keys):
        for prefix in prefixes:
            channel, behind = _channel(message, at, prefix)
            if channel is not None:
                parties[prefix], at = channel, behind
                break
        else:
            own[message.keys[at]] = message.values[at]
            at += 1
    return Reading(None, None, own, _timed(message), message.get("Privilege"), parties=parties)


def read_listed(message: AmiMessage) -> Reading:
    """Read an item of a list we asked for. Raises Refused when its channel isn't whole or a header stands twice."""
    return _read(message, 1, repairable=False)


def _read(message: AmiMessage, head: int, repairable: bool) -> Reading:
    if "ActionID" in message.keys[head : head + 1]:
        head += 1
    fault = _irregularity(message)
    if fault is not None:
        if not repairable:
            raise Refused(fault)
        return _repair(message, head, fault)
    channel, after = _channel(message, head)
    destination, after = _channel(message, after, "Dest")
    own = dict(zip(message.keys[after:], message.values[after:], strict=True))
    return Reading(channel, destination, own, _timed(message), message.get("Privilege"))


def _head(message: AmiMessage) -> int:
    """The place behind all that Asterisk itself writes first."""
    at = 3 if _timed(message) else 2
    for name in _PREAMBLE:
        at += message.keys[at : at + 1] == (name,)
    return at


def _timed(message: AmiMessage) -> bool:
    return message.keys[2:3] == ("Timestamp",)


def _irregularity(message: AmiMessage) -> str | None:
    if twice := message.repeated:
        return f"{', '.join(twice[:3])} stands twice"
    if message.stray:
        return "a line of it is no header"
    if message.bare_newlines:
        return "a line of it ends without a carriage return"
    return None


def _channel(message: AmiMessage, at: int, prefix: str = "") -> tuple[Channel | None, int]:
    """The channel that begins at this header, and the place behind it; nothing if another header stands here."""
    keys = message.keys
    if keys[at : at + 1] != (prefix + _CHANNEL[0],):
        return None, at
    end = at + len(_CHANNEL)
    if keys[at:end] != tuple(prefix + name for name in _CHANNEL):
        raise Refused("its channel's headers aren't whole")
    values = message.values[at:end]
    while end < len(keys) and keys[end].removeprefix(prefix) in _BEHIND_A_CHANNEL:
        end += 1
    return (
        Channel(values[1], _unknown(values[3]), unescape(_unknown(values[4])), values[9], values[10], *values[12:14]),
        end,
    )


def _repair(message: AmiMessage, head: int, fault: str) -> Reading:
    """Take the genuine part of an event that describes one channel: its first three headers and its last ones."""
    keys, values = message.keys, message.values
    if keys[head : head + 4] != _CHANNEL[:4]:
        raise Refused(fault)
    # Not the first: the caller's number and the dialled extension may hold copies, and both stand before the genuine ones.
    at = next((i for i in range(len(keys) - 3, head + 3, -1) if keys[i : i + 3] == _IDENTITY), None)
    if at is None:
        raise Refused(fault)
    # Where it is, only its own caller can falsify, and only for his own call.
    place = next((i for i in range(at - 2, head + 3, -1) if keys[i : i + 2] == _PLACE), None)
    context, extension = values[place : place + 2] if place is not None else ("", "")
    channel = Channel(values[head + 1], _unknown(values[head + 3]), "", context, extension, values[at + 1], values[at + 2])
    own = dict(zip(keys[at + 3 :], values[at + 3 :], strict=True))
    return Reading(channel, None, own, _timed(message), message.get("Privilege"), fault)


def _unknown(value: str) -> str:
    return "" if value == "<unknown>" else value


def unescape(text: str) -> str:
    """Undo the C escapes Asterisk puts into names; what would move a cursor or end a line becomes a space."""
    if "\\" in text:
        parts: list[str] = []
        characters = iter(text)
        for character in characters:
            if character == "\\":
                escaped = next(characters, "\\")
                character = _C_ESCAPES.get(escaped, escaped)
            parts.append(character)
        text = "".join(parts)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)

"""A manager port without Asterisk behind it, which does on demand what a real one can't be asked for.

For the tests of the AMI link: it drops, freezes, refuses, keeps silent and floods. Everything it was sent is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType

Headers = list[tuple[str, str]]


def channel(uniqueid: str, *, prefix: str = "", **changes: str) -> Headers:
    """The fourteen headers of one channel, in Asterisk's order."""
    values = {
        "Channel": f"PJSIP/trunk-{uniqueid}",
        "ChannelState": "6",
        "ChannelStateDesc": "Up",
        "CallerIDNum": "13800138000",
        "CallerIDName": "<unknown>",
        "ConnectedLineNum": "<unknown>",
        "ConnectedLineName": "<unknown>",
        "Language": "zh",
        "AccountCode": "",
        "Context": "ivrd-inbound",
        "Exten": "4001234567",
        "Priority": "1",
        "Uniqueid": uniqueid,
        "Linkedid": uniqueid,
        **changes,
    }
    return [(prefix + name, value) for name, value in values.items()]


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    return ("".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode()


def event(name: str, *headers: tuple[str, str], at: str = "1795296079.187158") -> bytes:
    """A broadcast event as Asterisk writes it with timestampevents=yes; without ``at`` as it does without."""
    timestamp = [("Timestamp", at)] if at else []
    return encode([("Event", name), ("Privilege", "call,all"), *timestamp, *headers])


def joined(uniqueid: str, queue: str = "hr", position: int = 1) -> bytes:
    return event("QueueCallerJoin", *channel(uniqueid), ("Queue", queue), ("Position", str(position)), ("Count", "1"))


def hung_up(uniqueid: str) -> bytes:
    return event("Hangup", *channel(uniqueid), ("Cause", "16"), ("Cause-txt", "Normal Clearing"))


@dataclass
class FakeAmi:
    """``async with FakeAmi() as ami:`` listens on ``ami.port``. Change its fields at any time; they count at once."""

    user: str = "ivrd"
    secret: str = "s3cret"
    version: str = "22.10.1"
    channels: list[Headers] = field(default_factory=list)  # CoreShowChannels' items
    queues: list[tuple[str, Headers]] = field(default_factory=list)  # QueueStatus' items: event name, headers
    silent_on: set[str] = field(default_factory=set)  # actions that never get an answer
    refuses: dict[str, str] = field(default_factory=dict)  # action -> Message of its Response: Error
    before_answer: Callable[[str], bytes] = lambda _action: b""  # sent ahead of the answer to this action
    greeting: bytes = b"Asterisk Call Manager/11.0.0\r\n"
    fully_booted: bool = True  # whether a login is followed by FullyBooted
    uptime: str = "3600"  # what FullyBooted tells, in s
    started: str = "2026-11-22 04:21:40"  # CoreStatus' start, in a local time 8 h ahead of UTC: an hour before Ping's Timestamp
    port: int = 0
    actions: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    raw: bytearray = field(default_factory=bytearray)

    async def __aenter__(self) -> FakeAmi:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        self._writers: list[asyncio.StreamWriter] = []
        self._thawed = asyncio.Event()
        self._thawed.set()
        return self

    async def __aexit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._server.close()
        self.drop()
        await asyncio.sleep(0)

    def named(self, action: str) -> list[dict[str, str]]:
        return [each for each in self.actions if each["Action"] == action]

    async def send(self, data: bytes) -> None:
        """Write to the newest connection, and wait until the system has taken the bytes."""
        writer = self._writers[-1]
        writer.write(data)
        await writer.drain()

    def freeze(self) -> None:
        """Read and say nothing, but keep TCP open: a half-open connection as the client sees it."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def drop(self) -> None:
        """Break every connection with a reset."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        writer.write(self.greeting)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                self.raw += block
                await self._thawed.wait()
                headers = dict(line.split(": ", 1) for line in block.decode().strip().split("\r\n"))
                self.actions.append(headers)
                answer = self.before_answer(headers["Action"]) + self._answer(headers)
                writer.write(answer)
                await writer.drain()

    def _answer(self, headers: dict[str, str]) -> bytes:
        action, action_id = headers["Action"], ("ActionID", headers["ActionID"])
        if action in self.silent_on:
            return b""
        if action in self.refuses:
            return encode([("Response", "Error"), action_id, ("Message", self.refuses[action])])
        success = [("Response", "Success"), action_id]
        if action == "Challenge":
            return encode([*success, ("Challenge", "123456789")])
        if action == "Login":
            key = hashlib.md5(b"123456789" + self.secret.encode(), usedforsecurity=False).hexdigest()
            if (headers["Username"], headers["Key"]) != (self.user, key):
                return encode([("Response", "Error"), action_id, ("Message", "Authentication failed")])
            booted = encode([("Event", "FullyBooted"), ("Privilege", "system,all"), ("Status", "Fully Booted"), ("Uptime", self.uptime)])
            return encode([*success, ("Message", "Authentication accepted")]) + (booted if self.fully_booted else b"")
        if action == "Ping":
            return encode([*success, ("Ping", "Pong"), ("Timestamp", "1795296100.500000")])
        if action == "CoreSettings":
            return encode([*success, ("AMIversion", "11.0.0"), ("AsteriskVersion", self.version)])
        if action == "CoreStatus":
            date, _, time = self.started.partition(" ")
            return encode([*success, ("CoreStartupDate", date), ("CoreStartupTime", time), ("CoreCurrentCalls", "0")])
        if action == "CoreShowChannels":
            return self._list(action_id, "CoreShowChannels", [("CoreShowChannel", item) for item in self.channels])
        if action == "QueueStatus":
            return self._list(action_id, "QueueStatus", self.queues)
        return encode([*success, ("Message", f"{action} done")])

    def _list(self, action_id: tuple[str, str], name: str, items: list[tuple[str, Headers]]) -> bytes:
        start = encode([("Response", "Success"), action_id, ("EventList", "start"), ("Message", "will follow")])
        body = b"".join(encode([("Event", kind), action_id, *headers]) for kind, headers in items)
        end = encode([("Event", f"{name}Complete"), action_id, ("EventList", "Complete"), ("ListItems", str(len(items)))])
        return start + body + end

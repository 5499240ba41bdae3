"""Two AMI sessions of a world: one that keeps every byte, one that sees what happens and makes things happen.

For ``world``. Much plainer than the daemon's link on purpose: what is recorded must not depend on the program it tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ami_bridge.ami_wire import AmiFraming, AmiMessage, parse
from ivr.testbed.truth.files import DIRECTOR, RECORDER, SECRET
from ivr.testbed.truth.telephone import ADDRESS, DEADLINE_S, SceneError

_CHUNK = 64 * 1024
# What a recording begins with: the Asterisk, and who was there already.
SNAPSHOT = ("CoreSettings", "CoreStatus", "QueueStatus", "CoreShowChannels")
_LAST_OF_SNAPSHOT = b"Event: CoreShowChannelsComplete"


def _is(value: str, wanted: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _action(name: str, **headers: str) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in {"Action": name, **headers}.items()).encode() + b"\r\n"


@dataclass(eq=False)
class Recorder:
    """Every byte from the banner on, as it came."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    data: bytearray = field(default_factory=bytearray)
    _reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, port: int) -> Recorder:
        """Log in and take the snapshot. Raises SceneError."""
        recorder = cls(*await asyncio.open_connection(ADDRESS, port))
        recorder._reading = asyncio.create_task(recorder._read(), name="AMI recorder")
        recorder._writer.write(_action("Login", Username=RECORDER, Secret=SECRET, ActionID="login"))
        for number, name in enumerate(SNAPSHOT):
            recorder._writer.write(_action(name, ActionID=f"snapshot-{number}"))
        await recorder.until(lambda data: _LAST_OF_SNAPSHOT in data, "the snapshot")
        return recorder

    async def until(self, condition: Callable[[bytes], bool], wanted: str) -> None:
        """Raises SceneError after ``DEADLINE_S``."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition(bytes(self.data)):
            if time.monotonic() > deadline:
                raise SceneError(f"the recording didn't come to {wanted} within {DEADLINE_S:g} s")
            await asyncio.sleep(0.05)

    async def ended(self) -> None:
        """Asterisk has closed the connection. Raises SceneError."""
        try:
            await asyncio.wait_for(self._reading or asyncio.sleep(0), DEADLINE_S)
        except TimeoutError:
            raise SceneError(f"Asterisk didn't end within {DEADLINE_S:g} s") from None

    async def close(self) -> bytes:
        if self._reading is not None:
            self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        return bytes(self.data)

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await self._reader.read(_CHUNK):
                self.data += chunk


@dataclass(eq=False)
class Director:
    """Sees events and sends actions. Times are UTC s since 1970: Asterisk's Timestamp, on the clock that the telephones go by too."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    seen: list[AmiMessage] = field(default_factory=list)
    _replies: dict[str, asyncio.Future[AmiMessage]] = field(default_factory=dict)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _actions: int = 0
    _reading: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, port: int) -> Director:
        director = cls(*await asyncio.open_connection(ADDRESS, port))
        director._reading = asyncio.create_task(director._read(), name="AMI director")
        await director.act("Login", Username=DIRECTOR, Secret=SECRET)
        return director

    async def act(self, action: str, **headers: str) -> AmiMessage:
        """Raises SceneError where Asterisk refuses."""
        self._actions += 1
        number = f"scene-{self._actions}"
        reply: asyncio.Future[AmiMessage] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        self._writer.write(_action(action, ActionID=number, **headers))
        try:
            answer = await asyncio.wait_for(reply, DEADLINE_S)
        except TimeoutError:
            raise SceneError(f"Asterisk didn't answer {action} within {DEADLINE_S:g} s") from None
        if answer.response == "Error":
            raise SceneError(f"Asterisk refused {action}: {answer.get('Message')}")
        return answer

    async def event(self, name: str, *, since: int = 0, **headers: str) -> tuple[float, AmiMessage]:
        """The first such event from number ``since`` on, and when it was; ``*`` ends a value of which only the beginning is given.

        Raises SceneError.
        """
        at = since
        deadline = asyncio.get_running_loop().time() + DEADLINE_S
        async with self._came:
            while True:
                while at < len(self.seen):
                    message = self.seen[at]
                    at += 1
                    if message.event == name and all(_is(message.get(key), value) for key, value in headers.items()):
                        return float(message.get("Timestamp")), message
                left = deadline - asyncio.get_running_loop().time()
                try:
                    await asyncio.wait_for(self._came.wait(), left)
                except TimeoutError:
                    told = ", ".join(f"{key} {value}" for key, value in headers.items())
                    raise SceneError(f"there was no {name} ({told}) within {DEADLINE_S:g} s") from None

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        framing = AmiFraming()
        with contextlib.suppress(ConnectionError):
            while chunk := await self._reader.read(_CHUNK):
                messages = [parse(raw) for raw in framing.feed(chunk)]
                for message in messages:
                    if message.response and (reply := self._replies.pop(message.get("ActionID"), None)) and not reply.done():
                        reply.set_result(message)
                self.seen += [message for message in messages if message.event]
                async with self._came:
                    self._came.notify_all()

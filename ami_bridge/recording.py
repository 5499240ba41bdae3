"""Records what Asterisk's manager and its queue_log say, disguised, for a replay elsewhere: a manager session of its own.

For ``ivrd record``. Nothing real is written to the disk: messages are disguised whole, one by one, as they come.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ami_bridge import requests
from ami_bridge.ami_wire import AmiFraming, MessageTooLong, parse
from ami_bridge.disguise import Disguise
from ami_bridge.link_state import AmiAddress
from ami_bridge.queue_log_file import LogFollower, Position
from ami_bridge.requests import Request

STREAM, LOG = "stream.ami", "queue_log"
_TIMEOUT_S = 5.0
_LOOK_S = 0.5  # between two looks at queue_log
_AFTER_S = 1.0  # rows of what the stream ended with are written by then
_CHUNK = 64 * 1024
# What a replay begins with: who is there already.
_SNAPSHOT = (requests.core_settings(), requests.core_status(), requests.queue_status(), requests.core_show_channels())


class RecordingError(Exception):
    """Nothing, or no more, can be recorded: a sentence that says why."""


@dataclass(slots=True)
class Recorded:
    """So much stands in the folder. ``notices``: what happened to queue_log meanwhile."""

    messages: int = 0
    rows: int = 0
    notices: tuple[str, ...] = ()


class Recorder:
    """Writes ``stream.ami`` and, where the log can be read here, ``queue_log`` into a folder, readable to its owner alone.

    Of the stream it sees what the classes of the manager's user let through: ours has all that our dialplan needs; for another
    dialplan's refusals and time-outs it needs ``read = call,agent,user,system,dialplan``.
    """

    def __init__(self, address: AmiAddress, queue_log: Path | None, disguise: Disguise) -> None:
        self._address = address
        self._queue_log = queue_log
        self._disguise = disguise
        self._ids = requests.ActionIds()
        self._position: Position | None = None
        self._early: list[bytes] = []  # came with the answer to the log-in, behind it
        self.recorded = Recorded()

    async def run(self, folder: Path, until: asyncio.Event) -> None:
        """Record until the event is set. Raises RecordingError: the folder holds a recording, no connection, no log-in, connection lost."""
        with _new_file(folder / STREAM) as stream, _new_file(folder / LOG) as log:
            follower = await self._log_end()
            reader, writer = await self._connected()
            try:
                framing = AmiFraming()
                await self._logged_in(reader, writer, framing)
                stream.write(f"{framing.banner}\r\n".encode())
                for request in _SNAPSHOT:
                    writer.write(request.encode(self._ids()))
                following = asyncio.create_task(self._follow_log(log, follower, until), name="record-queue-log")
                try:
                    await self._follow_stream(reader, framing, stream, until)
                finally:
                    until.set()
                    await following
            finally:
                writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._address
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await asyncio.open_connection(address.host, address.port)
        except (OSError, TimeoutError) as error:
            raise RecordingError(
                f"no connection to Asterisk's manager at {address.host}:{address.port}: {error or 'it is silent'}"
            ) from error

    async def _logged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: AmiFraming) -> None:
        """Challenge and login; neither is recorded."""
        challenge = await self._answer(reader, writer, framing, requests.challenge())
        login = requests.login(self._address.user, self._address.secret, challenge)
        everything = tuple(header for header in login.headers if header[0] != "Events")
        await self._answer(reader, writer, framing, Request("Login", (*everything, ("Events", "on"))))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: AmiFraming, request: Request) -> str:
        """The Challenge of the answer, if it has one. What comes before the end of the log-in isn't ours to record."""
        writer.write(request.encode(self._ids()))
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                while True:
                    data = await reader.read(_CHUNK)
                    if not data:
                        raise RecordingError("Asterisk's manager closed the connection before the log-in")
                    raws = framing.feed(data)
                    for place, message in enumerate(map(parse, raws), start=1):
                        if message.response == "Error":
                            raise RecordingError(f"Asterisk's manager refused the log-in: {message.get('Message')}")
                        if message.response:
                            self._early = raws[place:]
                            return message.get("Challenge")
        except TimeoutError:
            raise RecordingError("Asterisk's manager doesn't answer; is this its port?") from None
        except (OSError, MessageTooLong) as error:
            raise RecordingError(f"the log-in at Asterisk's manager failed: {error}") from error

    async def _follow_stream(self, reader: asyncio.StreamReader, framing: AmiFraming, stream: BinaryIO, until: asyncio.Event) -> None:
        ending = asyncio.create_task(until.wait(), name="record-until")
        try:
            self._write(stream, self._early)
            while not until.is_set():
                reading = asyncio.create_task(reader.read(_CHUNK), name="record-stream")
                await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    return
                if not (data := reading.result()):
                    raise RecordingError("Asterisk closed the connection; what came before is recorded")
                self._write(stream, framing.feed(data))
        except (OSError, MessageTooLong) as error:
            raise RecordingError(f"the connection broke: {error}; what came before is recorded") from error
        finally:
            ending.cancel()

    def _write(self, stream: BinaryIO, messages: Iterable[bytes]) -> None:
        for raw in messages:
            stream.write(self._disguise.ami(raw) + b"\r\n\r\n")
            self.recorded.messages += 1
        stream.flush()

    async def _log_end(self) -> LogFollower | None:
        """Where queue_log is followed from; None where there is none to read."""
        if self._queue_log is None:
            return None
        follower = LogFollower(self._queue_log)
        try:
            self._position = await asyncio.to_thread(follower.end)
        except OSError as error:
            raise RecordingError(f"{self._queue_log} can't be read: {error.strerror}") from error
        return follower

    async def _follow_log(self, log: BinaryIO, follower: LogFollower | None, until: asyncio.Event) -> None:
        if follower is None:
            return
        while not until.is_set():
            await self._copy_log(log, follower)
            try:
                async with asyncio.timeout(_LOOK_S):
                    await until.wait()
            except TimeoutError:
                continue
        await asyncio.sleep(_AFTER_S)
        await self._copy_log(log, follower)

    async def _copy_log(self, log: BinaryIO, follower: LogFollower) -> None:
        try:
            while (chunk := await asyncio.to_thread(follower.read, self._position)).lines:
                log.writelines(map(self._disguise.queue_log, chunk.lines))
                self.recorded.rows += len(chunk.lines)
                self._position = chunk.position
                self.recorded.notices += chunk.notices
            log.flush()
        except OSError as error:
            self.recorded.notices += (f"{self._queue_log} can't be read: {error.strerror}",)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Of mode 600, in a folder that is made for it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RecordingError(f"{path} is there already: name another folder") from None
    except OSError as error:
        raise RecordingError(f"{path} can't be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as stream:
        yield stream

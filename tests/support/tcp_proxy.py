"""A TCP relay that can break, stall or crumble what passes through it: bad networks for tests against real servers."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import BinaryIO


class TcpProxy:
    """``async with TcpProxy(port) as proxy:`` relays ``proxy.port`` to ``port`` on loopback."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.piece: int | None = None  # bytes per write towards the client; None = as they come
        self.record: BinaryIO | None = None  # takes a copy of what goes towards the client
        self.connections = 0

    async def __aenter__(self) -> TcpProxy:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Reset every connection on both sides."""
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Keep connections open and let nothing through, as a firewall that forgot them does."""
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_upstream}
        self._writers |= both
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass_on(reader, to_upstream, None), self._pass_on(upstream, writer, self))
        for each in both:
            each.transport.abort()
        self._writers -= both

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, towards: TcpProxy | None) -> None:
        while data := await source.read(65536):
            await self._flows.wait()
            if towards and towards.record:
                towards.record.write(data)
            piece = (towards.piece if towards else None) or len(data)
            for start in range(0, len(data), piece):
                sink.write(data[start : start + piece])
                await sink.drain()
                await asyncio.sleep(0)
        sink.transport.abort()

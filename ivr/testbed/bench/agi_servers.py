"""Two small FastAGI servers that serve the benchmark's menu and nothing else: panoramisk's, and ivrd's own without its records.

Run by ``bench`` as processes of their own: ``python -m ivr.testbed.bench.agi_servers panoramisk|bare PORT MENU GOODBYE``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import uvloop
from panoramisk import fast_agi

from ami_bridge.agi import AgiCall, AgiServer, AgiSettings
from ivr.testbed.bench.load import ADDRESS, KEY

ROUTE = "menu"
WAIT_MS = "5000"
SERVED = "BENCH_SERVED"
# Checked as a real one is, but no secret: the server lives as long as its measurement, on loopback.
TOKEN = "benchmark"  # noqa: S105
_GOODBYE_BOUND_S = 10.0
_MENU_BOUND_S = 30.0


class EndsAtEof:
    """A reader that raises at the end of the stream, where panoramisk 1.4 would read on and freeze its event loop."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, size: int) -> bytes:
        return self._there(await self._reader.read(size))

    async def readline(self) -> bytes:
        return self._there(await self._reader.readline())

    def _there(self, data: bytes) -> bytes:
        if not data:
            raise ConnectionResetError("the other side closed the connection")
        return data


async def panoramisk_server(port: int, menu: str, goodbye: str) -> None:
    """The menu as panoramisk's documentation would have it written; serves until cancelled."""

    async def serve(request: Any) -> None:
        await request.send_command("ANSWER")
        answer = await request.send_command(f"GET DATA {menu} {WAIT_MS} 1")
        if answer.get("result", ("",))[0] == KEY:
            await request.send_command(f"EXEC Playback {goodbye}")
            # The only flag that can be trusted: AGISTATUS is SUCCESS when a server dies, too.
            await request.send_command(f"SET VARIABLE {SERVED} 1")

    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route(ROUTE, serve)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await application.handler(EndsAtEof(reader), writer)
        except ConnectionResetError:
            writer.close()

    server = await asyncio.start_server(connected, ADDRESS, port, backlog=256)
    async with server:
        await server.serve_forever()


async def bare_server(port: int, menu: str, goodbye: str) -> None:
    """The same commands through ivrd's own server, with neither session nor records; serves until cancelled."""

    async def serve(call: AgiCall) -> None:
        await call.ask("ANSWER")
        answer = await call.ask("GET DATA", menu, WAIT_MS, "1", timeout_s=_MENU_BOUND_S)
        if answer.result == KEY:
            await call.ask("EXEC Playback", goodbye, timeout_s=_GOODBYE_BOUND_S)
            await call.set_variable(SERVED, "1")

    settings = AgiSettings(ADDRESS, port, TOKEN, (ADDRESS,), max_connections=10_000, header_timeout_s=5.0)
    server = AgiServer(settings, serve)
    await server.start()
    try:
        await asyncio.Event().wait()
    finally:
        await server.drain(0.0)


async def _main(kind: str, port: int, menu: str, goodbye: str) -> None:
    serving = asyncio.create_task(
        panoramisk_server(port, menu, goodbye) if kind == "panoramisk" else bare_server(port, menu, goodbye), name=kind
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


if __name__ == "__main__":
    which, at, menu_file, goodbye_file = sys.argv[1:]
    # uvloop for both, as in the daemon: the loop is no part of the difference.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(which, int(at), menu_file, goodbye_file))

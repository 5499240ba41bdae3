"""Strangers at the FastAGI port: a call that runs doesn't notice them, and new calls are still served by the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acceptance.hearing import read_out
from acceptance.house import Called, House
from acceptance.scenes import Scenes
from acceptance.settings_file import Setup, Team

HALF_OPEN, DRIPPING = 150, 30
SETUP = Setup({"hr": Team("brisk", 6), "complaint": Team("brisk", 4)})
# The whole complaint of test_complaints: serial number, own number, five seconds of talk, the number heard twice.
COMPLAINT = "4e20261121#e1e1et5#e#e2"
# What Asterisk says first, but for the token, which strangers don't know.
ENVIRONMENT = (
    "agi_network: yes\nagi_network_script: call\nagi_request: agi://127.0.0.1/call\nagi_channel: PJSIP/trunk-00000666\n"
    "agi_language: zh\nagi_type: PJSIP\nagi_uniqueid: 666.6\nagi_version: 22\nagi_callerid: 13800006666\nagi_calleridname: unknown\n"
    "agi_extension: 4001234567\nagi_context: ivrd-call\nagi_threadid: 1\n"
)
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "wrong token": f"{ENVIRONMENT}agi_arg_1: wrong\nagi_arg_2: start\n\n".encode(),
    "no token": f"{ENVIRONMENT}\n".encode(),
    "empty token": f"{ENVIRONMENT}agi_arg_1: \nagi_arg_2: start\n\n".encode(),
    "doubled lines": f"{ENVIRONMENT}{ENVIRONMENT}\n".encode(),
    "a line that is none": b"agi_network: yes\nno colon here\n\n",
    "no end of a line": b"agi_network: " + b"x" * 300_000,
    "no end of lines": b"".join(b"agi_x%d: y\n" % number for number in range(50_000)),
    "random bytes": os.urandom(200_000),
    "NULs": b"\0" * 100_000,
    "broken UTF-8": b"agi_callerid: \xff\xfe\xc0\xaf\n\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "TLS": bytes.fromhex("16030100c6010000c20303") + bytes(200),
    "replies unasked": b"200 result=1\n" * 1000 + b"HANGUP\n",
}


@dataclass
class Siege:
    """The calls that were made in it, and how every kind of stranger was answered."""

    house: House
    complaint: Called | None = None
    meanwhile: list[Called] = field(default_factory=list)
    answers: dict[str, set[bytes]] = field(default_factory=dict)
    half_open: int = 0
    ready: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def besieged(folder: Path, prompts: Path) -> AsyncIterator[Siege]:
    async with House(folder, prompts, SETUP) as house:
        played = Siege(house)
        complaint = asyncio.create_task(house.call(COMPLAINT, before_keys_s=2.5))
        await asyncio.sleep(6.0)
        attacks = [scan(house), hold_half_open(played), *(drip(house) for _ in range(DRIPPING)), shout(played)]
        tasks = [asyncio.create_task(attack) for attack in attacks]
        await asyncio.sleep(2.0)
        calls = [asyncio.create_task(later(number * 3.0, lambda: house.call("1", before_keys_s=2.5))) for number in range(5)]
        played.ready = await house.readiness()
        played.meanwhile = list(await asyncio.gather(*calls))
        played.complaint = await complaint
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        yield played


SCENES = (besieged,)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def siege(scenes: Scenes) -> Siege:
    outcome: Siege = await scenes.outcome(besieged)
    return outcome


async def later(seconds: float, call: Callable[[], Awaitable[Called]]) -> Called:
    await asyncio.sleep(seconds)
    return await call()


async def forever(work: Callable[[], Coroutine[Any, Any, None]], every_s: float) -> None:
    while True:
        with contextlib.suppress(OSError):
            await work()
        await asyncio.sleep(every_s)


async def scan(house: House) -> None:
    """Connect and go, politely or with a reset, many times a second."""
    polite = True

    async def once() -> None:
        nonlocal polite
        _, writer = await asyncio.open_connection("127.0.0.1", house.agi_port)
        polite = not polite
        if not polite:  # SO_LINGER of 0 s: close() resets the connection
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    await forever(once, 0.02)


async def hold_half_open(siege: Siege) -> None:
    """More connections that say nothing than the daemon lets wait; whichever it drops is opened again."""

    async def hold() -> None:
        async def once() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", siege.house.agi_port)
            siege.half_open += 1
            try:
                await reader.read(1)
            finally:
                siege.half_open -= 1
                writer.close()

        await forever(once, 0.5)

    async with asyncio.TaskGroup() as group:
        for _ in range(HALF_OPEN):
            group.create_task(hold())


async def drip(house: House) -> None:
    """A right environment, a byte at a time."""

    async def once() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", house.agi_port)
        try:
            for byte in ENVIRONMENT.encode():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.4)
        finally:
            writer.close()

    await forever(once, 0.2)


async def shout(siege: Siege) -> None:
    """Everything hostile in turn; what comes back is kept."""

    async def once() -> None:
        for name, data in HOSTILE.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", siege.house.agi_port)
            answer = b""
            with contextlib.suppress(ConnectionError):  # reset in the middle: nothing was said
                async with asyncio.timeout(8):
                    writer.write(data)
                    await writer.drain()
                    answer = await reader.read(100)
            writer.close()
            siege.answers.setdefault(name, set()).add(answer)

    await forever(once, 0.1)


async def test_the_running_call_went_on_undisturbed(siege: Siege) -> None:
    assert siege.complaint is not None
    record = await siege.house.record(siege.complaint)
    assert record["outcome"] == "self_served"
    assert record["served_by"] == "flow"
    spoken = await read_out(siege.complaint.result.heard.samples, siege.house.state / "prompts/zh/ivrd")
    assert spoken == f"20261121{siege.complaint.caller}{record['complaint']}{record['complaint']}"


async def test_calls_placed_meanwhile_were_served_by_the_daemon(siege: Siege) -> None:
    for called in siege.meanwhile:
        record = await siege.house.record(called)
        assert (record["served_by"], record["outcome"]) == ("flow", "answered")
        assert (called.result.answered_after_s or 60.0) < 3.0


async def test_the_daemon_stayed_ready_and_nobody_else_left_a_record(siege: Siege) -> None:
    assert siege.ready["status"] == "ready"
    assert siege.house.daemon.running
    assert len(await siege.house.records()) == 1 + len(siege.meanwhile)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_stranger_is_told_nothing(siege: Siege, name: str) -> None:
    assert siege.answers[name] == {b""}

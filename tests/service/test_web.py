"""The health pages."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from ivr.web import Readiness, WebServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [
        (Readiness(versions={"asterisk": "22.10.1"}), 200, "ready"),
        (Readiness(degraded=["the link to Asterisk's manager is down"]), 200, "ready"),
        (Readiness(missing=["the FastAGI server is not listening"]), 503, "not ready"),
    ],
)
async def test_readyz_says_what_is_wrong(state: Readiness, status: int, word: str) -> None:
    async def readiness() -> Readiness:
        return state

    port = free_port()
    server = WebServer("127.0.0.1", port, readiness)
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/readyz") as answer:
                assert (answer.status, await answer.json()) == (
                    status,
                    {"status": word, "missing": state.missing, "degraded": state.degraded, "versions": state.versions},
                )
            async with client.get(f"http://127.0.0.1:{port}/healthz") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "alive"})
        with pytest.raises(OSError, match="in use"):
            await WebServer("127.0.0.1", port, readiness).start()
    finally:
        await server.close()

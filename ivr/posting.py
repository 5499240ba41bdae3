"""One HTTP POST to an outside system: a deadline, no redirects, TLS verified, the answer's size capped. Used by every adapter that sends.

Its errors say what a retry needs to know: whether the request can have arrived.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

LARGEST_ANSWER = 64 * 1024


class UnreachableError(Exception):
    """The request did not leave: nothing can have arrived. The message is a sentence without the address's secret parts."""


class UnansweredError(Exception):
    """The request may have arrived, and no usable answer came. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` have lower-case names; ``body`` is cut at LARGEST_ANSWER bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Shared by all channels; ``close`` it at the end. The connection is made anew for each request: what a receiver sends
    beyond its answer (a second answer, say) is never taken for the next one's."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], deadline_s: float) -> Answer:
        """Raises UnreachableError and UnansweredError, never anything else of aiohttp's."""
        timeout = aiohttp.ClientTimeout(total=deadline_s)
        try:
            async with self._open().post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as response:
                received = await _read(response)
                return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, received)
        except aiohttp.InvalidURL as error:
            raise UnreachableError("the address is no URL") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise UnreachableError(f"the certificate of {error.host} is not valid") from error
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError(f"{error.host}:{error.port} can't be reached: {_why(error.os_error)}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise UnreachableError(f"no connection within {deadline_s:g} s") from error
        except TimeoutError as error:
            raise UnansweredError(f"no answer within {deadline_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnansweredError(f"the connection ended without an answer ({type(error).__name__})") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=32),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "ivrd", "Accept-Encoding": "identity"},
                auto_decompress=False,  # a small answer must not unfold into a large one
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _why(error: OSError) -> str:
    """asyncio puts words of its own into ``strerror``; a number below 0 is getaddrinfo's, whose words are good."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body as far as it came: once the status is known, a body that breaks off doesn't undo it."""
    received = bytearray()
    try:
        while len(received) < LARGEST_ANSWER:
            chunk = await response.content.read(LARGEST_ANSWER - len(received))
            if not chunk:
                break
            received += chunk
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    return bytes(received)

"""Has Asterisk rotate its logs before they fill the disk: strangers that reach SIP write a line into messages.log with every packet.

Asterisk rotates by itself from 1 GB on and only when told to reload. A task of ``ivr.app``, where Asterisk's configuration is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from ami_bridge.ami_session import AmiRefused, AmiTimeout, AmiUnavailable
from ami_bridge.requests import Request

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 30.0
_MIB = 1024 * 1024
# Whichever comes to its size has both rotated; logger.conf says how many old ones stay.
LARGEST_BYTES: Mapping[str, int] = {"messages.log": 64 * _MIB, "queue_log": 256 * _MIB}


class LogRotation:
    """``folder`` holds Asterisk's logs; ``ask`` sends it a request."""

    def __init__(self, folder: Path, ask: Callable[[Request], Awaitable[object]], largest: Mapping[str, int] = LARGEST_BYTES) -> None:
        self._folder = folder
        self._ask = ask
        self._largest = largest

    async def run(self) -> None:
        """Until cancelled. What can't be done now is tried again."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Rotate where a log is too large; tells whether that was asked for."""
        too_large = await asyncio.to_thread(self._too_large)
        if not too_large:
            return False
        try:
            await self._ask(Request("LoggerRotate"))
        except (AmiUnavailable, AmiRefused, AmiTimeout) as error:
            remedy = f"see that {self._folder} doesn't fill its disk, and run `logger rotate` on Asterisk's console"
            log.warning("Asterisk's logs are too large and could not be rotated", logs=too_large, reason=str(error), remedy=remedy)
            return False
        log.info("Asterisk's logs are rotated", grown=too_large)
        return True

    def _too_large(self) -> list[str]:
        return [name for name, bytes_ in self._largest.items() if _size(self._folder / name) > bytes_]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # none there, or none of ours to see
        return 0

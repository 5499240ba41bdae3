"""The events of a recorded AMI stream in the order of their Timestamps: Asterisk writes them so, but who copies them may not.

Pure; for ``recorded_stream`` alone. A stream that was sorted by something else, put together out of several sessions or sent through a
collector has events a moment out of turn, and facts such as "he hung up before the queue let go of him" hang on milliseconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.translate import timestamp

# What is later than this is no event out of turn: somebody has set the clock back, and the stream's own order counts.
OUT_OF_TURN = timedelta(seconds=1.5)
_Placed = tuple[int, AmiMessage]


def in_turn(messages: Iterable[_Placed]) -> Iterator[_Placed]:
    """The messages with their lines. What has no Timestamp (banners, responses, lists' items) stays where it is; nothing passes it."""
    held: list[tuple[datetime, int, _Placed]] = []
    newest: datetime | None = None
    for number, placed in enumerate(messages):
        at = _told(placed[1])
        if at is None or (newest is not None and newest - at > OUT_OF_TURN):
            yield from _all(held)
            newest = at
        if at is None:
            yield placed
            continue
        heapq.heappush(held, (at, number, placed))
        newest = max(newest or at, at)
        while newest - held[0][0] > OUT_OF_TURN:
            yield heapq.heappop(held)[2]
    yield from _all(held)


def _all(held: list[tuple[datetime, int, _Placed]]) -> Iterator[_Placed]:
    while held:
        yield heapq.heappop(held)[2]


def _told(message: AmiMessage) -> datetime | None:
    """A forged event may tell any time: only as Asterisk places it, third."""
    return timestamp(message.values[2]) if message.event and message.keys[1:3] == ("Privilege", "Timestamp") else None

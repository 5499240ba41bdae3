"""A recorded AMI stream as the facts the live link would have told: also where it holds several connections, with gaps between.

For ``replaying`` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.asterisk_start import StartWatch, start_of
from ami_bridge.facts import AsteriskStarted, CallerQueued, CallerWaiting, Fact, LinkEstablished, LinkLost, SnapshotComplete
from ami_bridge.translate import Suspicion, Translator
from ivr.recorded_clock import RecordedClock
from ivr.recorded_order import in_turn
from ivr.recordings import is_banner, messages

_UPTIME = "FullyBooted"
_START = "CoreStartupDate"
_CHANNELS_TOLD = "CoreShowChannelsComplete"


class RecordedStream:
    """``facts`` reads the file once; ``warnings`` are sentences with their place."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.warnings: list[str] = []
        self._translator = Translator()
        self._clock = RecordedClock()
        self._starts = StartWatch()
        self._uptime_s: int | None = None
        self._in_head = True  # of a connection: what is asked for at its beginning describes the present
        self._lost_at: datetime | None = None
        self._queued: set[str] = set()  # calls that were seen in a queue

    def facts(self) -> Iterator[Fact]:
        """In the stream's order. It begins with LinkEstablished and ends with LinkLost. Raises RecordingError."""
        begun = False
        self._clock.now, timed = _first_time(self.file)
        for line, message in in_turn(messages(self.file)):
            if is_banner(message):
                if begun and not self._in_head:
                    yield from self._lose()
                continue
            self._clock.show(message)
            found = [*self._of_connection(message), *self._of_event(line, message)]
            found = [fact for fact in found if not isinstance(fact, CallerWaiting) or (timed and self._is_news(fact))]
            self._queued |= {fact.call for fact in found if isinstance(fact, CallerQueued | CallerWaiting)}
            if found and not begun:
                begun = True
                yield LinkEstablished(found[0].at, "", None)
            yield from found
        if begun:
            yield LinkLost(self._clock.now, "the recording ends")
        self._warn_of_guesses()

    def _lose(self) -> Iterator[Fact]:
        """Another connection begins: what happened between the two isn't in the stream."""
        self._lost_at, self._in_head, self._uptime_s = self._clock.now, True, None
        self._translator.link_lost()
        yield LinkLost(self._lost_at, "another connection begins")
        yield LinkEstablished(self._lost_at, "", self._lost_at)

    def _of_connection(self, message: AmiMessage) -> Iterator[Fact]:
        if message.event == _UPTIME and message.get("Uptime").isdigit():
            self._uptime_s = int(message.get("Uptime"))
        elif not message.event and message.get(_START):
            start = start_of(message, self._uptime_s, self._clock.now)
            if started := self._starts.started_since(start, self._lost_at, 0.0):
                yield AsteriskStarted(max(started, self._clock.now))
        elif message.event == _CHANNELS_TOLD and self._in_head:
            yield SnapshotComplete(self._clock.now)
        elif message.event and message.keys[1:2] == ("Privilege",) and message.event != _UPTIME:
            self._in_head = False

    def _of_event(self, line: int, message: AmiMessage) -> tuple[Fact, ...]:
        facts, suspicion = self._translator.translate(message, self._clock.now)
        if suspicion is not None:
            self._warn(line, suspicion)
        return facts

    def _is_news(self, waiting: CallerWaiting) -> bool:
        """Whoever had the stream recorded may have asked who waits at any time; that has no time of its own, and its callers are known.

        At the beginning of a connection it is what the daemon asked for, right behind a Ping that told the time.
        """
        return self._in_head or waiting.call not in self._queued

    def _warn(self, line: int, suspicion: Suspicion) -> None:
        kept = "the genuine part was used" if suspicion.kept else "it was left out"
        self.warnings.append(f"{self.file}:{line}: {suspicion.event}: {suspicion.why}; {kept}")

    def _warn_of_guesses(self) -> None:
        if self._clock.guessed and not self._clock.told:
            self.warnings.append(
                f"{self.file}: its {self._clock.guessed} events have no Timestamp (timestampevents=no): their times are drawn from "
                "channels' ids and from the durations they tell; outcomes hold, waits may come out too short"
            )


def _first_time(file: Path) -> tuple[datetime, bool]:
    """When the stream begins, as the first of its messages tells that tells its time; 1970, and False, if none does."""
    clock = RecordedClock()
    for _, message in messages(file):
        clock.show(message)
        if clock.sure:
            break
    return clock.now, clock.sure

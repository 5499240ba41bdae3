"""What time it was in a recorded AMI stream: by its Timestamp headers, or, where Asterisk wrote none, by whatever else tells.

Pure; for ``replaying`` alone. Without ``timestampevents=yes`` a stream still holds when channels were made (their Uniqueid, in s since
1970) and how long rings (ms), waits and talks (s) took, as app_queue.c measured them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ami_bridge.ami_wire import AmiMessage
from ami_bridge.translate import timestamp

_MADE_AT = re.compile(r"(?:^|-)(\d{9,11})\.\d+$")
_LONGEST_S = 24 * 3600


class RecordedClock:
    """``now`` is the time of the message shown last, aware UTC, and never goes back by guessing. 1970 until the first that tells."""

    def __init__(self) -> None:
        self.now = datetime.fromtimestamp(0, UTC)
        self.told = 0  # events with a Timestamp; FullyBooted never has one
        self.sure = False  # whether anything has told a time that is the message's own
        self.guessed = 0  # and without
        self._begun: dict[tuple[str, str], datetime] = {}  # (what, channel) → when

    def show(self, message: AmiMessage) -> None:
        """Take in the next message of the stream."""
        event = message.event
        told = timestamp(message.get("Timestamp")) if message.keys[2:3] == ("Timestamp",) else None
        if told is not None:
            self.now, self.told, self.sure = told, self.told + 1, True
            return
        if not event or message.keys[1:2] != ("Privilege",):  # a response, or an item of a list: those never have one
            self.now = max(self.now, _answered_at(message) or self.now)
            self.sure = self.sure or message.get("Ping") == "Pong"
            return
        if event == "FullyBooted":
            return
        self.guessed += 1
        if guess := self._guess(event, message):
            self.now, self.sure = max(self.now, guess), True
        self._note(event, message)

    def _note(self, event: str, message: AmiMessage) -> None:
        match event:
            case "QueueCallerJoin":
                self._begun["wait", message.get("Uniqueid")] = self.now
            case "AgentCalled":
                self._begun["ring", message.get("DestUniqueid")] = self.now
            case "AgentConnect":
                self._begun["talk", message.get("MemberName")] = self.now

    def _guess(self, event: str, message: AmiMessage) -> datetime | None:
        match event:
            case "Newchannel":
                made = _MADE_AT.search(message.get("Uniqueid"))
                return datetime.fromtimestamp(int(made.group(1)), UTC) if made else None
            case "AgentRingNoAnswer":
                return self._after("ring", message.get("DestUniqueid"), message.get("RingTime"), per_second=1000)
            case "AgentConnect" | "QueueCallerAbandon":
                return self._after("wait", message.get("Uniqueid"), message.get("HoldTime"))
            case "AgentComplete":
                return self._after("talk", message.get("MemberName"), message.get("TalkTime"))
        return None

    def _after(self, what: str, whose: str, duration: str, per_second: int = 1) -> datetime | None:
        began = self._begun.get((what, whose))
        if began is None or not (duration.isascii() and duration.isdigit() and len(duration) < 10):
            return None
        seconds = int(duration) / per_second
        return began + timedelta(seconds=seconds) if seconds <= _LONGEST_S else None


def _answered_at(message: AmiMessage) -> datetime | None:
    """Ping's answer tells Asterisk's time; a list's items don't, but a member can't have logged in later than now."""
    if message.get("Ping") == "Pong":
        return timestamp(message.get("Timestamp"))
    return timestamp(message.get("LoginTime")) if message.event == "QueueMember" else None

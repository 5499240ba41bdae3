"""Plays a call through a flow without Asterisk: the same walk as the live one, with a scripted caller and a clock that is set.

Pure. Used by ``ivrd flow simulate`` and by the flows' tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from callflows.effects import (
    Ask,
    CheckHours,
    Effect,
    EnterNode,
    FileComplaint,
    HangUp,
    Queue,
    Record,
    RequestCallback,
    Say,
    TakeMessage,
)
from callflows.flow import FlowBook
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    CallerHungUp,
    ComplaintFiled,
    Digits,
    Done,
    Hours,
    HoursState,
    MessageTaken,
    NoInput,
    NothingRecorded,
    Outcome,
    QueueEnd,
    QueueLeft,
    Recorded,
)
from callflows.speech import Speech, Text
from callflows.walk import FlowStuckError, Walk

PAUSE, HANG_UP = "p", "h"
TALK = re.compile(r"t([0-9]+(?:\.[0-9]+)?)\Z")
GROUP = re.compile(r"[0-9*#]+\Z")
TALK_S = 5.0  # how long a simulated caller speaks when the script doesn't say
QUEUE_WAIT_S = 10.0
# Speech is slower than this nowhere in our prompts: 4 syllables a second in zh, 13 characters a second in en.
SECONDS_PER_CHARACTER = {"zh": 0.25, "en": 0.077}
# A caller who never ends a call is a fault of the flow, not patience of ours.
LONGEST_CALL_S = 4 * 3600


class ScriptError(ValueError):
    """The caller's script can't be read; the message names the word."""


class StaffedHours(Protocol):
    def is_open(self, at: datetime, zone: ZoneInfo) -> bool: ...
    def opens_at(self, at: datetime, zone: ZoneInfo) -> datetime | None: ...


@dataclass(slots=True)
class SimulatedCall:
    """What happened. ``ending``: hangup, queue, caller_hung_up or error; ``seconds`` from answer to end."""

    ending: str = "error"
    path: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    filed: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    queue: str | None = None
    line: str | None = None
    error: str | None = None
    unused: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As ``ivrd flow simulate --json`` prints it."""
        return {
            "ending": self.ending,
            "queue": self.queue,
            "line": self.line,
            "path": self.path,
            "effects": [{"effect": type(effect).__name__, **_plain(effect)} for effect in self.effects],
            "filed": self.filed,
            "seconds": round(self.seconds, 1),
            "error": self.error,
            "unused": self.unused,
        }


def _plain(effect: Effect) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(effect), default=str))
    return plain


def parse_script(script: str) -> list[str]:
    """``4 12345678# 1 p t6 h``: groups of keys, p a pause until the time-out, t6 six seconds of talk, h hangs up. Raises ScriptError."""
    words = script.split()
    for word in words:
        if word not in (PAUSE, HANG_UP) and not TALK.match(word) and not GROUP.match(word):
            raise ScriptError(f"{word!r} is neither keys (0-9 * #) nor p, h or t<seconds>")
    return words


def simulate(
    book: FlowBook,
    flow: str,
    script: list[str],
    *,
    at: datetime,
    caller: str,
    language: str,
    calendars: Mapping[str, StaffedHours],
    zone: ZoneInfo,
    queue_ends: tuple[QueueEnd, ...] = (),
) -> SimulatedCall:
    """Walk one call. ``queue_ends`` say how the caller comes back from each queue; without one left the call ends in the queue."""
    run = _Run(book, script, at, caller, calendars, zone, list(queue_ends))
    walk = Walk.begin(book, flow, language, {"contact_number": caller} if caller else {})
    queue_left: QueueLeft | None = None
    try:
        while True:
            run.drive(walk, queue_left)
            if run.call.ending != "queue" or not run.queue_ends:
                break
            queue_left = QueueLeft(run.queue_ends.pop(0))
            walk = Walk(book, walk.position)  # as the live one: nothing but the position is kept over a queue
    except FlowStuckError as error:
        run.call.ending, run.call.error = "error", str(error)
    run.call.unused = run.words[1:] if run.call.ending == "caller_hung_up" else run.words
    return run.call


class _Run:
    def __init__(
        self,
        book: FlowBook,
        words: list[str],
        at: datetime,
        caller: str,
        calendars: Mapping[str, StaffedHours],
        zone: ZoneInfo,
        queue_ends: list[QueueEnd],
    ) -> None:
        self.call = SimulatedCall()
        self.words = list(words)
        self.queue_ends = queue_ends
        self._book = book
        self._at = at
        self._caller = caller
        self._calendars = calendars
        self._zone = zone
        self._ahead = ""
        self._recordings = 0

    def drive(self, walk: Walk, queue_left: QueueLeft | None) -> None:
        steps = walk.run(queue_left)
        self.call.ending = "hangup"
        try:
            effect = next(steps)
            while True:
                if self.call.seconds > LONGEST_CALL_S:
                    raise FlowStuckError("the call never ends")
                try:
                    outcome = self._perform(effect, walk)
                except CallerHungUp as gone:
                    self.call.ending = "caller_hung_up"
                    effect = steps.throw(gone)
                    continue
                if isinstance(effect, Queue | HangUp):
                    return
                effect = steps.send(outcome)
        except StopIteration:
            return
        finally:
            steps.close()

    def _perform(self, effect: Effect, walk: Walk) -> Outcome:
        if walk.hung_up and isinstance(effect, Say | Ask | Record | Queue | HangUp):
            raise CallerHungUp
        self.call.effects.append(effect)
        match effect:
            case EnterNode(node=node) if not walk.hung_up:
                self.call.path.append(node)
            case Say(speech=speech, barge_in=barge_in):
                self._say(speech, barge_in, walk.call.language)
            case Ask():
                return self._ask(effect, walk.call.language)
            case Record():
                return self._record(effect)
            case Queue(queue=queue):
                self.call.ending, self.call.queue = "queue", queue
                self.call.seconds += QUEUE_WAIT_S if self.queue_ends else 0.0
            case CheckHours(calendar=name):
                return self._hours(name)
            case FileComplaint():
                return self._file(effect)
            case TakeMessage(recording=recording, complete=complete):
                self.call.filed.append({"kind": "message", "recording": recording, "complete": complete})
                return MessageTaken()
            case RequestCallback():
                if not self._caller:
                    return CallbackRefused()
                self.call.filed.append({"kind": "callback", "number": self._caller})
                return CallbackPromised()
            case _:
                self.call.line = getattr(effect, "line", self.call.line)
        return Done()

    def _say(self, speech: Speech, barge_in: bool, language: str) -> None:
        if barge_in and self._ahead:
            return
        self._may_hang_up()
        self.call.seconds += _seconds(speech, language)

    def _ask(self, question: Ask, language: str) -> Outcome:
        if not self._ahead:
            self._may_hang_up()
            self.call.seconds += _seconds(question.speech, language)
            word = self.words.pop(0) if self.words else PAUSE
            if not GROUP.match(word):
                self.call.seconds += question.first_digit_s
                return NoInput()
            self._ahead = word
        keys, self._ahead = self._ahead[: question.longest], self._ahead[question.longest :]
        head, hash_key, tail = keys.partition("#")
        if hash_key:
            keys, self._ahead = head or "#", tail + self._ahead
        elif self._ahead.startswith("#") and question.longest > 1:
            self._ahead = self._ahead[1:]
        return Digits(keys)

    def _record(self, effect: Record) -> Outcome:
        seconds = TALK_S
        if self.words and (talk := TALK.match(self.words[0])):
            self.words.pop(0)
            seconds = min(float(talk[1]), effect.longest_s)
        elif self.words and self.words[0] == PAUSE:
            self.words.pop(0)
            self.call.seconds += effect.silence_s
            return NothingRecorded()
        self._recordings += 1
        self.call.seconds += seconds
        recorded = Recorded(f"recording-{self._recordings}", seconds)
        if self.words and self.words[0] == HANG_UP:
            raise CallerHungUp(recorded)
        if self.words and self.words[0].startswith("#"):  # ends the recording; what follows is for the next question
            rest = self.words.pop(0)[1:]
            self.words[:0] = [rest] if rest else []
        else:
            self.call.seconds += effect.silence_s
        return recorded

    def _may_hang_up(self) -> None:
        if self.words and self.words[0] == HANG_UP:
            raise CallerHungUp

    def _hours(self, name: str) -> Outcome:
        now = self._at + timedelta(seconds=self.call.seconds)
        calendar = self._calendars[name]
        if calendar.is_open(now, self._zone):
            return Hours(HoursState.OPEN)
        return Hours(HoursState.CLOSED, calendar.opens_at(now, self._zone))

    def _file(self, effect: FileComplaint) -> Outcome:
        self.call.filed.append(
            {
                "kind": "complaint",
                "serial": effect.serial,
                "contact_number": effect.contact_number,
                "recording": effect.recording,
                "complete": effect.complete,
            }
        )
        return ComplaintFiled(f"C{self._at.astimezone(self._zone):%Y%m%d}{1:05d}")


def _seconds(speech: Speech, language: str) -> float:
    each = SECONDS_PER_CHARACTER.get(language, 0.1)
    texts = (prompt.text for segment in speech if isinstance(segment, Text) and (prompt := segment.prompt(language)))
    others = sum(len(getattr(segment, "value", "")) * 0.45 for segment in speech if isinstance(getattr(segment, "value", None), str))
    return sum(len(text) * each for text in texts) + others

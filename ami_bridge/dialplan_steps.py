"""Where the callers of queues are in a dialplan, as Newexten and VarSet tell: for recordings of dialplans that report nothing themselves.

Used by ``translate`` alone. The link to our own Asterisk doesn't ask for these events: they come for every step of every call, VarSet
carries what callers type, and our dialplan reports by UserEvent.
"""

from __future__ import annotations

from enum import Enum, auto

QUEUE_APPLICATION = "Queue"
STATUS_VARIABLE = "QUEUESTATUS"
_HANG_UP_EXTENSION = "h"
# More than any hotline has at once: reached only when Asterisk never reports their end.
_MOST = 20_000


class _Stage(Enum):
    QUEUEING = auto()
    PULLED = auto()  # his next step is another already, and he is in the queue yet
    LEFT = auto()
    GONE_ON = auto()


class DialplanSteps:
    """Calls by their Uniqueid, from their first queue to their hang-up."""

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}
        self._queues: dict[str, str] = {}  # named by the last Queue() of a call
        self._extensions: dict[str, str] = {}  # where that is

    def entered(self, call: str, queue: str) -> bool:
        """It has joined the queue. Whether it came straight out of another, by a step that is the same as before: no Newexten tells it."""
        straight = self._stages.get(call) is _Stage.LEFT and call in self._extensions
        if call not in self._stages and len(self._stages) >= _MOST:
            self.hung_up(next(iter(self._stages)))
        self._stages[call] = _Stage.QUEUEING
        self._queues[call] = queue
        return straight

    def queueing(self, call: str, queue: str, extension: str) -> bool:
        """It runs Queue(). Whether it has come there out of a queue that it left without a QUEUESTATUS.

        A Redirect names the old step first, with the new extension: he is as good as pulled out of the queue he is in.
        """
        stage = self._stages.get(call)
        if stage in (_Stage.QUEUEING, _Stage.PULLED) and self._extensions.get(call, extension) != extension:
            self._stages[call] = _Stage.PULLED
            return False
        self.entered(call, queue)
        self._extensions[call] = extension
        return stage is _Stage.LEFT

    def left(self, call: str) -> bool:
        """It is out of the queue; whether somebody has pulled it out."""
        stage = self._stages.get(call)
        pulled = stage is _Stage.PULLED
        if pulled or stage is _Stage.QUEUEING:
            self._stages[call] = _Stage.GONE_ON if pulled else _Stage.LEFT
        return pulled

    def went_on(self, call: str, application: str, extension: str) -> bool:
        """Whether this step is the first that shows it alive behind its queue."""
        if self._stages.get(call) in (None, _Stage.GONE_ON) or application == QUEUE_APPLICATION or extension == _HANG_UP_EXTENSION:
            return False
        self._stages[call] = _Stage.GONE_ON
        return True

    def queue_of(self, call: str) -> str:
        """The queue its QUEUESTATUS is about; empty when the stream began later."""
        return self._queues.get(call, "")

    def hung_up(self, call: str) -> None:
        self._stages.pop(call, None)
        self._queues.pop(call, None)
        self._extensions.pop(call, None)

    def forget_all(self) -> None:
        self._stages.clear()
        self._queues.clear()
        self._extensions.clear()

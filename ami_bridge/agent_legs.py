"""How far each agent's leg has come, so that two DialEnd of one ring count once.

Used by ``translate`` alone. Asterisk raises DialEnd twice for most rings (NOANSWER then CANCEL, CANCEL twice, ANSWER
then NOANSWER when the caller leaves during a member delay), and AgentRingNoAnswer beside it.
"""

from __future__ import annotations

from enum import Enum, auto

# More legs than any hotline rings at once: reached only when Asterisk never reports their hang-up.
_MOST_LEGS = 20_000


class _Stage(Enum):
    RINGING = auto()
    ANSWERED = auto()
    DONE = auto()  # joined with the caller, or given up: nothing that follows is news


class AgentLegs:
    """Legs by their Uniqueid. A leg that no queue called is unknown here, and its DialEnd is none of our business."""

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}

    def called(self, leg: str) -> None:
        if len(self._stages) >= _MOST_LEGS:
            del self._stages[next(iter(self._stages))]
        self._stages[leg] = _Stage.RINGING

    def seen(self, leg: str, *, answered: bool) -> None:
        """A snapshot shows this leg; what events said of it before goes on counting."""
        if leg not in self._stages:
            self.called(leg)
            if answered:
                self._stages[leg] = _Stage.ANSWERED

    def answered(self, leg: str) -> bool:
        """Whether this is the leg's first answer."""
        if self._stages.get(leg) is not _Stage.RINGING:
            return False
        self._stages[leg] = _Stage.ANSWERED
        return True

    def gave_up(self, leg: str) -> bool:
        """Whether this is the first word of the leg's offer having failed."""
        if self._stages.get(leg, _Stage.DONE) is _Stage.DONE:
            return False
        self._stages[leg] = _Stage.DONE
        return True

    def joined(self, leg: str) -> None:
        if leg in self._stages:
            self._stages[leg] = _Stage.DONE

    def forget(self, leg: str) -> None:
        self._stages.pop(leg, None)

    def forget_all(self) -> None:
        self._stages.clear()

"""How far each agent's leg has come: two DialEnd of one ring count once, and a nameless AgentComplete finds its call.

Used by ``translate`` alone. Asterisk raises DialEnd twice for most rings (NOANSWER then CANCEL, CANCEL twice, ANSWER
then NOANSWER when the caller leaves during a member delay), and AgentRingNoAnswer beside it. AgentComplete comes from
another thread than the hang-ups: as soon as the caller's channel is gone it doesn't name him, or neither of the two
(22.10.1: in two of three ordinary hang-ups).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

# More than any hotline has at once: reached only when Asterisk never reports their end.
_MOST = 20_000


class _Stage(Enum):
    RINGING = auto()
    ANSWERED = auto()
    DONE = auto()  # joined with the caller, or given up: nothing that follows is news


@dataclass(frozen=True, slots=True)
class Talk:
    """Who was joined with whom. ``agent_call`` is the Uniqueid of the agent's leg."""

    contact: str
    call: str
    queue: str
    agent: str
    agent_call: str


class AgentLegs:
    """Legs by their Uniqueid. A leg that no queue called is unknown here, and its DialEnd is none of our business."""

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}
        self._talks: dict[str, Talk] = {}  # by the agent's leg, from AgentConnect to AgentComplete
        self._over: set[str] = set()  # those of them in which either side has hung up
        self._leg_of_caller: dict[str, str] = {}

    def called(self, leg: str) -> None:
        if len(self._stages) >= _MOST:
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

    def joined(self, talk: Talk) -> None:
        if talk.agent_call in self._stages:
            self._stages[talk.agent_call] = _Stage.DONE
        if len(self._talks) >= _MOST:
            self._drop(next(iter(self._talks)))
        self._talks[talk.agent_call] = talk
        self._leg_of_caller[talk.call] = talk.agent_call

    def talk_ended(self, agent_call: str, queue: str, agent: str) -> Talk | None:
        """The talk an AgentComplete ends. ``agent_call`` is empty when it names no channel; None when it stays unclear."""
        if agent_call:
            found = [agent_call] if agent_call in self._talks else []
        else:
            found = [leg for leg, talk in self._talks.items() if (talk.queue, talk.agent) == (queue, agent)]
            if len(found) > 1:  # after a Redirect the agent may be in his next talk already
                found = [leg for leg in found if leg in self._over]
        if len(found) != 1:
            return None
        talk = self._talks[found[0]]
        self._drop(found[0])
        return talk

    def talk_of(self, agent_call: str) -> Talk | None:
        """The talk this leg of an agent is in, as long as no AgentComplete has ended it."""
        return self._talks.get(agent_call)

    def hung_up(self, channel: str) -> None:
        self._stages.pop(channel, None)
        leg = self._leg_of_caller.get(channel, channel)
        if leg in self._talks:
            self._over.add(leg)

    def forget_all(self) -> None:
        for memory in (self._stages, self._talks, self._over, self._leg_of_caller):
            memory.clear()

    def _drop(self, leg: str) -> None:
        talk = self._talks.pop(leg)
        self._over.discard(leg)
        self._leg_of_caller.pop(talk.call, None)

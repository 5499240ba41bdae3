"""How far each agent's leg has come: two DialEnd of one ring count once, and a nameless AgentComplete finds its call.

Used by ``translate`` alone. Asterisk raises DialEnd twice for most rings (NOANSWER then CANCEL, CANCEL twice, ANSWER
then NOANSWER when the caller leaves during a member delay), and AgentRingNoAnswer beside it. AgentComplete comes from
another thread than the hang-ups: as soon as the caller's channel is gone it doesn't name him, or neither of the two
(22.10.1: in two of three ordinary hang-ups).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

# More than any hotline has at once: reached only when Asterisk never reports their end.
_MOST = 20_000
_COUNTED_WITHIN = timedelta(seconds=1.5)  # TalkTime is a difference of whole seconds
_LATEST_WORD = timedelta(seconds=2)  # AgentComplete comes from another thread, so long after the last hang-up at most


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
        self._begun: dict[str, datetime] = {}
        self._gone: dict[str, set[str]] = {}  # who of the two has hung up
        self._ended: dict[str, datetime] = {}  # when the second of them did
        self._leg_of_caller: dict[str, str] = {}
        self._instead: dict[str, str] = {}  # a channel that took a leg's place → the leg AgentConnect named

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

    def joined(self, talk: Talk, at: datetime) -> None:
        if talk.agent_call in self._stages:
            self._stages[talk.agent_call] = _Stage.DONE
        if len(self._talks) >= _MOST:
            self._drop(next(iter(self._talks)))
        self._talks[talk.agent_call] = talk
        self._begun[talk.agent_call] = at
        self._leg_of_caller[talk.call] = talk.agent_call

    def talk_ended(self, agent_call: str, queue: str, agent: str, at: datetime, talk_s: int) -> Talk | None:
        """The talk an AgentComplete ends. ``agent_call`` is empty when it names no channel; None when it stays unclear.

        Without a name it is the one of this agent that began ``talk_s`` before; where that fits none or two, the one that is over. The
        agent may be in his next talk already, and after a lost link the talk it ends may be unknown here.
        """
        if agent_call:
            leg = self._instead.get(agent_call, agent_call)
            found = [leg] if leg in self._talks else []
        else:
            self._forget_the_wordless(at)
            found = [leg for leg, talk in self._talks.items() if (talk.queue, talk.agent) == (queue, agent)]
            began = at - timedelta(seconds=talk_s)
            fitting = [leg for leg in found if abs(self._begun[leg] - began) <= _COUNTED_WITHIN]
            found = fitting if len(fitting) == 1 else [leg for leg in fitting or found if self._gone.get(leg)]
        if len(found) != 1:
            return None
        talk = self._talks[found[0]]
        self._drop(found[0])
        return talk

    def talk_of(self, agent_call: str) -> Talk | None:
        """The talk this leg of an agent is in, as long as no AgentComplete has ended it."""
        return self._talks.get(self._instead.get(agent_call, agent_call))

    def replaced(self, leg: str, by: str) -> None:
        """Another channel goes on in the leg's place: half of a Local channel made way for the telephone beyond it."""
        leg = self._instead.pop(leg, leg)
        if leg in self._talks:
            self._instead[by] = leg

    def hung_up(self, channel: str, at: datetime) -> None:
        self._stages.pop(channel, None)
        leg = self._leg_of_caller.get(channel, self._instead.get(channel, channel))
        if leg == channel and leg in self._instead.values():  # half of a Local channel that made way: the talk goes on
            return
        if leg in self._talks:
            gone = self._gone.setdefault(leg, set())
            gone.add("caller" if channel in self._leg_of_caller else "agent")
            if len(gone) == 2:
                self._ended[leg] = at

    def forget_all(self) -> None:
        memories = (self._stages, self._talks, self._begun, self._gone, self._ended, self._leg_of_caller, self._instead)
        for memory in memories:
            memory.clear()

    def _forget_the_wordless(self, now: datetime) -> None:
        """Talks whose AgentComplete will never come any more, or came and couldn't be told from another's."""
        for leg in [leg for leg, ended in self._ended.items() if now - ended > _LATEST_WORD]:
            self._drop(leg)

    def _drop(self, leg: str) -> None:
        talk = self._talks.pop(leg)
        self._begun.pop(leg, None)
        self._gone.pop(leg, None)
        self._ended.pop(leg, None)
        self._leg_of_caller.pop(talk.call, None)
        for channel in [channel for channel, instead in self._instead.items() if instead == leg]:
            del self._instead[channel]

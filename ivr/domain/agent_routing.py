"""To which agents a fact is a concern: by name, by his leg, by the call he is in. Pure, and for ``ivr.domain.agent_book`` alone.

It remembers whose leg is whose, and who gave a caller away, in the order in which it was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from ami_bridge import facts as asterisk
from ivr.domain.agent_record import AgentRecord
from ivr.domain.ledger import Entry, Source

T = TypeVar("T")
_MOST_REMEMBERED = 10_000
_BY_NAME = (
    asterisk.AgentStateReported,
    asterisk.AgentAdded,
    asterisk.AgentRemoved,
    asterisk.AgentPaused,
    asterisk.AgentUnpaused,
)
# The agents of the fact's PBX as they are now.
Present = Sequence[tuple[str, AgentRecord]]


class Concern(NamedTuple):
    """``leg`` names the offer or talk of his that is meant; ``handed_on``: somebody gave the caller to him."""

    agent: str
    leg: str = ""
    handed_on: bool = False


class Routing:
    """All keys are of a PBX and an id of its."""

    def __init__(self) -> None:
        self._legs: dict[tuple[str, str], str] = {}  # the leg of an offer or a talk → agent
        self._rang: dict[tuple[str, str], Concern] = {}  # queue_log: to whom a call was offered last, it names no legs
        self._given_away: dict[tuple[str, str], str] = {}  # a call that was transferred → by whom

    def concerns(self, entry: Entry, present: Present) -> Iterable[Concern]:
        """Nobody's for most facts."""
        pbx, fact = entry.pbx, entry.fact
        match fact:
            case asterisk.AgentRang(call=call, agent=agent, agent_call=leg):
                concern = Concern(agent, leg or _stand_in(fact))
                _remember(self._legs, (pbx, concern.leg), agent)
                if entry.source is Source.QUEUE_LOG:
                    _remember(self._rang, (pbx, call), concern)
                return [concern]
            case asterisk.AgentPickedUp(call=call, agent_call="") | asterisk.AgentRingEnded(call=call, agent_call=""):
                found = self._rang.get((pbx, call))
                return [found] if found else []
            case asterisk.AgentAnswered(call=call, agent=agent, agent_call=leg):
                leg = leg or _stand_in(fact)
                _remember(self._legs, (pbx, leg), agent)
                return [Concern(agent, leg, handed_on=self._given_away.pop((pbx, call), agent) != agent)]
            case asterisk.TalkEnded(call=call, agent=agent, agent_call=leg, ended_by=ended_by):
                if ended_by is asterisk.EndedBy.TRANSFER and call:
                    _remember(self._given_away, (pbx, call), agent)
                return [Concern(agent, leg)]
            case asterisk.CallTransferred():
                return self._transfer(pbx, fact, present)
            case asterisk.AgentPickedUp(agent_call=leg) | asterisk.AgentRingEnded(agent_call=leg):
                return self._whose(pbx, leg)
            case asterisk.CallHeld(call=leg) | asterisk.CallResumed(call=leg):
                return self._whose(pbx, leg)
            case asterisk.ChannelReplaced(call=call, by=by):
                mine = self._whose(pbx, call)
                for concern in mine:
                    _remember(self._legs, (pbx, by), concern.agent)
                return mine
            case asterisk.CallEnded(call=call):
                return self._ended(pbx, call, present)
            case asterisk.AsteriskStopped() | asterisk.AsteriskStarted():
                return [Concern(agent) for agent, _ in present]
            case _ if isinstance(fact, _BY_NAME):
                return [Concern(fact.agent)]
        return []

    def _whose(self, pbx: str, leg: str) -> list[Concern]:
        agent = self._legs.get((pbx, leg))
        return [Concern(agent, leg)] if agent is not None and leg else []

    def _transfer(self, pbx: str, fact: asterisk.CallTransferred, present: Present) -> list[Concern]:
        """Who gave away; and to whom, where the other end is a talk of an agent's whom he had asked through a queue."""
        givers = self._whose(pbx, fact.agent_call)
        if fact.agent_call and not givers:  # a telephone behind a Local channel: whose it is, its contact alone can tell
            talking = [
                Concern(agent, leg) for agent, record in present for leg, talk in record.talks.items() if talk.contact == fact.contact
            ]
            givers = talking if len(talking) == 1 else []
        for giver in givers:
            _remember(self._given_away, (pbx, fact.call), giver.agent)
        takers = [
            Concern(agent, leg, handed_on=True)
            for agent, record in present
            for leg, talk in record.talks.items()
            if fact.to and fact.to in (leg, talk.call) and agent not in [giver.agent for giver in givers]
        ]
        return [*takers, *givers]

    def _ended(self, pbx: str, call: str, present: Present) -> list[Concern]:
        """Whose leg it was, and who rings or talks with it."""
        mine = [concern.agent for concern in self._whose(pbx, call)]
        others = [agent for agent, record in present if call in {offer.call for offer in record.offers.values()}]
        others += [agent for agent, record in present if call in {talk.call for talk in record.talks.values()}]
        for known in (self._legs, self._rang, self._given_away):
            known.pop((pbx, call), None)
        return [Concern(agent) for agent in dict.fromkeys([*mine, *others])]


def _stand_in(fact: asterisk.AgentRang | asterisk.AgentAnswered) -> str:
    """For a leg that queue_log doesn't name."""
    return f"{fact.call}@{fact.at.timestamp():.3f}"


def _remember(known: dict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    """queue_log never says that a call is over for good: the oldest give way."""
    known[key] = value
    if len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]

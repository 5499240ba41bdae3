"""A talk of the random day, from the moment two are joined: holds, and the ways it ends. For ``random_calls`` alone.

The rows and events of a transfer and of a Redirect are app_queue's (22.10.1): a Redirect's AgentComplete comes when the caller hangs
up, names nobody, and says he ended it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ivr.testbed.random_calls.clock import Clock
from ivr.testbed.random_calls.parties import Channel
from ivr.testbed.random_calls.plan import Chances
from ivr.testbed.random_calls.queueing import Guest, Leg, QueueRoom
from ivr.testbed.random_calls.truth import SECOND
from ivr.testbed.random_calls.wire import Wire

_COMPLETE = ("Queue", "Interface", "MemberName", "HoldTime", "TalkTime", "Reason")
TRANSFER_CONTEXT = "ivrd-phones"


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a caller goes when his talk is over: ``gone`` he hangs up himself, ``on`` the dialplan goes on, ``away`` he was sent."""

    gone: Callable[[Guest], None]
    on: Callable[[Guest], None]
    away: Callable[[Guest, Callable[[], None]], None]


class Talks:
    def __init__(self, wire: Wire, clock: Clock, random: Random, chances: Chances, talk_s: float, ways: Ways) -> None:
        self._wire, self._clock, self._random, self._chances = wire, clock, random, chances
        self._talk_s, self._ways = talk_s, ways

    def begin(self, room: QueueRoom, guest: Guest) -> None:
        leg, chances = guest.picked, self._chances
        assert leg is not None  # noqa: S101 - a talk has two sides
        talk_s = self._random.lognormvariate(0.0, 0.8) * self._talk_s
        if self._random.random() < chances.held and talk_s > 4:
            self._clock.after(talk_s * 0.3, lambda: self._held(guest, leg))
            self._clock.after(talk_s * 0.6, lambda: self._resumed(guest, leg))
        dice = self._random.random()
        for chance, end in (
            (chances.agent_ends, self._agent_ends),
            (chances.blind_transfer, self._blind),
            (chances.attended_transfer, self._attended),
            (chances.redirect, self._redirected),
            (1.0, self._caller_ends),
        ):
            if dice < chance:
                self._clock.after(talk_s, lambda end=end: end(room, guest, leg))  # type: ignore[misc]
                return
            dice -= chance

    def _held(self, guest: Guest, leg: Leg) -> None:
        guest.visit.held_us -= self._clock.now_us
        self._wire.say(leg.channel.uniqueid, "Hold", leg.channel)

    def _resumed(self, guest: Guest, leg: Leg) -> None:
        guest.visit.held_us += self._clock.now_us
        self._wire.say(leg.channel.uniqueid, "Unhold", leg.channel)

    def _over(self, room: QueueRoom, guest: Guest, leg: Leg, ended_by: str, verb: str) -> None:
        visit = guest.visit
        visit.talk_ended_us = visit.logged_end_us = self._clock.now_us
        visit.ended_by = ended_by
        self._log(room, guest, leg, verb)
        room.after_talk(leg)

    def _log(self, room: QueueRoom, guest: Guest, leg: Leg, verb: str, *first: str) -> None:
        hold, talk = self._hold_and_talk(guest)
        self._wire.log(guest.channel.uniqueid, room.plan.name, leg.agent.name, verb, *first, hold, talk, guest.first_place)

    def _hold_and_talk(self, guest: Guest) -> tuple[int, int]:
        answered = guest.visit.answered_us // SECOND
        return answered - guest.stay.joined_us // SECOND, self._clock.now_us // SECOND - answered

    def _complete(self, room: QueueRoom, guest: Guest, leg: Leg, reason: str, *, bare: bool = False) -> None:
        """AgentComplete: of a thread of its own, naming both, one or none of the two."""
        dice = self._random.random()
        caller = guest.channel if dice < 0.35 and not bare else None
        agent = leg.channel if dice < 0.65 and not bare else None
        hold, talk = self._hold_and_talk(guest)
        own = (room.plan.name, leg.agent.interface, leg.agent.name, str(hold), str(talk), reason)
        self._wire.say(f"complete {leg.channel.uniqueid}", "AgentComplete", caller, agent, _COMPLETE, own)

    def _caller_ends(self, room: QueueRoom, guest: Guest, leg: Leg) -> None:
        self._wire.say(guest.channel.uniqueid, "HangupRequest", guest.channel, None, ("Cause",), ("16",))
        self._complete(room, guest, leg, "caller")
        self._wire.hang_up(leg.channel)
        self._over(room, guest, leg, "caller", "COMPLETECALLER")
        self._ways.gone(guest)

    def _agent_ends(self, room: QueueRoom, guest: Guest, leg: Leg) -> None:
        self._wire.say(leg.channel.uniqueid, "HangupRequest", leg.channel, None, ("Cause",), ("16",))
        self._complete(room, guest, leg, "agent")
        self._wire.hang_up(leg.channel)
        self._over(room, guest, leg, "agent", "COMPLETEAGENT")
        self._ways.on(guest)

    def _blind(self, room: QueueRoom, guest: Guest, leg: Leg) -> None:
        keys = tuple(f"Transferer{name}" for name in _names()) + tuple(f"Transferee{name}" for name in _names())
        values = ("Success", *leg.channel.values, *guest.channel.values, "No", TRANSFER_CONTEXT, "305")
        self._wire.say(leg.channel.uniqueid, "BlindTransfer", None, None, ("Result", *keys, "IsExternal", "Context", "Extension"), values)
        self._complete(room, guest, leg, "transfer")
        self._wire.hang_up(leg.channel)
        visit = guest.visit
        visit.talk_ended_us = visit.logged_end_us = self._clock.now_us
        visit.ended_by = "transfer"
        self._log(room, guest, leg, "BLINDTRANSFER", "305", TRANSFER_CONTEXT)
        room.after_talk(leg)
        self._ways.away(guest, lambda: None)

    def _attended(self, room: QueueRoom, guest: Guest, leg: Leg) -> None:
        """He calls a colleague first, on a second channel; when the two bridges become one, its Linkedid is the caller's."""
        second = self._wire.channel(
            leg.channel.name.partition("/")[2].partition("-")[0], "305", context="ivrd-phones", extension="305", state=4
        )
        colleague = self._wire.channel("305", "305", context="ivrd-phones", extension="305", state=0, caller=second)
        self._clock.after(5.0, lambda: self._handed_over(room, guest, leg, second, colleague))

    def _handed_over(self, room: QueueRoom, guest: Guest, leg: Leg, second: Channel, colleague: Channel) -> None:
        second.linkedid = colleague.linkedid = guest.channel.linkedid
        keys = (
            *("Result", *(f"OrigTransferer{name}" for name in _names()), *(f"SecondTransferer{name}" for name in _names())),
            *(*(f"Transferee{name}" for name in _names()), *(f"TransferTarget{name}" for name in _names())),
            *("IsExternal", "DestType", "DestBridgeUniqueid"),
        )
        bridge = f"{self._clock.now_us:x}-{guest.channel.uniqueid}"
        parties = (leg.channel, second, guest.channel, colleague)
        values = ("Success", *(value for party in parties for value in party.values), "No", "Bridge", bridge)
        self._wire.say(leg.channel.uniqueid, "AttendedTransfer", None, None, keys, values)
        self._complete(room, guest, leg, "transfer")
        self._wire.hang_up(leg.channel)
        self._wire.hang_up(second)
        visit = guest.visit
        visit.talk_ended_us = visit.logged_end_us = self._clock.now_us
        visit.ended_by = "transfer"
        self._log(room, guest, leg, "ATTENDEDTRANSFER", "BRIDGE", bridge)
        room.after_talk(leg)
        self._ways.away(guest, lambda: self._wire.hang_up(colleague))

    def _redirected(self, room: QueueRoom, guest: Guest, leg: Leg) -> None:
        """Somebody sent him elsewhere by AMI: the agent's leg is gone at once, the word of it comes when the caller hangs up."""
        visit = guest.visit
        visit.talk_ended_us, visit.ended_by = self._clock.now_us, "transfer"
        self._wire.hang_up(leg.channel)
        room.after_talk(leg)

        def at_last() -> None:
            visit.logged_end_us = self._clock.now_us
            self._complete(room, guest, leg, "caller", bare=True)
            self._log(room, guest, leg, "COMPLETECALLER")

        self._ways.away(guest, at_last)


def _names() -> tuple[str, ...]:
    return (
        *("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName"),
        *("Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid"),
    )

"""The simulated Queue(): a line of callers, phones that ring, pick-ups, talks and every way out, said as app_queue says it.

For ``random_calls`` alone. Orders and rows are app_queue.c's (22.10) as the captures show them; what is simplified: every caller for whom
a phone is free may try it (autofill), penalties and weights don't exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from ivr.testbed.random_calls.clock import Clock, Timer
from ivr.testbed.random_calls.parties import IDLE, RINGING, TALKING, Agent, Channel, QueueStay
from ivr.testbed.random_calls.plan import Chances, QueuePlan
from ivr.testbed.random_calls.truth import SECOND, OfferTruth, VisitTruth
from ivr.testbed.random_calls.wire import Wire

_QUEUE = ("Queue", "Interface", "MemberName")
_SHORTEST_REST_US = 300_000  # between two offers to one phone: its hang-up has been told by then


@dataclass(slots=True)
class Leg:
    """One phone that rings for a caller, or that he talks to."""

    agent: Agent
    channel: Channel
    offer: OfferTruth
    timer: Timer | None = None


@dataclass(slots=True)
class Guest:
    """A caller in a queue. ``gone_us``: when he hung up, which app_queue notices at the end of a member delay."""

    channel: Channel
    visit: VisitTruth
    stay: QueueStay
    first_place: int
    legs: list[Leg] = field(default_factory=list)
    picked: Leg | None = None
    deadline_us: int = 0
    done: bool = False
    gone_us: int = 0
    rests_until_us: int = 0
    timers: list[Timer] = field(default_factory=list)
    ring_ends: Timer | None = None


class QueueRoom:
    """One queue. ``left`` is told of each caller who comes out, with his QUEUESTATUS; ``talking`` when a talk begins; ``freed``
    when a phone may ring again, in whichever queue."""

    def __init__(
        self,
        plan: QueuePlan,
        agents: list[Agent],
        wire: Wire,
        clock: Clock,
        random: Random,
        chances: Chances,
        *,
        left: Callable[[Guest, str], None],
        talking: Callable[[QueueRoom, Guest], None],
        freed: Callable[[Agent], None],
    ) -> None:
        self.plan = plan
        self.line: list[Guest] = []
        self.guests: list[Guest] = []  # all that ever were
        self.agents = agents
        self._wire, self._clock, self._random, self._chances = wire, clock, random, chances
        self._left, self._talking, self._freed = left, talking, freed

    def refusal(self) -> str:
        """QUEUESTATUS of who may not even wait; empty where he may."""
        if len(self.line) >= self.plan.places:
            return "FULL"
        if not any(agent.member for agent in self.agents):
            return "JOINEMPTY"
        return "JOINUNAVAIL" if all(agent.paused for agent in self.agents if agent.member) else ""

    def join(self, channel: Channel, visit: VisitTruth) -> Guest:
        stay = QueueStay(self.plan.name, channel, self._clock.now_us)
        guest = Guest(channel, visit, stay, len(self.line) + 1)
        self.line.append(guest)
        self.guests.append(guest)
        place = str(guest.first_place)
        self._say(guest, "QueueCallerJoin", None, ("Queue", "Position", "Count"), (self.plan.name, place, place))
        self._wire.log(channel.uniqueid, self.plan.name, "NONE", "ENTERQUEUE", "", channel.number.strip("<>"), guest.first_place)
        guest.deadline_us = self._clock.now_us + self._clock.span_us(self.plan.longest_wait_s)
        guest.timers.append(self._clock.at(guest.deadline_us, lambda: self._timed_out(guest)))
        self._clock.after(0, self.offer_around)
        return guest

    def offer_around(self) -> None:
        """Ring free phones for whoever waits, first come first."""
        now = self._clock.now_us
        for guest in self.line:
            if guest.legs or guest.picked or guest.gone_us or guest.rests_until_us > now:
                continue
            free = [agent for agent in self.agents if agent.free(now)]
            if not free:
                return
            self._ring(guest, free if self.plan.ring_all else [self._random.choice(free)])

    # Phones.

    def _ring(self, guest: Guest, agents: list[Agent]) -> None:
        caller, now = guest.channel, self._clock.now_us
        for agent in agents:
            extension = agent.interface.partition("/")[2]
            channel = self._wire.channel(extension, extension, context="ivrd-phones", extension=self.plan.name, state=0, caller=caller)
            channel.connected = caller.number
            channel.applications.append((now, "AppQueue"))
            leg = Leg(agent, channel, OfferTruth(agent.name, channel.uniqueid, now))
            guest.legs.append(leg)
            guest.visit.offers.append(leg.offer)
            self._say_leg(guest, leg, "AgentCalled")
            self._wire.say(caller.uniqueid, "DialBegin", caller, channel, ("DialString",), (extension,))
            channel.state = 5
            self._wire.say(caller.uniqueid, "Newstate", channel)
            self._dial_state(guest, leg, "DialState", "RINGING")
            self._device(agent, RINGING)
            self._decide(guest, leg)
        ends_us = min(now + self._clock.span_us(self.plan.ring_s), max(now + SECOND, guest.deadline_us))
        guest.ring_ends = self._clock.at(ends_us, lambda: self._nobody_answered(guest))

    def _decide(self, guest: Guest, leg: Leg) -> None:
        dice, chances = self._random.random(), self._chances
        if dice < chances.phone_busy:
            leg.timer = self._clock.after(self._random.uniform(0.1, 3.0), lambda: self._busy(guest, leg))
        elif dice >= chances.phone_busy + chances.phone_rings_out:
            leg.timer = self._clock.after(self._random.lognormvariate(1.2, 0.6), lambda: self._picked_up(guest, leg))

    def _busy(self, guest: Guest, leg: Leg) -> None:
        """He presses the red key, or his phone is engaged."""
        self._dial_state(guest, leg, "DialEnd", "BUSY")
        self._not_answered(guest, leg, "busy")
        self._wire.hang_up(leg.channel, 17, guest.channel.uniqueid)
        guest.legs.remove(leg)
        self._set_free(leg.agent)
        if not guest.legs:
            self._rest(guest)

    def _nobody_answered(self, guest: Guest) -> None:
        for leg in guest.legs:
            self._not_answered(guest, leg, "noanswer")
            self._dial_state(guest, leg, "DialEnd", "NOANSWER")
        self._drop_legs(guest)
        self._rest(guest)

    def _not_answered(self, guest: Guest, leg: Leg, result: str) -> None:
        ring_ms = (self._clock.now_us - leg.offer.began_us) // 1000
        self._end_offer(leg, result)
        self._say_leg(guest, leg, "AgentRingNoAnswer", ("RingTime",), (str(ring_ms),))
        self._wire.log(guest.channel.uniqueid, self.plan.name, leg.agent.name, "RINGNOANSWER", ring_ms)

    def _drop_legs(self, guest: Guest, spare: Leg | None = None) -> None:
        """Hang up what still rings."""
        for leg in guest.legs:
            if leg is spare:
                continue
            self._end_offer(leg, "elsewhere" if spare else "cancelled")
            self._dial_state(guest, leg, "DialEnd", "CANCEL")
            self._wire.hang_up(leg.channel, 0, guest.channel.uniqueid)
            self._set_free(leg.agent)
        guest.legs = []
        if guest.ring_ends:
            guest.ring_ends.off = True

    def _rest(self, guest: Guest) -> None:
        """Between two rounds of ringing."""
        if guest.ring_ends:
            guest.ring_ends.off = True
        if self._clock.now_us >= guest.deadline_us:
            self._timed_out(guest)
            return
        guest.rests_until_us = self._clock.now_us + self._clock.span_us(self.plan.retry_s)
        self._clock.at(guest.rests_until_us, self.offer_around)

    def _picked_up(self, guest: Guest, leg: Leg) -> None:
        if leg.agent.state != RINGING:  # device states lag, but one phone doesn't talk twice
            return
        leg.channel.state, leg.channel.up_us = 6, self._clock.now_us
        self._dial_state(guest, leg, "DialEnd", "ANSWER")
        guest.picked = leg
        guest.visit.left_us = self._clock.now_us
        self._drop_legs(guest, spare=leg)
        self._end_offer(leg, "answered")
        self._device(leg.agent, TALKING)
        if not self.plan.member_delay_s:
            self._join_both(guest, leg)
        elif self._random.random() < self._chances.dies_in_delay:
            self._clock.after(self.plan.member_delay_s / 2, lambda: self._dumped(guest, leg))
        else:
            self._clock.after(self.plan.member_delay_s, lambda: self._join_both(guest, leg))

    def _dumped(self, guest: Guest, leg: Leg) -> None:
        """The agent hung up before the two were joined; the caller goes on waiting."""
        if guest.gone_us:
            self._join_both(guest, leg)
            return
        guest.picked, guest.visit.left_us = None, 0
        leg.offer.result = "dumped"
        self._wire.log(guest.channel.uniqueid, self.plan.name, leg.agent.name, "AGENTDUMP")
        self._say_leg(guest, leg, "AgentDump")
        self._wire.hang_up(leg.channel, 16, guest.channel.uniqueid)
        self._set_free(leg.agent)
        self._rest(guest)

    def _join_both(self, guest: Guest, leg: Leg) -> None:
        now, caller, visit = self._clock.now_us, guest.channel, guest.visit
        if guest.gone_us:  # he hung up during the member delay: app_queue notices now, and names the member
            leg.offer.result = "lost"
            self._leave_unanswered(guest, "abandoned_ring", "HANGUP", "ABANDON", member=leg)
            return
        for timer in guest.timers:
            timer.off = True
        self._leave(guest)
        guest.done = True
        visit.outcome, visit.answered_us, visit.logged_left_us, visit.agent = "answered", now, now, leg.agent.name
        hold = self._seconds(guest.stay.joined_us)
        ring = (leg.channel.up_us - leg.offer.began_us) // SECOND
        self._wire.log(caller.uniqueid, self.plan.name, leg.agent.name, "CONNECT", hold, leg.channel.uniqueid, ring)
        self._say_leg(guest, leg, "AgentConnect", ("HoldTime", "RingTime"), (str(hold), str(ring)))
        bridge = f"{now:x}-{leg.channel.uniqueid}"
        self._wire.bridge("BridgeEnter", leg.channel, bridge, 1)
        self._wire.bridge("BridgeEnter", caller, bridge, 2)
        self._talking(self, guest)

    # Ways out.

    def hung_up(self, guest: Guest) -> None:
        """The caller hangs up while he waits."""
        if guest.done or guest.gone_us:
            return
        self._say(guest, "HangupRequest", None, ("Cause",), ("16",))
        if guest.picked:
            guest.gone_us = self._clock.now_us
            return
        self._cancel(guest)
        outcome = "abandoned_ring" if guest.legs else "abandoned_wait"
        self._drop_legs(guest)
        self._leave_unanswered(guest, outcome, "HANGUP", "ABANDON")

    def key_pressed(self, guest: Guest) -> None:
        if guest.done or guest.picked:
            return
        self._cancel(guest)
        self._drop_legs(guest)
        place = self._place(guest)
        row = ("1", place, guest.first_place, self._seconds(guest.stay.joined_us))
        self._wire.log(guest.channel.uniqueid, self.plan.name, "NONE", "EXITWITHKEY", *row)
        self._out(guest, "flow_key")
        self._leave(guest)
        self._left(guest, "")

    def withdraw(self, guest: Guest) -> None:
        """A supervisor took him out. app_queue looks between two rings."""
        if guest.done or guest.picked or guest.legs:
            return
        self._leave_unanswered(guest, "withdrawn", "WITHDRAW", "WITHDRAW", info="")

    def leave_empty(self) -> None:
        """Nobody is there any more for whom it would be worth to wait."""
        for guest in list(self.line):
            if not (guest.legs or guest.picked):
                status = self._random.choice(("LEAVEEMPTY", "LEAVEUNAVAIL"))
                self._leave_unanswered(guest, "flow_empty", status, "EXITEMPTY")

    def _timed_out(self, guest: Guest) -> None:
        if guest.done or guest.picked or guest.legs:
            return
        self._leave_unanswered(guest, "flow_timeout", "TIMEOUT", "EXITWITHTIMEOUT")

    def _cancel(self, guest: Guest) -> None:
        """His going cancels what rings: a first DialEnd each, and a row; the second DialEnd comes with the hang-up."""
        for leg in guest.legs:
            self._dial_state(guest, leg, "DialEnd", "CANCEL")
            ring_ms = (self._clock.now_us - leg.offer.began_us) // 1000
            self._wire.log(guest.channel.uniqueid, self.plan.name, leg.agent.name, "RINGCANCELED", ring_ms)

    def _leave_unanswered(
        self, guest: Guest, outcome: str, status: str, verb: str, *, member: Leg | None = None, info: str | None = None
    ) -> None:
        place, first, waited = self._place(guest), guest.first_place, self._seconds(guest.stay.joined_us)
        keys = ("Queue", "Position", "OriginalPosition", "HoldTime")
        self._say(guest, "QueueCallerAbandon", None, keys, (self.plan.name, str(place), str(first), str(waited)))
        row = (place, first, waited) if info is None else (place, first, waited, info)
        self._wire.log(guest.channel.uniqueid, self.plan.name, member.agent.name if member else "NONE", verb, *row)
        if member:
            self._dial_state(guest, member, "DialEnd", "NOANSWER")
            self._wire.hang_up(member.channel, 16, guest.channel.uniqueid)
            self._set_free(member.agent)
        self._out(guest, outcome)
        self._leave(guest)
        self._left(guest, status)

    def _out(self, guest: Guest, outcome: str) -> None:
        visit = guest.visit
        visit.outcome, visit.left_us, visit.logged_left_us = outcome, guest.gone_us or self._clock.now_us, self._clock.now_us
        guest.done = True
        for timer in guest.timers:
            timer.off = True

    def _leave(self, guest: Guest) -> None:
        place = self._place(guest)
        self.line.remove(guest)
        guest.stay.left_us = self._clock.now_us
        own = (self.plan.name, str(place), str(len(self.line)))
        self._say(guest, "QueueCallerLeave", None, ("Queue", "Position", "Count"), own)

    # Agents.

    def _end_offer(self, leg: Leg, result: str) -> None:
        if leg.timer:
            leg.timer.off = True
        if not leg.offer.ended_us:
            leg.offer.ended_us, leg.offer.result = self._clock.now_us, result

    def _device(self, agent: Agent, state: int) -> None:
        agent.state = state
        agent.remember(self._clock.now_us)
        for queue in agent.queues:
            self._wire.member("QueueMemberStatus", agent, queue)

    def _set_free(self, agent: Agent, wrap_up_s: float = 0.0) -> None:
        self._device(agent, IDLE)
        agent.free_from_us = self._clock.now_us + max(self._clock.span_us(wrap_up_s), self._clock.span_us(_SHORTEST_REST_US / SECOND))
        self._clock.at(agent.free_from_us, lambda: self._freed(agent))

    def after_talk(self, leg: Leg) -> None:
        leg.agent.taken += 1
        leg.agent.last_call_s = self._clock.now_us // SECOND
        self._set_free(leg.agent, self.plan.wrap_up_s)

    # Words.

    def _place(self, guest: Guest) -> int:
        return self.line.index(guest) + 1

    def _seconds(self, since_us: int) -> int:
        """As app_queue counts: differences of whole seconds."""
        return self._clock.now_us // SECOND - since_us // SECOND

    def _say(self, guest: Guest, event: str, leg: Leg | None = None, keys: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> None:
        self._wire.say(guest.channel.uniqueid, event, guest.channel, leg.channel if leg else None, keys, own)

    def _say_leg(self, guest: Guest, leg: Leg, event: str, keys: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> None:
        self._say(guest, event, leg, _QUEUE + keys, (self.plan.name, leg.agent.interface, leg.agent.name, *own))

    def _dial_state(self, guest: Guest, leg: Leg, event: str, status: str) -> None:
        self._say(guest, event, leg, ("DialStatus",), (status,))

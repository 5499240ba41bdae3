"""A random day: who calls when, what he does in the menus, which queue he waits in, when he has had enough, and what follows.

``random_day`` is the way in; ``queueing`` and ``talks`` play Asterisk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from ami_bridge.facts import Fact
from ivr.domain import call_facts
from ivr.testbed.random_calls.clock import Clock
from ivr.testbed.random_calls.day import Day, Told
from ivr.testbed.random_calls.parties import Agent, Channel
from ivr.testbed.random_calls.plan import DayPlan
from ivr.testbed.random_calls.queueing import Guest, QueueRoom
from ivr.testbed.random_calls.talks import Talks, Ways
from ivr.testbed.random_calls.truth import SECOND, CallTruth, VisitTruth, moment
from ivr.testbed.random_calls.wire import Wire

INBOUND_CONTEXT = "ivrd-inbound"
CALL_CONTEXT = "ivrd-call"
HOTLINE = "4001234567"
_REFUSED = {"FULL": "full", "JOINEMPTY": "join_empty", "JOINUNAVAIL": "join_empty"}
_BREAKS_PER_AGENT = 4


def random_day(plan: DayPlan, seed: int) -> Day:
    """The day that this plan and seed give, from the first agent's arrival to the last hang-up."""
    return _World(plan, seed).run()


class _Call:
    """One caller on his way."""

    __slots__ = ("channel", "guest", "in_flow", "queue", "truth")

    def __init__(self, truth: CallTruth, channel: Channel) -> None:
        self.truth = truth
        self.channel = channel
        self.guest: Guest | None = None
        self.in_flow = True
        self.queue: QueueRoom | None = None


class _World:
    def __init__(self, plan: DayPlan, seed: int) -> None:
        self.plan, self.seed = plan, seed
        self.random = Random(seed)
        self.clock = Clock(self.random, whole_seconds=plan.whole_seconds)
        self.wire = Wire(self.random, whole_seconds=plan.whole_seconds, system=plan.system, events=plan.events)
        self.calls: list[_Call] = []
        self.told: list[Told] = []
        self.agents = self._staff()
        talks = Talks(
            self.wire, self.clock, self.random, plan.chances, plan.talk_s, Ways(self._gone_in_talk, self._served, self._sent_away)
        )
        self.rooms = [
            QueueRoom(
                queue,
                [agent for agent in self.agents if queue.name in agent.queues],
                self.wire,
                self.clock,
                self.random,
                plan.chances,
                left=self._left,
                talking=talks.begin,
                freed=self._freed,
            )
            for queue in plan.queues
        ]
        self._by_channel: dict[str, _Call] = {}

    def run(self) -> Day:
        begins_us = int(self.plan.begins.timestamp()) * SECOND
        arrivals = sorted(begins_us + self._arrival_us() for _ in range(self.plan.calls))
        first, last = (arrivals[0], arrivals[-1]) if arrivals else (begins_us, begins_us)
        self._shifts(first - 60 * SECOND, last + 7200 * SECOND)
        for at_us in arrivals:
            self.clock.at(at_us, self._arrives)
        self.clock.run(self._tick)
        stays = [guest.stay for room in self.rooms for guest in room.guests]
        said = sorted(self.wire.said, key=lambda each: each.at_us)
        told = sorted(self.told, key=lambda each: each.at_us)
        truths = [call.truth for call in self.calls]
        return Day(self.plan, self.seed, truths, said, self.wire.logged, told, self.wire.channels, stays, self.agents)

    def _tick(self, now_us: int) -> None:
        self.wire.now_us = now_us

    def _arrival_us(self) -> int:
        hour = self.random.choices(range(len(self.plan.hours)), self.plan.hours)[0]
        seconds = (hour + self.random.random()) * 3600
        return int(seconds) * SECOND if self.plan.whole_seconds else int(seconds * SECOND)

    # Agents.

    def _staff(self) -> list[Agent]:
        """Enough for the busiest hour, each in one queue or two."""
        busiest = self.plan.calls * max(self.plan.hours) / sum(self.plan.hours)
        talking = busiest * self.plan.talk_s * 1.4 / 3600
        count = max(len(self.plan.queues), math.ceil(talking * self.plan.staffing))
        names = [queue.name for queue in self.plan.queues]
        agents = []
        for number in range(count):
            own = names[number % len(names)]
            second = self.random.choice(names)
            queues = (own, second) if second != own and self.random.random() < 0.3 else (own,)
            agents.append(Agent(f"Agent {301 + number}", f"PJSIP/{301 + number}", queues))
        return agents

    def _shifts(self, first_us: int, last_us: int) -> None:
        for agent in self.agents:
            begins = first_us + self._span_us(0, 30)
            self.clock.at(begins, lambda agent=agent: self._log_in(agent))  # type: ignore[misc]
            for _ in range(_BREAKS_PER_AGENT):
                at = self.random.randint(begins, max(begins, last_us)) // SECOND * SECOND
                whole = self.random.random() < self.plan.chances.all_away
                length = self.random.uniform(60, 600)
                self.clock.at(at, lambda agent=agent, whole=whole, length=length: self._break(agent, length, whole=whole))  # type: ignore[misc]
            self.clock.at(last_us + self._span_us(0, 60), lambda agent=agent: self._log_out(agent))  # type: ignore[misc]

    def _span_us(self, least: float, most: float) -> int:
        return self.clock.span_us(self.random.uniform(least, most))

    def _log_in(self, agent: Agent) -> None:
        agent.member, agent.since_s = True, self.clock.now_us // SECOND
        agent.remember(self.clock.now_us)
        for queue in agent.queues:
            self.wire.member("QueueMemberAdded", agent, queue)
            self.wire.log("MANAGER", queue, agent.name, "ADDMEMBER", "")
        self._freed(agent)

    def _log_out(self, agent: Agent) -> None:
        agent.member = False
        agent.remember(self.clock.now_us)
        for queue in agent.queues:
            self.wire.member("QueueMemberRemoved", agent, queue)
            self.wire.log("MANAGER", queue, agent.name, "REMOVEMEMBER", "")

    def _break(self, agent: Agent, length_s: float, *, whole: bool) -> None:
        """He pauses; now and then the whole queue does, and whoever waits is sent away."""
        going = [each for each in self.agents if agent.queues[0] in each.queues] if whole else [agent]
        for each in going:
            self._pause(each, paused=True)
            self.clock.after(length_s, lambda each=each: self._pause(each, paused=False))  # type: ignore[misc]
        if whole:
            for room in self.rooms:
                if room.plan.name in agent.queues and room.refusal() in ("JOINEMPTY", "JOINUNAVAIL"):
                    self.clock.after(1.0, room.leave_empty)

    def _pause(self, agent: Agent, *, paused: bool) -> None:
        if not agent.member or agent.paused == paused:
            return
        agent.paused, agent.reason = paused, "break" if paused else ""
        agent.remember(self.clock.now_us)
        for queue in agent.queues:
            self.wire.member("QueueMemberPause", agent, queue)
            self.wire.log("MANAGER", queue, agent.name, "PAUSE" if paused else "UNPAUSE", agent.reason)
        self._freed(agent)

    def _freed(self, agent: Agent) -> None:
        for room in self.rooms:
            if room.plan.name in agent.queues:
                room.offer_around()

    # Menus.

    def _arrives(self) -> None:
        number = "<unknown>" if self.random.random() < 0.03 else f"138{self.random.randint(0, 2000):08d}"
        channel = self.wire.channel("ivrd-trunk", number, context=INBOUND_CONTEXT, extension=HOTLINE, state=4)
        call = _Call(CallTruth(channel.uniqueid, number, self.clock.now_us), channel)
        self.calls.append(call)
        self._by_channel[channel.uniqueid] = call
        channel.state, channel.context = 6, CALL_CONTEXT
        self.wire.say(channel.uniqueid, "Newstate", channel)
        caller = "" if number == "<unknown>" else number
        self._tell(call, call_facts.CallTaken, channel.uniqueid, caller, "", HOTLINE, "", "v1", "zh")
        self._in_flow(call)
        self._tell(call, call_facts.NodeEntered, "menu")
        chances, dice = self.plan.chances, self.random.random()
        menu_s = self.random.expovariate(1 / self.plan.menu_s) + 1.0
        if dice < chances.hang_up_in_menu:
            self._later(menu_s, call, self._hangs_up)
        elif dice < chances.hang_up_in_menu + chances.finish_in_menu:
            self._later(menu_s, call, self._finishes)
        elif dice < chances.hang_up_in_menu + chances.finish_in_menu + chances.out_of_hours:
            self._later(menu_s, call, self._found_closed)
        else:
            room = self.random.choice(self.rooms)
            self._later(menu_s, call, lambda call: self._enters(call, room))

    def _in_flow(self, call: _Call) -> None:
        call.in_flow = True
        call.channel.applications.append((self.clock.now_us, "AGI"))

    def _later(self, seconds: float, call: _Call, act: Callable[[_Call], None]) -> None:
        self.clock.after(seconds, lambda: act(call))

    def _tell(self, call: _Call, kind: type[call_facts.SessionFact], *values: Any) -> None:
        if self.plan.session:
            fact: Fact = kind(moment(self.clock.now_us), call.truth.id, *values)
            self.told.append(Told(self.clock.now_us, fact))

    def _found_closed(self, call: _Call) -> None:
        call.truth.found_closed = True
        self._tell(call, call_facts.FoundClosed)
        self._finishes(call)

    def _finishes(self, call: _Call) -> None:
        """The flow said goodbye and hangs up."""
        call.truth.finished = True
        self._tell(call, call_facts.FlowFinished)
        self._ends(call)

    def _hangs_up(self, call: _Call) -> None:
        """The caller does, while the daemon drives his call."""
        call.truth.hung_up_in_flow = True
        self.wire.say(call.channel.uniqueid, "HangupRequest", call.channel, None, ("Cause",), ("16",))
        self._tell(call, call_facts.CallerHungUpInFlow)
        self._ends(call)

    def _ends(self, call: _Call) -> None:
        call.truth.ended_us = self.clock.now_us
        self.wire.hang_up(call.channel)

    # Queues.

    def _enters(self, call: _Call, room: QueueRoom) -> None:
        self._tell(call, call_facts.LineEntered, room.plan.name)
        self._tell(call, call_facts.QueueRequested, room.plan.name, {})
        call.in_flow, call.queue = False, room
        now = self.clock.now_us
        visit = VisitTruth(room.plan.name, now)
        call.truth.visits.append(visit)
        if status := room.refusal():
            visit.outcome, visit.left_us, visit.logged_left_us, visit.in_log = _REFUSED[status], now, now, self.plan.log_refusals
            if visit.in_log:
                self.wire.log(call.channel.uniqueid, room.plan.name, "NONE", status, "")
            self._exit_told(call, status)
            self._goes_on(call)
            return
        call.channel.applications.append((now, "Queue"))
        guest = call.guest = room.join(call.channel, visit)
        patience = self.random.expovariate(1 / self.plan.patience_s) if self.random.random() > 0.08 else self.random.uniform(0.2, 5.0)
        guest.timers.append(self.clock.after(patience, lambda: room.hung_up(guest)))
        chances = self.plan.chances
        if self.random.random() < chances.exit_key:
            guest.timers.append(self.clock.after(self.random.uniform(2, 60), lambda: room.key_pressed(guest)))
        if self.random.random() < chances.withdrawn:
            guest.timers.append(self.clock.after(self.random.uniform(1, 40), lambda: room.withdraw(guest)))

    def _exit_told(self, call: _Call, status: str) -> None:
        """Our dialplan's word after Queue()."""
        assert call.queue is not None  # noqa: S101 - he comes out of one
        own = ("QueueExit", call.queue.plan.name, status)
        self.wire.say(call.channel.uniqueid, "UserEvent", call.channel, None, ("UserEvent", "Queue", "QueueStatus"), own)

    def _left(self, guest: Guest, status: str) -> None:
        call = self._by_channel[guest.channel.uniqueid]
        self._exit_told(call, status)
        if status == "HANGUP":
            self._ends(call)
        else:
            self._goes_on(call, by_key=not status)

    def _goes_on(self, call: _Call, *, by_key: bool = False) -> None:
        """Not served. He is asked something, and then waits again, leaves a message, is promised a call, or has enough."""
        self._in_flow(call)
        self._tell(call, call_facts.NodeEntered, "after_queue")
        pause = self.random.uniform(0.8, 12.0)
        dice, chances = self.random.random(), self.plan.chances
        if by_key and dice < 0.7:
            self._later(pause, call, self._promised)
        elif dice < chances.again_after_queue and len(call.truth.visits) < 5:
            room = call.queue if self.random.random() < 0.5 else self.random.choice(self.rooms)
            assert room is not None  # noqa: S101 - he comes out of one
            self._later(pause, call, lambda call: self._enters(call, room))
        elif dice < chances.again_after_queue + chances.voicemail:
            self._later(pause, call, self._speaks)
        else:
            self._later(pause, call, self._hangs_up)

    def _promised(self, call: _Call) -> None:
        call.truth.callback = True
        self._tell(call, call_facts.CallbackAccepted, f"cb-{call.truth.id}")
        self._finishes(call)

    def _speaks(self, call: _Call) -> None:
        call.truth.voicemail = True
        self._tell(call, call_facts.MessageLeft)
        self._hangs_up(call)

    # After a talk.

    def _gone_in_talk(self, guest: Guest) -> None:
        call = self._by_channel[guest.channel.uniqueid]
        self._exit_told(call, "HANGUP")
        self._ends(call)

    def _served(self, guest: Guest) -> None:
        call = self._by_channel[guest.channel.uniqueid]
        self._exit_told(call, "CONTINUE")
        self._in_flow(call)
        self._tell(call, call_facts.NodeEntered, "survey")
        pause = self.random.uniform(0.5, 20.0)
        if self.random.random() < self.plan.chances.again_after_talk and len(call.truth.visits) < 5:
            room = call.queue
            assert room is not None  # noqa: S101 - he comes out of one
            self._later(pause, call, lambda call: self._enters(call, room))
        else:
            self._later(pause, call, self.random.choice((self._finishes, self._hangs_up)))

    def _sent_away(self, guest: Guest, at_last: Callable[[], None]) -> None:
        """Transferred or redirected: he talks on where no queue sees him, and hangs up some time."""
        call = self._by_channel[guest.channel.uniqueid]
        call.channel.applications.append((self.clock.now_us, "Dial"))
        call.channel.context = "ivrd-phones"

        def hangs_up(call: _Call) -> None:
            self.wire.say(call.channel.uniqueid, "HangupRequest", call.channel, None, ("Cause",), ("16",))
            at_last()
            self._ends(call)

        self._later(self.random.uniform(3, 90), call, hangs_up)

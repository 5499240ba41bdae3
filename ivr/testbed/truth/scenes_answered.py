"""Scenes whose caller is answered in the end, and of agents who aren't there for him: for ``scenes``."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.testbed.truth.files import ANNOUNCEMENT
from ivr.testbed.truth.script import ALL, SIP, Contact, Queue, Scene, Stay, Told, Visit
from ivr.testbed.truth.telephone import Dialogue
from ivr.testbed.truth.world import Caller, On

CONNECT_IS_LATE = "CONNECT is written when the two are joined: the wait it tells has the delay or the announcement in it"
NO_HOLD = "queue_log knows no hold"


@dataclass(frozen=True, slots=True)
class Talk:
    """Caller and agent, talking."""

    caller: Caller
    agent: str  # the member's name
    phone: Dialogue
    channel: str  # hers, as Asterisk calls it
    picked_up_at: float
    joined_at: float  # when the two were put together; later than the pick-up where there is a delay

    def visit(self, queue: str, ended_at: float, ended_by: str, *, held: float = 0.0, entered_at: float = 0.0) -> Visit:
        wait = self.picked_up_at - (entered_at or self.caller.joined_at)
        return Visit(queue, "answered", wait, self.agent, ended_by, ended_at - self.joined_at, held, ended_by == "transfer")

    def as_logged(self, queue: str, ended_at: float, ended_by: str) -> Visit:
        """With what CONNECT counts as wait."""
        return Visit(queue, "answered", self.joined_at - self.caller.joined_at, self.agent, ended_by, ended_at - self.joined_at)


async def talking(on: On, caller: Caller, agent: str = "ada", ring_s: float = 0.7, suffix: str = "") -> Talk:
    """Her telephone rings so long, she picks up, and they talk when this returns."""
    mark = on.mark()
    ringing = await on.phone(agent).rung()
    await on.rest(ring_s)
    await ringing.answer()
    joined_at, channel = await on.connected(agent, suffix, since=mark)
    return Talk(caller, on.name(agent), ringing, channel, ringing.answered_at, joined_at)


def answered(*visits: Visit) -> Contact:
    return Contact("answered", visits)


async def answered_caller_hangs(on: On) -> Told:
    talk = await talking(on, await on.caller())
    await on.rest(2.2)
    at = await talk.caller.hang_up()
    await talk.phone.over_there()
    return Told((answered(talk.visit(on.queue(), at, "caller")),))


async def answered_agent_hangs(on: On) -> Told:
    talk = await talking(on, await on.caller())
    await on.rest(1.4)
    at = await talk.phone.hang_up()
    await talk.caller.over_there()
    return Told((answered(talk.visit(on.queue(), at, "agent")),))


async def answered_with_the_agent(on: On) -> Told:
    """The line answers only when the agent does."""
    return await answered_caller_hangs(on)


async def answered_memberdelay(on: On) -> Told:
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    at = await talk.caller.hang_up()
    logged = (answered(talk.as_logged(on.queue(), at, "caller")),)
    return Told((answered(talk.visit(on.queue(), at, "caller")),), log=logged, because=CONNECT_IS_LATE)


async def answered_announcement(on: On) -> Told:
    """``answered_memberdelay`` with an announcement that the agent hears out."""
    return await answered_memberdelay(on)


async def answered_by_the_next(on: On) -> Told:
    """Ada's telephone rings in vain."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await ringing.over_there()
    talk = await talking(on, caller, "ben")
    await on.rest(1.2)
    at = await caller.hang_up()
    return Told((answered(talk.visit(on.queue(), at, "caller")),))


async def busy_and_declined(on: On) -> Told:
    """Ada is on another call, Ben presses her away, Cai answers."""
    caller = await on.caller()
    for agent, status in (("ada", "486 Busy Here"), ("ben", "603 Decline")):
        ringing = await on.phone(agent).rung()
        await on.rest(0.4)
        ringing.refuse(status)
    talk = await talking(on, caller, "cai")
    await on.rest(1.2)
    at = await caller.hang_up()
    return Told((answered(talk.visit(on.queue(), at, "caller")),))


async def answered_ringall(on: On) -> Told:
    caller = await on.caller()
    losers = [await on.phone(agent).rung() for agent in ("ada", "cai")]
    talk = await talking(on, caller, "ben", 0.9)
    for loser in losers:
        await loser.over_there()
    await on.rest(1.2)
    at = await caller.hang_up()
    return Told((answered(talk.visit(on.queue(), at, "caller")),))


async def agent_dump(on: On) -> Told:
    """Ada hangs up on the announcement that is hers alone; the caller stays, and Ben hears it out."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await ringing.answer()
    await on.rest(1.0)
    await ringing.hang_up()
    talk = await talking(on, caller, "ben")
    await on.rest(1.2)
    at = await caller.hang_up()
    logged = (answered(talk.as_logged(on.queue(), at, "caller")),)
    return Told((answered(talk.visit(on.queue(), at, "caller")),), log=logged, because=CONNECT_IS_LATE)


async def held(on: On) -> Told:
    talk = await talking(on, await on.caller())
    await on.rest(0.6)
    began = await talk.phone.hold()
    await on.rest(1.5)
    ended = await talk.phone.resume()
    await on.rest(0.6)
    at = await talk.caller.hang_up()
    logged = (answered(talk.visit(on.queue(), at, "caller")),)
    return Told((answered(talk.visit(on.queue(), at, "caller", held=ended - began)),), log=logged, because=NO_HOLD)


async def hung_up_on_hold(on: On) -> Told:
    """The caller has enough of the music."""
    talk = await talking(on, await on.caller())
    await on.rest(0.6)
    began = await talk.phone.hold()
    await on.rest(1.5)
    at = await talk.caller.hang_up()
    logged = (answered(talk.visit(on.queue(), at, "caller")),)
    return Told((answered(talk.visit(on.queue(), at, "caller", held=at - began)),), log=logged, because=NO_HOLD)


async def agent_dies(on: On) -> Told:
    """Her telephone is gone from the net, and says nothing of it: Asterisk ends the call when no RTP has come for 2 s."""
    talk = await talking(on, await on.caller())
    await on.rest(1.0)
    mark = on.mark()
    on.phone("ada").unplug()
    at, _ = await on.event("AgentComplete", since=mark, Queue=on.queue())
    await talk.caller.over_there()
    return Told((answered(talk.visit(on.queue(), at, "agent")),))


async def paused_and_back(on: On) -> Told:
    """She is on a pause when he calls, and answers when she is back."""
    who = {"Queue": on.queue(), "Interface": on.interface("ada")}
    await on.act("QueuePause", **who, Paused="true", Reason="lunch")
    caller = await on.caller()
    await on.rest(1.2)
    await on.act("QueuePause", **who, Paused="false", Reason="back")
    talk = await talking(on, caller)
    await on.rest(1.2)
    at = await caller.hang_up()
    rows = (("paused", on.name("ada"), "lunch"), ("unpaused", on.name("ada"), "back"))
    return Told((answered(talk.visit(on.queue(), at, "caller")),), agents=rows)


async def members(on: On) -> Told:
    """A shift without a call."""
    who = {"Queue": on.queue(), "Interface": on.interface("ben")}
    await on.add("ben", paused=True)
    await on.act("QueuePause", **who, Paused="false")
    await on.act("QueuePause", **who, Paused="true", Reason="training")
    await on.act("QueueRemove", **who)
    verbs = (("added paused", ""), ("unpaused", ""), ("paused", "training"), ("removed", ""))
    return Told((), agents=tuple((verb, on.name("ben"), reason) for verb, reason in verbs))


async def twice_answered(on: On) -> Told:
    """The first visit runs into the queue's timeout, in the second he is answered."""
    caller = await on.caller()
    mark = on.mark()
    ringing = await on.phone("ada").rung()
    await ringing.over_there()
    left, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    again, _ = await on.event("QueueCallerJoin", since=mark, Queue=on.queue())
    talk = await talking(on, caller)
    await on.rest(1.2)
    at = await caller.hang_up()
    first = Visit(on.queue(), "flow_timeout", left - caller.joined_at)
    return Told((answered(first, talk.visit(on.queue(), at, "caller", entered_at=again)),))


async def next_queue(on: On) -> Told:
    """Nobody in the first queue, so the dialplan puts him into another."""
    caller = await on.caller()
    left, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    again, _ = await on.event("QueueCallerJoin", Queue=on.queue("_b"))
    talk = await talking(on, caller, suffix="_b")
    await on.rest(1.2)
    at = await caller.hang_up()
    first = Visit(on.queue(), "flow_timeout", left - caller.joined_at)
    return Told((answered(first, talk.visit(on.queue("_b"), at, "caller", entered_at=again)),))


ADA = (Queue(("ada",)),)
SCENES = (
    Scene("answered_caller_hangs", "answered, and the caller hangs up", answered_caller_hangs, ADA, flavours=ALL),
    Scene(
        "answered_with_the_agent",
        "answered on a line that answers only with the agent",
        answered_with_the_agent,
        ADA,
        flavours=SIP,
        answered_first=False,
    ),
    Scene("answered_agent_hangs", "answered, and the agent hangs up", answered_agent_hangs, ADA, flavours=ALL),
    Scene(
        "answered_memberdelay", "answered through memberdelay", answered_memberdelay, (Queue(("ada",), {"memberdelay": 2}),), flavours=SIP
    ),
    Scene(
        "answered_announcement",
        "answered after an announcement to the agent",
        answered_announcement,
        (Queue(("ada",), {"announce": ANNOUNCEMENT}),),
        flavours=SIP,
    ),
    Scene(
        "answered_by_the_next",
        "one telephone rings in vain, the next is answered",
        answered_by_the_next,
        (Queue(("ada", "ben"), {"timeout": 2, "retry": 0}),),
        flavours=SIP,
    ),
    Scene(
        "busy_and_declined",
        "one agent is busy, one declines, the third answers",
        busy_and_declined,
        (Queue(("ada", "ben", "cai")),),
        flavours=SIP,
    ),
    Scene(
        "answered_ringall",
        "three telephones ring, one is answered",
        answered_ringall,
        (Queue(("ada", "ben", "cai"), {"strategy": "ringall"}),),
        flavours=SIP,
    ),
    Scene(
        "agent_dump",
        "an agent hangs up on the announcement, the next answers",
        agent_dump,
        (Queue(("ada", "ben"), {"announce": ANNOUNCEMENT}),),
        flavours=SIP,
    ),
    Scene("held", "the agent puts the caller on hold and comes back", held, ADA, flavours=SIP),
    Scene("hung_up_on_hold", "the caller hangs up while on hold", hung_up_on_hold, ADA, flavours=SIP),
    Scene("agent_dies", "the agent's telephone dies in the talk", agent_dies, ADA, flavours=SIP, phone_settings={"rtp_timeout": 2}),
    Scene("paused_and_back", "the agent is on a pause, and answers when back", paused_and_back, ADA),
    Scene("members", "a member is added, paused, unpaused, removed", members, ADA, others=("ben",), flavours=SIP),
    Scene(
        "twice_answered",
        "one caller in one queue twice, answered the second time",
        twice_answered,
        ADA,
        (Stay(2), "Wait(0.5)", Stay(60)),
        flavours=SIP,
    ),
    Scene(
        "next_queue",
        "timeout in one queue, answered in the next",
        next_queue,
        (Queue(), Queue(("ada",), suffix="_b")),
        (Stay(2), Stay(60, "_b")),
        flavours=SIP,
    ),
)

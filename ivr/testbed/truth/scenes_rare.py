"""Scenes found by playing at random: what app_queue says of them seems to be another story. For ``scenes``."""

from __future__ import annotations

from dataclasses import replace

from ivr.testbed.truth.scenes_answered import answered, talking
from ivr.testbed.truth.scenes_moved import REDIRECT_ROW
from ivr.testbed.truth.scenes_waiting import abandoned_memberdelay
from ivr.testbed.truth.script import SIP, Contact, Flavour, Queue, Scene, Stay, Told, Visit
from ivr.testbed.truth.world import On


async def redirect_to_queue(on: On) -> Told:
    """AMI Redirect of a waiting caller into another queue, where he is answered: ABANDON first, and he lives."""
    caller = await on.caller()
    await on.rest(1.0)
    mark = on.mark()
    await on.act("Redirect", Channel=caller.channel, Context=on.context, Exten=on.back, Priority="1")
    left, _ = await on.event("QueueCallerLeave", since=mark, Queue=on.queue())
    again, _ = await on.event("QueueCallerJoin", since=mark, Queue=on.queue("_b"))
    talk = await talking(on, caller, suffix="_b")
    await on.rest(1.2)
    at = await caller.hang_up()
    first = Visit(on.queue(), "moved", left - caller.joined_at)
    return Told((answered(first, talk.visit(on.queue("_b"), at, "caller", entered_at=again)),))


async def redirect_talking_soon(on: On) -> Told:
    """The redirected caller hangs up so soon that AgentComplete, which says he ended the talk, may be of its end by its time."""
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    await on.act("Redirect", Channel=talk.caller.channel, Context=on.context, Exten=on.transfer, Priority="1")
    at, _ = await on.event("Hangup", Channel=f"{on.device('ada')}-*")
    await on.rest(0.5)
    last = await talk.caller.hang_up()
    visit = replace(talk.visit(on.queue(), at, "transfer"), transferred=False)
    return Told((answered(visit),), log=(answered(talk.visit(on.queue(), last, "caller")),), because=REDIRECT_ROW)


async def empty_twice(on: On) -> Told:
    """In and out of an empty queue, and in and out again: row for row the same, within a second."""
    caller = await on.caller()
    left, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    visit = Visit(on.queue(), "flow_empty", left - caller.joined_at)
    return Told((Contact("abandoned_queue", (visit, visit)),))


async def attended_transfer_same_queue(on: On) -> Told:
    """The agent calls her own queue, and the caller takes her place in its wait."""
    talk = await talking(on, await on.caller())
    await on.rest(0.8)
    mark = on.mark()
    asking = on.phone("ada").dial(on.front)
    again, _ = await on.event("QueueCallerJoin", since=mark, Queue=on.queue())
    ringing = await on.phone("ben").rung()
    await on.phone("ada").within(asking.answered.wait(), "the queue's answer")
    await on.rest(0.5)
    await talk.phone.transfer_to(asking)
    at, _ = await on.event("Hangup", Channel=talk.channel)
    await on.rest(0.8)
    await ringing.answer()
    joined_at, _ = await on.connected("ben", since=mark)
    await on.rest(1.2)
    last = await talk.caller.hang_up()
    second = Visit(on.queue(), "answered", ringing.answered_at - again, on.name("ben"), "caller", last - joined_at)
    return Told((answered(talk.visit(on.queue(), at, "transfer"), second),))


ADA = (Queue(("ada",)),)
SCENES = (
    Scene(
        "abandoned_memberdelay_continued",
        "he hangs up during memberdelay, with Queue()'s option c",
        abandoned_memberdelay,
        (Queue(("ada",), {"memberdelay": 4}),),
        (Stay(120, options="c"),),
        flavours=(Flavour.THEIRS,),
    ),
    Scene(
        "redirect_to_queue",
        "AMI Redirect of the waiting caller into another queue",
        redirect_to_queue,
        (Queue(), Queue(("ada",), suffix="_b")),
        back=(Stay(60, "_b"),),
    ),
    Scene(
        "redirect_talking_soon",
        "AMI Redirect of the talking caller, who hangs up at once",
        redirect_talking_soon,
        ADA,
        transfer=("Wait(30)",),
        flavours=SIP,
    ),
    Scene(
        "empty_twice",
        "in and out of an empty queue twice within a second",
        empty_twice,
        (Queue((), {"leavewhenempty": "yes"}),),
        (Stay(), Stay()),
        flavours=SIP,
    ),
    Scene(
        "attended_transfer_same_queue",
        "attended transfer into the wait of the agent's own queue",
        attended_transfer_same_queue,
        (Queue(("ada", "ben")),),
        flavours=SIP,
    ),
)

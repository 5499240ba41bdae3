"""Scenes in which a caller or a whole Asterisk goes elsewhere: transfers, redirections, stops. For ``scenes``."""

from __future__ import annotations

from dataclasses import replace

from ivr.testbed.truth.files import PHONES
from ivr.testbed.truth.scenes_answered import NO_HOLD, Talk, answered, talking
from ivr.testbed.truth.script import ALL, BY_CHANCE, SIP, Contact, Flavour, Queue, Scene, Stay, Told, Visit
from ivr.testbed.truth.world import Caller, On

REDIRECT_ROW = "the row COMPLETECALLER comes when the redirected caller hangs up at last, and counts the talk until then"
BEHIND_LOCAL = "behind Local/…/n the queue sees no transfer: its own end of the Local channel stays until the caller hangs up"
HER_CALL = (
    "the second visit is that of her own call, and ends with it in either source, though her colleague talks on with the caller; "
    "whether COMPLETECALLER, ATTENDEDTRANSFER or both are said of it is chance (measured: nine times in ten the first)"
)
BY_CODE = f"{NO_HOLD}; and now and then (measured: once in sixteen, on a busy machine) COMPLETEAGENT instead of ATTENDEDTRANSFER"
STOP_ROWS = "the rows are those of people who hang up, and the log ends there: QUEUESTART comes with the next start"
LAST_WORD = "neither source has a word of the end itself: it was between the last they tell and the next start"


async def redirect_ringing(on: On) -> Told:
    """AMI Redirect takes a caller out of the queue while a telephone rings for him."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await on.rest(0.8)
    await _redirect(on, caller)
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await ringing.over_there()
    await caller.over_there()
    same = "the rows are those of a caller who hung up, word for word"
    log = (Contact("abandoned_ring", (Visit(on.queue(), "abandoned_ring", at - caller.joined_at),)),)
    return Told((Contact("abandoned_queue", (Visit(on.queue(), "moved", at - caller.joined_at),)),), log=log, because=same)


async def redirect_talking(on: On) -> Told:
    """AMI Redirect of the talking caller: the agent is rid of him at once, AgentComplete comes when he hangs up."""
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    await _redirect(on, talk.caller)
    at, _ = await on.event("Hangup", Channel=f"{on.device('ada')}-*")
    await on.rest(2.0)
    last = await talk.caller.hang_up()
    visit = replace(talk.visit(on.queue(), at, "transfer"), transferred=False)
    log = (answered(talk.visit(on.queue(), last, "caller")),)
    return Told((answered(visit),), log=log, because=REDIRECT_ROW)


async def _redirect(on: On, caller: Caller) -> None:
    await on.act("Redirect", Channel=caller.channel, Context=on.context, Exten=on.transfer, Priority="1")


async def blind_transfer(on: On) -> Told:
    """To a telephone that is no agent's."""
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    at = await talk.phone.transfer(on.outside.number)
    ringing = await on.outside.rung()
    await on.rest(0.5)
    await ringing.answer()
    await on.rest(1.0)
    last = await talk.caller.hang_up()
    truth = (answered(talk.visit(on.queue(), at, "transfer")),)
    if on.flavour is Flavour.LOCAL:
        return Told(truth, log=(answered(talk.visit(on.queue(), last, "caller")),), because=BEHIND_LOCAL)
    return Told(truth)


async def blind_transfer_queue(on: On) -> Told:
    """To another queue, where he is answered again."""
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    at = await talk.phone.transfer(on.back)
    again, _ = await on.event("QueueCallerJoin", Queue=on.queue("_b"))
    second = await talking(on, talk.caller, "ben", suffix="_b")
    await on.rest(1.2)
    last = await talk.caller.hang_up()
    visits = (talk.visit(on.queue(), at, "transfer"), second.visit(on.queue("_b"), last, "caller", entered_at=again))
    return Told((answered(*visits),))


async def attended_transfer(on: On) -> Told:
    """The agent asks somebody outside first, with the caller on hold, then puts the two together."""
    talk = await talking(on, await on.caller())
    await on.rest(0.8)
    hold_at = await talk.phone.hold()
    asking = on.phone("ada").dial(on.outside.number)
    ringing = await on.outside.rung()
    await on.rest(0.3)
    await ringing.answer()
    await on.phone("ada").within(asking.answered.wait(), "an answer from outside")
    await on.rest(0.8)
    await talk.phone.transfer_to(asking)
    at, _ = await on.event("Hangup", Channel=talk.channel)  # a BYE comes only when she hangs up herself
    await on.rest(1.0)
    await talk.caller.hang_up()
    visit = talk.visit(on.queue(), at, "transfer", held=at - hold_at)
    return Told((answered(visit),), log=(answered(replace(visit, held=0.0)),), because=NO_HOLD)


async def blind_transfer_by_ami(on: On) -> Told:
    """A supervisor's program does it, not the agent's telephone."""
    talk = await talking(on, await on.caller())
    await on.rest(1.2)
    await on.act("BlindTransfer", Channel=talk.channel, Context=PHONES, Exten=on.outside.number)
    at, _ = await on.event("Hangup", Channel=talk.channel)
    ringing = await on.outside.rung()
    await on.rest(0.5)
    await ringing.answer()
    await on.rest(1.0)
    await talk.caller.hang_up()
    return Told((answered(talk.visit(on.queue(), at, "transfer")),))


async def attended_transfer_by_code(on: On) -> Told:
    """By Asterisk's own feature code, which AMI's Atxfer presses: done when the agent hangs up."""
    talk = await talking(on, await on.caller())
    await on.rest(0.8)
    await on.act("Atxfer", Channel=talk.channel, Context=PHONES, Exten=on.outside.number)
    held_at, _ = await on.event("Hold", Channel=talk.channel)
    ringing = await on.outside.rung()
    await on.rest(0.3)
    await ringing.answer()
    await on.rest(0.8)
    at = await talk.phone.hang_up()
    await on.rest(1.0)
    await talk.caller.hang_up()
    visit = talk.visit(on.queue(), at, "transfer", held=at - held_at)
    logged = replace(visit, held=0.0, ended_by=BY_CHANCE, transferred=BY_CHANCE)
    return Told((answered(visit),), log=(answered(logged),), because=BY_CODE)


async def attended_transfer_queue(on: On) -> Told:
    """The agent calls another queue herself, talks with the agent there, then puts the caller through."""
    talk = await talking(on, await on.caller())
    await on.rest(0.8)
    asking = on.phone("ada").dial(on.back)
    again, _ = await on.event("QueueCallerJoin", Queue=on.queue("_b"))
    second = await talking(on, talk.caller, "ben", suffix="_b")
    await on.rest(0.8)
    await talk.phone.transfer_to(asking)
    at, _ = await on.event("Hangup", Channel=talk.channel)  # a BYE comes only when she hangs up herself
    await on.rest(1.0)
    last = await talk.caller.hang_up()
    first, her_own = answered(talk.visit(on.queue(), at, "transfer")), second.visit(on.queue("_b"), last, "caller", entered_at=again)
    told = (first, answered(replace(her_own, talk=at - second.joined_at, ended_by=BY_CHANCE, transferred=BY_CHANCE)))
    return Told((first, answered(her_own)), ami=told, log=told, both=told, because=HER_CALL)


async def attended_transfer_waiting(on: On) -> Told:
    """The same, but she doesn't wait for an agent there: the caller takes her place in the queue."""
    talk = await talking(on, await on.caller())
    await on.rest(0.8)
    asking = on.phone("ada").dial(on.back)
    again, _ = await on.event("QueueCallerJoin", Queue=on.queue("_b"))
    mark = on.mark()
    ringing = await on.phone("ben").rung()
    await on.phone("ada").within(asking.answered.wait(), "the other queue's answer")
    await on.rest(0.5)
    await talk.phone.transfer_to(asking)
    at, _ = await on.event("Hangup", Channel=talk.channel)  # a BYE comes only when she hangs up herself
    await on.rest(0.8)
    await ringing.answer()
    joined_at, _ = await on.connected("ben", "_b", since=mark)
    await on.rest(1.2)
    last = await talk.caller.hang_up()
    second = Visit(on.queue("_b"), "answered", ringing.answered_at - again, on.name("ben"), "caller", last - joined_at)
    return Told((answered(talk.visit(on.queue(), at, "transfer"), second),))


async def core_stop(on: On) -> Told:
    """``core stop now`` while one talks and one waits."""
    talk, waiting = await _two(on)
    at = await on.world.stop_now()
    await waiting.over_there()
    ended = Contact("system_error", (Visit(on.queue(), "failed", at - waiting.joined_at),))
    log = (
        answered(talk.visit(on.queue(), at, BY_CHANCE)),
        Contact("abandoned_queue", (Visit(on.queue(), "abandoned_wait", at - waiting.joined_at),)),
    )
    return Told((answered(talk.visit(on.queue(), at, "system")), ended), log=log, because=STOP_ROWS)


async def core_restart(on: On) -> Told:
    """The same, and Asterisk is started again: its log says so."""
    talk, waiting = await _two(on)
    at = await on.world.stop_now()
    await on.world.start_again()
    ended = Contact("system_error", (Visit(on.queue(), "failed", at - waiting.joined_at),))
    return Told((answered(talk.visit(on.queue(), at, "system")), ended))


async def killed(on: On) -> Told:
    """Asterisk dies without a word while one talks and one waits, and is started again."""
    talk, waiting = await _two(on)
    await on.world.kill()
    again = await on.world.start_again()

    talked = replace(talk.visit(on.queue(), again, "system"), talk=(waiting.joined_at - talk.joined_at, again - talk.joined_at))
    failed = Visit(on.queue(), "failed", (0.0, again - waiting.joined_at))
    return Told((answered(talked), Contact("system_error", (failed,))), because=LAST_WORD)


async def _two(on: On) -> tuple[Talk, Caller]:
    talk = await talking(on, await on.caller(0))
    waiting = await on.caller(1)
    await on.rest(1.5)
    return talk, waiting


TWO_QUEUES = (Queue(("ada",)), Queue(("ben",), suffix="_b"))
ADA = (Queue(("ada",)),)
ON_AND_ON = ("Wait(30)",)
THERE = (Stay(60, "_b"),)
SCENES = (
    Scene("redirect_ringing", "AMI Redirect of the caller while a telephone rings", redirect_ringing, ADA, transfer=("Wait(1)",)),
    Scene("redirect_talking", "AMI Redirect of the talking caller", redirect_talking, ADA, transfer=ON_AND_ON, flavours=ALL),
    Scene("blind_transfer", "blind transfer to a telephone", blind_transfer, ADA, others=("outside",), flavours=ALL),
    Scene("blind_transfer_queue", "blind transfer to another queue", blind_transfer_queue, TWO_QUEUES, back=THERE, flavours=SIP),
    Scene("attended_transfer", "attended transfer to a telephone", attended_transfer, ADA, others=("outside",), flavours=SIP),
    Scene(
        "blind_transfer_by_ami",
        "blind transfer by AMI's BlindTransfer",
        blind_transfer_by_ami,
        ADA,
        others=("outside",),
        flavours=SIP,
    ),
    Scene(
        "attended_transfer_by_code",
        "attended transfer by Asterisk's feature code",
        attended_transfer_by_code,
        ADA,
        (Stay(120, options="t"),),
        others=("outside",),
        flavours=(Flavour.THEIRS,),
    ),
    Scene(
        "attended_transfer_queue",
        "attended transfer to another queue's agent",
        attended_transfer_queue,
        TWO_QUEUES,
        back=THERE,
        flavours=SIP,
    ),
    Scene(
        "attended_transfer_waiting",
        "attended transfer into another queue's wait",
        attended_transfer_waiting,
        TWO_QUEUES,
        back=THERE,
        flavours=SIP,
    ),
    Scene("core_stop", "Asterisk is stopped under a talk and a wait", core_stop, ADA, flavours=SIP, own_asterisk=True),
    Scene(
        "core_restart", "Asterisk is stopped under a talk and a wait, and started again", core_restart, ADA, flavours=SIP, own_asterisk=True
    ),
    Scene("killed", "Asterisk is killed under a talk and a wait, and started again", killed, ADA, flavours=SIP, own_asterisk=True),
)

"""Scenes whose caller is not answered, or is not even let in. For ``scenes``.

What each tells at its end is what was done in it, with the times at which it was done.
"""

from __future__ import annotations

from ivr.testbed.truth.files import ANNOUNCEMENT, ANNOUNCEMENT_S, EXIT_KEY
from ivr.testbed.truth.script import ALL, SIP, Contact, Flavour, Queue, Scene, Stay, Told, Visit
from ivr.testbed.truth.world import On

NO_ROW = "nothing is written to queue_log of a caller who isn't let in, but by our own dialplan"


def unserved(on: On, outcome: str, wait: float, contact: str = "abandoned_queue", suffix: str = "") -> Contact:
    """One contact of one visit that no agent answered."""
    return Contact(contact, (Visit(on.queue(suffix), outcome, wait),))


async def abandoned_wait(on: On) -> Told:
    caller = await on.caller()
    await on.rest(1.6)
    at = await caller.hang_up()
    return Told((unserved(on, "abandoned_wait", at - caller.joined_at),))


async def abandoned_ring(on: On) -> Told:
    caller = await on.caller()
    await on.phone("ada").rung()
    await on.rest(1.2)
    at = await caller.hang_up()
    return Told((unserved(on, "abandoned_ring", at - caller.joined_at, "abandoned_ring"),))


async def abandoned_unanswered(on: On) -> Told:
    """His call has not even been answered: he takes it back by CANCEL."""
    return await abandoned_ring(on)


async def abandoned_between_rings(on: On) -> Told:
    """Her telephone has rung in vain, and he goes before it rings again: nobody's telephone rings when he hangs up."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await ringing.over_there()
    await on.rest(0.8)
    at = await caller.hang_up()
    return Told((unserved(on, "abandoned_wait", at - caller.joined_at),))


async def abandoned_ringall(on: On) -> Told:
    caller = await on.caller()
    for agent in ("ada", "ben", "cai"):
        await on.phone(agent).rung()
    await on.rest(1.0)
    at = await caller.hang_up()
    return Told((unserved(on, "abandoned_ring", at - caller.joined_at, "abandoned_ring"),))


async def abandoned_memberdelay(on: On) -> Told:
    """The agent has picked up already, and waits for the delay to pass."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await on.rest(0.5)
    await ringing.answer()
    await on.rest(1.0)
    at = await caller.hang_up()
    late = "app_queue notices only when the delay is over, and writes then"
    log = (unserved(on, "abandoned_ring", ringing.answered_at - caller.joined_at + 4.0, "abandoned_ring"),)
    return Told((unserved(on, "abandoned_ring", at - caller.joined_at, "abandoned_ring"),), log=log, because=late)


async def abandoned_announcement(on: On) -> Told:
    """The agent has picked up, and hears the announcement that is his alone."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await ringing.answer()
    await on.rest(1.0)
    at = await caller.hang_up()
    late = "app_queue notices only when the announcement is over, and writes then"
    log = (unserved(on, "abandoned_ring", ringing.answered_at - caller.joined_at + ANNOUNCEMENT_S, "abandoned_ring"),)
    return Told((unserved(on, "abandoned_ring", at - caller.joined_at, "abandoned_ring"),), log=log, because=late)


async def queue_timeout(on: On) -> Told:
    caller = await on.caller()
    await on.phone("ada").rung()
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told((unserved(on, "flow_timeout", at - caller.joined_at),))


async def queue_timeout_nobody(on: On) -> Told:
    """The same with nobody to ring."""
    caller = await on.caller()
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told((unserved(on, "flow_timeout", at - caller.joined_at),))


async def hung_up_after_timeout(on: On) -> Told:
    """The queue's time is over, the dialplan goes on, and only then the caller hangs up."""
    caller = await on.caller()
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await on.rest(0.4)
    await caller.hang_up()
    return Told((unserved(on, "flow_timeout", at - caller.joined_at),))


async def leave_empty(on: On) -> Told:
    await on.add("ada")
    caller = await on.caller()
    await on.rest(0.7)
    await on.act("QueueRemove", Queue=on.queue(), Interface=on.interface("ada"))
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told(
        (unserved(on, "flow_empty", at - caller.joined_at),), agents=(("added", on.name("ada"), ""), ("removed", on.name("ada"), ""))
    )


async def leave_empty_paused(on: On) -> Told:
    """The only agent goes on a pause, and nobody is left who could answer."""
    caller = await on.caller()
    await on.rest(0.7)
    await on.act("QueuePause", Queue=on.queue(), Interface=on.interface("ada"), Paused="true", Reason="lunch")
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told((unserved(on, "flow_empty", at - caller.joined_at),), agents=(("paused", on.name("ada"), "lunch"),))


async def join_empty(on: On) -> Told:
    caller = await on.refused()
    await caller.over_there()
    truth = (unserved(on, "join_empty", 0.0, "rejected_capacity"),)
    return Told(truth) if on.flavour is Flavour.OURS else Told(truth, log=(), because=NO_ROW)


async def full(on: On) -> Told:
    first = await on.caller(0)
    second = await on.refused(1)
    await second.over_there()
    at = await first.hang_up()
    waited = unserved(on, "abandoned_wait", at - first.joined_at)
    truth = (waited, unserved(on, "full", 0.0, "rejected_capacity"))
    return Told(truth) if on.flavour is Flavour.OURS else Told(truth, log=(waited,), because=NO_ROW)


async def exit_key(on: On) -> Told:
    caller = await on.caller()
    await on.phone("ada").rung()
    await on.rest(1.0)
    at = await caller.press(EXIT_KEY)
    await caller.over_there()
    return Told((unserved(on, "flow_key", at - caller.joined_at),))


async def exit_key_nobody(on: On) -> Told:
    caller = await on.caller()
    await on.rest(1.0)
    at = await caller.press(EXIT_KEY)
    await caller.over_there()
    return Told((unserved(on, "flow_key", at - caller.joined_at),))


async def withdrawn(on: On) -> Told:
    caller = await on.caller()
    await on.rest(1.0)
    await on.act("QueueWithdrawCaller", Queue=on.queue(), Caller=caller.channel, WithdrawInfo="moved by hand")
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told((unserved(on, "withdrawn", at - caller.joined_at),))


async def withdrawn_ringing(on: On) -> Told:
    """Asterisk heeds it only when it stops ringing."""
    caller = await on.caller()
    ringing = await on.phone("ada").rung()
    await on.rest(0.6)
    await on.act("QueueWithdrawCaller", Queue=on.queue(), Caller=caller.channel)
    await ringing.over_there()
    at, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    await caller.over_there()
    return Told((unserved(on, "withdrawn", at - caller.joined_at),))


async def redirect_waiting(on: On) -> Told:
    """AMI Redirect takes a waiting caller out of the queue: app_queue says ABANDON, and he lives."""
    caller = await on.caller()
    await on.rest(1.0)
    mark = on.mark()
    await on.act("Redirect", Channel=caller.channel, Context=on.context, Exten=on.transfer, Priority="1")
    at, _ = await on.event("QueueCallerLeave", since=mark, Queue=on.queue())
    await caller.over_there()
    same = "the row is the ABANDON of a caller who hung up, word for word"
    log = (unserved(on, "abandoned_wait", at - caller.joined_at),)
    return Told((unserved(on, "moved", at - caller.joined_at),), log=log, because=same)


async def twice(on: On) -> Told:
    """One caller, one queue, two visits: the first runs into its timeout, in the second he hangs up."""
    caller = await on.caller()
    mark = on.mark()
    left, _ = await on.event("QueueCallerLeave", Queue=on.queue())
    again, _ = await on.event("QueueCallerJoin", since=mark, Queue=on.queue())
    await on.rest(1.5)
    at = await caller.hang_up()
    visits = (Visit(on.queue(), "flow_timeout", left - caller.joined_at), Visit(on.queue(), "abandoned_wait", at - again))
    return Told((Contact("abandoned_queue", visits),))


ADA = (Queue(("ada",)),)
NOBODY = (Queue(),)
SCENES = (
    Scene("abandoned_wait", "he waits while nobody's telephone rings, and hangs up", abandoned_wait, NOBODY),
    Scene("abandoned_ring", "he hangs up while the agent's telephone rings", abandoned_ring, ADA, flavours=ALL),
    Scene(
        "abandoned_unanswered",
        "he hangs up while it rings, on a line that answers only with the agent",
        abandoned_unanswered,
        ADA,
        flavours=SIP,
        answered_first=False,
    ),
    Scene(
        "abandoned_between_rings",
        "it rang in vain, and he hangs up before it rings again",
        abandoned_between_rings,
        (Queue(("ada",), {"timeout": 1, "retry": 5}),),
    ),
    Scene(
        "abandoned_ringall",
        "he hangs up while three telephones ring",
        abandoned_ringall,
        (Queue(("ada", "ben", "cai"), {"strategy": "ringall"}),),
        flavours=SIP,
    ),
    Scene(
        "abandoned_memberdelay",
        "he hangs up during memberdelay, after the agent picked up",
        abandoned_memberdelay,
        (Queue(("ada",), {"memberdelay": 4}),),
        flavours=ALL,
    ),
    Scene(
        "abandoned_announcement",
        "he hangs up while the agent hears the announcement",
        abandoned_announcement,
        (Queue(("ada",), {"announce": ANNOUNCEMENT}),),
        flavours=SIP,
    ),
    Scene("queue_timeout", "Queue()'s own timeout, while the telephone rings", queue_timeout, ADA, (Stay(3),)),
    Scene("queue_timeout_nobody", "Queue()'s own timeout, with nobody to ring", queue_timeout_nobody, NOBODY, (Stay(2),)),
    Scene(
        "hung_up_after_timeout",
        "the queue's timeout first, his hang-up a moment later",
        hung_up_after_timeout,
        NOBODY,
        (Stay(2), "Wait(5)"),
    ),
    Scene(
        "leave_empty",
        "the only member is removed while he waits",
        leave_empty,
        (Queue((), {"leavewhenempty": "yes", "timeout": 1, "retry": 1}),),
        others=("ada",),
    ),
    Scene(
        "leave_empty_paused",
        "the only member goes on a pause while he waits",
        leave_empty_paused,
        (Queue(("ada",), {"leavewhenempty": "paused", "timeout": 1, "retry": 1}),),
    ),
    Scene("join_empty", "refused at the door: the queue has no members", join_empty, (Queue((), {"joinempty": "no"}),)),
    Scene("full", "refused at the door: one is waiting, and there is room for one", full, (Queue((), {"maxlen": 1}),)),
    Scene("exit_key", "he presses the exit key while it rings", exit_key, ADA),
    Scene("exit_key_nobody", "he presses the exit key while nobody's telephone rings", exit_key_nobody, NOBODY),
    Scene("withdrawn", "QueueWithdrawCaller while he waits", withdrawn, NOBODY),
    Scene("withdrawn_ringing", "QueueWithdrawCaller while it rings", withdrawn_ringing, (Queue(("ada",), {"timeout": 2}),)),
    Scene("redirect_waiting", "AMI Redirect of the waiting caller", redirect_waiting, NOBODY, transfer=("Wait(1)",)),
    Scene("twice", "one caller in one queue twice", twice, NOBODY, (Stay(2), "Wait(0.5)", Stay(60))),
)

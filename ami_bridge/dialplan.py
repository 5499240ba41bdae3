"""extensions.conf: a caller's way through Asterisk, leg by leg, whether the daemon answers or not.

For ``asterisk_files`` only. The contract with the FastAGI server (and with the fallback script, which keeps the same one):

- every leg is ``AGI(agi://host:port/call,TOKEN,start)``, ``AGI(…,TOKEN,queue,<queue>,<QUEUESTATUS>)`` or
  ``AGI(…,TOKEN,dial,<phone>,<DIALSTATUS>)``;
- the server sets ``IVR_NEXT``: ``queue`` with ``IVR_QUEUE``, ``IVR_QUEUE_WAIT`` (s) and ``IVR_QUEUE_PRIO`` (0 to 10, higher goes
  first), ``dial`` with ``IVR_PHONE`` (a name of ours) and ``IVR_RING`` (s), or ``hangup``; and last of all ``IVR_DONE=1``. Only
  IVR_DONE decides: AGISTATUS is SUCCESS when a server dies in the middle of a call;
- a server that is alive and silent keeps its callers: neither their hang-up nor TIMEOUT(absolute) ends AGI() before the
  server closes the connection (measured, 22.10.1), so the server has deadlines of its own and a watchdog that ends it.
  AGIEXITONHANGUP would free the channel, and take from the server every command after a hang-up.
"""

from __future__ import annotations

from pathlib import Path

from ami_bridge.asking_dialplan import asking
from ami_bridge.conf_text import HEADER, ConfigurationError, directory, with_port, word
from ami_bridge.dialplan_text import HUNG_UP, KEYS_CONTEXT, dial, dial_exit, extension, queue, queue_exit
from ami_bridge.outbound_dialplan import CALLED_CONTEXT, outbound_contexts
from ami_bridge.pjsip_file import INBOUND_CONTEXT, PHONES_CONTEXT, dialled_address
from ami_bridge.plan import AsteriskPlan

CALL_CONTEXT = "ivrd-call"
LONGEST_LEGS = 12  # a flow that queues a caller this often goes round in circles
DEFAULT_WAIT_S = 90
MOST_FALLBACKS = 60  # scripts at a time, some 12 MB each; whoever comes then gets the static apology and the queue
LONGEST_WAIT_S = 3600
HIGHEST_PRIORITY = 10
LONGEST_RING_S = 300
PHONE_RING_S = 30
EXIT_KEY = "1"  # pressed while waiting: he would rather be called back
# What a dialled or calling number may consist of.
NUMBER = "0-9*#+"
# What else a calling number may hold legally (RFC 3966 visual separators): dropped, where any other character makes the
# whole number worthless. A call-back must not go to the digits left over of "138%0AX: 1".
SEPARATORS = r"\x28\x29.\x2d"
# A caller's name: printable ASCII without " and \, and every byte of UTF-8 beyond it, so that Chinese names stay whole.
# FILTER() works on bytes; in this form \x22 and \x5c are left out of the ranges.
NAME = r"\x20-\x21\x23-\x5b\x5d-\x7e\x80-\xff"
# The first character of what may be dialled: digits, + and *; '!' = whatever follows.
ANY_NUMBER = "_[0-9+*]!"


def extensions_conf(plan: AsteriskPlan) -> str:
    """The whole file. Raises ConfigurationError where a value of the plan can't stand in it."""
    if plan.fallback_queue not in {queue.name for queue in plan.queues}:
        raise ConfigurationError(f"fallback_queue is {plan.fallback_queue!r}, and there is no such queue.")
    blocks = [HEADER, _general(), _inbound(plan), _call(plan), _queue_keys(plan), asking(), _phones(plan), *outbound_contexts(plan)]
    return "\n\n".join(blocks) + "\n"


def _general() -> str:
    return "[general]\nstatic = yes\nwriteprotect = yes\nclearglobalvars = no"


def _inbound(plan: AsteriskPlan) -> str:
    """What a stranger sent is cleaned before anything else looks at it, and never put into an expression before that."""
    language = word(plan.language, "language", r"[a-z]{2}(_[A-Z]{2})?")
    steps = (
        f"Set(TIMEOUT(absolute)={plan.longest_call_s})",
        f"Set(CHANNEL(language)={language})",
        f"Set(IVR_SOUND=${{FILTER({NUMBER}{SEPARATORS},${{CALLERID(num)}})}})",
        # Lengths are compared here and below, for a length can't break an expression.
        "GotoIf($[${LEN(${IVR_SOUND})} = ${LEN(${CALLERID(num)})}]?sound)",
        "Set(IVR_SOUND=)",
        f"sound: Set(CALLERID(num)=${{FILTER({NUMBER},${{IVR_SOUND}})}})",
        f"Set(CALLERID(name)=${{FILTER({NAME},${{CALLERID(name)}})}})",
        f"Set(CALLERID(dnid)=${{FILTER({NUMBER},${{CALLERID(dnid)}})}})",
        "Set(CALLERID(ani)=${CALLERID(num)})",
        f"Set(IVR_DIALLED=${{FILTER({NUMBER},${{EXTEN}})}})",
        "GotoIf($[${LEN(${IVR_DIALLED})} = ${LEN(${EXTEN})}]?number)",
        # Something else than a number was dialled.
        "Hangup(1)",  # cause 1: unallocated number
        f"number: Goto({CALL_CONTEXT},${{IVR_DIALLED}},1)",
    )
    lines = [f"[{INBOUND_CONTEXT}]"]
    for number in _numbers(plan):
        lines += extension(number, *steps)
    return "\n".join(lines)


def _call(plan: AsteriskPlan) -> str:
    host = word(plan.agi_host, "agi_host", r"[A-Za-z0-9.:_-]{1,253}")
    daemon = f"agi://{with_port(host, plan.agi_port)}/call"
    token = word(plan.agi_token, "agi_token", r"[A-Za-z0-9_-]{8,256}")
    lines = [
        f"[{CALL_CONTEXT}]",
        *extension(
            ANY_NUMBER,
            "Set(IVR_LEG=0)",
            "Set(IVR_EVENT=start)",
            "Set(IVR_STATUS=)",
            "leg: Set(IVR_LEG=$[${IVR_LEG} + 1])",
            f"GotoIf($[${{IVR_LEG}} > {LONGEST_LEGS}]?goodbye)",
            *_cleared(),
            # The event may be "queue,<queue>,<status>": its commas become AGI()'s.
            f"AGI({daemon},{token},${{IVR_EVENT}})",
            'GotoIf($["${IVR_DONE}" = "1"]?served)',
            *_fallback(plan.fallback_command),
            "Goto(static)",
            'served: GotoIf($["${IVR_NEXT}" = "queue"]?queue)',
            'GotoIf($["${IVR_NEXT}" = "dial"]?dial)',
            'GotoIf($["${IVR_NEXT}" = "hangup"]?end)',
            "Log(ERROR,ivrd: IVR_NEXT says neither queue nor dial nor hangup)",
            "Goto(static)",
            "queue: Set(IVR_QUEUE=${FILTER(a-z0-9_\\x2d,${IVR_QUEUE})})",
            "GotoIf(${QUEUE_EXISTS(${IVR_QUEUE})}?wait)",
            "Log(ERROR,ivrd: IVR_QUEUE names no queue)",
            "Goto(static)",
            "wait: Set(IVR_QUEUE_WAIT=0${FILTER(0-9,${IVR_QUEUE_WAIT})})",
            f"GotoIf($[${{IVR_QUEUE_WAIT}} > 0 & ${{IVR_QUEUE_WAIT}} <= {LONGEST_WAIT_S}]?join)",
            f"Set(IVR_QUEUE_WAIT={DEFAULT_WAIT_S})",
            "join: Set(IVR_QUEUE_PRIO=0${FILTER(0-9,${IVR_QUEUE_PRIO})})",
            f"GotoIf($[${{IVR_QUEUE_PRIO}} <= {HIGHEST_PRIORITY}]?turn)",
            "Set(IVR_QUEUE_PRIO=0)",
            "turn: NoOp()",
            *queue("${IVR_QUEUE}", "${IVR_QUEUE_WAIT}", "${IVR_QUEUE_PRIO}"),
            "left: Set(IVR_EVENT=queue,${IVR_QUEUE},${IVR_STATUS})",
            "Goto(leg)",
            "dial: Set(IVR_PHONE=${FILTER(a-z0-9_\\x2d,${IVR_PHONE})})",
            "Set(IVR_ADDRESS=)",
            *_addresses(plan),
            'GotoIf($["${IVR_ADDRESS}" = ""]?nobody)',
            "Set(IVR_RING=0${FILTER(0-9,${IVR_RING})})",
            f"GotoIf($[${{IVR_RING}} > 0 & ${{IVR_RING}} <= {LONGEST_RING_S}]?ring)",
            f"Set(IVR_RING={PHONE_RING_S})",
            "ring: NoOp()",
            *dial("${IVR_ADDRESS}", "${IVR_RING}"),
            "dialled: Set(IVR_EVENT=dial,${IVR_PHONE},${IVR_STATUS})",
            "Goto(leg)",
            # A flow newer than this file: its own exit for a failed call is better than our fallback.
            "nobody: Log(ERROR,ivrd: IVR_PHONE names no telephone: the configuration is older than the flow)",
            "Set(IVR_STATUS=CHANUNAVAIL)",
            "Goto(dialled)",
            # The daemon is gone and so is the fallback script.
            "static: Answer()",
            # An agent has already served the caller: putting him into a queue again would be wrong.
            'GotoIf($["${IVR_STATUS}" = "CONTINUE" | "${IVR_STATUS}" = "ANSWER"]?goodbye)',
            "Playback(ivrd/fallback-apology)",
            *queue(plan.fallback_queue, str(DEFAULT_WAIT_S)),
            "goodbye: Answer()",
            "Playback(ivrd/fallback-goodbye)",
            "end: Hangup()",
        ),
        # The caller hung up in a queue or on a telephone, waiting or talking: no step after Queue() or Dial() runs, so it is told
        # here, of a queue by a word of ours that QUEUESTATUS never is. Empty means something else: he left by the exit key and lives.
        *extension(
            "h",
            'GotoIf($["${IVR_DIALLING}" = ""]?queued)',
            dial_exit("${IVR_DIALLING}", "${FILTER(A-Z,${DIALSTATUS})}"),
            'queued: GotoIf($["${IVR_IN_QUEUE}" = ""]?done)',
            queue_exit("${IVR_IN_QUEUE}", HUNG_UP),
            "done: NoOp()",
        ),
    ]
    return "\n".join(lines)


def _addresses(plan: AsteriskPlan) -> list[str]:
    """The daemon gives a telephone's name; what is dialled stands here and nowhere else."""
    steps = []
    for phone in plan.destinations:
        name = word(phone.name, f"the telephone's name {phone.name!r}", r"[a-z][a-z0-9_-]{0,31}")
        steps.append(f'Set(IVR_ADDRESS=${{IF($["${{IVR_PHONE}}" = "{name}"]?{dialled_address(phone, plan)}:${{IVR_ADDRESS}})}})')
    return steps


def _queue_keys(plan: AsteriskPlan) -> str:
    """The exit key, pressed while waiting: Queue() jumps here without a QUEUESTATUS (measured, 22.10.1), and the caller goes on as
    from any queue, with an empty status. Whoever we called goes back to waiting: he has pressed this key to talk to somebody."""
    steps = [
        "Set(IVR_STATUS=)",
        'GotoIf($["${IVR_IN_QUEUE}" = ""]?end)',
        "Set(IVR_QUEUE=${IVR_IN_QUEUE})",
        "Set(IVR_IN_QUEUE=)",
        queue_exit("${IVR_QUEUE}", ""),
    ]
    if plan.outbound is not None:
        steps.append(f'GotoIf($["${{IVR_CALLED}}" = "1"]?{CALLED_CONTEXT},s,queue)')
    steps += [f"Goto({CALL_CONTEXT},${{IVR_DIALLED}},left)", "end: Hangup()"]
    return "\n".join([f"[{KEYS_CONTEXT}]", *extension(EXIT_KEY, *steps)])


def _cleared() -> tuple[str, ...]:
    names = ("IVR_DONE", "IVR_NEXT", "IVR_QUEUE", "IVR_QUEUE_WAIT", "IVR_QUEUE_PRIO", "IVR_PHONE", "IVR_RING")
    return tuple(f"Set({name}=)" for name in names)


def _fallback(command: Path | None) -> tuple[str, ...]:
    if command is None:
        return ()
    path = directory(command, "fallback_command")
    return (
        "Log(WARNING,ivrd: the daemon did not finish a leg of ${CHANNEL(uniqueid)} and the fallback takes it)",
        *_cleared(),
        # Each is a process: under a rush that the daemon can't take, too many of them would take the rest of the machine too.
        "Set(GROUP(ivrd)=fallback)",
        f"GotoIf($[${{GROUP_COUNT(fallback@ivrd)}} > {MOST_FALLBACKS}]?crowded)",
        f"AGI({path},${{IVR_EVENT}})",
        "crowded: Set(GROUP(ivrd)=)",
        'GotoIf($["${IVR_DONE}" = "1"]?served)',
    )


def _phones(plan: AsteriskPlan) -> str:
    """Agents reach each other and the hotline, and nothing outside."""
    lines = [f"[{PHONES_CONTEXT}]"]
    for phone in plan.phones:
        lines += extension(phone.extension, f"Dial(PJSIP/{phone.extension},{PHONE_RING_S})", "Hangup()")
    for number in _numbers(plan):
        lines += extension(number, f"Goto({INBOUND_CONTEXT},${{FILTER({NUMBER},${{EXTEN}})}},1)")
    return "\n".join(lines)


def _numbers(plan: AsteriskPlan) -> tuple[str, ...]:
    if not plan.hotline_numbers:
        return (ANY_NUMBER,)
    return tuple(word(number, f"the hotline number {number!r}", r"\+?[0-9]{3,20}") for number in plan.hotline_numbers)

"""The way of a promised call through Asterisk: the digits are checked, the customer is called, and he presses 1 to be connected.

For ``dialplan`` only. ``Originate`` rings ``Local/<digits>@ivrd-callback/n`` and, once the customer has answered, runs
``ivrd-callback-answered`` on its near end. Nothing answers before the customer does. How it ends is told by
``UserEvent(CallbackResult,Result: …,Cause: …)`` and written into queue_log under the channel's id, where a daemon that was
away finds it (``results``):

- FORBIDDEN: no pattern takes these digits; BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL: DIALSTATUS, with the Q.850 cause;
- NOKEY: answered, and 1 was not pressed; KEY: it was; SERVED: an agent talked to him and hung up first;
- LEFT: he pressed 1 and the call ended otherwise. Whether he had talked by then, AgentConnect or queue_log tells.
"""

from __future__ import annotations

from ami_bridge.conf_text import word
from ami_bridge.dialplan_text import HUNG_UP, extension, queue, queue_exit
from ami_bridge.pjsip_file import OUTBOUND_TRUNK
from ami_bridge.plan import AsteriskPlan, OutboundPlan

DIAL_CONTEXT = "ivrd-callback"
CALLED_CONTEXT = "ivrd-callback-answered"
RESULT_EVENT = "CallbackResult"
LOGGED_AS = "CALLBACK"  # the event's name in queue_log
KEY_WAIT_S = 6
GREETINGS = 2
# The media of a call that was answered this moment is not there yet; the first word would be lost.
BREATH_S = 1
ANYTHING = "_[0-9+*#a-zA-Z]!"
PATTERN = r"_[0-9XZN\[\]-]{4,60}"


def outbound_contexts(plan: AsteriskPlan) -> list[str]:
    """Nothing when the plan calls nobody. Raises ConfigurationError where a value of the plan can't stand in them."""
    if plan.outbound is None:
        return []
    return [_dial(plan.outbound, plan.longest_call_s), _answered(plan)]


def _dial(outbound: OutboundPlan, longest_call_s: int) -> str:
    """The far end of the Local channel, named by the digits. A pattern has neither ``.`` nor ``!``: EXTEN is digits alone."""
    lines = [f"[{DIAL_CONTEXT}]"]
    for pattern in outbound.patterns:
        lines += extension(
            word(pattern, f"the pattern {pattern!r}", PATTERN),
            f"Set(TIMEOUT(absolute)={longest_call_s})",
            "Set(CB_TOLD=)",
            f"Dial(PJSIP/${{FILTER(0-9,${{EXTEN}})}}@{OUTBOUND_TRUNK},{outbound.ring_s})",
            "Set(CB_TOLD=1)",
            *_told("${FILTER(A-Z,${DIALSTATUS})}", "${FILTER(0-9,${HANGUPCAUSE})}"),
            "Hangup()",
        )
    lines += extension(ANYTHING, "Set(CB_TOLD=1)", *_told("FORBIDDEN"), "Hangup(21)")
    # Asterisk gave up ringing, or somebody hung the call up: Dial() didn't come back.
    lines += extension(
        "h",
        'GotoIf($["${CB_TOLD}${DIALSTATUS}" = "ANSWER" | "${CB_TOLD}" = "1"]?done)',
        *_told("CANCEL", "${FILTER(0-9,${HANGUPCAUSE})}"),
        "done: NoOp()",
    )
    return "\n".join(lines)


def _answered(plan: AsteriskPlan) -> str:
    """The near end, once the customer has answered. IVR_LANGUAGE, IVR_QUEUE, IVR_QUEUE_WAIT and IVR_CUSTOMER come with Originate."""
    lines = [f"[{CALLED_CONTEXT}]"]
    lines += extension(
        "s",
        f"Set(TIMEOUT(absolute)={plan.longest_call_s})",
        "Set(IVR_CALLED=1)",
        "Set(CB_RESULT=NOKEY)",
        "Set(CHANNEL(language)=${FILTER(a-z,${IVR_LANGUAGE})})",
        "Set(CALLERID(num)=${FILTER(0-9,${IVR_CUSTOMER})})",  # whom the agent's telephone shows
        "Set(IVR_QUEUE=${FILTER(a-z0-9_\\x2d,${IVR_QUEUE})})",
        "Set(IVR_QUEUE_WAIT=0${FILTER(0-9,${IVR_QUEUE_WAIT})})",
        f"Wait({BREATH_S})",
        f"Read(IVR_KEY,ivrd/callback-greeting,1,,{GREETINGS},{KEY_WAIT_S})",
        'GotoIf($["${IVR_KEY}" = "1"]?connect)',
        "Playback(ivrd/callback-goodbye)",
        "Hangup()",
        "connect: Set(CB_RESULT=LEFT)",
        *_told("KEY"),
        "GotoIf(${QUEUE_EXISTS(${IVR_QUEUE})}?greet)",
        f"Set(IVR_QUEUE={plan.fallback_queue})",
        "greet: Playback(ivrd/callback-connecting)",
        "queue: NoOp()",
        *queue("${IVR_QUEUE}", "${IVR_QUEUE_WAIT}"),
        'Set(CB_RESULT=${IF($["${IVR_STATUS}" = "CONTINUE"]?SERVED:LEFT)})',
        "Playback(ivrd/callback-goodbye)",
        "Hangup()",
    )
    lines += extension(
        "h",
        'GotoIf($["${IVR_IN_QUEUE}" = ""]?told)',
        queue_exit("${IVR_IN_QUEUE}", HUNG_UP),
        "told: NoOp()",
        *_told("${CB_RESULT}"),
    )
    return "\n".join(lines)


def _told(result: str, cause: str = "") -> tuple[str, ...]:
    """To who listens now, and to who asks later."""
    return (
        f"QueueLog(NONE,${{CHANNEL(uniqueid)}},NONE,{LOGGED_AS},{result}|0{cause})",
        f"UserEvent({RESULT_EVENT},Result: {result},Cause: 0{cause})",
    )

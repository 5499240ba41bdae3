"""How extensions and a caller's stay in a queue are written in extensions.conf. For ``dialplan`` and ``outbound_dialplan`` only."""

from __future__ import annotations

HUNG_UP = "HANGUP"
# Where the key goes that a caller presses while he waits; ``context`` of every queue.
KEYS_CONTEXT = "ivrd-queue-keys"

# FULL, JOINEMPTY, JOINUNAVAIL: he never was in the queue.
_REFUSED = '$["${IVR_STATUS}" = "FULL" | "${IVR_STATUS:0:4}" = "JOIN"]'


def extension(pattern: str, *steps: str) -> list[str]:
    """``label: App(…)`` becomes a labelled priority."""
    lines = []
    for number, step in enumerate(steps):
        label, colon, application = step.partition(": ")
        labelled = bool(colon) and label.isidentifier()
        name = f"({label})" if labelled else ""
        head = f"exten => {pattern},1{name}" if number == 0 else f" same => n{name}"
        lines.append(f"{head},{application if labelled else step}")
    return lines


def queue(name: str, wait_s: str, priority: str = "0") -> tuple[str, ...]:
    """Queue() and the report of how it ended: for a caller refused at the door (FULL, JOINEMPTY) no event and no
    queue_log row exists, QUEUESTATUS alone tells. So a row is written too, for a daemon that was away. Nothing stands after
    ``timeout``, where 20 and 22 differ.

    QUEUE_PRIO stays with the channel, so it is set for every queue anew; higher goes first."""
    return (
        "Set(QUEUESTATUS=)",
        f"Set(QUEUE_PRIO={priority})",
        f"Set(IVR_IN_QUEUE={name})",
        f"Queue({name},c,,,{wait_s})",
        "Set(IVR_IN_QUEUE=)",
        "Set(IVR_STATUS=${FILTER(A-Z,${QUEUESTATUS})})",
        queue_exit(name, "${IVR_STATUS}"),
        f"GotoIf({_REFUSED}?:$[${{PRIORITY}} + 2])",
        f"QueueLog({name},${{CHANNEL(uniqueid)}},NONE,${{IVR_STATUS}})",
    )


def dial(address: str, ring_s: str) -> tuple[str, ...]:
    """Dial() of a telephone and the report of how it ended. ``r``: the caller hears it ring at once; ``g``: he goes on after a talk."""
    return (
        "Set(DIALSTATUS=)",
        "Set(IVR_DIALLING=${IVR_PHONE})",
        f"Dial({address},{ring_s},gr)",
        "Set(IVR_DIALLING=)",
        "Set(IVR_STATUS=${FILTER(A-Z,${DIALSTATUS})})",
        dial_exit("${IVR_PHONE}", "${IVR_STATUS}"),
    )


def dial_exit(phone: str, status: str) -> str:
    return f"UserEvent(DialExit,Phone: {phone},DialStatus: {status})"


def queue_exit(queue: str, status: str) -> str:
    return f"UserEvent(QueueExit,Queue: {queue},QueueStatus: {status})"

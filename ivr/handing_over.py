"""How a leg ends and the next begins: what the dialplan is told, what it tells on return, and the walk's position between. For sessions.

Every way out sets what the dialplan goes on with, ``IVR_DONE`` last; without it the dialplan's own fallback takes the caller (R63).
"""

from __future__ import annotations

from typing import Any

from ami_bridge.agi import AgiCall, AgiCallerGoneError
from callflows.outcomes import DialEnd, DialLeft, QueueEnd, QueueLeft
from callflows.walk import Position
from ivr.store.sealing import Sealer

MASKED = "masked"
# QUEUESTATUS and DIALSTATUS (app_queue.c, app_dial.c, 22.10). Empty is our dialplan's exit key.
_QUEUE_ENDS = {
    "CONTINUE": QueueEnd.SERVED,
    "TIMEOUT": QueueEnd.TIMEOUT,
    "FULL": QueueEnd.FULL,
    "JOINEMPTY": QueueEnd.EMPTY,
    "JOINUNAVAIL": QueueEnd.EMPTY,
    "LEAVEEMPTY": QueueEnd.EMPTY,
    "LEAVEUNAVAIL": QueueEnd.EMPTY,
    "": QueueEnd.KEY,
}
_DIAL_ENDS = {"ANSWER": DialEnd.SERVED, "BUSY": DialEnd.BUSY, "NOANSWER": DialEnd.NO_ANSWER}


class HandedOver(Exception):  # noqa: N818 - the normal end of a leg, not an error
    """The dialplan has been told how to go on."""


def came_back(arguments: tuple[str, ...]) -> QueueLeft | DialLeft | None:
    """What the dialplan's event says; None for a call that begins."""
    step, *rest = arguments or ("start",)
    status = rest[1] if len(rest) > 1 else ""
    if step == "queue":
        return QueueLeft(_QUEUE_ENDS.get(status, QueueEnd.FAILED))
    return DialLeft(_DIAL_ENDS.get(status, DialEnd.FAILED)) if step == "dial" else None


async def to_queue(call: AgiCall, queue: str, wait_s: int, priority: int = 0) -> None:
    """Raises HandedOver, or AgiCallerGoneError and AgiFailureError as commands do."""
    await _hand_over(call, "queue", IVR_QUEUE=queue, IVR_QUEUE_WAIT=str(wait_s), IVR_QUEUE_PRIO=str(priority))


async def to_telephone(call: AgiCall, phone: str, ring_s: int) -> None:
    """As ``to_queue``."""
    await _hand_over(call, "dial", IVR_PHONE=phone, IVR_RING=str(ring_s))


async def to_the_end(call: AgiCall) -> None:
    """As ``to_queue``."""
    await _hand_over(call, "hangup")


async def _hand_over(call: AgiCall, next_step: str, **variables: str) -> None:
    """IVR_DONE last, for it alone says that we came to an end."""
    if call.caller_gone:
        raise AgiCallerGoneError
    for name, value in {"IVR_NEXT": next_step, **variables, "IVR_DONE": "1"}.items():
        await call.set_variable(name, value)
    raise HandedOver


def sealed(position: Position, sealer: Sealer) -> dict[str, Any]:
    """The position as a contact keeps it: what the caller typed unseen is never stored in clear."""
    data = position.as_json()
    for name in data.get(MASKED, ()):
        data["variables"][name] = sealer.seal(data["variables"][name])
    return data


def opened(stored: dict[str, Any], sealer: Sealer) -> Position:
    """Raises KeyError, TypeError, ValueError or SealBrokenError on anything that ``sealed`` didn't write with this key."""
    variables = dict(stored["variables"])
    for name in stored.get(MASKED, ()):
        variables[name] = sealer.open(variables[name])
    return Position.from_json({**stored, "variables": variables})

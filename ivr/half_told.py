"""What a caller has begun to tell, noted before his recording begins: a daemon killed under him, or one that had to let him go, files it.

The note holds where the walk stood. To file it, the walk is restored there and told that the caller has hung up: its own ``on_hang_up``
then files what was said so far, marked incomplete, with all that he had keyed in before (R10, R63). For sessions and ``ivr.kept_import``.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from callflows.effects import EnterNode, Say
from callflows.outcomes import CallerHungUp, Done, Recorded
from callflows.walk import Position, Walk
from ivr import handing_over
from ivr.domain.contacts import Contact
from ivr.errands import Errands
from ivr.house import House
from ivr.keeping import Kept, Kind, told
from ivr.playing import SHORTEST_RECORDING_S

# Asterisk writes a recording on without us, until the caller falls silent. Its file grows at least this often (stdio holds 2 s of it back).
STILL_GROWING_S = 10.0
WAV_HEADER_BYTES, WAV_BYTES_PER_S = 44, 16_000  # 8 kHz, 16 bits, mono


def note(house: House, contact: Contact, position: Position, reference: str, at: datetime) -> Kept:
    """He is asked to speak, into the recording ``reference``; one note a contact, the last one counts."""
    values = {
        "position": handing_over.sealed(position, house.sealer),
        "flow_version": contact.flow_version,
        "reference": reference,
    }
    return Kept(Kind.BEGUN, contact.id, contact.id, at, values, told(house.tracker.entries(contact.id)))


def is_over(kept: Kept, contact: Contact, house: House) -> bool:
    """Nobody of us speaks with him any more, and Asterisk records nothing more of him. Looks at a file."""
    if house.tracker.is_driven(contact.id):
        return False
    if contact.ended_at is not None:
        return True
    try:
        age_s = time.time() - _file(kept, house).stat().st_mtime
    except OSError:
        return True
    return age_s > STILL_GROWING_S


async def file(kept: Kept, contact: Contact, house: House) -> bool:
    """What was said becomes a complaint or a message, as the flow has it for whoever hangs up there. False: it can't be stored now.

    Filed again it is the same one. Raises what a broken note or flow raises.
    """
    recorded = await asyncio.to_thread(_recorded, kept, house)
    errands = Errands(house, contact.id, {recorded.reference: recorded.seconds} if recorded else {})
    walk = Walk(await house.flows.book(str(kept.values["flow_version"])), handing_over.opened(kept.values["position"], house.sealer))
    steps = walk.run()
    try:
        effect = next(steps)
        while isinstance(effect, EnterNode | Say):  # to where the recording began
            effect = steps.send(Done())
        effect = steps.throw(CallerHungUp(recorded))
        while True:
            effect = steps.send(Done() if isinstance(effect, EnterNode) else await errands.run(effect))
    except StopIteration:
        return not errands.anything_lost
    finally:
        steps.close()


def _recorded(kept: Kept, house: House) -> Recorded | None:
    """By its size: a recording that was cut off may have no length in its header."""
    try:
        size = _file(kept, house).stat().st_size
    except OSError:
        return None
    seconds = max(0, size - WAV_HEADER_BYTES) / WAV_BYTES_PER_S
    return Recorded(_reference(kept), round(seconds, 1)) if seconds >= SHORTEST_RECORDING_S else None


def _reference(kept: Kept) -> str:
    reference: Any = kept.values["reference"]
    return str(reference)


def _file(kept: Kept, house: House) -> Path:
    path = house.recordings / _reference(kept)
    return path.with_name(f"{path.name}.wav")

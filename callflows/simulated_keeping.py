"""What a simulated house keeps of a call: complaints, messages, promises, ratings, overrides; or fails to keep. For the simulator alone."""

from __future__ import annotations

from callflows.effects import AwaitStored, Effect, FileComplaint, KeepRating, OverrideHours, RememberChoice, RequestCallback, TakeMessage
from callflows.outcomes import (
    CallbackPromised,
    CallbackRefused,
    ComplaintFiled,
    ComplaintKept,
    Done,
    MessageTaken,
    NotStored,
    Outcome,
    StillStoring,
)
from callflows.simulated_call import SimulatedCall, plain
from callflows.surroundings import Surroundings

Keeping = FileComplaint | TakeMessage | RequestCallback | AwaitStored | KeepRating | RememberChoice | OverrideHours
_KINDS: dict[type[Effect], str] = {FileComplaint: "complaint", TakeMessage: "message", KeepRating: "rating", OverrideHours: "hours"}


def keep(effect: Keeping, call: SimulatedCall, house: Surroundings) -> Outcome:
    """Note it in ``call``, where this house can store it, and say how that came out."""
    late = house.stored == "late"
    match effect:
        case RememberChoice(name=name, value=value):
            call.remembered[name] = value
            return Done()
        case RequestCallback() if not (house.caller and house.promises and house.stored):
            return CallbackRefused()
        case FileComplaint() | TakeMessage() | RequestCallback() if late:
            return StillStoring()
        case AwaitStored(effect=awaited):
            return _kept(awaited, call, house)
    if not house.stored or late:
        return Done() if isinstance(effect, KeepRating) else NotStored()  # a rating that is lost is nothing to tell the caller
    return _kept(effect, call, house)


def _kept(effect: Keeping, call: SimulatedCall, house: Surroundings) -> Outcome:
    if isinstance(effect, RequestCallback):
        call.filed.append({"kind": "callback", "number": house.caller})
        return CallbackPromised()
    call.filed.append({"kind": _KINDS[type(effect)], **plain(effect)})
    match effect:
        case FileComplaint():
            return ComplaintKept() if house.stored == "late" else ComplaintFiled(f"C{house.at.astimezone(house.zone):%Y%m%d}00001")
        case TakeMessage():
            return MessageTaken()
        case _:
            return Done()

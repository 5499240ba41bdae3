"""What a simulated house keeps of a call: complaints, messages, promises, ratings, overrides; or fails to keep. For the simulator alone."""

from __future__ import annotations

from callflows.effects import Effect, FileComplaint, KeepRating, OverrideHours, RememberChoice, RequestCallback, TakeMessage
from callflows.outcomes import CallbackPromised, CallbackRefused, ComplaintFiled, Done, MessageTaken, NotStored, Outcome
from callflows.simulated_call import SimulatedCall, plain
from callflows.surroundings import Surroundings

Keeping = FileComplaint | TakeMessage | RequestCallback | KeepRating | RememberChoice | OverrideHours
_KINDS: dict[type[Effect], str] = {FileComplaint: "complaint", TakeMessage: "message", KeepRating: "rating", OverrideHours: "hours"}


def keep(effect: Keeping, call: SimulatedCall, house: Surroundings) -> Outcome:
    """Note it in ``call``, where this house can store it, and say how that came out."""
    match effect:
        case RememberChoice(name=name, value=value):
            call.remembered[name] = value
            return Done()
        case RequestCallback():
            if not (house.caller and house.promises and house.stored):
                return CallbackRefused()
            call.filed.append({"kind": "callback", "number": house.caller})
            return CallbackPromised()
    if not house.stored:
        return Done() if isinstance(effect, KeepRating) else NotStored()  # a rating that is lost is nothing to tell the caller
    call.filed.append({"kind": _KINDS[type(effect)], **plain(effect)})
    match effect:
        case FileComplaint():
            return ComplaintFiled(f"C{house.at.astimezone(house.zone):%Y%m%d}00001")
        case TakeMessage():
            return MessageTaken()
        case _:
            return Done()

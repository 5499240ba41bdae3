"""BlindTransfer and AttendedTransfer as facts. Used by ``translate`` alone.

Several channels stand in them, each with a prefix of its own. Who gave away is the transferer: the agent's leg, or, behind a Local
channel that stays (``/n``), the telephone beyond it, which no queue has called.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ami_bridge.agent_legs import AgentLegs
from ami_bridge.facts import CallTransferred, TransferKind
from ami_bridge.provenance import Channel, Reading

BLIND_PARTIES = ("Transferer", "Transferee")
ATTENDED_PARTIES = ("OrigTransferer", "SecondTransferer", "TransferTarget", "Transferee", "LocalOne", "LocalTwo", "DestTransferer")
_DONE = "Success"
_INTO_APPLICATION = "App"  # the second call was in no bridge: it waited in a queue, or heard something
_NOT_DONE = "Fail"  # DestType of an attended transfer that came to nothing


def blind(event: Reading, at: datetime, legs: AgentLegs) -> CallTransferred | None:
    if event["Result"] != _DONE:
        return None
    return _transferred(event, at, legs, TransferKind.BLIND, event.party("Transferer"), event["Extension"])


def attended(event: Reading, at: datetime, legs: AgentLegs) -> CallTransferred | None:
    if event["Result"] != _DONE or event.own.get("DestType") == _NOT_DONE:
        return None
    target = event.parties.get("TransferTarget")
    to = target.uniqueid if target is not None else event.own.get("DestApp", "")
    given = _transferred(event, at, legs, TransferKind.ATTENDED, event.party("OrigTransferer"), to)
    return replace(given, place=event.party("SecondTransferer").uniqueid) if event.own.get("DestType") == _INTO_APPLICATION else given


def _transferred(event: Reading, at: datetime, legs: AgentLegs, kind: TransferKind, by: Channel, to: str) -> CallTransferred:
    """A transferee isn't named when more than one was in the bridge; whom the agent talked with is known then."""
    talk = legs.talk_of(by.uniqueid)
    if (caller := event.parties.get("Transferee")) is not None:
        return CallTransferred(at, caller.linkedid, caller.uniqueid, kind, by.uniqueid, to)
    return CallTransferred(at, talk.contact if talk else by.linkedid, talk.call if talk else "", kind, by.uniqueid, to)

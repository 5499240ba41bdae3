"""One call as the things that happened in it, in order: menu nodes, queues, phones, the talk, the end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ivr.domain.contacts import Contact, Visit, VisitOutcome


@dataclass(frozen=True, slots=True)
class Moment:
    """``kind`` is a key of ``texts`` below ``call.``; ``node`` for a place in the menus, with the keys pressed there."""

    at: datetime
    kind: str
    node: str = ""
    keys: str = ""
    queue: str = ""
    agent: str = ""
    outcome: str = ""
    ended_by: str = ""
    seconds: float | None = field(default=None)


def timeline(contact: Contact) -> list[Moment]:
    """The oldest first; what happened at the same moment stays in the order it can only have happened in."""
    moments = [Moment(contact.started_at, "began")]
    moments += [Moment(step.at, "node", node=step.node, keys=step.keys) for step in contact.path]
    for visit in contact.visits:
        moments += _visit(visit)
    if contact.ended_at:
        moments.append(Moment(contact.ended_at, "ended", outcome=contact.outcome.value if contact.outcome else ""))
    return sorted(moments, key=lambda moment: moment.at)


def _visit(visit: Visit) -> list[Moment]:
    found = [Moment(visit.joined_at, "joined", queue=visit.queue)]
    for ring in visit.rings:
        found.append(Moment(ring.began_at, "rang", agent=ring.agent))
        if ring.ended_at and ring.agent_call != visit.agent_call:
            found.append(Moment(ring.ended_at, "rang_off", agent=ring.agent))
    if visit.answered_at:
        found.append(Moment(visit.answered_at, "answered", agent=visit.agent or "?", seconds=visit.wait_s))
    if visit.talk_ended_at:
        found.append(
            Moment(visit.talk_ended_at, "talk_ended", agent=visit.agent or "?", seconds=visit.talk_s, ended_by=visit.ended_by or "")
        )
    elif visit.left_at and visit.outcome and visit.outcome is not VisitOutcome.ANSWERED:
        found.append(Moment(visit.left_at, "left", queue=visit.queue, outcome=visit.outcome.value))
    return found

"""Why a visit has the outcome it has, in a few words for a person. Pure."""

from __future__ import annotations

from ivr.domain.contacts import Visit, VisitOutcome

_WHYS = {
    VisitOutcome.ABANDONED_WAIT: "the caller hung up while nobody's phone rang",
    VisitOutcome.ABANDONED_RING: "the caller hung up while a phone rang",
    VisitOutcome.FLOW_TIMEOUT: "the queue's time was up; the caller went on",
    VisitOutcome.FLOW_EMPTY: "the queue lost its agents; the caller went on",
    VisitOutcome.FLOW_KEY: "the caller pressed a key that leads out of the queue",
    VisitOutcome.WITHDRAWN: "the caller was withdrawn from the queue",
    VisitOutcome.MOVED: "somebody pulled the caller out of the queue; he lived on",
    VisitOutcome.FAILED: "Asterisk stopped, or gave the call up",
    VisitOutcome.FULL: "refused at the door: the queue was full",
    VisitOutcome.JOIN_EMPTY: "refused at the door: the queue had no agents",
}


def why(visit: Visit) -> str:
    """One clause, without a full stop."""
    if visit.outcome is None:
        return "still in the queue when the facts end"
    if visit.outcome is VisitOutcome.ANSWERED:
        said = f"connected with {visit.agent}" if visit.agent else "connected with an agent"
        said += {"caller": "; the caller hung up", "agent": "; the agent hung up", "transfer": "; given away"}.get(visit.ended_by or "", "")
    elif visit.outcome is VisitOutcome.ABANDONED_RING and visit.picked_up_at:
        said = "the caller hung up when the agent had picked up, before the two were joined"
    else:
        said = _WHYS[visit.outcome]
    if visit.uncertain:
        return f"{said} (a guess: nobody saw the end)"
    return f"{said} (drawn from what came before and after)" if visit.inferred else said

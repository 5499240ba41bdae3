"""One truth out of two tellings of a contact's visits: Asterisk's events, finer, and queue_log, which has no gaps.

Pure; for ``reading`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ivr.domain.contacts import Contact, Visit, VisitOutcome

# queue_log has whole seconds, and a snapshot tells a wait in whole seconds too.
ONE_ENTRY = timedelta(seconds=2)


def reconciled(contact: Contact, logged: Sequence[Visit], *, watched: bool) -> Contact:
    """``contact`` as Asterisk's events and the session tell it, completed from the log. ``watched``: they tell of it at all."""
    pairs, only_logged = _paired(contact.visits, logged)
    for told, log in pairs:
        _complete(told, log)
    contact.visits = sorted((*contact.visits, *only_logged), key=lambda visit: visit.joined_at)
    if not watched and logged:
        contact.call = contact.call or logged[0].call
        contact.started_at = min(visit.joined_at for visit in logged)
        ends = [end for visit in logged if (end := visit.talk_ended_at if visit.answered_at else visit.left_at)]
        if len(ends) == len(logged):
            contact.ended_at, contact.end_uncertain = max(ends), True
    return contact


def _paired(told: Sequence[Visit], logged: Sequence[Visit]) -> tuple[list[tuple[Visit, Visit]], list[Visit]]:
    """The two tellings of one entry stand nearest in time; one caller may enter a queue twice within seconds."""
    near = sorted(
        (abs(a.joined_at - b.joined_at), i, j)
        for i, a in enumerate(told)
        for j, b in enumerate(logged)
        if a.queue == b.queue and abs(a.joined_at - b.joined_at) <= ONE_ENTRY
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in near:
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return [(told[i], logged[j]) for i, j in pairs.items()], [visit for j, visit in enumerate(logged) if j not in taken]


def _complete(told: Visit, log: Visit) -> None:
    """Take from the log what Asterisk's events left open, or left us to guess."""
    if told.inferred and log.outcome and not told.uncertain:
        told.outcome, told.inferred = log.outcome, False
    if not (told.open or told.uncertain) or log.open:
        return
    if log.outcome is VisitOutcome.ANSWERED:
        told.answered_at = told.answered_at or log.answered_at
        told.agent, told.agent_call = told.agent or log.agent, told.agent_call or log.agent_call
        told.talk_ended_at, told.ended_by = log.talk_ended_at, log.ended_by
    told.outcome, told.left_at = log.outcome, log.left_at
    told.picked_up_at = told.picked_up_at if log.outcome is VisitOutcome.ANSWERED else log.picked_up_at
    told.transferred = told.transferred or log.transferred
    told.uncertain, told.reconstructed, told.inferred = log.uncertain, True, False

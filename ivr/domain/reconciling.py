"""One truth out of two tellings of a contact's visits: Asterisk's events, finer, and queue_log, which has no gaps.

Pure; for ``reading`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ivr.domain.contacts import Contact, Ring, Visit, VisitOutcome

# queue_log has whole seconds, and a snapshot tells a wait in whole seconds too.
ONE_MOMENT = timedelta(seconds=2)
_HALF_A_SECOND = timedelta(seconds=0.5)
_BOTH = ("ami", "queue_log")
_LIVED_ON = (VisitOutcome.FLOW_TIMEOUT, VisitOutcome.FLOW_EMPTY, VisitOutcome.FLOW_KEY, VisitOutcome.WITHDRAWN, VisitOutcome.MOVED)
_HUNG_UP = (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING)


def reconcile(contact: Contact, logged: Sequence[Visit]) -> None:
    """Complete ``contact``, as Asterisk's events and the session tell it, by what the log tells."""
    pairs, only_logged = _paired(contact.visits, logged)
    for told, log in pairs:
        _complete(told, log)
    contact.visits = sorted((*contact.visits, *only_logged), key=lambda visit: visit.joined_at)


def end_by_log(contact: Contact, *, opened_by_log: bool) -> None:
    """When the contact ended, as far as the log knows: it tells who hung up in a queue, and not what came behind one.

    ``opened_by_log``: nobody else tells of this contact at all.
    """
    if not contact.visits:
        return
    last = contact.visits[-1]
    ends = [_end_of(visit) for visit in contact.visits]
    if opened_by_log:
        contact.call = contact.call or last.call
        contact.started_at = contact.visits[0].joined_at
    if any(end is None for end in ends):
        return
    end = max(end for end in ends if end)
    he_hung_up = last.outcome in _HUNG_UP or (last.outcome is VisitOutcome.ANSWERED and last.ended_by == "caller")
    if opened_by_log or (he_hung_up and not last.uncertain):
        contact.ended_at, contact.end_uncertain = end, not he_hung_up


def _paired(told: Sequence[Visit], logged: Sequence[Visit]) -> tuple[list[tuple[Visit, Visit]], list[Visit]]:
    """The two tellings of one entry stand nearest in time; one caller may enter a queue twice within seconds."""
    both = [(i, j, a, b) for i, a in enumerate(told) for j, b in enumerate(logged) if a.queue in ("", b.queue)]
    seen = [(abs(a.joined_at - _entered(b)), i, j) for i, j, a, b in both if not a.entry_missed and _near(a.joined_at, b.joined_at)]
    # Whose entry was missed was seen later, somewhere in his wait or his talk: there the ends tell.
    missed = [(_apart(a, b), i, j) for i, j, a, b in both if a.entry_missed and _covers(b, a.joined_at)]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in (*sorted(seen), *sorted(missed)):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return [(told[i], logged[j]) for i, j in pairs.items()], [visit for j, visit in enumerate(logged) if j not in taken]


def _entered(log: Visit) -> datetime:
    """In the middle of the second that a row's time was cut to: who comes at .9 and again at 1.1 s is paired right."""
    return log.joined_at if log.joined_at.microsecond else log.joined_at + _HALF_A_SECOND


def _near(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= ONE_MOMENT


def _apart(told: Visit, log: Visit) -> timedelta:
    one, other = _wait_end(told), _wait_end(log)
    return abs(one - other) if one and other else abs(told.joined_at - log.joined_at)


def _covers(log: Visit, at: datetime) -> bool:
    end = _end_of(log)
    return log.joined_at <= at + ONE_MOMENT and (end is None or at <= end + ONE_MOMENT)


def _end_of(visit: Visit) -> datetime | None:
    """When nothing of it was left: he was out of the queue, and had talked. None while it goes on, or when nobody knows."""
    if visit.open or visit.talking:
        return None
    return visit.talk_ended_at or visit.left_at


def _complete(told: Visit, log: Visit) -> None:
    """Take from the log what Asterisk's events left open, or left us to guess."""
    told.sources = _BOTH
    told.queue = told.queue or log.queue
    half_seen = told.entry_missed or told.unwatched_from is not None
    if told.entry_missed:
        told.joined_at, told.entry_missed, told.reconstructed = log.joined_at, log.entry_missed, True
        told.uncertain = told.uncertain and told.outcome in (None, VisitOutcome.ANSWERED) and told.answered_at is None
    if log.open:
        return
    if told.open or told.uncertain or told.end_guessed or _ended_unwatched(told, log):
        _take_end(told, log)
    elif told.inferred or (told.outcome in _HUNG_UP and log.outcome in _LIVED_ON and not _seen_to_hang_up(told)):
        told.outcome, told.inferred = _by_row(told, log), False
    elif half_seen and told.outcome in _HUNG_UP and log.outcome is VisitOutcome.ABANDONED_RING:
        told.outcome = log.outcome  # what rang, rang while nobody watched
    if told.outcome is VisitOutcome.ANSWERED and told.answered_at is None:  # joined in a gap; what came after it didn't say with whom
        told.agent, told.answered_at, told.reconstructed = told.agent or log.agent, log.answered_at, True
    if told.outcome is VisitOutcome.ANSWERED and log.talk_ended_at:
        _take_talk_end(told, log)


def _seen_to_hang_up(told: Visit) -> bool:
    """He did before he left: app_queue, kept by a delay or an announcement, may find the timeout over before it notices him gone."""
    return told.hung_up_at is not None and told.hung_up_at == told.left_at


def _by_row(told: Visit, log: Visit) -> VisitOutcome | None:
    """A row beats a guess; but ABANDON is written too for whom somebody pulls out of the queue, and who lives on."""
    lived_on = told.outcome is VisitOutcome.MOVED or told.outlived
    return VisitOutcome.MOVED if lived_on and log.outcome in _HUNG_UP else log.outcome


def _ended_unwatched(told: Visit, log: Visit) -> bool:
    """He left in a gap, and came again before it was over: what was seen then is another visit's."""
    told_end, log_end = _wait_end(told), _wait_end(log)
    if told.unwatched_from is None or told_end is None or log_end is None:
        return False
    return told.unwatched_from - ONE_MOMENT <= log_end < told_end - ONE_MOMENT


def _wait_end(visit: Visit) -> datetime | None:
    return visit.answered_at or visit.left_at


def _take_end(told: Visit, log: Visit) -> None:
    known = told.outcome is VisitOutcome.ANSWERED and told.answered_at is not None and log.outcome is VisitOutcome.ANSWERED
    if not known:
        told.outcome, told.left_at, told.answered_at = log.outcome, _finer(told.left_at, log.left_at), log.answered_at
        told.agent, told.agent_call = log.agent, log.agent_call
        told.picked_up_at = log.picked_up_at
        told.rings = _all_rings(told, log)
        told.talk_ended_at, told.ended_by, told.transferred = log.talk_ended_at, log.ended_by, log.transferred
    elif told.talking or told.uncertain or told.end_guessed:
        told.talk_ended_at, told.ended_by = log.talk_ended_at or told.talk_ended_at, log.ended_by or told.ended_by
        told.transferred = told.transferred or log.transferred
    told.uncertain, told.reconstructed, told.inferred, told.end_guessed = log.uncertain, True, False, False


def _finer(told: datetime | None, log: datetime | None) -> datetime | None:
    """QueueCallerLeave, where it is of the row's second."""
    return told if told and log and abs(told - log - _HALF_A_SECOND) <= _HALF_A_SECOND else log


def _take_talk_end(told: Visit, log: Visit) -> None:
    if told.talk_ended_at is None:
        told.talk_ended_at, told.ended_by, told.reconstructed = log.talk_ended_at, log.ended_by, True
    elif told.ender_guessed and log.talk_ended_at:
        late = log.talk_ended_at - told.talk_ended_at > ONE_MOMENT  # a Redirect: the row waits for the caller's end, and says he ended it
        told.ended_by, told.ender_guessed = "transfer" if late else log.ended_by, False
    told.transferred = told.transferred or log.transferred


def _all_rings(told: Visit, log: Visit) -> list[Ring]:
    """A ring of the log that began when one was seen to begin is that one."""
    unseen = [
        ring
        for ring in log.rings
        if all(ring.agent != seen.agent or abs(ring.began_at - seen.began_at) > ONE_MOMENT for seen in told.rings)
    ]
    for seen in told.rings:
        seen.ended_at = seen.ended_at or log.answered_at or log.left_at
    return sorted((*told.rings, *unseen), key=lambda ring: ring.began_at)

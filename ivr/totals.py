"""What Prometheus sees grow, counted in the transaction that stores a call's end: so it is exact, and goes on after any restart.

A consequence for ``ivr.tracking``; ``ivr.metrics`` shows the counters. Labels are ours alone: of a line or queue that the settings don't
name, whoever made it up, there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact, VisitOutcome
from ivr.store import totals
from ivr.store.totals import Total

CONTACTS, VISITS, WAITS, WAITS_SUM = "contacts", "visits", "answer_waits", "answer_waits_sum"
NO_LINE = "none"
# R4's marks, the usual service level, then what callers bear.
WAIT_BUCKETS_S = (1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
BEYOND = "+Inf"


def counting(lines: Collection[str], queues: Collection[str]) -> Callable[[Session, Contact], None]:
    """The consequence: run once for each contact that ends."""

    def count(session: Session, contact: Contact) -> None:
        grown: Counter[Total] = Counter()
        line = contact.line if contact.line is not None and contact.line in lines else NO_LINE
        grown[CONTACTS, (line, contact.outcome.value if contact.outcome else "none")] += 1
        waited: dict[Total, float] = {}
        for visit in contact.visits:
            if visit.queue not in queues or visit.outcome is None:
                continue
            grown[VISITS, (visit.queue, visit.outcome.value)] += 1
            if visit.outcome is VisitOutcome.ANSWERED and visit.wait_s is not None:
                grown[WAITS, (visit.queue, bucket(visit.wait_s))] += 1
                place = (WAITS_SUM, (visit.queue,))
                waited[place] = waited.get(place, 0.0) + max(0.0, visit.wait_s)
        totals.add(session, {**{place: float(count) for place, count in grown.items()}, **waited})

    return count


def bucket(wait_s: float) -> str:
    """The histogram's bucket that holds this wait, by its upper end."""
    return next((str(edge) for edge in WAIT_BUCKETS_S if wait_s <= edge), BEYOND)

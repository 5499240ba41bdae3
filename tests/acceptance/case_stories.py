"""What a call came to, told alike of a simulated call and of a real one, so that the two can be held against each other.

For ``test_flow_cases_for_real``. Whatever names the caller's own number says ``OWN`` instead; recordings only whether there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callflows.caller_steps import Press
from callflows.flow import FlowBook
from callflows.outcomes import QueueEnd
from callflows.simulated_call import SimulatedCall
from ivr.domain.contacts import Contact, VisitOutcome
from ivr.playing import MASK
from ivr.store.schema import CallbackRow, ComplaintRow, HoursOverrideRow, MessageRow, RatingRow, RememberedChoiceRow
from ivr.store.sealing import Sealer

OWN = "his own number"
ASKING = {"menu", "collect", "confirm", "survey", "check_pin"}
MASKED = {"check_pin"}
SUPERVISOR = "supervisor"  # the node from which hours are set
ENDED_BY = {"hangup": "system", "queue": "caller", "caller_hung_up": "caller"}
# Who hangs up while a phone rings for him has abandoned it as well as who does in the queue; a closing is a time-out to Asterisk.
LEFT = {
    None: "by hanging up",
    QueueEnd.SERVED: "served",
    QueueEnd.TIMEOUT: "in vain",
    QueueEnd.CLOSED: "in vain",
    QueueEnd.KEY: "by key",
    QueueEnd.FULL: "at once: full",
    QueueEnd.EMPTY: "at once: empty",
}
_OUTCOMES = {
    VisitOutcome.ABANDONED_WAIT: LEFT[None],
    VisitOutcome.ABANDONED_RING: LEFT[None],
    VisitOutcome.ANSWERED: LEFT[QueueEnd.SERVED],
    VisitOutcome.FLOW_TIMEOUT: LEFT[QueueEnd.TIMEOUT],
    VisitOutcome.FLOW_KEY: LEFT[QueueEnd.KEY],
    VisitOutcome.FULL: LEFT[QueueEnd.FULL],
    VisitOutcome.JOIN_EMPTY: LEFT[QueueEnd.EMPTY],
}


_unseen = re.compile(f"{MASK}+")  # a PIN of ours may be longer than the case's


@dataclass(frozen=True, slots=True)
class Story:
    """``keys``: for each place of the path where an answer was given, the keys, a group for each time he was asked. ``visits``: queue
    and how he left it."""

    path: list[str]
    keys: dict[int, str]
    visits: list[tuple[str, str]]
    line: str | None
    language: str
    ended_by: str
    filed: list[dict[str, Any]]
    remembered: dict[str, str]


def of_simulated(call: SimulatedCall, book: FlowBook, flow: str, own_number: str, ends: Iterable[QueueEnd]) -> Story:
    """``ends``: how the case says that queues end."""
    left = iter(ends)
    visits = [(name, LEFT[_end(call, left)]) for effect in call.effects if (name := getattr(effect, "queue", None)) and _queues(effect)]
    return Story(
        list(call.path),
        _answers(call, book, flow),
        visits,
        call.line,
        call.language,
        ENDED_BY[call.ending],
        _sorted(_plain(entry, own_number) for entry in call.filed),
        dict(call.remembered),
    )


def _queues(effect: object) -> bool:
    return type(effect).__name__ == "Queue"


def _end(call: SimulatedCall, left: Any) -> QueueEnd | None:
    """The next end that is given; without one he leaves by the key that the script presses, or hangs up."""
    return next(left, QueueEnd.KEY if call.ending == "hangup" else None)


def _answers(call: SimulatedCall, book: FlowBook, flow: str) -> dict[int, str]:
    """A key pressed into what is said answers the next question."""
    kinds = [_kind(node, book, flow) for node in call.path]
    answers: dict[int, list[str]] = {}
    for done in call.performed:
        if not isinstance(done.step, Press):
            continue
        here = [place for place, node in enumerate(call.path) if node == done.node][done.visit - 1]
        if kinds[here] == "say":
            here = next(place for place in range(here, len(kinds)) if kinds[place] in ASKING)
        if kinds[here] in ASKING:
            keys = done.step.keys.removesuffix("#") or "#"
            answers.setdefault(here, []).append(MASK if kinds[here] in MASKED else keys)
    return {place: " ".join(groups) for place, groups in answers.items()}


def _kind(node: str, book: FlowBook, flow: str) -> str:
    name, _, inner = node.rpartition(".")
    return book.flow(name or flow).nodes[inner].kind


def _plain(entry: Mapping[str, Any], own_number: str) -> dict[str, Any]:
    plain = {name: OWN if value == own_number else value for name, value in entry.items()}
    if "recording" in plain:
        plain["recording"] = plain["recording"] is not None
    return plain


def _sorted(filed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(filed, key=lambda entry: str(entry["kind"]))


def of_real(session: Session, sealer: Sealer, contact: Contact, ended_by: str | None) -> Story:
    """From the house's own records."""
    choices = select(RememberedChoiceRow).where(
        RememberedChoiceRow.caller_index == sealer.index(contact.caller), RememberedChoiceRow.at >= contact.started_at
    )
    return Story(
        [step.node for step in contact.path],
        {place: _unseen.sub(MASK, step.keys) for place, step in enumerate(contact.path) if step.keys},
        [(visit.queue, _OUTCOMES.get(visit.outcome, str(visit.outcome)) if visit.outcome else "not at all") for visit in contact.visits],
        contact.line,
        contact.language,
        str(ended_by),
        _sorted(_filed(session, sealer, contact)),
        {row.name: row.value for row in session.scalars(choices)},
    )


def _filed(session: Session, sealer: Sealer, contact: Contact) -> Iterable[dict[str, Any]]:
    def own(sealed: str) -> str:
        number = sealer.open(sealed)
        return OWN if number == contact.caller else number

    for complaint in session.scalars(select(ComplaintRow).where(ComplaintRow.contact == contact.id)):
        yield {
            "kind": "complaint",
            "serial": complaint.serial,
            "contact_number": own(complaint.contact_number),
            "recording": complaint.recording is not None,
            "complete": not complaint.incomplete,
        }
    for message in session.scalars(select(MessageRow).where(MessageRow.contact == contact.id)):
        yield {"kind": "message", "recording": True, "complete": not message.incomplete}
    for promise in session.scalars(select(CallbackRow).where(CallbackRow.contact == contact.id)):
        yield {"kind": "callback", "number": own(promise.number)}
    for rating in session.scalars(select(RatingRow).where(RatingRow.contact == contact.id, RatingRow.rating.is_not(None))):
        yield {"kind": "rating", "question": rating.question, "rating": rating.rating}
    for override in session.scalars(select(HoursOverrideRow).where(HoursOverrideRow.set_from == "phone")):
        if SUPERVISOR not in [step.node for step in contact.path]:  # set by another call
            continue
        minutes = round((override.ends_at - override.begins_at).total_seconds() / 60)
        yield {"kind": "hours", "line": override.line, "state": override.state, "minutes": minutes, "by": override.set_by}

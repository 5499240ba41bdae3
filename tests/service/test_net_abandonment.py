"""Who was abandoned and never served after all: by a later call of the same number, by a call back, within the hours, and who not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from support.house import new_database

from callbacks.model import State
from ivr.domain.contacts import Contact, PathStep, Visit, VisitOutcome
from ivr.store import contacts
from ivr.store.beside_visits import unrecovered
from ivr.store.schema import CallbackRow
from ivr.store.sealing import Sealer

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")
DAY = timedelta(hours=24)


def call(name: str, caller: str, hours: float, outcome: VisitOutcome | None = VisitOutcome.ABANDONED_WAIT, nodes: int = 3) -> Contact:
    at = NOON + timedelta(hours=hours)
    visit = Visit("hr", at, left_at=at, outcome=outcome, answered_at=at if outcome is VisitOutcome.ANSWERED else None)
    path = [PathStep(f"node{number}", at) for number in range(nodes)]
    return Contact(name, at, caller=caller, line="hr", path=path, visits=[visit] if outcome else [], ended_at=at)


def called_back(contact: str, number: str, hours: float, state: State) -> CallbackRow:
    at = NOON + timedelta(hours=hours)
    return CallbackRow(
        id=contact, key=contact, reason="abandoned", contact=contact, queue="hr", language="zh", number="",
        number_index=SEALER.index(number), state=state.value,
        due_at=at, expires_at=at, attempts=1, created_at=at, created_by="", ended_at=at,
    )  # fmt: skip


def test_who_was_never_served_after_all(tmp_path: Path) -> None:
    store = new_database(tmp_path)
    accepted = call("accepted-failed", "+86007", 0, VisitOutcome.FLOW_KEY)
    accepted.callback = "x"
    day = [
        call("called again", "+86001", 0), call("again", "+86001", 3, VisitOutcome.ANSWERED),
        call("too late", "+86002", 0), call("late", "+86002", 25, VisitOutcome.ANSWERED),
        call("answered before", "+86003", 1), call("before", "+86003", 0, VisitOutcome.ANSWERED),
        call("called back", "+86004", 0), call("not reached", "+86005", 0),
        call("withheld", "", 0), call("somebody withheld", "", 1, VisitOutcome.ANSWERED),
        call("in the menus", "+86006", 0, None), call("while greeted", "+86008", 0, None, nodes=1),
        accepted,
    ]  # fmt: skip
    for contact in day:
        contact.hung_up_in_flow = not contact.visits
    store.write_now(partial(contacts.save, sealer=SEALER, contacts=day))
    back = [called_back("called back", "+86004", 2, State.DONE), called_back("not reached", "+86005", 2, State.FAILED)]
    store.write_now(lambda session: session.add_all([*back, called_back("accepted-failed", "+86007", 2, State.EXPIRED)]))
    found = store.read_now(lambda session: {each.contact for each in unrecovered(session, NOON, NOON + DAY, DAY)})
    assert found == {"too late", "answered before", "not reached", "withheld", "in the menus", "accepted-failed"}
    store.close()

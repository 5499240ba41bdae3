"""The watch on the books: made-up drift of every kind is found at the second look, told once, and over when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update
from support.house import new_database

from ami_bridge.ami_session import AmiUnavailable
from ami_bridge.facts import CallerQueued
from ivr.alerts.messages import BOOKS_AGREE, BOOKS_DRIFT
from ivr.conservation_watch import SETTLED, ConservationWatch
from ivr.domain.conservation import Kind
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.ledger import Entry, Source
from ivr.rollup import catch_up
from ivr.settings import AlertChannel, Alerts
from ivr.store import contacts, ledger
from ivr.store.database import Database
from ivr.store.ledger import Told
from ivr.store.schema import FigureCellRow, LogPositionRow, OutboxRow
from ivr.store.sealing import Sealer

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")


class House:
    """Asterisk's queues and our books, to be made to disagree."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self.now = NOON
        self.asterisk: dict[str, frozenset[str]] = {}
        self.running: list[Contact] = []
        self.link_up = True
        alerts = Alerts(channels={"duty": CHANNEL})
        self.watch = ConservationWatch(
            store, alerts, ["hr"], asterisk=self.ask, running=lambda: self.running, clock=lambda: self.now
        )  # fmt: skip

    async def ask(self) -> dict[str, frozenset[str]]:
        if not self.link_up:
            raise AmiUnavailable("the link isn't up")
        return self.asterisk

    async def look(self) -> set[Kind]:
        self.now += timedelta(seconds=60)
        return {drift.kind for drift in await self.watch.look()}

    def told(self) -> list[str]:
        return self.store.read_now(lambda session: list(session.scalars(select(OutboxRow.topic).order_by(OutboxRow.id))))


CHANNEL = AlertChannel(kind="email", to=("duty@example.com",))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = new_database(tmp_path)
    catch_up(store)
    yield House(store)
    store.close()


def waiting(number: int, queue: str = "hr") -> Contact:
    return Contact(f"{number}.0", NOON, call=f"{number}.0", visits=[Visit(queue, NOON)])


async def test_books_that_agree_say_nothing(house: House) -> None:
    house.running, house.asterisk = (
        [waiting(1), waiting(2, "unknown queue")],
        {"hr": frozenset({"1.0", "cb-7f-1"}), "their own": frozenset({"9"})},
    )
    assert [await house.look() for _ in range(3)] == [set(), set(), set()]
    assert (house.told(), house.watch.troubles) == ([], [])


@pytest.mark.parametrize(("theirs", "ours", "kind"), [({"1.0"}, [], Kind.UNKNOWN), (set(), [waiting(1)], Kind.GHOST)])
async def test_who_waits_in_one_of_them_alone(house: House, theirs: set[str], ours: list[Contact], kind: Kind) -> None:
    house.asterisk, house.running = {"hr": frozenset(theirs)}, ours
    assert await house.look() == set()  # it may just have come
    assert await house.look() == {kind}
    assert await house.look() == {kind}
    assert "hr: 1 " in house.watch.troubles[0]
    house.asterisk, house.running = {}, []
    assert await house.look() == set()
    assert (house.watch.troubles, house.told()) == ([], [BOOKS_DRIFT, BOOKS_AGREE])


async def test_another_caller_each_minute_is_no_drift(house: House) -> None:
    for number in range(5):
        house.asterisk = {"hr": frozenset({f"{number}.0"})}
        assert await house.look() == set()


async def test_a_link_that_is_down_says_nothing(house: House) -> None:
    house.running, house.link_up = [waiting(1)], False
    assert [await house.look() for _ in range(2)] == [set(), set()]


def visit(number: int, at: datetime, outcome: VisitOutcome = VisitOutcome.ABANDONED_WAIT) -> Contact:
    left = at + timedelta(seconds=20)
    return Contact(f"{number}.0", at, call=f"{number}.0", visits=[Visit("hr", at, left_at=left, outcome=outcome)], ended_at=left)


def keep(house: House, visits: list[Contact], logged: list[int], at: datetime) -> None:
    facts = [CallerQueued(at.replace(microsecond=0), "", f"{number}.0", "hr", 1) for number in logged]
    told = [Told(Entry("main", Source.QUEUE_LOG, fact), fact.call) for fact in facts]
    position = LogPositionRow(pbx="main", path="queue_log", inode="1", offset=1, head="", read_at=NOON + timedelta(hours=1))
    house.store.write_now(partial(contacts.save, sealer=SEALER, contacts=visits))
    house.store.write_now(partial(ledger.append, sealer=SEALER, told=told))
    house.store.write_now(lambda session: session.add(position))
    catch_up(house.store)


@pytest.mark.parametrize(
    ("logged", "kinds"),
    [([1, 2], set()), ([1, 2, 3], {Kind.LOG_ONLY}), ([1], {Kind.VISIT_ONLY}), ([2, 4], {*Kind} - {Kind.UNKNOWN, Kind.GHOST, Kind.CELLS})],
)
async def test_queue_log_against_the_visits(house: House, logged: list[int], kinds: set[Kind]) -> None:
    at = NOON - SETTLED - timedelta(minutes=2) + timedelta(microseconds=999_000)
    keep(house, [visit(1, at), visit(2, at), visit(9, at, VisitOutcome.FULL)], logged, at)
    await house.look()
    assert await house.look() == kinds
    assert house.told() == ([BOOKS_DRIFT] if kinds else [])
    house.now += timedelta(hours=1)  # what can't be mended is not told for ever
    house.store.write_now(lambda session: session.execute(update(LogPositionRow).values(read_at=NOON + timedelta(hours=2))))
    assert await house.look() == set()


async def test_a_log_that_nobody_follows_says_nothing(house: House) -> None:
    at = NOON - SETTLED - timedelta(minutes=2)
    house.store.write_now(partial(contacts.save, sealer=SEALER, contacts=[visit(1, at)]))
    assert [await house.look() for _ in range(2)] == [set(), set()]


async def test_stored_figures_that_don_t_add_up(house: House) -> None:
    at = NOON - timedelta(minutes=10)
    keep(house, [visit(1, at)], [1], at)
    assert [await house.look() for _ in range(2)] == [set(), set()]
    wrong = update(FigureCellRow).where(FigureCellRow.view == "activity").values(tally='{"entered":2}')
    house.store.write_now(lambda session: session.execute(wrong))
    await house.look()
    assert await house.look() == {Kind.CELLS}

"""What callers think of us: asked and answered counted apart, and a bad word followed up (R50)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from support.house import ALLOWED, TERMS, new_database

from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.promises import Promises
from ivr.ratings import Ratings
from ivr.store.database import Database
from ivr.store.schema import CallbackRow, RatingRow
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SEALER = Sealer("a secret for tests")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = new_database(tmp_path)
    yield found
    found.close()


def ratings(database: Database) -> Ratings:
    return Ratings(database, Promises(SEALER, ALLOWED, TERMS), lambda: NOW)


def served(caller: str = "+8613800138000") -> Contact:
    """Not answered in one queue, answered in two, and back in a third that nobody answered."""
    unanswered = Visit("course", NOW, outcome=VisitOutcome.FLOW_TIMEOUT)
    first = Visit("hr", NOW, answered_at=NOW, agent="Li Na", outcome=VisitOutcome.ANSWERED)
    second = Visit("product", NOW, answered_at=NOW, agent="Wang Wei", outcome=VisitOutcome.ANSWERED)
    return Contact("1", NOW, caller=caller, line="hr", language="zh", visits=[first, second, unanswered])


async def rows(database: Database) -> list[RatingRow]:
    return list(await database.read(lambda session: list(session.scalars(select(RatingRow).order_by(RatingRow.question)))))


async def promises(database: Database) -> list[CallbackRow]:
    return list(await database.read(lambda session: list(session.scalars(select(CallbackRow)))))


async def test_offered_and_answered_are_kept_apart_with_who_served_last(database: Database) -> None:
    desk, contact = ratings(database), served()
    await desk.offered(contact, "service")
    await desk.offered(contact, "again")
    await desk.rated(contact, "service", 5)
    again, service = await rows(database)
    assert (again.rating, again.answered_at, again.offered_at) == (None, None, NOW)
    assert (service.rating, service.answered_at) == (5, NOW)
    assert (service.line, service.queue, service.agent) == ("hr", "product", "Wang Wei")
    assert await promises(database) == []


@pytest.mark.parametrize(("rating", "kept", "followed_up"), [(1, 1, True), (2, 2, True), (3, 3, False), (0, 1, True), (9, 5, False)])
async def test_a_bad_rating_is_followed_up_once(database: Database, rating: int, kept: int, followed_up: bool) -> None:
    desk, contact = ratings(database), served()
    for question in ("service", "again"):
        await desk.rated(contact, question, rating)
    assert [row.rating for row in await rows(database)] == [kept, kept]
    found = await promises(database)
    assert [(row.reason, row.contact, row.due_at) for row in found] == (
        [("follow_up", "1", NOW + timedelta(hours=24))] if followed_up else []
    )


async def test_who_withheld_his_number_may_be_dissatisfied_too(database: Database) -> None:
    await ratings(database).rated(served(caller=""), "service", 1)
    assert [row.rating for row in await rows(database)] == [1]
    assert await promises(database) == []


async def test_who_talked_on_a_telephone_rates_that(database: Database) -> None:
    await ratings(database).rated(Contact("1", NOW, talked_to="reception"), "service", 4)
    (row,) = await rows(database)
    assert (row.queue, row.agent) == (None, "reception")

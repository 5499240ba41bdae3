"""A hotline's past in a database, for reports: the fixture of fifteen visits on one day, or weeks of made-up days."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from support.house import ZONE

from callbacks.model import NewPromise, Reason
from ivr.domain.contacts import Contact, PathStep, Visit, VisitOutcome
from ivr.store import callbacks, complaints, contacts, ratings
from ivr.store.complaints import NewComplaint
from ivr.store.database import Database
from ivr.store.ratings import Served
from ivr.store.schema import CallbackAttemptRow, CallbackRow, ComplaintEventRow, LinkGapRow
from ivr.store.sealing import Sealer

SEALER = Sealer("a secret for tests")
CALLER = "+8613800138000"
DAY = date(2026, 11, 18)  # a Wednesday
# What the fifteen visits come to (docs/figures.md): answered after, abandoned after, timed out, left by key.
ANSWERED = (4, 8, 12, 15, 19, 33, 47, 90)
ABANDONED = (2, 9, 16, 31, 75)


def local(day: date, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), ZONE).astimezone(UTC)


def visit(queue: str, at: datetime, wait_s: float, outcome: VisitOutcome, *, agent: str = "101", talk_s: float = 60.0) -> Visit:
    left = at + timedelta(seconds=wait_s)
    if outcome is not VisitOutcome.ANSWERED:
        return Visit(queue, at, left_at=left, outcome=outcome)
    ended = left + timedelta(seconds=talk_s)
    return Visit(queue, at, picked_up_at=left, answered_at=left, talk_ended_at=ended, agent=agent, ended_by="caller", outcome=outcome)


def call(
    contact: str, at: datetime, *visits: Visit, line: str | None = "hr", steps: Sequence[tuple[str, str]] = (), lasts_s: float = 30.0
) -> Contact:
    """A contact that began at ``at``; it hung up in the menus where it entered no queue."""
    last = max([at + timedelta(seconds=lasts_s), *(found.talk_ended_at or found.left_at or at for found in visits)])
    path = [PathStep(node, at + timedelta(seconds=2 * number), keys) for number, (node, keys) in enumerate(steps)]
    return Contact(
        contact, at, caller=CALLER, caller_name="王明", line=line, ended_at=last, path=path, visits=list(visits), hung_up_in_flow=not visits
    )


def fixture(day: date = DAY) -> list[Contact]:
    """The fifteen visits, one a minute from ten o'clock."""
    found = [(wait, VisitOutcome.ANSWERED) for wait in ANSWERED]
    found += [(wait, VisitOutcome.ABANDONED_RING if wait == 31 else VisitOutcome.ABANDONED_WAIT) for wait in ABANDONED]
    found += [(60, VisitOutcome.FLOW_TIMEOUT), (14, VisitOutcome.FLOW_KEY)]
    steps = (("greeting", ""), ("menu", "1"), ("hr", ""), ("hr_queue", ""))
    return [
        call(f"{day:%m%d}.{number}", at := local(day, 10, number), visit("hr", at, wait, outcome), steps=steps)
        for number, (wait, outcome) in enumerate(found)
    ]


def keep(database: Database, found: Iterable[Contact]) -> None:
    database.write_now(partial(contacts.save, sealer=SEALER, contacts=list(found)))


def complain(
    database: Database, key: str, filed_at: datetime, *, line: str = "complaint", finding: str | None = None, **steps: datetime
) -> str:
    """A complaint with the steps taken, by name and time; its number."""
    new = NewComplaint(key, key, line, "1234", CALLER, "王明", CALLER, None, None, False)
    number = database.write_now(partial(complaints.file, sealer=SEALER, new=new, prefix="C", zone=ZONE, now=filed_at))

    def take(session: object) -> None:
        from ivr.store.schema import ComplaintRow

        row = session.get_one(ComplaintRow, number)  # type: ignore[attr-defined]
        row.verdict = finding
        for action, at in steps.items():
            row.state = {"verify": "verified", "solve": "solved", "inform": "informed", "close": "closed", "reopen": "verified"}[action]
            session.add(ComplaintEventRow(complaint=number, at=at, actor="sue", action=action, note="."))  # type: ignore[attr-defined]

    database.write_now(take)
    return number


def promise(
    database: Database, key: str, at: datetime, reason: Reason, state: str, results: Sequence[str] = (), last: str | None = None
) -> None:
    """A promised call in this state, with its dials."""
    new = NewPromise(key, reason, f"+86139{abs(hash(key)) % 10**8:08}", "hr", "zh", at, at + timedelta(days=4), "test", line="hr")
    made = database.write_now(partial(callbacks.promise, sealer=SEALER, new=new, now=at))

    def dialled(session: object) -> None:
        row = session.get_one(CallbackRow, made)  # type: ignore[attr-defined]
        row.state, row.last_result = state, last or (results[-1] if results else None)
        for number, result in enumerate(results, 1):
            when = at + timedelta(minutes=5 * number)
            session.add(
                CallbackAttemptRow(
                    channel_id=f"{key}-{number}", callback=made, number=number, dialled_at=when, ended_at=when, result=result
                )
            )  # type: ignore[attr-defined]

    database.write_now(dialled)


def rate(database: Database, contact: str, at: datetime, rating: int | None, line: str = "hr") -> None:
    served = Served(contact, line, line, "101")
    if rating is None:
        database.write_now(lambda session: ratings.offer(session, served, "satisfied", at) and None)
    else:
        database.write_now(partial(ratings.rate, served=served, question="satisfied", rating=rating, now=at))


def gap(database: Database, began_at: datetime, ended_at: datetime | None, *, filled: bool) -> None:
    database.write_now(lambda session: session.add(LinkGapRow(pbx="main", began_at=began_at, ended_at=ended_at, filled=filled)))


def weeks(database: Database, first: date, days: int, a_day: int = 120) -> None:
    """Made-up days, the same for the same arguments: calls of all kinds on all lines, complaints, callbacks, ratings, a gap."""
    dice = random.Random(f"{first} {days}")
    lines = {"hr": "1", "course": "2", "product": "3", "complaint": "4"}
    for ago in range(days):
        day = first + timedelta(days=ago)
        made: list[Contact] = []
        for number in range(a_day if day.weekday() < 5 else a_day // 3):
            hour = min(20, max(7, int(dice.gauss(13.5, 3))))
            at = local(day, hour, dice.randrange(60), dice.randrange(60))
            line = dice.choices(list(lines), (2, 5, 7, 1))[0]
            identity = f"{day:%m%d}.{number}"
            steps = [("greeting", ""), ("menu", lines[line]), (line, "")]
            if line == "course":
                steps += [("course_menu", dice.choice("1122290")), (dice.choice(("course_on_campus", "course_off_campus")), "")]
            luck = dice.random()
            if luck < 0.1:
                made.append(call(identity, at, line=None, steps=steps[: dice.choice((1, 2))], lasts_s=dice.choice((2, 4, 9, 25))))
                continue
            wait = dice.expovariate(1 / 14)
            outcome = VisitOutcome.ANSWERED
            if luck < 0.2:
                outcome = dice.choice((VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING))
            elif luck < 0.24:
                outcome = dice.choice((VisitOutcome.FLOW_TIMEOUT, VisitOutcome.FULL, VisitOutcome.FLOW_KEY))
            agent = dice.choice(("101", "102", "103", "104"))
            made.append(
                call(
                    identity,
                    at,
                    visit(line, at + timedelta(seconds=9), wait, outcome, agent=agent, talk_s=dice.expovariate(1 / 180)),
                    line=line,
                    steps=steps,
                )
            )
            if outcome is VisitOutcome.ANSWERED and dice.random() < 0.4:
                rate(database, identity, at, dice.choice((None, None, 5, 5, 4, 3, 1)), line)
        for found in made:
            found.caller = f"+86138{dice.randrange(10**8):08}"
        keep(database, made)
        for number in range(dice.randrange(3)):
            at = local(day, 11, number)
            told = {
                "verify": at + timedelta(hours=5),
                "solve": at + timedelta(days=1),
                "inform": at + timedelta(days=dice.choice((1, 2, 4))),
            }
            complain(database, f"{day}-{number}", at, finding=dice.choice(("unfounded", "ordinary", "serious")), **told)
        for number in range(dice.randrange(6)):
            results = dice.choice((["bridged"], ["no_answer", "bridged"], ["no_answer", "busy", "no_answer"], []))
            state = "done" if results[-1:] == ["bridged"] else "failed" if results else "cancelled"
            promise(database, f"{day}-{number}", local(day, 15, number), dice.choice(list(Reason)), state, results)
    gap(database, local(first, 12), local(first, 12, 3), filled=True)

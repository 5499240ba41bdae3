"""What reports read and keep, on both databases: what is promised of SQLite holds on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from support import reported
from support.reported import DAY, call, local, visit

from callbacks.model import Reason
from ivr.domain.contacts import VisitOutcome
from ivr.reports.making import ReportMaker
from ivr.reports.notice import Notice, tell
from ivr.reports.periods import Kind, Period
from ivr.settings import ReportRecipient, load
from ivr.store import made_reports, report_counts
from ivr.store.database import Database
from ivr.store.made_reports import Sending
from ivr.store.report_counts import CallRow

START, END = local(DAY, 0), local(DAY + timedelta(days=1), 0)
NOW = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)


def test_calls_of_a_period_with_or_without_their_way(database: Database) -> None:
    at = local(DAY, 0)
    steps = (("menu", "1"), ("hr", ""))
    lost = call("2", END - timedelta(seconds=1), steps=steps[:1], line=None, lasts_s=1.0)
    reported.keep(
        database,
        [call("1", at, visit("hr", at, 1, VisitOutcome.ANSWERED), steps=steps), lost, call("3", END), call("0", at - timedelta(seconds=1))],
    )
    found = database.read_now(lambda session: list(report_counts.calls(session, START, END, steps=True)))
    assert sorted(found, key=lambda row: row.id) == [
        CallRow("1", "hr", "answered", at, at + timedelta(seconds=61), "hr", 2, steps),
        CallRow("2", None, "abandoned_ivr", lost.started_at, END, "menu", 1, steps[:1]),
    ]
    bare = database.read_now(lambda session: list(report_counts.calls(session, START, END, steps=False)))
    assert {row.steps for row in bare} == {()}
    assert database.read_now(report_counts.first_call_at) == at - timedelta(seconds=1)


def test_who_gave_up_soon(database: Database) -> None:
    at = local(DAY)
    outcomes = (VisitOutcome.ABANDONED_WAIT, VisitOutcome.ABANDONED_RING, VisitOutcome.ANSWERED, VisitOutcome.FLOW_TIMEOUT)
    reported.keep(
        database, [call(f"{n}.{wait}", at, visit("hr", at, wait, outcome)) for n, outcome in enumerate(outcomes) for wait in (5.0, 5.1)]
    )
    found = database.read_now(partial(report_counts.gave_up_within, start=START, end=END, longest_s=5.0))
    assert found == {"0.5.0": 5000, "1.5.0": 5000}


def test_complaints_that_a_period_has_to_do_with(database: Database) -> None:
    at, day = local(DAY), timedelta(days=1)
    within = timedelta(days=3)
    numbers = {
        "filed in it": reported.complain(database, "a", at),
        "due in it": reported.complain(database, "b", at - within, close=at - 2 * day),
        "open": reported.complain(database, "c", at - 30 * day),
        "open again": reported.complain(database, "h", at - 30 * day, inform=at - 9 * day, close=at - 8 * day, reopen=at),
        "a step in it": reported.complain(database, "d", at - 30 * day, inform=at - 9 * day, close=at),
        "open at its end": reported.complain(database, "e", at - 30 * day, close=at + 2 * day),
        "over before": reported.complain(database, "f", at - 30 * day, close=at - 20 * day),
        "after it": reported.complain(database, "g", at + 5 * day),
    }
    found = database.read_now(partial(report_counts.complaints, start=START, end=END, answer_within=within))
    assert {life.number for life in found} == {number for why, number in numbers.items() if why not in ("over before", "after it")}
    [again] = [life for life in found if life.number == numbers["open again"]]
    assert (again.informed_at, again.closed_at) == (at - 9 * day, None), "he had an answer, and rejected it later (R19)"
    [stepped] = [life for life in found if life.number == numbers["a step in it"]]
    assert (stepped.informed_at, stepped.closed_at, stepped.verified_at) == (at - 9 * day, at, None)


def test_promises_dials_ratings_messages_and_gaps(database: Database) -> None:
    at = local(DAY)
    reported.promise(database, "a", at, Reason.REQUESTED, "done", ["no_answer", "bridged"])
    reported.promise(database, "b", at - timedelta(days=1), Reason.ABANDONED, "due")
    [found] = database.read_now(partial(report_counts.promises, start=START, end=END))
    assert (found.reason, found.state, found.results) == ("requested", "done", ("no_answer", "bridged"))
    assert dict(database.read_now(partial(report_counts.dials, start=START, end=END))) == {"no_answer": 1, "bridged": 1}
    reported.rate(database, "7.1", at, 5)
    reported.rate(database, "7.2", END, 1)
    assert [rated.rating for rated in database.read_now(partial(report_counts.ratings, start=START, end=END))] == [5]
    reported.gap(database, START - timedelta(hours=1), START + timedelta(minutes=1), filled=True)
    reported.gap(database, START - timedelta(hours=3), START, filled=True)
    reported.gap(database, at, None, filled=False)
    gaps = database.read_now(partial(report_counts.gaps, start=START, end=END))
    assert [(gap.began_at, gap.filled) for gap in gaps] == [(START - timedelta(hours=1), True), (at, False)]
    assert dict(database.read_now(partial(report_counts.messages, start=START, end=END))) == {}


def test_a_report_is_noted_once_and_told_once(database: Database) -> None:
    period = Period(Kind.DAY, DAY)
    notice = Notice(period, "zh", "日报", "text", "http://x/", {"html": "a"}, {"loss": 0.5})
    recipients = {"a_b": ReportRecipient(mail=("a@b.c",)), "axb": ReportRecipient(mail=("a@b.c",), kinds=("week",))}
    for first in (True, False):
        database.write_now(partial(made_reports.record, kind="day", first=DAY, files={"zh.html": str(first)}, now=NOW))
        assert database.read_now(partial(made_reports.told, kind="day", since=DAY)) == (set() if first else {DAY})
        assert database.write_now(partial(made_reports.mark_told, kind="day", first=DAY, now=NOW)) is first
        told = database.write_now(partial(tell, notices={"zh": notice}, recipients=recipients, now=NOW))
        assert told == (["a_b"] if first else [])
    assert database.write_now(partial(tell, notices={"zh": notice}, recipients=recipients, now=NOW, again="2")) == ["a_b"]
    kept = database.read_now(partial(made_reports.one, kind="day", first=DAY))
    assert (dict(kept.files), kept.made_at) == ({"zh.html": "False"}, NOW)
    assert database.read_now(partial(made_reports.told, kind="day", since=date(2026, 11, 19))) == set()
    assert [made.first for made in database.read_now(partial(made_reports.latest, limit=5, kind="day"))] == [DAY]
    sent = database.read_now(partial(made_reports.sendings, subject=f"day {DAY}", channel_prefix="report-"))
    assert sent == [Sending("a_b", "pending", None)] * 2


def test_a_whole_report_is_the_same_on_both(database: Database, tmp_path: Path) -> None:
    reported.keep(database, reported.fixture())
    made = ReportMaker.of(load(None, {"STATE": str(tmp_path)}), database, lambda: NOW).make(Period(Kind.WEEK, DAY - timedelta(days=2)))
    assert made.notices["en"].figures["loss"] == 7 / 15
    assert made.notices["en"].figures["calls"] == 15

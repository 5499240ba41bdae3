"""The report clock: each period made and told once, however often it strikes, whoever strikes, and whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time as clocks
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from support import reported
from support.house import ZONE, new_database
from support.outgoing import Clock, rows, until
from support.reported import DAY

from ivr import report_clock
from ivr.report_clock import ReportClock
from ivr.reports.making import Made, ReportMaker
from ivr.reports.notice import Notice
from ivr.reports.periods import Kind, Period
from ivr.settings import Reports, Settings, load
from ivr.store import made_reports
from ivr.store.database import Database
from ivr.store.schema import MadeReportRow, OutboxRow

THURSDAY_9 = datetime(2026, 11, 19, 1, 0, tzinfo=UTC)
TO = {"leaders": {"mail": ["gm@example.com"], "language": "zh"}, "room": {"channel": "robot", "kinds": ["day"], "language": "en"}}
DAILY = Reports.model_validate({"kinds": ["day"], "to": TO})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = new_database(tmp_path)
    reported.keep(store, reported.fixture())
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(THURSDAY_9)


class FakeMaker:
    """Makes nothing but notes; fails for the periods it is told to, and takes the time it is told to."""

    def __init__(self, fails: tuple[str, ...] = (), takes_s: float = 0.0) -> None:
        self.fails = set(fails)
        self.takes_s = takes_s
        self.made: list[str] = []
        self.threads: set[str] = set()

    def make(self, period: Period) -> Made:
        self.threads.add(threading.current_thread().name)
        clocks.sleep(self.takes_s)
        self.made.append(f"{period.kind} {period.name}")
        if period.name in self.fails:
            raise RuntimeError("a fault of ours")
        notices = {language: Notice(period, language, "title", "text", "http://x/", {}, {}) for language in ("zh", "en")}
        return Made(period, {"zh.html": "x"}, notices)


def clock_over(maker: object, database: Database, clock: Clock, settings: Reports = DAILY) -> ReportClock:
    return ReportClock(maker, database, settings, ZONE, clock=clock)  # type: ignore[arg-type]


def made(database: Database) -> list[str]:
    return [f"{row.kind} {row.first}" for row in database.read_now(lambda session: made_reports.latest(session, 100))]


async def test_a_report_is_made_and_told_once_however_often_the_clock_strikes(database: Database, clock: Clock) -> None:
    maker = FakeMaker()
    striking = clock_over(maker, database, clock)
    assert await asyncio.gather(*(striking.strike() for _ in range(5))) == [1, 0, 0, 0, 0]
    assert await clock_over(maker, database, clock).strike() == 0, "after a restart"
    assert (maker.made, made(database)) == (["day 2026-11-18"], ["day 2026-11-18"])
    assert [key for key, _, _ in rows(database)] == ["report.made:leaders:day:2026-11-18", "report.made:room:day:2026-11-18"]
    clock.pass_by(86400)
    assert await striking.strike() == 1
    assert maker.made[1:] == ["day 2026-11-19"]


async def test_of_two_who_make_it_at_the_same_time_one_tells(database: Database, clock: Clock) -> None:
    slow, other = FakeMaker(takes_s=0.2), FakeMaker(takes_s=0.2)
    await asyncio.gather(clock_over(slow, database, clock).strike(), clock_over(other, database, clock).strike())
    assert len(slow.made + other.made) == 2
    assert (len(rows(database)), made(database)) == (2, ["day 2026-11-18"])


async def test_what_was_missed_is_made_up_and_a_week_is_told_to_whom_it_is_for(database: Database, clock: Clock) -> None:
    maker, settings = FakeMaker(), Reports.model_validate({"to": TO})
    reported.keep(database, reported.fixture(DAY - timedelta(days=40)))
    assert await clock_over(maker, database, clock, settings).strike() == 3
    assert maker.made == ["month 2026-10-01", "week 2026-11-09", "day 2026-11-18"], "the latest of each: the hotline's reports begin"
    clock.pass_by(4 * 86400)
    assert await clock_over(maker, database, clock, settings).strike() == 5
    assert maker.made[3:] == ["day 2026-11-19", "day 2026-11-20", "day 2026-11-21", "day 2026-11-22", "week 2026-11-16"]
    told = [key.split(":", 1)[1] for key, _, _ in rows(database)]
    assert "room:week:2026-11-16" not in told
    assert "leaders:week:2026-11-16" in told


async def test_what_was_made_by_hand_before_its_time_is_made_anew_and_told_all_the_same(database: Database, clock: Clock) -> None:
    clock.pass_by(-12 * 3600)  # on the day itself
    maker = FakeMaker()
    striking = clock_over(maker, database, clock)
    assert await striking.strike() == 0
    by_hand = maker.make(Period(Kind.DAY, DAY))
    database.write_now(lambda session: made_reports.record(session, "day", DAY, by_hand.files, clock()))
    clock.pass_by(12 * 3600)
    assert await striking.strike() == 1
    assert [key for key, _, _ in rows(database)] == ["report.made:leaders:day:2026-11-18", "report.made:room:day:2026-11-18"]
    assert await striking.strike() == 0


async def test_a_new_hotline_without_calls_makes_nothing(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "new").mkdir()
    store = new_database(tmp_path / "new")
    assert await clock_over(FakeMaker(), store, clock).strike() == 0
    await asyncio.to_thread(store.close)


async def test_a_fault_in_one_report_costs_no_other_and_it_is_tried_again(database: Database, clock: Clock) -> None:
    maker = FakeMaker()
    striking = clock_over(maker, database, clock)
    await striking.strike()
    clock.pass_by(2 * 86400)
    maker.fails = {"2026-11-19"}
    assert await striking.strike() == 1
    assert made(database) == ["day 2026-11-20", "day 2026-11-18"]
    maker.fails = set()
    assert await striking.strike() == 1
    assert made(database) == ["day 2026-11-20", "day 2026-11-19", "day 2026-11-18"]


async def test_a_database_that_refuses_leaves_neither_report_nor_row_and_the_next_look_makes_both(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> list[str]:
        raise OSError(28, "No space left on device")

    maker = FakeMaker()
    striking = clock_over(maker, database, clock)
    with monkeypatch.context() as broken:
        broken.setattr(report_clock, "tell", full)
        assert await striking.strike() == 0

    def counts(session: Session) -> tuple[int | None, int | None]:
        return session.scalar(select(func.count(MadeReportRow.kind))), session.scalar(select(func.count(OutboxRow.id)))

    assert database.read_now(counts) == (0, 0)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE made_reports RENAME TO gone")
    assert await striking.strike() == 0
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO made_reports")
    assert await striking.strike() == 1
    assert database.read_now(counts) == (1, 2)


async def test_making_never_holds_the_event_loop(database: Database, clock: Clock) -> None:
    maker = FakeMaker(takes_s=0.3)
    striking = asyncio.create_task(clock_over(maker, database, clock).strike())
    longest, last = 0.0, clocks.monotonic()
    while not striking.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, clocks.monotonic() - last), clocks.monotonic()
    assert longest < 0.2
    assert threading.main_thread().name not in maker.threads


async def test_the_task_strikes_at_its_start_and_ends_when_it_is_cancelled(database: Database, clock: Clock) -> None:
    woken: list[bool] = []
    striking = ReportClock(FakeMaker(), database, DAILY, ZONE, after_commit=lambda: woken.append(True), clock=clock)  # type: ignore[arg-type]
    task = asyncio.create_task(striking.run())
    await until(lambda: bool(woken))
    assert striking.scheduler is not None
    jobs = {job.id: str(job.trigger) for job in striking.scheduler.get_jobs()}
    assert jobs["reports-daily"] == "cron[hour='8', minute='0', second='0']"
    assert striking.scheduler.get_job("reports-daily").next_run_time.utcoffset() == timedelta(hours=8)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert striking.scheduler is None
    assert made(database) == ["day 2026-11-18"]


async def test_a_clock_that_fell_silent_is_started_anew(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_clock, "WATCH_EVERY_S", 0.01)
    maker = FakeMaker()
    striking = ReportClock(maker, database, DAILY, ZONE, clock=clock, monotonic=clock.monotonic)  # type: ignore[arg-type]
    task = asyncio.create_task(striking.run())
    await until(lambda: bool(maker.made) and not striking._striking.locked())
    first = striking.scheduler
    assert first is not None
    first.remove_all_jobs()  # as good as what a clock set back does to it
    clock.pass_by(86400)
    await until(lambda: len(maker.made) == 2)
    assert striking.scheduler is not first
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_real_maker_s_files_and_notices(database: Database, tmp_path: Path, clock: Clock) -> None:
    told = load(None, {"STATE": str(tmp_path)}).model_dump()
    robot = {"kind": "wecom", "url_file": str(tmp_path / "url")}
    settings = Settings.model_validate(
        {**told, "alerts": {"channels": {"robot": robot}}, "mail": {"host": "localhost"}, "reports": {"to": TO, "kinds": ["day"]},
         "console": {"url": "https://hotline.example.com/"}}
    )  # fmt: skip
    maker = ReportMaker.of(settings, database, clock)
    assert await ReportClock(maker, database, settings.reports, settings.zone, clock=clock).strike() == 1
    [kept] = database.read_now(lambda session: made_reports.latest(session, 5, Kind.DAY))
    assert sorted(kept.files) == ["en.csv", "en.html", "en.xlsx", "zh.csv", "zh.html", "zh.xlsx"]
    assert all((tmp_path / "reports" / path).is_file() for path in kept.files.values())
    payloads = database.read_now(lambda session: [dict(row) for row in session.scalars(select(OutboxRow.payload).order_by(OutboxRow.id))])
    assert payloads[0]["url"] == "https://hotline.example.com/reports/day/2026-11-18/zh.html"
    assert "呼损率：46.7 %" in payloads[0]["text"]
    assert "Loss rate: 46.7 %" in payloads[1]["text"]
    assert payloads[1]["figures"]["loss"] == pytest.approx(7 / 15)
    assert reported.CALLER not in str(payloads)
    assert settings.reports.daily_at == time(8)

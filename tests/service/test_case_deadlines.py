"""R18, R19: who is told of a case that waits for its answer, and when; over restarts, at night, and when the customer rejects it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from support.house import ZONE, new_database
from support.outgoing import NOW, SEALER, Clock, file_complaint

from callbacks.model import State
from ivr.alerts.carrier import AlertCarrier
from ivr.alerts.case_texts import case_text
from ivr.alerts.cases import CaseWatch, tell_rejection
from ivr.alerts.messages import CaseAlert
from ivr.alerts.texts import Wording
from ivr.cases import Cases
from ivr.domain.case_deadlines import Level, deadlines
from ivr.domain.cases import Finding, Step, StepTaken
from ivr.domain.conservation import Kind
from ivr.follow_up import promise_follow_up, withdraw_follow_up
from ivr.promises import Promises, Terms, allow_list
from ivr.settings import AlertChannel, Alerts, Settings
from ivr.store import case_deadlines
from ivr.store.database import Database
from ivr.store.schema import CallbackRow, OutboxRow

CHANNELS = {
    "desk": AlertChannel(kind="wecom", url_file=Path("x"), lines=("complaint",)),
    "boss": AlertChannel(kind="wecom", url_file=Path("x"), cases=("manager",)),
    "hr": AlertChannel(kind="wecom", url_file=Path("x"), lines=("hr",)),
}
ALERTS = Alerts(channels=CHANNELS)


@dataclass
class Staffed:
    """Closed until ``opens``."""

    opens: datetime = NOW

    def is_open(self, line: str | None, at: datetime) -> bool:
        return at >= self.opens

    def opens_at(self, line: str | None, at: datetime) -> datetime | None:
        return self.opens


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = new_database(tmp_path)
    yield made
    made.close()


def told(database: Database) -> list[tuple[str, str, str]]:
    """(channel, topic, level) of every alert, oldest first."""
    query = select(OutboxRow).where(OutboxRow.topic.like("case.%")).order_by(OutboxRow.id)
    return database.read_now(lambda session: [(row.channel, row.topic, Level(row.payload["level"]).name) for row in session.scalars(query)])


def watch(database: Database, clock: Clock, hours: Staffed | None = None) -> CaseWatch:
    """A new one each time: what it knows stands in the rows."""
    return CaseWatch(database, ALERTS, hours or Staffed(), clock=clock)


async def test_r18_each_level_is_told_once_whoever_looks_how_often(database: Database) -> None:
    file_complaint(database, "7.1")
    clock, seen, late = Clock(), [], []
    for hours in (35.9, 36.1, 40, 57.7, 60, 72.1, 100):
        clock.now = NOW + timedelta(hours=hours)
        for _ in range(2):  # a restart between the two
            await watch(database, clock).look()
        seen.append(len(told(database)))
        late.append(database.read_now(partial(case_deadlines.overdue, now=clock.now)))
    assert (seen, late) == ([0, 1, 1, 2, 2, 4, 4], [0, 0, 0, 0, 0, 1, 1])
    assert told(database) == [
        ("alert-desk", "case.due", "REMINDER"), ("alert-desk", "case.escalated", "SUPERVISOR"),
        ("alert-desk", "case.escalated", "MANAGER"), ("alert-boss", "case.escalated", "MANAGER"),
    ]  # fmt: skip


async def test_after_a_long_stop_the_highest_level_alone_is_told(database: Database) -> None:
    file_complaint(database, "7.1")
    await watch(database, Clock(NOW + timedelta(days=9))).look()
    await watch(database, Clock(NOW + timedelta(days=10))).look()
    assert {level for _, _, level in told(database)} == {"MANAGER"}
    assert len(told(database)) == 2


async def test_what_is_due_at_night_is_told_at_the_opening_and_a_week_of_holidays_is_not_waited_for(database: Database) -> None:
    file_complaint(database, "7.1")
    due = NOW + timedelta(hours=36)
    await watch(database, Clock(due + timedelta(hours=1)), Staffed(due + timedelta(hours=9))).look()
    assert told(database) == []
    await watch(database, Clock(due + timedelta(hours=9)), Staffed(due + timedelta(hours=9))).look()
    assert len(told(database)) == 1
    file_complaint(database, "7.2")
    await watch(database, Clock(due + timedelta(hours=15)), Staffed(due + timedelta(days=7))).look()
    assert len(told(database)) == 2


async def test_r19_an_answer_ends_it_and_a_rejection_begins_it_anew_a_level_higher_each_time(database: Database) -> None:
    number, clock, settings = file_complaint(database, "7.1"), Clock(), Settings()
    promises = Promises(SEALER, allow_list(settings), Terms.of(settings, "complaint"))
    service = Cases(
        database,
        SEALER,
        on_informed=promise_follow_up(promises, clock=clock),
        on_rejected=withdraw_follow_up(tell_rejection(ALERTS, clock), clock),
        clock=clock,
    )
    await service.take_step(number, StepTaken(Step.VERIFY, "Li Na", "wrong part sent", Finding.ORDINARY))
    for actor in ("Li Na", "Wang Wei", "Chen Jie"):
        await service.take_step(number, StepTaken(Step.SOLVE, "Li Na", "sent another"))
        await service.take_step(number, StepTaken(Step.INFORM, actor, "told him"))
        clock.pass_by(80 * 3600)
        await watch(database, clock).look()
        complaint = await service.take_step(number, StepTaken(Step.REOPEN, actor, "still broken"))
        assert complaint.answer_by == clock.now + timedelta(days=3)
    assert told(database) == [
        ("alert-desk", "case.rejected", "REMINDER"),
        ("alert-desk", "case.rejected", "SUPERVISOR"),
        ("alert-desk", "case.rejected", "MANAGER"), ("alert-boss", "case.rejected", "MANAGER"),
    ], "nothing while he had his answer"  # fmt: skip
    clock.pass_by(36 * 3600)
    await watch(database, clock).look()
    assert told(database)[4:] == [("alert-desk", "case.due", "REMINDER")]
    states = database.read_now(lambda session: list(session.scalars(select(CallbackRow.state))))
    assert states == [State.CANCELLED] * 3, "R17: one follow-up for each answer; he has said it before we asked"


def test_a_level_is_told_though_the_robot_was_away_for_a_night() -> None:
    assert AlertCarrier.lasting["case.escalated"] > timedelta(hours=12)
    assert AlertCarrier.keeps == timedelta(hours=1)


@pytest.mark.parametrize(
    ("language", "rejections", "lines"),
    [
        ("zh", 0, ["**投诉已超期，请经理处理** 投诉", ">编号：C1", ">状态：已核实，待处理", ">答复期限：2026-11-21 10:00（已超 2 小时）"]),
        ("zh", 2, ["**客户不接受处理结果** 投诉", ">编号：C1"]),
        (
            "en",
            0,
            [
                "**Complaint overdue, for the manager** 投诉",
                ">Number: C1",
                ">State: to be solved",
                ">Answer due: 2026-11-21 10:00 (2 h over)",
            ],
        ),
        ("en", 2, ["**The customer rejects the solution** 投诉", ">Number: C1"]),
    ],
)
def test_the_words_of_a_case(language: str, rejections: int, lines: list[str]) -> None:
    wording = Wording("zh" if language == "zh" else "en", ZONE, {"complaint": "投诉"})
    alert = CaseAlert("C1", "complaint", NOW + timedelta(hours=2), Level.MANAGER, "verified", NOW, rejections)
    assert CaseAlert.from_json(alert.as_json()) == alert
    assert case_text(wording, alert).splitlines()[: len(lines)] == lines


def test_drifting_books_are_told_in_the_channels_language() -> None:
    wording = Wording("zh", ZONE, {"hr": "人力资源"})
    for kind in Kind:
        told = wording.books(NOW, agree=False, sentence="hr: 2 …", counts=(("hr", kind.value, 2),)).splitlines()[1]
        assert (told.startswith(">详情：人力资源有 2 "), "hr" in told) == (True, False)


def test_the_levels_stand_at_half_four_fifths_and_all_of_three_days() -> None:
    assert [(each.level.name, (each.due_at - NOW) / timedelta(hours=1)) for each in deadlines(NOW, 0)] == [
        ("REMINDER", 36.0), ("SUPERVISOR", 57.6), ("MANAGER", 72.0),
    ]  # fmt: skip

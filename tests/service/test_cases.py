"""A case's states (R12-R17): every step from every state, who and when, and what follows in the same transaction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.house import new_database
from support.outgoing import NOW, SEALER, Clock, file_complaint, rows
from typer.testing import CliRunner

from ivr.cases import Cases, UnknownComplaintError
from ivr.cli import app
from ivr.console import texts
from ivr.console.refusals import words_of
from ivr.domain.cases import Case, CaseState, Finding, Step, StepRefusedError, StepTaken, next_step, take
from ivr.settings import DATA_KEY, Settings
from ivr.store import cases
from ivr.store.complaints import Complaint
from ivr.store.database import Database, StoreError

ALLOWED = {
    (CaseState.OPEN, None, Step.VERIFY): CaseState.VERIFIED,
    (CaseState.VERIFIED, Finding.UNFOUNDED, Step.INFORM): CaseState.INFORMED,
    (CaseState.VERIFIED, Finding.ORDINARY, Step.SOLVE): CaseState.SOLVED,
    (CaseState.VERIFIED, Finding.SERIOUS, Step.SOLVE): CaseState.SOLVED,
    **{(CaseState.SOLVED, finding, Step.INFORM): CaseState.INFORMED for finding in Finding},
    **{(CaseState.INFORMED, finding, Step.CLOSE): CaseState.CLOSED for finding in Finding},
    # rejected by the customer (R19):
    **{(state, finding, Step.REOPEN): CaseState.VERIFIED for state in (CaseState.INFORMED, CaseState.CLOSED) for finding in Finding},
    # corrected to serious:
    (CaseState.VERIFIED, Finding.UNFOUNDED, Step.VERIFY): CaseState.VERIFIED,
    (CaseState.VERIFIED, Finding.ORDINARY, Step.VERIFY): CaseState.VERIFIED,
}
EVERY = [
    (state, finding, step)
    for state in CaseState
    for finding in ([None] if state is CaseState.OPEN else list(Finding))
    for step in Step
]  # fmt: skip


def taken(step: Step, finding: Finding = Finding.SERIOUS) -> StepTaken:
    return StepTaken(step, "Li Na", "looked into it", finding if step is Step.VERIFY else None)


@pytest.mark.parametrize(("state", "finding", "step"), EVERY)
def test_every_step_from_every_state(state: CaseState, finding: Finding | None, step: Step) -> None:
    case = Case("C1", state, finding)
    if wanted := ALLOWED.get((state, finding, step)):
        after = take(case, taken(step))
        assert (after.state, after.finding) == (wanted, Finding.SERIOUS if step is Step.VERIFY else finding)
    else:
        with pytest.raises(
            StepRefusedError, match=r"^C1 is .+: (the next step is \w+|nothing more is done about it, unless .+)$"
        ) as refused:
            take(case, taken(step))
        assert_told_in_both_languages(refused.value)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (StepTaken(Step.VERIFY, " ", "x", Finding.ORDINARY), "say who"),
        (StepTaken(Step.VERIFY, "x" * 65, "x", Finding.ORDINARY), "at most 64"),
        (StepTaken(Step.VERIFY, "a\x1b[2J", "x", Finding.ORDINARY), "printable"),
        (StepTaken(Step.VERIFY, "Li Na", "", Finding.ORDINARY), "needs a note: what the department found"),
        (StepTaken(Step.VERIFY, "Li Na", "x" * 2001, Finding.ORDINARY), "at most 2000"),
        (StepTaken(Step.VERIFY, "Li Na", "\x00", Finding.ORDINARY), "control characters"),
        (StepTaken(Step.VERIFY, "Li Na", "x"), "unfounded, ordinary or serious"),
    ],
)
def test_a_step_without_who_or_what_is_refused(step: StepTaken, sentence: str) -> None:
    with pytest.raises(StepRefusedError, match=sentence) as refused:
        take(Case("C1", CaseState.OPEN), step)
    assert_told_in_both_languages(refused.value)


def test_r19_who_was_rejected_does_not_call_again_and_who_comes_second_is_told() -> None:
    case = take(Case("C1", CaseState.SOLVED, Finding.ORDINARY, steps=2), taken(Step.INFORM))
    case = take(take(case, taken(Step.REOPEN)), taken(Step.SOLVE))
    assert (case.rejections, case.steps, case.informed_by) == (1, 5, "Li Na")
    for refused_step, code in ((taken(Step.INFORM), "another_agent"), (replace(taken(Step.INFORM), actor="Max", seen=4), "meanwhile")):
        with pytest.raises(StepRefusedError) as refused:
            take(case, refused_step)
        assert refused.value.code == code
        assert_told_in_both_languages(refused.value)
    assert take(case, replace(taken(Step.INFORM), actor="Wang Wei", seen=5)).state is CaseState.INFORMED


def assert_told_in_both_languages(error: StepRefusedError) -> None:
    for language in texts.LANGUAGES:
        told = words_of(error, language)
        assert told != str(error)
        assert "{" not in told


@given(st.lists(st.tuples(st.sampled_from(Step), st.sampled_from(Finding)), max_size=12))
def test_whatever_is_tried_a_case_ends_closed_by_the_steps_it_names(tries: list[tuple[Step, Finding]]) -> None:
    case = Case("C1", CaseState.OPEN)
    for actor, (step, finding) in enumerate(tries):
        try:
            case = take(case, replace(taken(step, finding), actor=str(actor)))
        except StepRefusedError:
            continue
    for _ in range(4):
        if step := next_step(case):
            case = take(case, taken(step))
    assert case.state is CaseState.CLOSED


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return new_database(tmp_path)


async def test_r16_each_step_is_kept_with_who_and_when_and_the_crm_hears(database: Database) -> None:
    number = file_complaint(database, "7.1")
    clock, informed, wakes = Clock(), [], []
    service = Cases(
        database, SEALER, on_informed=lambda _, complaint: informed.append(complaint), after_commit=lambda: wakes.append(1), clock=clock
    )
    for step in (Step.VERIFY, Step.SOLVE, Step.INFORM, Step.CLOSE):
        clock.pass_by(60)
        complaint = await service.take_step(number, taken(step, Finding.ORDINARY))
    assert (complaint.state, complaint.verdict, len(wakes)) == ("closed", "ordinary", 4)
    assert [(found.number, found.state) for found in informed] == [(number, "informed")], "R17: the follow-up is promised once"
    events = await database.read(lambda session: cases.events_of(session, number))
    assert [(event.action, event.actor, (event.at - NOW).total_seconds()) for event in events] == [
        ("verify", "Li Na", 60.0), ("solve", "Li Na", 120.0), ("inform", "Li Na", 180.0), ("close", "Li Na", 240.0),
    ]  # fmt: skip
    assert [key for key, _, _ in rows(database)] == ["complaint.filed:7.1-complaint"] + [
        f"complaint.updated:7.1-complaint:{event.id}" for event in events
    ]


async def test_what_follows_and_the_step_are_one_transaction(database: Database) -> None:
    number = file_complaint(database, "7.1")

    def refuse(_: Session, __: Complaint) -> None:
        raise OperationalError("no", {}, Exception("disk full"))

    service = Cases(database, SEALER, on_informed=refuse)
    await service.take_step(number, taken(Step.VERIFY, Finding.UNFOUNDED))
    with pytest.raises(StoreError):
        await service.take_step(number, taken(Step.INFORM))
    assert len(await database.read(lambda session: cases.events_of(session, number))) == 1
    with pytest.raises(UnknownComplaintError, match="there is no complaint C0"):
        await service.take_step("C0", taken(Step.VERIFY))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / DATA_KEY).write_text("a secret for tests")
    assert Settings(state=tmp_path).paths.secret(DATA_KEY) == "a secret for tests"
    store = new_database(tmp_path)
    file_complaint(store, "7.1")
    store.close()
    return CliRunner()


NUMBER = "C2026112100001"
WALK = [
    ["verify", NUMBER, "--finding", "unfounded", "--by", "Li Na", "--note", "[bold]used wrongly[/bold]"],
    ["inform", NUMBER, "--by", "Wang Wei", "--note", "explained"],
    ["close", NUMBER.lower(), "--by", "Wang Wei"],
]


def test_r13_a_case_walks_through_the_command_line(runner: CliRunner) -> None:
    for words, state, after in zip(WALK, ("verified", "informed", "closed"), ("inform", "close", None), strict=True):
        result = runner.invoke(app, ["complaints", *words, "--json"])
        assert result.exit_code == 0, result.stderr
        record = json.loads(result.stdout)
        assert (record["state"], record["verdict"], record["next_step"]) == (state, "unfounded", after)
        assert (record["steps"][-1]["action"], record["steps"][-1]["by"]) == (words[0], words[words.index("--by") + 1])
        assert (record["answer_by"] is None) == (state != "verified"), "R18: he waits until he is told"
    shown = runner.invoke(app, ["complaints", "show", NUMBER], env={"COLUMNS": "200"}).stdout
    assert "[bold]used wrongly[/bold]" in shown, "what people wrote is shown as they wrote it"
    assert runner.invoke(app, ["complaints", "list"]).exit_code == 0
    assert [
        record["number"] for record in json.loads(runner.invoke(app, ["complaints", "list", "--state", "closed", "--json"]).stdout)
    ] == [NUMBER]


def test_r17_who_was_told_is_promised_a_follow_up_call(runner: CliRunner, tmp_path: Path) -> None:
    for words in WALK:
        assert runner.invoke(app, ["complaints", *words, "--json"]).exit_code == 0
    (promise,) = json.loads(runner.invoke(app, ["callbacks", "list", "--json"]).stdout)
    assert (promise["reason"], promise["line"], promise["number"]) == ("follow_up", "complaint", "+86139****9000")
    reopen = ["complaints", "reopen", NUMBER, "--by", "Li Na", "--note", "rejects it", "--seen"]
    late = runner.invoke(app, [*reopen, "2"])
    assert (late.exit_code, "Wang Wei has taken a step" in late.stderr) == (1, True)
    reopened = json.loads(runner.invoke(app, [*reopen, "3", "--json"]).stdout)
    assert (reopened["state"], reopened["rejections"], reopened["next_step"]) == ("verified", 1, "inform")
    (promise,) = json.loads(runner.invoke(app, ["callbacks", "list", "--json"]).stdout)
    assert (promise["state"], promise["last_result"]) == ("cancelled", "rejected"), "R19: he has said it before we asked"


def test_a_number_that_may_not_be_called_doesnt_hold_the_case_up(runner: CliRunner, tmp_path: Path) -> None:
    store = new_database(tmp_path)
    store.write_now(lambda session: session.connection().exec_driver_sql("UPDATE complaints SET contact_number = ''"))
    store.close()
    for words in WALK[:2]:
        result = runner.invoke(app, ["complaints", *words, "--json"])
        assert result.exit_code == 0
    assert json.loads(result.stdout)["state"] == "informed"
    assert result.stderr.startswith(f"ivrd: no follow-up call for {NUMBER}: ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["solve", NUMBER, "--by", "x", "--note", "x"], f"ivrd: {NUMBER} is open, so it can't be solved now: the next step is verify\n"),
        (["close", "C0", "--by", "x"], "ivrd: there is no complaint C0\n"),
        (["resend", NUMBER], f"ivrd: nothing of {NUMBER} was rejected\n"),
    ],
)
def test_a_refused_step_is_one_sentence(runner: CliRunner, words: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["complaints", *words])
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", sentence)


@pytest.mark.parametrize("words", [[NUMBER.lower()], ["--all"]])
def test_what_the_crm_rejected_can_be_sent_again(runner: CliRunner, tmp_path: Path, words: list[str]) -> None:
    store = new_database(tmp_path)
    store.write_now(lambda session: session.connection().exec_driver_sql("UPDATE outbox SET state = 'rejected'"))
    assert json.loads(runner.invoke(app, ["complaints", "show", NUMBER, "--json"]).stdout)["crm"][0]["state"] == "rejected"
    assert runner.invoke(app, ["complaints", "resend"]).exit_code == 2
    assert runner.invoke(app, ["complaints", "resend", *words]).exit_code == 0
    assert [state for _, state, _ in rows(store)] == ["pending"]
    assert runner.invoke(app, ["complaints", "resend", *words]).exit_code == 1
    store.close()

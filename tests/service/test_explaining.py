"""``ivrd explain`` and ``ivrd calls explain``: the calls behind a number, the facts behind a call, and nobody's number in either."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.house import new_database
from typer.testing import CliRunner

from ami_bridge.facts import (
    AgentAnswered,
    AgentRang,
    CallArrived,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    Fact,
    LeftUnanswered,
    QueueExited,
)
from ivr.cli import app
from ivr.domain.call_facts import CallTaken
from ivr.domain.contact_book import ContactBook
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.definition_book import DEFINITIONS
from ivr.domain.ledger import Entry, Source
from ivr.settings import Settings
from ivr.store import contacts, ledger
from ivr.store.database import Database
from ivr.store.ledger import Told
from ivr.store.sealing import Sealer

TEN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
PERIOD = ("--from", "2026-11-21T00:00", "--to", "2026-11-22T00:00")
V = VisitOutcome


def came(number: int, outcome: VisitOutcome, wait: float, queue: str = "hr") -> Contact:
    joined = TEN + timedelta(minutes=number)
    end = joined + timedelta(seconds=wait)
    answered = end if outcome is V.ANSWERED else None
    visit = Visit(queue, joined, picked_up_at=answered, answered_at=answered, left_at=end, outcome=outcome, talk_ended_at=answered)
    return Contact(f"{number}.0", joined, caller="+8613800138000", line=queue, visits=[visit], ended_at=end)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE", str(tmp_path))
    day = [came(number, V.ANSWERED, wait) for number, wait in enumerate((4, 8, 12, 15, 19, 33, 47, 90))]
    day += [came(number, V.ABANDONED_WAIT, wait) for number, wait in enumerate((2, 9, 16, 31, 75), 8)]
    day += [came(13, V.FLOW_TIMEOUT, 60), came(14, V.FLOW_KEY, 14), came(15, V.ANSWERED, 1, "course")]
    with_store(tmp_path, day)
    return tmp_path


def with_store(state: Path, day: list[Contact], told: list[Told] | None = None) -> None:
    store: Database = new_database(state)
    sealer = Sealer(Settings(state=state).paths.secret("data_key"))
    store.write_now(partial(contacts.save, sealer=sealer, contacts=day))
    store.write_now(partial(ledger.append, sealer=sealer, told=told or []))
    store.close()


def run(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_the_calls_in_the_numerator_and_in_the_denominator_alone(state: Path) -> None:
    found = run("explain", "sl.strict", *PERIOD, "--queue", "hr")
    assert (found["definition"], found["version"], found["value"]) == ("sl.strict", 1, 0.3571)
    assert found["formula"]["en"] == "answered within T ÷ (offered − short abandons)"
    assert [call["contact"] for call in found["numerator"]["calls"]] == ["0.0", "1.0", "2.0", "3.0", "4.0"]
    assert (found["numerator"]["count"], found["denominator"]["count"]) == (5, 14)
    alone = {call["contact"]: call["outcome"] for call in found["denominator"]["only"]}
    assert len(alone) == 9
    assert "8.0" not in alone  # gave up within S
    assert (alone["13.0"], alone["14.0"]) == ("flow_timeout", "flow_key")


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_every_definition_s_value_is_the_report_s(state: Path, name: str) -> None:
    explained = run("explain", name, *PERIOD, "--limit", "1")
    rows = run_report("--definition", name)
    assert explained["value"] == rows[0]["definitions"][name]
    if explained["unit"] == "share" and explained["value"] is not None:
        assert explained["value"] == round(explained["numerator"]["count"] / explained["denominator"]["count"], 4)


def run_report(*words: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["report", *PERIOD, "--by", "hotline", *words, "--format", "json"])
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


def test_for_people(state: Path) -> None:
    result = CliRunner().invoke(app, ["explain", "abandon.queue", *PERIOD, "--limit", "2"], env={"COLUMNS": "160"})
    assert "（排队放弃 + 振铃放弃 − 速挂）" in result.stdout
    assert "in the numerator: 4" in result.stdout
    assert "… and 2 more" in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("sl.mine",), "'sl.mine'"),
        (("abandon.hotline", "--queue", "hr"), "--line alone"),
        (("loss", "--from", "soon"), "'soon' is no time"),
    ],
)
def test_what_can_t_be_explained_is_a_sentence(state: Path, words: tuple[str, ...], sentence: str) -> None:
    result = CliRunner().invoke(app, ["explain", *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def facts() -> list[Fact]:
    def at(seconds: float) -> datetime:
        return TEN + timedelta(seconds=seconds)

    return [
        CallArrived(at(0), "1.0", "1.0", "13800138000", "", "4001234567"),
        CallTaken(at(0.1), "1.0", "1.0", "+8613800138000", "Zhang San", "4001234567", "", "v1", "zh"),
        CallerQueued(at(3), "1.0", "1.0", "hr", 1),
        AgentRang(at(4), "1.0", "1.0", "hr", "Li Na", "2.0"),
        LeftUnanswered(at(9), "1.0", "1.0", "hr"),
        CallerLeftQueue(at(9), "1.0", "1.0", "hr"),
        CallEnded(at(9.1), "1.0", "1.0", 16),
        QueueExited(at(9.2), "1.0", "1.0", "hr", "HANGUP"),
    ]


def test_a_call_explained_by_its_facts(state: Path) -> None:
    book = ContactBook()
    entries = [Entry("main", Source.SESSION if isinstance(fact, CallTaken) else Source.AMI, fact) for fact in facts()]
    for entry in entries:
        book.apply(entry)
    with_store(state, [book.contacts["1.0"]], [Told(entry, "1.0") for entry in entries])
    found = run("calls", "explain", "1.0")
    visit = found["visits"][0]
    assert (visit["outcome"], visit["quality"]) == ("abandoned_ring", "exact")
    assert visit["decided_by"]["source"] == "ami"
    assert {"abandon.queue", "loss"} <= set(visit["figures"])
    assert "sl.strict" in visit["denominator_only"]
    assert "abandon.hotline" in found["figures"]
    assert [fact["fact"] for fact in found["facts"]] == [type(fact).__name__ for fact in facts()]
    joined = next(fact for fact in found["facts"] if fact["fact"] == "CallerQueued")
    assert joined["changed"]["visits.1.queue"] == {"from": None, "to": "hr"}
    shown = CliRunner().invoke(app, ["calls", "explain", "1.0"], env={"COLUMNS": "200"})
    for output in (json.dumps(found, ensure_ascii=False), shown.stdout):
        assert "13800138000" not in output
        assert "Zhang San" not in output
    assert "visit 1, queue hr: abandoned_ring after" in shown.stdout


def test_a_call_of_before_the_ledger_and_one_that_never_was(state: Path) -> None:
    shown = CliRunner().invoke(app, ["calls", "explain", "0.0"])
    assert (shown.exit_code, "the ledger has nothing of this call" in shown.stdout) == (0, True)
    assert run("calls", "explain", "0.0")["visits"][0]["decided_by"] is None
    missing = CliRunner().invoke(app, ["calls", "explain", "no.such"])
    assert (missing.exit_code, "there is no call no.such" in missing.stderr) == (1, True)


def test_answers_by_an_agent_are_that_agent_s(state: Path) -> None:
    entries: list[Fact] = [*facts()[:4], AgentAnswered(TEN + timedelta(seconds=8), "1.0", "1.0", "hr", "Li Na", "2.0")]
    book = ContactBook()
    for fact in entries:
        book.apply(Entry("main", Source.AMI, fact))
    book.contacts["1.0"].id = "1.agent"
    with_store(state, [book.contacts["1.0"]])
    found = run("explain", "answered", *PERIOD, "--agent", "Li Na")
    assert [call["contact"] for call in found["numerator"]["calls"]] == ["1.agent"]

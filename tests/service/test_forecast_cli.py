"""``ivrd forecast`` over a database with some weeks of calls."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.house import new_database
from support.midday import MIDDAY
from typer.testing import CliRunner

from ivr.cli import app
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.settings import Settings
from ivr.store import contacts
from ivr.store.sealing import Sealer

TODAY = datetime.now(UTC).astimezone(MIDDAY).date()
CALLS, WEEKS = 30, 5


def call(number: int, joined: datetime) -> Contact:
    up = joined + timedelta(seconds=8)
    visit = Visit(
        "hr", joined, picked_up_at=up, answered_at=up, left_at=up, agent="Li Na",
        talk_ended_at=up + timedelta(seconds=180), outcome=VisitOutcome.ANSWERED,
    )  # fmt: skip
    return Contact(f"{number}.0", joined, line="hr", visits=[visit], ended_at=up + timedelta(seconds=180))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Thirty calls between 10:00 and 10:30 of every day."""
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("IVRD_HOTLINE__TIME_ZONE", MIDDAY.key)
    store = new_database(tmp_path)
    sealer = Sealer(Settings(state=tmp_path).paths.secret("data_key"))
    days = [TODAY - timedelta(days=number) for number in range(1, WEEKS * 7 + 1)]
    starts = [datetime.combine(day, time(10, minute), MIDDAY).astimezone(UTC) for day in days for minute in range(CALLS)]
    store.write_now(partial(contacts.save, sealer=sealer, contacts=[call(number, at) for number, at in enumerate(starts)]))
    store.close()
    return CliRunner()


def test_calls_agents_and_how_good_it_is(runner: CliRunner) -> None:
    result = runner.invoke(app, ["forecast", "--queue", "hr", "--days", "1", "--target", "80/20", "--format", "json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (row,) = told["rows"]
    tomorrow = TODAY + timedelta(days=1)
    assert row["start"] == datetime.combine(tomorrow, time(10), MIDDAY).isoformat()
    assert (row["calls"], row["handling_s"], row["agents"]) == (30.0, 180.0, 5)  # three erlangs
    (tested,) = told["back_test"]
    assert (tested["known_days"], tested["error"], tested["kept"]) == (WEEKS * 7, pytest.approx(0.0, abs=1e-9), 1.0)


def test_as_a_table_and_as_csv(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["forecast", "--queue", "hr", "--days", "1"])
    assert "10:00" in shown.stdout
    assert "hr: 30 calls, 2.5 agent hours; Erlang C, for too few gave up to know their patience" in shown.stdout
    rows = list(csv.DictReader(io.StringIO(runner.invoke(app, ["forecast", "--format", "csv"]).stdout)))
    assert {row["queue"] for row in rows} == {"hr"}
    assert len(rows) == 7


def test_a_queue_of_which_nothing_is_known(runner: CliRunner) -> None:
    shown = runner.invoke(app, ["forecast", "--queue", "course"])
    assert shown.exit_code == 0
    assert "course: nothing is known yet of days like these (0 days of calls so far)" in shown.stdout


def test_the_back_test_alone(runner: CliRunner) -> None:
    told = json.loads(runner.invoke(app, ["forecast", "--back-test", "--format", "json"]).stdout)
    assert told["rows"] == []
    assert {each["queue"] for each in told["back_test"]} == {"hr", "course", "product", "complaint"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--queue", "sales"], "there is no queue 'sales'; the settings have complaint, course, hr, product"),
        (["--target", "80"], "--target '80' is no target; write it like 80/20: 80 % answered within 20 s"),
        (["--target", "0/20"], "is no target"),
        (["--from", "tomorrow"], "--from 'tomorrow' is no day"),
    ],
)
def test_what_it_doesn_t_understand_it_says(runner: CliRunner, words: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["forecast", *words])
    assert result.exit_code == 1
    assert sentence in result.stderr

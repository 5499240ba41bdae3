"""Reports over stored contacts: rows by queue, line, agent and interval."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.house import new_database
from typer.testing import CliRunner

from ivr.cli import app
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.settings import Settings
from ivr.store import contacts
from ivr.store.sealing import Sealer

TEN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def served(contact: str, minute: float, queue: str, line: str | None, wait: float, agent: str = "Li Na") -> Contact:
    joined = TEN + timedelta(minutes=minute)
    up = joined + timedelta(seconds=wait)
    visit = Visit(queue, joined, picked_up_at=up, answered_at=up, agent=agent, talk_ended_at=up, outcome=VisitOutcome.ANSWERED)
    return Contact(contact, joined, line=line, visits=[visit], ended_at=up)


def gave_up(contact: str, minute: float, queue: str, wait: float) -> Contact:
    joined = TEN + timedelta(minutes=minute)
    left = joined + timedelta(seconds=wait)
    return Contact(
        contact, joined, line=queue, visits=[Visit(queue, joined, left_at=left, outcome=VisitOutcome.ABANDONED_WAIT)], ended_at=left
    )


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    store = new_database(tmp_path)
    sealer = Sealer(Settings(state=tmp_path).paths.secret("data_key"))
    day = [
        served("1", 0, "hr", "hr", 2.5),
        served("2", 5, "hr", "hr", 15, "Wang Wei"),
        gave_up("3", 40, "hr", 30),
        served("4", 70, "product", None, 60),
        gave_up("5", 24 * 60, "hr", 9),  # tomorrow
    ]
    store.write_now(partial(contacts.save, sealer=sealer, contacts=day))
    store.close()
    return CliRunner()


def report(runner: CliRunner, *words: str) -> list[dict[str, Any]]:
    period = ["--from", "2026-11-21T00:00", "--to", "2026-11-22T00:00"]
    result = runner.invoke(app, ["report", *period, *words, "--format", "json"])
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


def test_r2_r4_by_queue_with_a_row_for_each(runner: CliRunner) -> None:
    rows = {str(row["queue"]): row for row in report(runner)}
    assert sorted(rows) == ["complaint", "course", "hr", "product"]
    hr = rows["hr"]
    assert (hr["offered"], hr["answered"], hr["lost"], hr["longest_wait"]) == (3, 2, 1, 30.0)
    assert hr["answered_within"] == {"3": 1, "10": 1, "20": 2}
    assert [hr["abandon"][name] for name in ("abandon.queue", "abandon.raw", "loss")] == [0.3333, 0.3333, 0.3333]
    assert set(rows["course"]["sl"].values()) == {None}


def test_by_line_and_by_agent(runner: CliRunner) -> None:
    assert {row["line"]: row["offered"] for row in report(runner, "--by", "line") if row["offered"]} == {"hr": 3, "none": 1}
    assert {row["agent"]: row["answered"] for row in report(runner, "--by", "agent")} == {"Li Na": 2, "Wang Wei": 1}


def test_by_hour(runner: CliRunner) -> None:
    rows = [row for row in report(runner, "--grain", "1h") if row["offered"]]
    assert [(row["queue"], str(row["start"])[11:16], row["offered"]) for row in rows] == [("hr", "10:00", 3), ("product", "11:00", 1)]


def test_another_zone_is_another_day(runner: CliRunner) -> None:
    result = runner.invoke(
        app, ["report", "--from", "2026-11-20T21:00", "--to", "2026-11-20T21:30", "--tz", "America/New_York", "--format", "json"]
    )
    rows = json.loads(result.stdout)["rows"]
    assert {row["queue"]: row["offered"] for row in rows}["hr"] == 2


def test_csv_has_one_column_for_each_figure(runner: CliRunner) -> None:
    result = runner.invoke(app, ["report", "--from", "2026-11-21", "--to", "2026-11-22", "--format", "csv"])
    rows = {row["queue"]: row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert (rows["hr"]["loss"], rows["hr"]["sl.strict"], rows["hr"]["asa.mean"], rows["hr"]["answered_within.20"]) == (
        "0.3333",
        "0.6667",
        "8.8",
        "2",
    )


def test_the_table_is_for_people(runner: CliRunner) -> None:
    for width in ("80", "160"):
        for words in ([], ["--grain", "1h"], ["--view", "activity", "--grain", "1d"], ["--by", "line", "--definition", "genesys.sl"]):
            result = runner.invoke(app, ["report", "--from", "2026-11-21", "--to", "2026-11-22", *words], env={"COLUMNS": width})
            assert "…" not in result.stdout
            assert "hr" in result.stdout
    result = runner.invoke(app, ["report", "--from", "2026-11-21", "--to", "2026-11-22"], env={"COLUMNS": "80"})
    assert "呼损率" in result.stdout
    assert "33.3%" in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--from", "the day before"], "'the day before' is no time"),
        (["--definition", "sl.made_up"], "'sl.made_up'"),
        (["--format", "xlsx"], "--to-file"),
        (["--tz", "Mars/Base"], "Mars/Base"),
        (["--from", "2026-11-22", "--to", "2026-11-21"], "before --to"),
    ],
)
def test_what_cant_be_reported_is_a_sentence(runner: CliRunner, words: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["report", *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_a_view_that_isn_t_one_is_a_usage_error(runner: CliRunner) -> None:
    result = runner.invoke(app, ["report", "--view", "sideways"])
    assert (result.exit_code, "sideways" in result.stderr) == (2, True)


def test_hours_of_the_week_lie_over_each_other(runner: CliRunner) -> None:
    result = runner.invoke(
        app, ["report", "--from", "2026-11-16", "--to", "2026-11-23", "--grain", "hour-of-week", "--by", "hotline", "--format", "json"]
    )
    rows = json.loads(result.stdout)["rows"]
    assert len(rows) == 168
    taken = {(row["weekday"], row["hour"]): row["offered"] for row in rows if row["offered"]}
    assert taken == {("Sat", 10): 3, ("Sat", 11): 1, ("Sun", 10): 1}


def test_the_activity_view_counts_when_it_happened(runner: CliRunner) -> None:
    period = ["--from", "2026-11-21T11:10", "--to", "2026-11-21T11:12", "--grain", "1m", "--view", "activity"]
    result = runner.invoke(app, ["report", *period, "--format", "json"])
    product = [row for row in json.loads(result.stdout)["rows"] if row["queue"] == "product"]
    assert [(row["carry_in"], row["offered"], row["answered"], row["carry_out"]) for row in product] == [(0, 1, 0, 1), (1, 0, 1, 0)]


def test_whoever_waited_before_the_period_is_carried_in(runner: CliRunner) -> None:
    period = ["--from", "2026-11-21T11:10:30", "--to", "2026-11-21T11:15", "--view", "activity"]
    result = runner.invoke(app, ["report", *period, "--format", "json"])
    product = next(row for row in json.loads(result.stdout)["rows"] if row["queue"] == "product")
    assert (product["carry_in"], product["offered"], product["answered"], product["carry_out"]) == (1, 0, 1, 0)


def test_definitions_by_name_and_their_list(runner: CliRunner) -> None:
    rows = report(runner, "--definition", "genesys.sl", "--definition", "abandon.net", "--by", "hotline")
    assert rows[0]["definitions"] == {"genesys.sl": 0.5, "abandon.net": 0.25}
    listed = runner.invoke(app, ["report", "--definitions", "--format", "json"])
    names = [known["name"] for known in json.loads(listed.stdout)]
    assert {"sl.strict", "asterisk.sl2", "genesys.sl.short_out", "loss", "satisfaction.rate"} <= set(names)
    assert "genesys.sl" in runner.invoke(app, ["report", "--definitions"]).stdout


def test_a_line_may_have_limits_of_its_own(runner: CliRunner, tmp_path: Path) -> None:
    own = runner.invoke(
        app,
        ["report", "--from", "2026-11-21", "--to", "2026-11-22", "--format", "json"],
        env={"IVRD_LINES__HR__SERVICE_S": "10", "IVRD_LINES__HR__SHORT_S": "0"},
    )
    assert {row["queue"]: row["sl"]["sl.strict"] for row in json.loads(own.stdout)["rows"]}["hr"] == 0.3333


def test_a_workbook_and_a_file(runner: CliRunner, tmp_path: Path) -> None:
    for form, name in (("xlsx", "figures.xlsx"), ("csv", "figures.csv"), ("json", "figures.json")):
        file = tmp_path / name
        result = runner.invoke(
            app, ["report", "--from", "2026-11-21", "--to", "2026-11-22", "--format", form, "--to-file", str(file)]
        )  # fmt: skip
        assert (result.exit_code, result.stdout) == (0, "")
        assert file.stat().st_size > 100
    result = runner.invoke(app, ["report", "--format", "csv", "--to-file", str(tmp_path / "no" / "folder.csv")])
    assert (result.exit_code, "can't be written" in result.stderr) == (1, True)

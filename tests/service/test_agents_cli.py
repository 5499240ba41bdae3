"""``ivrd agents``: now, report and intervals, over a store as the daemon leaves it; bad input and a spoilt plan as sentences."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.house import ZONE, new_database
from typer.testing import CliRunner

from ivr.cli import app
from ivr.domain.agent_states import AgentEvent, AgentKey, AgentState, Interval, Quality, What
from ivr.store import agents
from ivr.store.agents import AgentChange

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=ZONE).astimezone(UTC)
PERIOD = ["--from", "2026-11-20T10:00", "--to", "2026-11-20T12:00"]


def at(minutes: float) -> datetime:
    return TEN + timedelta(minutes=minutes)


LI = AgentChange(
    put=[
        Interval(AgentState.AVAILABLE, at(-30), at(20)),
        Interval(AgentState.TALKING, at(20), at(30), "", "hr", "main-1.2"),
        Interval(AgentState.TALKING, at(30), at(40), "", "hr", "main-1.2", Quality.UNCERTAIN),
        Interval(AgentState.WRAPPING_UP, at(40), at(42), "", "hr", "main-1.2"),
        Interval(AgentState.ON_BREAK, at(42), at(72), "=cmd()"),
        Interval(AgentState.AVAILABLE, at(72), None),
    ],
    events=[AgentEvent("offer:1", at(20), What.ANSWERED, "hr", "main-1.2", 3000), AgentEvent("offer:2", at(10), What.REFUSED, "hr", "c")],
)
WU = AgentChange(put=[Interval(AgentState.OFFLINE, at(-3000), None)])
EVIL = AgentChange(put=[Interval(AgentState.AVAILABLE, at(0), at(1))])


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    store = new_database(tmp_path)
    changes = {AgentKey("main", "Li Na"): LI, AgentKey("main", "Wu"): WU, AgentKey("main", "=1+1"): EVIL}
    store.write_now(partial(agents.save, changes=changes))
    store.close()
    return CliRunner()


def told(runner: CliRunner, *words: str) -> object:
    result = runner.invoke(app, ["agents", *words])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_report_as_json_counts_the_period_alone(runner: CliRunner) -> None:
    report = told(runner, "report", *PERIOD, "--format", "json")
    assert isinstance(report, dict)
    assert (report["from"], report["tz"]) == ("2026-11-20T10:00:00.000+08:00", "Asia/Shanghai")
    assert [row["agent"] for row in report["rows"]] == ["=1+1", "Li Na", None], "who was away all the time isn't in it"
    li = report["rows"][1]
    assert (li["available"], li["talk"], li["wrap_up"], li["on_break"], li["over_break"]) == (68 * 60, 1200, 120, 1800, 600)
    assert (li["handled"], li["refused"], li["answered_share"], li["uncertain"]) == (1, 1, 0.5, 600)
    assert li["occupancy"] == round(22 / (22 + 68), 4)
    assert report["rows"][2]["logged_in"] == 121 * 60
    one = told(runner, "report", *PERIOD, "--format", "json", "--agent", "=1+1")
    assert isinstance(one, dict)
    assert [row["agent"] for row in one["rows"]] == ["=1+1"], "of one alone there is no sum"


def test_a_time_zone_moves_the_period(runner: CliRunner) -> None:
    report = told(runner, "report", "--from", "2026-11-20T03:00", "--to", "2026-11-20T05:00", "--tz", "Europe/Berlin", "--format", "json")
    assert isinstance(report, dict)
    assert report["rows"][1]["talk"] == 1200


def test_a_report_as_csv_is_safe_in_a_spreadsheet(runner: CliRunner) -> None:
    result = runner.invoke(app, ["agents", "report", *PERIOD, "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["agent"] for row in rows] == ["'=1+1", "Li Na", ""]
    assert rows[1]["breaks"] == "'=cmd() 1800"


def test_a_report_as_a_table(runner: CliRunner) -> None:
    result = runner.invoke(app, ["agents", "report", *PERIOD])
    assert result.exit_code == 0
    assert "Li Na" in result.stdout
    assert "1:08:00" in result.stdout
    assert "24.4%" in result.stdout


def test_adherence_comes_from_the_plan_and_its_faults_have_lines(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tmp_path / "shifts.csv"
    config = tmp_path / "ivrd.toml"
    config.write_text(
        f'[agents.101]\nname = "Li Na"\ncontact = "sip:1@h"\n[agents.102]\nname = "Wu"\ncontact = "sip:2@h"\n[shifts]\nfile = "{plan}"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("IVRD_CONFIG", str(config))
    plan.write_text("agent,days,from,to\nLi Na,mon-fri,10:00,12:00\nWu,2026-11-20,11:00,12:00\n", encoding="utf-8")
    report = told(runner, "report", *PERIOD, "--format", "json")
    assert isinstance(report, dict)
    assert [(row["agent"], row["adherence"]) for row in report["rows"]] == [
        ("=1+1", None),
        ("Li Na", round(110 / 120, 4)),
        ("Wu", 0.0),
        (None, round(110 / 180, 4)),
    ]
    plan.write_text("agent,days,from,to\nLi Na,mon-fri,10,12:00\nNobody,daily,08:00,09:00\n", encoding="utf-8")
    result = runner.invoke(app, ["agents", "report", *PERIOD])
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{plan}:2: from: '10' is no time of day: write 08:00" in result.stderr
    assert f"{plan}:3: there is no agent 'Nobody'; there is Li Na, Wu" in result.stderr
    checked = runner.invoke(app, ["check"])
    assert checked.exit_code == 1
    assert f"{plan}:2: from: '10' is no time of day" in checked.stderr


def test_intervals_are_stays_with_what_is_known_of_them(runner: CliRunner) -> None:
    found = told(runner, "intervals", "Li Na", *PERIOD, "--json")
    assert isinstance(found, list)
    assert [(each["state"], each["quality"]) for each in found] == [
        ("available", "exact"),
        ("talking", "uncertain"),
        ("wrapping_up", "exact"),
        ("on_break", "exact"),
        ("available", "exact"),
    ]
    assert (found[1]["from"], found[1]["seconds"], found[1]["call"]) == ("2026-11-20T10:20:00.000+08:00", 1200, "main-1.2")
    assert found[-1]["to"] is None
    table = runner.invoke(app, ["agents", "intervals", "Li Na", *PERIOD]).stdout
    assert "2026-11-20 10:20:00" in table
    assert "wrapping_up" in table


def test_now_shows_who_is_in_what_state(runner: CliRunner) -> None:
    found = told(runner, "now", "--json")
    assert isinstance(found, dict)
    assert [(agent["agent"], agent["state"]) for agent in found["agents"]] == [("Li Na", "available"), ("Wu", "offline")]
    assert found["agents"][0]["from"] == "2026-11-20T11:12:00.000+08:00"
    assert "Li Na" in runner.invoke(app, ["agents", "now"]).stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["report", "--from", "soon"], "'soon' is no time: write 2026-11-21, 2026-11-21T08:30, or one of today, yesterday"),
        (["report", "--from", "2026-11-21", "--to", "2026-11-20"], "--from must be before --to"),
        (["report", "--tz", "Mars/Olympus"], "No time zone found with key Mars/Olympus"),
        (["intervals", "Nobody"], "nothing is known of an agent 'Nobody' in this period"),
    ],
)
def test_bad_input_is_one_sentence(runner: CliRunner, words: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["agents", *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr

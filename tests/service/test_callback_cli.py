"""``ivrd callbacks``: promises given, shown and taken back, and refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.house import new_database
from typer.testing import CliRunner

from ivr.cli import app


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    new_database(tmp_path).close()
    return CliRunner()


def test_a_promise_is_given_listed_shown_and_taken_back(runner: CliRunner) -> None:
    added = json.loads(runner.invoke(app, ["callbacks", "add", "138 0013 8000", "--line", "hr", "--after", "5", "--json"]).stdout)
    assert (added["number"], added["state"], added["queue"], added["dials"]) == ("+86138****8000", "due", "hr", [])
    again = json.loads(runner.invoke(app, ["callbacks", "add", "13800138000", "--json"]).stdout)
    assert again["id"] == added["id"], "one call to one person"
    (listed,) = json.loads(runner.invoke(app, ["callbacks", "list", "--state", "due", "--json"]).stdout)
    assert listed["id"] == added["id"]
    assert runner.invoke(app, ["callbacks", "list"], env={"COLUMNS": "300"}).stdout.count("+86138****8000") == 1
    assert "due_at" in runner.invoke(app, ["callbacks", "show", added["id"]]).stdout
    assert json.loads(runner.invoke(app, ["callbacks", "cancel", added["id"], "--json"]).stdout)["state"] == "cancelled"
    second = runner.invoke(app, ["callbacks", "cancel", added["id"]])
    assert (second.exit_code, "it is cancelled" in second.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["add", "+442079460000"], "belongs to GB"),
        (["add", "110"], "short"),
        (["add", "anonymous"], "withheld"),
        (["add", "4001234567"], "may be called"),
        (["add", "13800138000", "--line", "nobody"], "there is no line 'nobody'"),
        (["show", "nothing"], "there is no promised call nothing"),
        (["cancel", "nothing"], "there is no promised call nothing"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(runner: CliRunner, words: list[str], why: str) -> None:
    result = runner.invoke(app, ["callbacks", *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert why in result.stderr

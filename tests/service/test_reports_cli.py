"""``ivrd reports``: made, listed and sent by hand, and refused with a sentence."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from support import reported
from support.house import ZONE, new_database
from typer.testing import CliRunner

from ivr.cli import app
from ivr.store.database import Database
from ivr.store.schema import OutboxRow

CONFIG = """
[mail]
host = "mail.example.com"
[reports.to.leaders]
mail = ["gm@example.com"]
kinds = ["day", "week"]
[reports.to.deputy]
mail = ["deputy@example.com"]
kinds = ["day"]
language = "en"
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    (tmp_path / "ivrd.toml").write_text(CONFIG)
    monkeypatch.setenv("IVRD_CONFIG", str(tmp_path / "ivrd.toml"))
    store = new_database(tmp_path)
    reported.keep(store, reported.fixture())
    store.close()
    return CliRunner()


def outbox(folder: Path) -> list[tuple[str, str]]:
    store = Database(f"sqlite:///{folder / 'ivrd.db'}")
    found = store.read_now(
        lambda session: [(row.channel, row.payload["language"]) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]
    )
    store.close()
    return found


def test_a_report_is_made_listed_and_sent_again(runner: CliRunner, tmp_path: Path) -> None:
    made = json.loads(runner.invoke(app, ["reports", "make", "week", "2026-11-18", "--json"]).stdout)
    assert (made["first"], made["last"], len(made["files"])) == ("2026-11-16", "2026-11-22", 6)
    assert all(Path(path).is_file() for path in made["files"].values())
    assert outbox(tmp_path) == [], "making tells nobody"
    sent = runner.invoke(app, ["reports", "send", "day", "2026-11-18"])
    assert (sent.exit_code, sent.stdout) == (0, "on its way to leaders, deputy\n")
    assert runner.invoke(app, ["reports", "send", "week", "2026-11-18", "--only", "leaders"]).stdout == "on its way to leaders\n"
    assert outbox(tmp_path) == [("report-leaders", "zh"), ("report-deputy", "en"), ("report-leaders", "zh")]
    listed = json.loads(runner.invoke(app, ["reports", "list", "--json"]).stdout)
    assert [(found["kind"], found["first"]) for found in listed] == [("day", "2026-11-18"), ("week", "2026-11-16")]
    assert [one["recipient"] for one in listed[0]["sent"]] == ["leaders", "deputy"]
    assert [one["state"] for one in listed[1]["sent"]] == ["pending"]
    assert "leaders pending" in runner.invoke(app, ["reports", "list", "--kind", "week"], env={"COLUMNS": "200"}).stdout


def test_without_a_date_it_is_the_last_whole_one(runner: CliRunner) -> None:
    made = json.loads(runner.invoke(app, ["reports", "make", "day", "--json"]).stdout)
    assert made["first"] == (datetime.now(ZONE).date() - timedelta(days=1)).isoformat()


def test_made_into_a_folder_it_is_kept_nowhere_else(runner: CliRunner, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = runner.invoke(app, ["reports", "make", "day", "2026-11-18", "--to", str(out)])
    assert result.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(Path(line).name for line in result.stdout.splitlines())
    assert json.loads(runner.invoke(app, ["reports", "list", "--json"]).stdout) == []
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["make", "year"], 2, "'year' is not one of"),
        (["make", "day", "yesterday"], 2, "'yesterday' is no date: write it as 20"),
        (["make", "day", "2999-01-01"], 2, "is still to come"),
        (["make", "day", "2026-11-18", "--to", "/proc/nowhere"], 1, "the report can't be written"),
        (["send", "month", "2026-10-01"], 1, "nobody gets the month: name recipients"),
        (["send", "week", "2026-11-18", "--only", "deputy"], 1, "deputy gets no such report: the week goes to leaders"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(runner: CliRunner, words: list[str], code: int, why: str) -> None:
    result = runner.invoke(app, ["reports", *words], env={"COLUMNS": "300"})
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr

"""``ivrd ledger``: an old log comes in once, its history is told by whom it came from, and nobody's whole number leaves in it."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select
from support.house import new_database
from support.one_call import ABANDONED, ANSWERED, CALL, FIRST_ROW, Books, at
from typer.testing import CliRunner

from ivr import sole_daemon
from ivr.cli import app
from ivr.domain.contacts import Contact, VisitOutcome
from ivr.settings import DATA_KEY, Settings
from ivr.store import contacts, log_positions
from ivr.store.database import Database
from ivr.store.schema import CallbackRow, OutboxRow, TotalRow
from ivr.store.sealing import Sealer

LOG = FIRST_ROW + "".join(step for step in ANSWERED if isinstance(step, str))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    return CliRunner()


@pytest.fixture
def old_log(tmp_path: Path) -> Path:
    (tmp_path / "queue_log.1").write_text(LOG, encoding="utf-8")
    return tmp_path / "queue_log.1"


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def database_of(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'state' / 'ivrd.db'}")


def records(tmp_path: Path) -> list[Contact]:
    sealer = Sealer(Settings(state=tmp_path / "state").paths.secret(DATA_KEY))
    database = database_of(tmp_path)
    try:
        return list(database.read_now(partial(contacts.latest, sealer=sealer, limit=100)))
    finally:
        database.close()


def test_an_old_log_comes_in_once(runner: CliRunner, old_log: Path, tmp_path: Path) -> None:
    first = told(runner.invoke(app, ["ledger", "import", str(old_log), "--json"]))
    assert (first["rows"], first["contacts"], first["visits"], first["warnings"]) == (4, 1, 1, [])
    assert (first["from"], first["to"]) == ("2026-11-21T17:59:00.000+08:00", "2026-11-21T18:00:25.000+08:00")
    again = told(runner.invoke(app, ["ledger", "import", str(old_log), "--json"]))
    assert (again["rows"], again["entries"], again["contacts"], again["visits"]) == (4, 0, 0, 0)
    (contact,) = records(tmp_path)
    assert (contact.caller, contact.visits[0].agent, contact.visits[0].talk_s) == ("+8613800138000", "Li Na", 20.0)


def test_files_are_read_by_their_time_however_they_are_named_or_packed(runner: CliRunner, tmp_path: Path) -> None:
    lines = LOG.splitlines(keepends=True)
    newer, older = tmp_path / "queue_log-1", tmp_path / "queue_log-2.gz"
    newer.write_text("".join(lines[2:]), encoding="utf-8")
    older.write_bytes(gzip.compress("".join(lines[:2]).encode()))
    result = told(runner.invoke(app, ["ledger", "import", str(newer), str(older), "--json"]))
    assert (result["files"], result["rows"], result["warnings"]) == (2, 4, [])
    (contact,) = records(tmp_path)
    assert [visit.outcome for visit in contact.visits] == [VisitOutcome.ANSWERED]


def test_odd_rows_are_counted_and_said_with_their_place(runner: CliRunner, old_log: Path) -> None:
    old_log.write_text(LOG + "1|2\nnonsense\n1795290000|x|hr|NONE|DANCED|\n", encoding="utf-8")
    result = runner.invoke(app, ["ledger", "import", str(old_log)])
    assert result.exit_code == 0
    assert f"{old_log}:5: " in result.stderr
    assert "odd: 2 × no row" in result.stdout
    assert "odd: 1 × unknown verb" in result.stdout


@pytest.mark.parametrize(("name", "sentence"), [("nowhere", "no such file"), ("", "directory")])
def test_a_file_that_cant_be_read_is_said(runner: CliRunner, tmp_path: Path, name: str, sentence: str) -> None:
    result = runner.invoke(app, ["ledger", "import", str(tmp_path / name)])
    assert result.exit_code == 1
    assert sentence in result.stderr.lower()


def test_while_the_daemon_runs_nothing_is_imported(runner: CliRunner, old_log: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with sole_daemon.hold(tmp_path / "state"):
        result = runner.invoke(app, ["ledger", "import", str(old_log)])
    assert result.exit_code == 1
    assert "stop it" in result.stderr
    assert not (tmp_path / "state" / "ivrd.db").exists()


def test_history_alerts_nobody_now_nor_when_the_daemon_starts(runner: CliRunner, tmp_path: Path) -> None:
    """A call without an end, in a log that was cut: the daemon must not take it for one that runs."""
    log = tmp_path / "queue_log.1"
    cut = FIRST_ROW + "".join(step for step in ABANDONED[:6] if isinstance(step, str))
    log.write_text(cut.replace("1795", "1785"), encoding="utf-8")
    told(runner.invoke(app, ["ledger", "import", str(log), "--json"]))
    (contact,) = records(tmp_path)
    assert contact.ended_at is not None
    assert contact.visits[0].outcome is VisitOutcome.FAILED
    database = database_of(tmp_path)
    with database.engine.connect() as connection:
        followed = [connection.execute(select(func.count()).select_from(table)).scalar() for table in (OutboxRow, CallbackRow, TotalRow)]
    assert followed == [0, 0, 0]
    database.close()


def test_the_daemon_goes_on_behind_its_own_log(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "queue_log"
    log.write_text(LOG, encoding="utf-8")
    monkeypatch.setenv("IVRD_ASTERISK__QUEUE_LOG", str(log))
    for _ in range(2):
        told(runner.invoke(app, ["ledger", "import", str(log), "--json"]))
    database = database_of(tmp_path)
    found = database.read_now(partial(log_positions.reached, pbx="main", path=str(log)))
    database.close()
    assert found is not None
    assert found.position.offset == len(LOG)


def test_what_the_daemon_has_already_stays_as_it_is(runner: CliRunner, tmp_path: Path) -> None:
    """AMI told it finer: an import of the same call's rows adds nothing to it."""
    log = tmp_path / "queue_log"

    async def live() -> None:
        (tmp_path / "state").mkdir()
        log.write_text(FIRST_ROW, encoding="utf-8")
        database = new_database(tmp_path / "state")
        house = Books(database, log, sealer=Sealer(Settings(state=tmp_path / "state").paths.secret(DATA_KEY)))
        await house.start()
        for step in ANSWERED:
            house.tell(step)
        await house.settle()
        database.close()

    asyncio.run(live())
    before = records(tmp_path)
    told(runner.invoke(app, ["ledger", "import", str(log), "--json"]))
    assert records(tmp_path) == before


def test_a_calls_facts_are_shown_source_by_source(runner: CliRunner, old_log: Path) -> None:
    runner.invoke(app, ["ledger", "import", str(old_log)])
    facts = told(runner.invoke(app, ["ledger", "show", CALL, "--json"]))["facts"]
    assert [fact["fact"] for fact in facts["queue_log"]] == ["CallerQueued", "AgentRang", "AgentAnswered", "TalkEnded"]
    assert facts["ami"] == []
    assert datetime.fromisoformat(facts["queue_log"][0]["at"]) - at(2) < timedelta(seconds=1)
    shown = runner.invoke(app, ["ledger", "show", CALL])
    assert "CallerQueued" in shown.stdout
    for output in (json.dumps(facts), shown.stdout):
        assert "13800138000" not in output
        assert "138****8000" in output


def test_a_call_nobody_knows(runner: CliRunner, old_log: Path) -> None:
    runner.invoke(app, ["ledger", "import", str(old_log)])
    result = runner.invoke(app, ["ledger", "show", "1.2"])
    assert (result.exit_code, result.stderr) == (1, "ivrd: there is no call 1.2\n")

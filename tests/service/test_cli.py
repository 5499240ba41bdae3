"""The command line: help with an example for every command, JSON alone on stdout, one sentence on stderr, exits 0, 1 and 2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.house import ZONE, new_database
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from ivr.cli import app
from ivr.cli_deferred import DeferredCommand
from ivr.domain.contacts import Contact, PathStep
from ivr.settings import Settings
from ivr.store import complaints, contacts
from ivr.store.complaints import NewComplaint, NewMessage
from ivr.store.sealing import Sealer

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Each command and group below this one: its words, the sentence that lists show, and the help it has itself."""
    for name, listed in group.commands.items():
        command = listed.imported() if isinstance(listed, DeferredCommand) else listed
        yield (*words, name), listed.help, command.help
        if isinstance(command, TyperGroup):
            yield from commands(command, (*words, name))


TREE = list(commands(get_command(app)))
ALL = sorted(words for words, _, _ in TREE if not any(other[: len(words)] == words != other for other, _, _ in TREE))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    return CliRunner()


@pytest.fixture
def filled(runner: CliRunner, tmp_path: Path) -> CliRunner:
    paths = Settings(state=tmp_path).paths
    store = new_database(tmp_path)
    sealer = Sealer(paths.secret("data_key"))
    contact = Contact(
        "7.1", NOW, call="7.1", caller="+8613800138000", caller_name="=cmd()", line="complaint", ended_at=NOW, complaint="C2026112100001",
        complaint_complete=True, sip_call_id="abc@host",
        path=[PathStep("greeting", NOW), PathStep("menu", NOW, "4 #"), PathStep("again", NOW, "#")],
    )  # fmt: skip
    store.write_now(partial(contacts.save, sealer=sealer, contacts=[contact]))
    new = NewComplaint("k", "7.1", "complaint", "1234", contact.caller, "", contact.caller, "2026/11/21/x", 6.0, False)
    store.write_now(partial(complaints.file, sealer=sealer, new=new, prefix="C", zone=ZONE, now=NOW))
    message = NewMessage("m", "7.1", "complaint", contact.caller, "2026/11/21/y", 9.0, False)
    store.write_now(partial(complaints.take_message, sealer=sealer, new=message, now=NOW))
    store.close()
    return runner


def test_all_the_commands_are_there() -> None:
    assert {("run",), ("check",), ("calls", "list"), ("complaints", "show"), ("flow", "simulate"), ("asterisk", "config")} <= set(ALL)


def test_lists_say_of_a_command_what_it_says_of_itself() -> None:
    assert [(words, listed) for words, listed, own in TREE if listed.split("\n\n")[0] != " ".join(own.split("\n\n")[0].split())] == []


def test_help_imports_no_command() -> None:
    """What one command needs, no other pays for: the daemon's libraries cost more than all of ``ivrd --help``."""
    asked = "import sys; from ivr.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True, timeout=60).stderr.split()
    assert {"sqlalchemy", "alembic", "pydantic", "aiohttp", "callflows.flow", "ivr.settings", "ivr.cli_run"} & {*told} == set()


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_help_with_an_example(runner: CliRunner, words: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"Example: ivrd {' '.join(words)}" in result.stdout


@pytest.mark.parametrize("words", [["nonsense"], ["calls", "list", "--limit", "many"], ["complaints", "show"]])
def test_wrong_usage_exits_with_2(runner: CliRunner, words: list[str]) -> None:
    result = runner.invoke(app, words)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("words", [["calls", "list"], ["complaints", "list"], ["calls", "show", "x"]])
def test_without_a_database_the_sentence_says_what_to_do(runner: CliRunner, words: list[str]) -> None:
    result = runner.invoke(app, words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "start `ivrd run` first" in result.stderr


def test_calls_as_json(filled: CliRunner) -> None:
    result = filled.invoke(app, ["calls", "list", "--json"])
    (record,) = json.loads(result.stdout)
    assert record["caller"] == "+86138****8000"
    assert record["started_at"] == "2026-11-21T10:00:00.000+08:00"
    assert [step["node"] for step in record["path"]] == ["greeting", "menu", "again"]
    assert (record["outcome"], record["complaint"], record["answered_at"], record["visits"]) == ("self_served", "C2026112100001", None, [])


@pytest.mark.parametrize("call_id", ["7.1", "abc@host"])
def test_a_call_is_found_by_its_id_and_its_sip_call_id(filled: CliRunner, call_id: str) -> None:
    assert json.loads(filled.invoke(app, ["calls", "show", call_id, "--json"]).stdout)["id"] == "7.1"
    assert "greeting" in filled.invoke(app, ["calls", "show", call_id]).stdout


def test_a_call_tells_where_its_messages_lie(filled: CliRunner, tmp_path: Path) -> None:
    recording = f"{Settings(state=tmp_path).paths.recordings}/2026/11/21/y.wav"
    assert recording in filled.invoke(app, ["calls", "show", "7.1"]).stdout
    (message,) = json.loads(filled.invoke(app, ["calls", "show", "7.1", "--json"]).stdout)["messages"]
    assert (message["recording"], message["recording_seconds"]) == (recording, 9.0)


def test_what_a_caller_presses_is_no_markup(filled: CliRunner) -> None:
    assert "again  [#]" in filled.invoke(app, ["calls", "show", "7.1"]).stdout


def test_complaints_as_json(filled: CliRunner, tmp_path: Path) -> None:
    record = json.loads(filled.invoke(app, ["complaints", "show", "c2026112100001", "--json"]).stdout)
    assert (record["number"], record["serial"], record["incomplete"]) == ("C2026112100001", "1234", False)
    assert record["recording"] == str(tmp_path / "recordings" / "2026/11/21/x.wav")
    assert record.pop("steps") == []
    assert record.pop("crm") == [{"topic": "complaint.filed", "state": "pending", "attempts": 0, "last_error": None}]
    assert json.loads(filled.invoke(app, ["complaints", "list", "--json"]).stdout) == [record]


@pytest.mark.parametrize("words", [["calls", "show", "9.9"], ["complaints", "show", "C0"]])
def test_what_isnt_there_is_a_sentence(filled: CliRunner, words: list[str]) -> None:
    result = filled.invoke(app, words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("ivrd: there is no ")


def test_another_key_is_a_sentence(filled: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "data_key").write_text("another")
    result = filled.invoke(app, ["calls", "list"])
    assert result.exit_code == 1
    assert "data_key" in result.stderr


def test_r60_no_whole_number_is_printed(filled: CliRunner) -> None:
    for words in (["calls", "list"], ["calls", "show", "7.1"], ["complaints", "list"], ["complaints", "show", "C2026112100001"]):
        result = filled.invoke(app, words)
        assert result.exit_code == 0
        assert "13800138000" not in result.stdout


@pytest.mark.parametrize("words", [["run"], ["check"], ["calls", "list"], ["flow", "lint"], ["prompts", "list"], ["asterisk", "config"]])
def test_a_wrong_setting_is_told_by_every_command(runner: CliRunner, tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[agi]\nprot = 1\n")
    result = runner.invoke(app, [*words, "--config", str(file)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{file}:2: agi.prot is no setting; did you mean 'port'?" in result.stderr


def test_simulate_prints_what_the_interface_promises(runner: CliRunner) -> None:
    words = ["flow", "simulate", "hotline", "--keys", "4 12345678# 1 1 t6 # #", "--at", "2026-02-14T10:00:00+08:00", "--json"]
    call = json.loads(runner.invoke(app, words).stdout)
    assert (call["ending"], call["path"][0], call["filed"][0]["kind"]) == ("hangup", "greeting", "complaint")
    assert call["seconds"] > 10
    assert {"effect": "EnterLine", "line": "complaint"} in call["effects"]


@pytest.mark.parametrize(("words", "sentence"), [(["nowhere"], "no flow is named"), (["--keys", "4 x"], "'x'"), (["--at", "noon"], "noon")])
def test_simulate_says_what_it_cant_read(runner: CliRunner, words: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["flow", "simulate", *words])
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_lint_of_a_bad_file(runner: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("flow: x\nstart: a\nnodes:\n  a: {say: {zh: 好, en: Well}, next: b}\n")
    result = runner.invoke(app, ["flow", "lint", str(file), "--json"])
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["file"], problem["line"], problem["code"], problem["severity"]) == (str(file), 4, "unknown-node", "error")


def test_check_names_missing_prompts_without_burying_what_else_is_wrong(runner: CliRunner) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert "`ivrd prompts build` makes it" in result.stderr
    assert "more prompts are missing or wrong" in result.stderr
    assert len(result.stderr.splitlines()) < 10

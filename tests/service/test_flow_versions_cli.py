"""``ivrd flow publish|versions|diff|rollback|trial`` as a person uses them, with a flow folder and a database of their own."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from support.house import new_database
from typer.testing import CliRunner

from callflows import loader
from ivr.cli_flow_versions import app
from ivr.domain.contacts import Contact
from ivr.prompts.fixed import fixed_prompts
from ivr.settings import load
from ivr.store import contacts
from ivr.store.database import Database
from ivr.store.schema import AuditRow
from ivr.store.sealing import Sealer

FLOW = """flow: hotline
start: greeting
nodes:
  greeting:
    say: {{zh: "{words}", en: Welcome.}}
    next: goodbye
  goodbye:
    hang_up: {{zh: 再见。, en: Goodbye.}}
"""
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    return flows


@pytest.fixture
def run(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("IVRD_FLOWS", str(folder))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    new_database(tmp_path).close()
    runner = CliRunner()
    return lambda *words: runner.invoke(app, words)


@pytest.fixture
def write(tmp_path: Path, folder: Path) -> Callable[[str], None]:
    """Edit the flow folder; the prompts are there already."""

    def edit(words: str) -> None:
        text = FLOW.format(words=words)
        (folder / "hotline.yaml").write_text(text, encoding="utf-8")
        for prompt in [*loader.load({"hotline.yaml": text}).prompts(("zh", "en")), *fixed_prompts()]:
            sound = tmp_path / "prompts" / prompt.language / "ivrd" / f"{prompt.name}.wav"
            sound.parent.mkdir(parents=True, exist_ok=True)
            sound.write_bytes(b"\0" * 100)

    edit("您好。")
    return edit


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_version_is_published_compared_and_rolled_back(run: Run, write: Callable[[str], None], tmp_path: Path) -> None:
    first = told(run("publish", "--json", "--note", "the beginning"))["version"]
    write("您好，欢迎。")
    (change,) = told(run("diff", "--json"))["changes"]
    assert (change["what"], change["node"], change["old"], change["new"]) == ("words", "greeting", "您好。", "您好，欢迎。")
    second = told(run("publish", "--json"))["version"]
    assert second != first
    assert run("diff", first[:6], second).stdout == "~ hotline.greeting: words zh: 您好。 → 您好，欢迎。\n"
    assert '+    say: {zh: "您好，欢迎。", en: Welcome.}' in run("diff", "before", "service", "--text").stdout
    assert told(run("rollback", "--json", "--note", "too long"))["version"] == first
    listing = told(run("versions", "--json"))
    assert [(row["version"], row["state"]) for row in listing["versions"]] == [(second, ""), (first, "in service")]
    assert [step["step"] for step in listing["steps"]] == ["rollback", "publish", "publish"]
    assert {step["by"] for step in listing["steps"]} == {getpass.getuser()}
    assert "too long" in run("versions").stdout
    again = run("rollback")
    assert (again.exit_code, "nothing was in service before" in again.stderr) == (1, True)
    store = Database(load().store_url)
    audited = store.read_now(lambda session: [(row.actor, row.action, row.subject) for row in session.query(AuditRow)])
    store.close()
    assert audited[-1] == (getpass.getuser(), "flow.rollback", first)


def test_a_trial_is_begun_looked_at_and_ended(run: Run, write: Callable[[str], None]) -> None:
    first = told(run("publish", "--json"))["version"]
    write("您好，欢迎。")
    begun = told(run("publish", "--share", "0.25", "--json"))
    assert (begun["version"], begun["share"]) == (first, 0.25)
    store = Database(load().store_url)
    start = datetime.now(UTC) + timedelta(seconds=1)
    for number, version in enumerate([first] * 6 + [begun["trial"]] * 4):
        call = Contact(f"{number}.1", start, caller=f"+86138{number:08}", flow_version=version, ended_at=start + timedelta(seconds=number))
        call.hung_up_in_flow = number % 3 == 0
        call.finished = not call.hung_up_in_flow
        store.write_now(lambda session, call=call: contacts.save(session, Sealer("x"), [call]))  # type: ignore[misc]
    store.close()
    figures = told(run("trial", "--json"))
    assert (figures["in_service"]["calls"], figures["in_service"]["lost"]) == (6, 2)
    assert (figures["trial"]["calls"], figures["trial"]["lost"], figures["worse"]) == (4, 2, False)
    assert "50.0%" in run("trial").stdout
    refused = run("publish")
    assert (refused.exit_code, "end that first" in refused.stderr) == (1, True)
    assert told(run("trial", "promote", "--json")) == {"step": "promote", "version": begun["trial"], "trial": None, "share": 0.0}
    assert told(run("rollback", "--json"))["version"] == first


def test_a_trial_is_stopped(run: Run, write: Callable[[str], None]) -> None:
    first = told(run("publish", "--json"))["version"]
    write("您好，欢迎。")
    run("publish", "--share", "0.1")
    stopped = told(run("trial", "stop", "--json"))
    assert (stopped["version"], stopped["trial"]) == (first, None)
    assert run("trial").exit_code == 1


def test_bad_flows_are_not_published(run: Run, write: Callable[[str], None], folder: Path) -> None:
    (folder / "hotline.yaml").write_text(FLOW.format(words="您好。").replace("next: goodbye", "next: godbye"), encoding="utf-8")
    result = run("publish")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{folder}/hotline.yaml:6: error:" in result.stderr
    assert "did you mean 'goodbye'?" in result.stderr
    assert "nothing was published" in result.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("diff",), "nothing was published yet"),
        (("rollback", "abcdef"), "nothing was published yet"),
        (("trial",), "no version is on trial"),
        (("trial", "stop"), "no version is on trial"),
        (("publish", "--share", "0.1"), "publish without --share first"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(run: Run, write: Callable[[str], None], words: tuple[str, ...], why: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert why in result.stderr


@pytest.mark.parametrize("name", ["zz", "trial", ""])
def test_a_version_nobody_knows(run: Run, write: Callable[[str], None], name: str) -> None:
    run("publish")
    write("您好，欢迎。")
    run("publish")
    result = run("diff", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "version" in result.stderr


def test_a_share_of_everybody_is_wrong_usage(run: Run, write: Callable[[str], None]) -> None:
    assert run("publish", "--share", "1").exit_code == 2

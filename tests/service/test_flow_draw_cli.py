"""``ivrd flow draw`` as a person uses it: every format, with and without a database of calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from support.house import new_database
from typer.testing import CliRunner

from ivr.cli_flow_draw import app
from ivr.domain.contacts import Contact, PathStep
from ivr.store import contacts
from ivr.store.sealing import Sealer

NOW = datetime.now(UTC)
FLOW = """flow: hotline
start: greeting
nodes:
  greeting: {say: {zh: 您好。, en: Welcome.}, next: goodbye}
  goodbye: {hang_up: {zh: 再见。, en: Goodbye.}}
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "hotline.yaml").write_text(FLOW, encoding="utf-8")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setenv("IVRD_FLOWS", str(flows))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, words)


def calls(folder: Path) -> None:
    """Three calls of the last hour, one lost in the greeting, and one of last year."""
    database = new_database(folder)

    def call(number: int, at: datetime, *nodes: str, version: str = "v1") -> Contact:
        contact = Contact(f"{number}.1", at, flow_version=version, ended_at=at + timedelta(seconds=9))
        contact.path = [PathStep(node, at) for node in nodes]
        contact.finished = nodes[-1] == "goodbye"
        contact.hung_up_in_flow = not contact.finished
        return contact

    recent = NOW - timedelta(hours=1)
    made = [
        call(1, recent, "greeting", "goodbye"),
        call(2, recent, "greeting", "goodbye", version="v2"),
        call(3, recent, "greeting"),
        call(4, NOW - timedelta(days=365), "greeting", "goodbye"),
    ]
    database.write_now(lambda session: contacts.save(session, Sealer("x"), made))
    database.close()


def drawn(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_without_a_database_the_flow_alone_is_drawn(run: Run) -> None:
    assert drawn(run()).splitlines()[2:] == ["greeting  [播报]  您好。", "goodbye  [挂机]  再见。"]
    assert drawn(run("hotline", "--language", "en")).splitlines()[2] == "greeting  [say]  Welcome."
    assert "flowchart TD" in drawn(run("--format", "mermaid"))
    assert drawn(run("--format", "svg")).startswith("<svg ")


def test_with_a_database_calls_of_the_last_week_are_counted(run: Run, tmp_path: Path) -> None:
    calls(tmp_path)
    text = drawn(run())
    assert "greeting  [播报]  您好。  (3 通, 流失 1（33%）)" in text
    assert "│ (2 通)" in text
    assert "(4 通, 流失 1（25%）)" in drawn(run("--from", "2020-01-01"))
    assert "通" not in drawn(run("--no-calls")).replace("播报", "")
    assert "(0 通)" in drawn(run("--from", "2020-01-01", "--to", "2020-01-02"))


def test_the_file_s_name_says_the_format(run: Run, tmp_path: Path) -> None:
    for name, beginning in (("a.svg", "<svg "), ("a.mmd", "---\n"), ("a.txt", "hotline ")):
        assert drawn(run("--out", str(tmp_path / name))) == ""
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)


def test_a_single_file_is_drawn(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FLOW.replace("flow: hotline", "flow: other"), encoding="utf-8")
    assert drawn(run(str(other))).startswith("other ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nothing",), "no flow is named 'nothing'; there is hotline"),
        (("--from", "yesterday"), "'yesterday' is no time"),
        (("--from", "2026-02-02", "--to", "2026-02-01"), "--from must be before --to"),
        (("--version", "abc"), "there is no version abc"),
        (("--out", "/nowhere/a.svg"), "can't be written"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(run: Run, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    new_database(tmp_path).close()
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert why in result.stderr


def test_counting_without_a_database_is_refused(run: Run) -> None:
    assert run("--from", "2026-01-01").exit_code == 1

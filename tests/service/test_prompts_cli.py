"""``ivrd prompts``: exit codes and JSON as people's scripts rely on them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from support.house import new_database
from typer.testing import CliRunner

from ivr import flow_service
from ivr.cli_prompts import app

FLOW = """
flow: hotline
start: goodbye
nodes:
  goodbye:
    hang_up: {zh: 再见。, en: Goodbye.}
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def environment(state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE", str(state))
    monkeypatch.delenv("PORT_OFFSET", raising=False)
    (state / "flows").mkdir(exist_ok=True)
    (state / "flows" / "hotline.yaml").write_text(FLOW)
    monkeypatch.setenv("IVRD_HOTLINE__LANGUAGES", '["zh"]')
    monkeypatch.setenv("IVRD_FLOWS", str(state / "flows"))
    return state


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_check_build_check_list(environment: Path) -> None:
    code, out, err = run("check", "--json")
    assert code == 1, err
    report = json.loads(out)
    assert report["ok"] is False
    assert {problem["code"] for problem in report["problems"]} == {"missing"}

    code, out, _ = run("build", "--json")
    assert code == 0
    built = json.loads(out)
    assert (built["ok"], built["tones"], built["kept"]) == (True, 3, 0)
    assert built["rendered"] == report["checked"]

    assert run("check")[0] == 0
    code, out, _ = run("list", "--json")
    goodbye = next(row for row in json.loads(out) if row["text"] == "再见。")
    assert (code, goodbye["state"], goodbye["source"]) == (0, "ready", "rendered")

    (environment / "prompts" / f"{goodbye['key']}.wav").unlink()
    code, out, err = run("check")
    assert code == 1
    assert "再见。" in err
    assert "missing" in err


def test_wrong_usage_and_wrong_settings(environment: Path, tmp_path: Path) -> None:
    assert run("check", "--loudly")[0] == 2
    code, out, err = run("check", "--config", str(tmp_path / "none.toml"), "--json")
    assert (code, out) == (1, "")
    assert "none.toml" in err


@pytest.mark.parametrize("command", ["build", "check", "list"])
def test_help_shows_an_example(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: ivrd prompts {command}" in out


def test_what_running_calls_may_play_is_not_removed(environment: Path) -> None:
    assert run("build")[0] == 0
    database = new_database(environment)
    old = {"hotline.yaml": FLOW}
    publishing = partial(flow_service.publish, version="v1", sources=old, by="lin", note="", now=datetime(2026, 11, 22, tzinfo=UTC))
    database.write_now(publishing)
    (environment / "flows" / "hotline.yaml").write_text(FLOW.replace("再见。", "谢谢，再见。"))
    code, out, err = run("build", "--prune", "--json")
    assert (code, json.loads(out)["pruned"]) == (0, []), err
    later = partial(flow_service.publish, version="v2", sources={}, by="lin", note="", now=datetime(2026, 11, 23, tzinfo=UTC))
    database.write_now(later)
    database.close()
    code, out, err = run("build", "--prune", "--json")
    assert code == 0, err
    assert [Path(path).name.startswith("hotline-goodbye-") for path in json.loads(out)["pruned"]] == [True]

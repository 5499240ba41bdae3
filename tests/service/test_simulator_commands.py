"""``ivrd flow simulate`` and ``ivrd flow test`` as a person and a script use them; the terminal with a person at it, too."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callflows.nodes.base import Words
from callflows.nodes.hang_up import HangUpNode
from callflows.outcomes import QueueEnd
from callflows.scripted_caller import CameBack, Gone, Key, Kind, Scene, Talking
from callflows.speech import Characters, Text
from callflows.surroundings import SECONDS_PER_CHARACTER, SECONDS_PER_WORD
from ivr.cli import app
from ivr.cli_flow_common import prompt_lengths
from ivr.terminal_caller import TerminalCaller

FLOW = """flow: little
start: ask
nodes:
  ask:
    menu: {zh: 投诉请按一, en: "To complain, press 1"}
    keys: {1: bye}
    no_input: {tries: 1, then: bye}
    wrong_key: {tries: 2, then: bye}
  bye: {hang_up: {zh: 再见, en: Goodbye}}
"""
CASES = """- name: by key
  at: 2026-11-20T10:00:00+08:00
  script: [{choose: bye}]
  expect: {path: [ask, bye]}
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("STATE", str(tmp_path / "state"))
    monkeypatch.delenv("IVRD_CONFIG", raising=False)
    (tmp_path / "little.yaml").write_text(FLOW)
    (tmp_path / "little.test.yaml").write_text(CASES)
    return CliRunner()


def test_tests_of_a_folder_pass_and_say_what_they_leave_untried(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["flow", "test", str(tmp_path)])
    assert result.exit_code == 0
    assert "ok    little: by key" in result.stdout
    assert f"not covered: {tmp_path}/little.yaml:4: little.ask --no_input--> bye was never taken" in result.stdout
    assert "1 of 1 cases passed; covered: nodes 2 of 2 (100 %), edges 1 of 3 (33 %)" in result.stdout


@pytest.mark.parametrize("place", ["little.yaml", "little.test.yaml"])
def test_a_failing_case_exits_with_1_and_says_where(runner: CliRunner, tmp_path: Path, place: str) -> None:
    (tmp_path / "little.test.yaml").write_text(CASES.replace("[ask, bye]", "[bye]"))
    result = runner.invoke(app, ["flow", "test", str(tmp_path / place)])
    assert result.exit_code == 1
    assert f"FAIL  little: by key  (2 s)\n      {tmp_path}/little.test.yaml:1: path: first expected bye, came ask" in result.stdout
    told = json.loads(runner.invoke(app, ["flow", "test", str(tmp_path / place), "--json"]).stdout)
    assert (told["ok"], told["cases"][0]["line"]) == (False, 1)
    assert told["coverage"]["edges"]["missing"][0] == {
        "file": str(tmp_path / "little.yaml"), "line": 4, "node": "little.ask", "exit": "no_input", "target": "bye",
    }  # fmt: skip


def test_a_test_that_cant_be_read_is_told_with_its_line(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "little.test.yaml").write_text(CASES.replace("expect", "expct"))
    result = runner.invoke(app, ["flow", "test", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "little.test.yaml:4: error: 'expct' is no key of a case; did you mean 'expect'?" in result.stderr


def test_the_shipped_tests_run_by_default_even_where_the_demo_is_always_open(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRD_ALWAYS_OPEN", "true")
    result = runner.invoke(app, ["flow", "test", "--json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"]) == (0, True)
    assert told["coverage"]["nodes"]["percent"] == 100.0


def test_a_simulated_call_tells_what_was_said_and_when(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["flow", "simulate", str(tmp_path / "little.yaml"), "--keys", "1"])
    assert result.exit_code == 0
    assert result.stdout == "   0.0 s  ask: 投诉请按一  (1.2 s)\n   1.2 s  bye: 再见  (0.5 s)\npath: ask bye\nhangup after 1.8 s\n"


def test_what_surrounds_a_call_is_given_in_one_line(runner: CliRunner) -> None:
    arguments = ["flow", "simulate", "message", "--keys", "t6 #", "--given", "{stored: false}", "--language", "en", "--json"]
    told = json.loads(runner.invoke(app, arguments).stdout)
    assert (told["path"], told["filed"], told["language"]) == (["speak", "keep", "not_kept", "failed"], [], "en")


def test_a_simulated_call_in_json_keeps_its_promised_names(runner: CliRunner) -> None:
    result = runner.invoke(app, ["flow", "simulate", "--keys", "4 1234# h", "--at", "2026-02-14T10:00:00+08:00", "--json"])
    told = json.loads(result.stdout)
    assert told["ending"] == "caller_hung_up"
    assert told["filed"][0]["kind"] == "complaint"
    assert told["path"].index("menu") < told["path"].index("complaint")
    assert len(told["came_at"]) == len(told["path"])
    assert {effect["effect"] for effect in told["effects"]} >= {"EnterNode", "Say", "Ask", "FileComplaint"}
    assert told["seconds"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--keys", "x"], "'x' is nothing a caller does"),
        (["--at", "noon"], "Invalid isoformat string"),
        (["nowhere"], "no flow is named 'nowhere'; there is"),
        (["--given", "{hours: shut}"], "--given:1: error: hours"),
    ],
)
def test_wrong_arguments_get_a_sentence(runner: CliRunner, arguments: list[str], sentence: str) -> None:
    result = runner.invoke(app, ["flow", "simulate", *arguments])
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_show_reads_a_flow_aloud(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["flow", "show", str(tmp_path / "little.yaml")])
    assert "    4  ask (menu)\n         zh: 投诉请按一\n         en: To complain, press 1\n         1 → bye" in result.stdout
    told = json.loads(runner.invoke(app, ["flow", "show", "message", "--json"]).stdout)
    assert (told["start"], told["nodes"][0]["kind"]) == ("speak", "record")


class Typist:
    """A keyboard that types as told: each key after so many seconds, then nothing."""

    def __init__(self, *keys: tuple[float, str]) -> None:
        self._keys = list(keys)

    def key(self, seconds: float) -> tuple[str, float]:
        if not self._keys or self._keys[0][0] >= seconds:
            if self._keys:
                self._keys[0] = (self._keys[0][0] - seconds, self._keys[0][1])
            return "", seconds
        after, key = self._keys.pop(0)
        return key, after


def scene(kind: Kind) -> Scene:
    return Scene(kind, HangUpNode(hang_up=Words(zh="再见")), "zh", number=1)


@pytest.mark.parametrize(
    ("kind", "keys", "act"),
    [
        (Kind.QUESTION, [(1.5, "4")], Key(11.5, "4")),
        (Kind.QUESTION, [(1.0, "q"), (1.0, "#")], Key(12.0, "#")),  # what is no key does nothing
        (Kind.QUESTION, [(6.0, "4")], None),
        (Kind.SPEECH, [(1.0, " "), (1.0, "4")], None),  # space: skip the rest
        (Kind.SPEECH, [(1.0, "\x03")], Gone(11.0)),
        (Kind.SPEECH, [(1.0, "\x04")], Gone(11.0)),
        (Kind.RECORDING, [(1.0, "t")], Talking(11.0, 5.0)),
        (Kind.QUEUE, [(1.0, "z"), (9.0, "t")], CameBack(10.0, QueueEnd.TIMEOUT)),
        (Kind.QUEUE, [(1.0, "1")], Key(10.0, "1")),
        (Kind.DIAL, [(1.0, "\x03")], Gone(10.0)),
    ],
)
def test_a_person_at_the_keyboard_is_a_caller(kind: Kind, keys: list[tuple[float, str]], act: object) -> None:
    assert TerminalCaller(Typist(*keys), lambda line: None).act(10.0, 15.0, scene(kind)) == act


def test_at_a_terminal_keys_are_pressed_and_ctrl_c_hangs_up(tmp_path: Path) -> None:
    (tmp_path / "little.yaml").write_text(FLOW.replace("bye: {hang", "other: {hang").replace(": bye", ": ask"))
    terminal, inside = pty.openpty()
    command = [sys.executable, "-c", "from ivr.cli import main; main()", "flow", "simulate", str(tmp_path / "little.yaml")]
    process = subprocess.Popen(command, stdin=inside, stdout=inside, env={**os.environ, "STATE": str(tmp_path)})
    said = _read_until(terminal, "投诉请按一")
    os.write(terminal, b"1")
    said += _read_until(terminal, "<1>")
    os.write(terminal, b"\x03")
    said += _read_until(terminal, "caller_hung_up after")
    assert process.wait(10.0) == 0
    os.close(terminal)
    os.close(inside)
    assert "[ask]" in said
    assert "path: ask ask" in said


def _read_until(terminal: int, words: str) -> str:
    read, deadline = "", time.monotonic() + 20.0
    while words not in read:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{words!r} was never written: {read}"
        read += os.read(terminal, 4096).decode("utf-8", "replace")
    return read


def test_lint_tells_faults_and_proofs(runner: CliRunner, tmp_path: Path) -> None:
    good = runner.invoke(app, ["flow", "lint", str(tmp_path / "little.yaml")])
    assert good.exit_code == 0
    assert good.stdout.startswith("no problem found\nlittle: at most ")
    (tmp_path / "little.yaml").write_text(FLOW.replace("keys: {1: bye}", "keys: {1: by}"))
    told = json.loads(runner.invoke(app, ["flow", "lint", str(tmp_path / "little.yaml"), "--json"]).stdout)
    assert (told["ok"], told["problems"][0]["code"], told["problems"][0]["line"]) == (False, "unknown-node", 6)
    assert told["proofs"][0]["proven"] is False


def test_a_file_is_read_with_the_flows_beside_it_that_it_runs(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "outer.yaml").write_text(
        "flow: outer\nstart: a\nnodes:\n  a: {run: part, ends: {over: b}}\n  b: {hang_up: {zh: 再见, en: Bye}}\n"
    )
    (tmp_path / "part.yaml").write_text("flow: part\nstart: x\nnodes:\n  x: {end: over}\n")
    for words in (["lint"], ["simulate"], ["show"]):
        assert runner.invoke(app, ["flow", *words, str(tmp_path / "outer.yaml")]).exit_code == 0
    assert runner.invoke(app, ["flow", "lint", str(tmp_path / "part.yaml")]).exit_code == 0  # a part of something, not a call


def test_texts_without_a_sound_are_told_on_demand(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["flow", "lint", str(tmp_path / "little.yaml"), "--prompts"])
    assert result.exit_code == 1
    assert "little.yaml:5: error: node 'ask'" in result.stdout
    assert "[missing-prompt]" in result.stdout


class Lengths:
    """A library with two prompts rendered."""

    def seconds(self, prompt_name: str, language: str) -> float | None:
        return {"number-1": 0.5, "number-2": 0.75}.get(prompt_name)


def test_prompts_last_as_long_as_they_do() -> None:
    seconds = prompt_lengths(Lengths())
    assert seconds((Characters("1221"),), "zh") == 2.5
    assert seconds((Characters("13"),), "zh") == 2 * SECONDS_PER_WORD  # not all of it is rendered: by its letters
    assert seconds((Text("a", {"zh": "您好"}),), "zh") == 2 * SECONDS_PER_CHARACTER["zh"]

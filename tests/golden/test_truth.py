"""Scenes played with real telephones on a real Asterisk: what each source alone tells of them, and both together, is what was done.

``expected.json`` was written by the scene from what it did, by the telephones' own clock; docs/captures.md says how more are made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.truth import SOURCES, differences, facts_of_log, facts_of_stream, memberships

from ivr.replaying import replay
from ivr.testbed.truth.making import folder_name
from ivr.testbed.truth.scenes import PLACED

TRUTH = Path(__file__).parent / "truth"
CLOSE_S = {"ami": 0.1, "log": 1.0, "both": 0.1}  # the log knows whole seconds
FOLDERS = sorted(TRUTH.iterdir())


def _expected(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("folder", "source"), [pytest.param(f, s, id=f"{f.name}-{s}") for f in FOLDERS for s in SOURCES])
def test_a_scene_is_told_as_it_was_played(folder: Path, source: str) -> None:
    expected = _expected(folder)
    found = replay([folder / name for name in SOURCES[source]])
    assert not differences(found.contacts, expected[source], CLOSE_S[source]), f"{expected['what']}; {expected['because']}"
    assert not found.warnings


@pytest.mark.parametrize("folder", [pytest.param(f, id=f.name) for f in FOLDERS if _expected(f)["agents"]])
def test_both_sources_tell_who_came_went_and_paused(folder: Path) -> None:
    queue = _expected(folder)["scene"]
    expected = [(verb, queue, agent, reason) for verb, agent, reason in _expected(folder)["agents"]]
    assert memberships(facts_of_stream(folder / "stream.ami")) == expected
    assert memberships(facts_of_log(folder / "queue_log")) == expected


def test_every_scene_is_there() -> None:
    scenes = {folder_name(placed, flavour) for placed in PLACED.values() for flavour in placed.scene.flavours}
    chance = {f"attended_transfer_{where}.ours.other_rows" for where in ("queue", "waiting")}  # Asterisk said otherwise that time
    assert {folder.name for folder in FOLDERS} == scenes | chance


def test_no_capture_names_a_machine_or_a_folder() -> None:
    for file in TRUTH.glob("*/*"):
        assert not any(place in file.read_bytes() for place in (b"/tmp/", b"/home/", b"/root/", b"/usr/", b"/var/")), file


# Nothing but QUEUESTATUS tells of callers who were refused; of one who was redirected the log says what isn't true.
UNKNOWABLE = ("join_empty.", "full.", "redirect_waiting.", "redirect_ringing.")


@pytest.mark.parametrize("folder", [pytest.param(f, id=f.name) for f in FOLDERS if not f.name.startswith(UNKNOWABLE)])
def test_an_ami_user_without_the_class_dialplan_and_the_log_together_tell_as_much(folder: Path, tmp_path: Path) -> None:
    poorer = tmp_path / "stream.ami"
    messages = (folder / "stream.ami").read_bytes().split(b"\r\n\r\n")
    poorer.write_bytes(b"\r\n\r\n".join(each for each in messages if not each.startswith((b"Event: Newexten\r", b"Event: VarSet\r"))))
    expected = _expected(folder)
    assert not differences(replay([poorer, folder / "queue_log"]).contacts, expected["both"], CLOSE_S["both"])


@pytest.mark.parametrize("folder", [pytest.param(f, id=f.name) for f in FOLDERS])
def test_a_stream_that_went_through_an_editor_tells_as_much(folder: Path, tmp_path: Path) -> None:
    edited = tmp_path / "stream.ami"
    edited.write_bytes((folder / "stream.ami").read_bytes().replace(b"\r\n", b"\n"))
    assert not differences(replay([edited]).contacts, _expected(folder)["ami"], CLOSE_S["ami"])

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
    assert {folder.name for folder in FOLDERS} == scenes


def test_no_capture_names_a_machine_or_a_folder() -> None:
    for file in TRUTH.glob("*/*"):
        assert not any(place in file.read_bytes() for place in (b"/tmp/", b"/home/", b"/root/", b"/usr/", b"/var/")), file

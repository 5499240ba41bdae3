"""The public network of the testbed: its scenario is whole, and its log is read by number."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

from ivr.testbed.children import Child
from ivr.testbed.public_network import HABITS, OTHERS, Habit, PublicNetwork, Timing, customers_scenario


def test_every_jump_of_the_scenario_has_its_label_and_every_habit_its_way() -> None:
    root = ElementTree.fromstring(customers_scenario(Timing(), Path("/srv/voice.alaw")))  # noqa: S314 - our own text
    labels = {label.get("id") for label in root.iter("label")}
    jumps = {step.get("next") for step in root if step.get("next")}
    assert jumps <= labels
    assert {habit.value for habit in HABITS.values()} <= labels
    assert set(HABITS.values()) | {OTHERS} == set(Habit)


def test_what_was_seen_is_counted_by_the_whole_number(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("called 13900000001\nanswered 13900000001\ncalled 139000000011\ncalled 13900000001\n", encoding="ascii")
    network = PublicNetwork(Child("nobody", cast(asyncio.subprocess.Process, None)), tmp_path / "seen")
    assert [network.times(what, "13900000001") for what in ("called", "answered", "pressed")] == [2, 1, 0]

"""Scenes played with real telephones on a real Asterisk: what each source alone tells of them, and both together, is what was done.

``expected.json`` was written by the scene from its own stopwatch; docs/captures.md says how more are made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.contacts import Contact, Visit
from ivr.replaying import replay

TRUTH = Path(__file__).parent / "truth"
SOURCES = {"ami": ("stream.ami",), "log": ("queue_log",), "both": ("stream.ami", "queue_log")}
# s; the log knows whole seconds only, and rounds both ends.
CLOSE = {"ami": 0.1, "log": 1.0, "both": 0.1}
CASES = [pytest.param(folder, source, id=f"{folder.name}-{source}") for folder in sorted(TRUTH.iterdir()) for source in SOURCES]


@pytest.mark.parametrize(("folder", "source"), CASES)
def test_a_scene_is_told_as_it_was_played(folder: Path, source: str) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    found = replay([folder / name for name in SOURCES[source]])
    told = [_contact(contact) for contact in found.contacts]
    _forgive_chance(told, expected[source])
    assert _words(told) == _words(expected[source]), f"{expected['what']}; {expected['because']}"
    for key in ("wait", "talk", "held"):
        times, truth = _times(told, key), _times(expected[source], key)
        assert all(_near(time, true, CLOSE[source]) for time, true in zip(times, truth, strict=True)), (key, times, truth)


def _near(time: float | None, true: float | list[float] | None, tolerance: float) -> bool:
    """``true`` is a pair where it was at some time between the two."""
    if time is None or true is None:
        return time is true
    low, high = true if isinstance(true, list) else (true, true)
    return low - tolerance <= time <= high + tolerance


def _contact(contact: Contact) -> dict[str, Any]:
    return {"outcome": contact.outcome, "visits": [_visit(visit) for visit in contact.visits]}


def _visit(visit: Visit) -> dict[str, Any]:
    words = {"queue": visit.queue, "outcome": visit.outcome, "agent": visit.agent, "ended_by": visit.ended_by}
    times = {"wait": visit.wait_s, "talk": visit.talk_s, "held": visit.held_s}
    return {**words, **times, "transferred": visit.transferred}


def _forgive_chance(told: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Where nobody ended a talk, a source says so by chance: "?"."""
    for contact, truth in zip(told, expected, strict=False):
        for visit, true in zip(contact["visits"], truth["visits"], strict=False):
            if true["ended_by"] == "?" and visit["ended_by"] in ("caller", "agent"):
                visit["ended_by"] = "?"


def _words(contacts: list[dict[str, Any]]) -> list[Any]:
    """What must be equal to the letter."""
    keys = ("queue", "outcome", "agent", "ended_by", "transferred")
    return [(contact["outcome"], [tuple(visit[key] for key in keys) for visit in contact["visits"]]) for contact in contacts]


def _times(contacts: list[dict[str, Any]], key: str) -> list[Any]:
    return [visit[key] for contact in contacts for visit in contact["visits"]]

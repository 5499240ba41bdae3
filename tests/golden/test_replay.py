"""Recorded streams of a real Asterisk, replayed: every visit ends as it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.replaying import replay

CAPTURES = Path(__file__).parent / "captures"


@pytest.mark.parametrize(
    ("capture", "visits", "outcome"),
    [
        ("answered_caller_hangs", [("q1", "answered", 2.0, 2.0, 6.0, "Agent One", "caller")], "answered"),
        ("abandon", [("q2", "abandoned_ring", 5.0, 1.0, None, None, None)], "abandoned_ring"),
        ("timeout", [("q2", "flow_timeout", 3.0, 3.0, None, None, None)], "abandoned_queue"),
        ("exitkey", [("q2", "flow_key", 2.2, 2.2, None, None, None)], "abandoned_queue"),
        ("joinempty", [("q3", "join_empty", 0.0, None, None, None, None)], "rejected_capacity"),
        ("redirect_caller", [("q1", "answered", 2.0, 2.0, 3.0, "Agent One", "transfer")], "answered"),
    ],
)
def test_a_capture_tells_what_happened(capture: str, visits: list[tuple[Any, ...]], outcome: str) -> None:
    result = CliRunner().invoke(app, ["replay", str(CAPTURES / f"{capture}.ami"), "--json"])
    told = json.loads(result.stdout)
    keys = ("queue", "outcome", "wait", "ring", "talk", "agent", "ended_by")
    assert [tuple(visit[key] for key in keys) for visit in told["visits"]] == visits
    assert [contact["outcome"] for contact in told["contacts"]] == [outcome]


OF_THE_LOG = {
    "answered_caller_hangs-0": [("q1", "abandoned_wait", 8.0), ("q1", "answered", 2.0)],  # two calls under one id
    "abandon-0": [("q2", "abandoned_ring", 5.0)],
    "timeout-0": [("q2", "flow_timeout", 4.0)],
    "exitkey-0": [("q2", "flow_key", 2.0)],
    "redirect_caller-0": [("q1", "answered", 2.0)],
    "m-1": [("q1", "answered", 2.0)],
    "m-2": [("q1", "abandoned_wait", 7.0)],  # Asterisk was stopped, which this log has no row of
}


def test_the_log_alone_tells_all_of_these_calls() -> None:
    found = replay([CAPTURES / "queue_log.sample"])
    told = {contact.id: [(visit.queue, visit.outcome, visit.wait_s) for visit in contact.visits] for contact in found.contacts}
    assert told == OF_THE_LOG
    assert all(visit.quality == "reconstructed" for contact in found.contacts for visit in contact.visits)
    assert ["of no call" in warning for warning in found.warnings] == [True]  # a row forged by AMI's QueueLog


@pytest.mark.parametrize("capture", ["abandon", "timeout", "exitkey", "redirect_caller", "answered_caller_hangs"])
def test_stream_and_log_together_are_as_fine_as_the_stream(capture: str) -> None:
    alone = replay([CAPTURES / f"{capture}.ami"]).contacts[0].visits[0]
    both = [
        v for c in replay([CAPTURES / f"{capture}.ami", CAPTURES / "queue_log.sample"]).contacts for v in c.visits if len(v.sources) > 1
    ]
    assert [(v.outcome, v.wait_s, v.talk_s, v.ended_by, v.quality) for v in both] == [
        (alone.outcome, alone.wait_s, alone.talk_s, alone.ended_by, "exact")
    ]


def test_whom_asterisks_stop_cut_off_gave_nothing_up() -> None:
    """The stream begins with the hang-ups; the log has the beginnings. It was told 17 s later that Asterisk stopped."""
    found = replay([CAPTURES / "core_stop_now.ami", CAPTURES / "queue_log.sample"])
    cut = {contact.id: contact.visits[0] for contact in found.contacts if contact.cut_off}
    assert {name: (visit.outcome, visit.ended_by) for name, visit in cut.items()} == {
        "m-1": ("answered", "system"),
        "m-2": ("failed", None),
    }


@pytest.mark.parametrize("capture", ["asyncagi", "members", "snapshot_midcall", "injected_callerid"])
def test_a_capture_without_callers_in_queues_tells_of_none(capture: str) -> None:
    assert replay([CAPTURES / f"{capture}.ami"]).contacts == []


def test_whom_we_call_is_no_contact() -> None:
    """He has asked for it, presses 1 and waits in the queue: live and in a recording, nobody called us."""
    assert replay([CAPTURES / "callback.ami"]).contacts == []
    assert replay([CAPTURES / "timeout.ami", CAPTURES / "callback.ami"]).contacts == replay([CAPTURES / "timeout.ami"]).contacts


def test_forged_events_are_told_of() -> None:
    assert replay([CAPTURES / "injected_callerid.ami"]).warnings


def test_asterisks_stop_is_a_gap() -> None:
    (gap,) = replay([CAPTURES / "core_stop_now.ami"]).gaps
    assert "nobody's doing" in gap["why"]


def test_a_stopped_asterisk_and_an_absent_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "absent.ami")])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "can't be read" in result.stderr


def test_any_bytes_are_replayed_to_nothing_or_to_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "x.ami"
    file.write_bytes(b"\x00\xff" * 300_000)
    result = CliRunner().invoke(app, ["replay", str(file)])
    assert result.exit_code in (0, 1)
    assert "Traceback" not in result.output

"""The shipped Grafana dashboard asks for nothing that /metrics doesn't tell."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.house import ZONE

from ami_bridge.facts import AgentStateReported
from ivr.board import Board
from ivr.domain.contacts import Contact, Visit, VisitOutcome
from ivr.domain.figures import Thresholds
from ivr.metrics import Metrics

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docker/monitoring/ivrd-dashboard.json").read_text(encoding="utf-8"))
NAME = re.compile(r"\bivrd_[a-z_]+")
LABELS = re.compile(r"(ivrd_[a-z_]+)\{([^}]*)\}")
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def exported() -> dict[str, set[str]]:
    """Every sample of a busy hotline: its name and its labels."""
    board = Board(["hr"], Thresholds(), ZONE, clock=lambda: NOW)
    end = NOW - timedelta(seconds=60)
    answered = Visit("hr", end, picked_up_at=end, answered_at=end, left_at=end, outcome=VisitOutcome.ANSWERED)
    board.contact_changed(Contact("1.0", end, line="hr", visits=[answered], ended_at=end))
    board.apply(AgentStateReported(NOW, "hr", "Li Na", 1, False))
    metrics = Metrics(["hr"], ["hr"])
    metrics.watch(board.snapshot)
    metrics.watch_promises(lambda: {"hr": 0.9})
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def queries() -> list[str]:
    told = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return told + [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]


def test_every_query_asks_for_what_is_told() -> None:
    known = exported()
    asked = {name for query in queries() for name in NAME.findall(query)}
    assert len(asked) >= 12
    assert asked - known.keys() == set()


def test_every_label_is_one_that_is_told() -> None:
    known = exported()
    for query in queries():
        for name, labels in LABELS.findall(query):
            assert {part.split("=")[0].rstrip("!~") for part in labels.split(",")} <= known[name], query
        for name, label in re.findall(r"label_values\((\w+), (\w+)\)", query):
            assert label in known[name], query


def test_panels_don_t_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("chosen", ["service_level", "abandonment"])
def test_the_definitions_chosen_at_first_are_told(chosen: str) -> None:
    variable = next(each for each in DASHBOARD["templating"]["list"] if each["name"] == chosen)
    assert variable["current"]["value"] in {"sl.strict", "abandon.queue"}

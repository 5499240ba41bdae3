"""``python -m ivr.testbed.bench --engine``: the part of the benchmark that needs no Asterisk."""

from __future__ import annotations

import json
import sys

import pytest

from ivr.testbed.bench import __main__ as bench
from ivr.testbed.bench.engine import LINTED_NODES, WAYS


def test_the_engine_alone_needs_no_asterisk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--engine", "--json"])
    monkeypatch.setenv("BENCH_QUICK", "1")
    monkeypatch.setenv("ASTERISK_ROOTFS", "/nowhere")
    assert bench.main() == 0
    told = json.loads(capsys.readouterr().out)
    assert [way["way"] for way in told["engine"]["ways"]] == list(WAYS)
    assert told["engine"]["ways"][0]["ratio"]["middle"] == 1.0
    assert told["engine"]["lint"]["nodes"] == LINTED_NODES
    assert told["engine"]["lint"]["read_s"]["middle"] > 0

"""app_queue's own expected wait and position are used nowhere: it averages past waits, whatever the caller's place, and is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.asterisk_plan import PLAN

from ami_bridge.queues_file import queues_conf
from ami_bridge.translate import EVENT_NAMES

ROOT = Path(__file__).parents[2]
# Where app_queue gives its mean hold time away: channel variables, the dialplan's function, lists of AMI (``Holdtime``). ``HoldTime`` of an
# event is how long one caller did wait, which is another thing.
GIVEN_AWAY = re.compile(r"(?i:QUEUEHOLDTIME|QUEUEAVGHOLD|QueueParams|QueueSummary|queue_variables|LongestHoldTime)|\bHoldtime\b")
SOURCES = [
    path
    for room in ("ivr", "callflows", "ami_bridge", "callbacks", "config", "docker")
    for path in (ROOT / room).rglob("*")
    if path.suffix in {".py", ".yaml", ".toml", ".conf", ".sh", ".j2", ".html", ".js", ".json"}
    and "random_calls" not in path.parts  # plays Asterisk, and writes what it would say
]


@pytest.mark.parametrize("queue", [queue.name for queue in PLAN.queues])
def test_asterisk_says_neither_place_nor_wait(queue: str) -> None:
    text = queues_conf(PLAN).partition(f"[{queue}]")[2].partition("\n[")[0]
    settings = dict(line.replace(" ", "").split("=", 1) for line in text.splitlines() if "=" in line)
    for setting in ("announce-holdtime", "announce-position", "reportholdtime", "setqueuevar", "setqueueentryvar"):
        assert settings[setting] == "no"
    assert settings["announce-frequency"] == "0"


def test_nothing_of_ours_reads_asterisk_s_mean_hold_time() -> None:
    assert len(SOURCES) > 100
    readers = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if GIVEN_AWAY.search(line) and "announce-holdtime" not in line
    ]
    assert readers == []
    assert EVENT_NAMES.isdisjoint({"QueueParams", "QueueSummary"})

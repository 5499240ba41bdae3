"""Real Asterisk's recordings through the agents' fold: AMI alone, queue_log alone, both; what every agent was offered and did."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ami_bridge.ami_wire import AmiFraming, parse
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.translate import Translator
from ivr.domain.agent_book import AgentBook
from ivr.domain.ledger import Entry, Source

TRUTH = Path(__file__).parent / "truth"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
# What AMI tells of each scene's agents, by name without the extension. Asterisk's own words for these are no answer at all.
SCENES: dict[str, dict[str, list[str]]] = {
    "abandoned_announcement": {"Ada": ["pick_up_failed"]},
    "abandoned_memberdelay": {"Ada": ["pick_up_failed"]},
    "abandoned_ring": {"Ada": ["cancelled"]},
    "abandoned_ringall": {"Ada": ["cancelled"], "Ben": ["cancelled"], "Cai": ["cancelled"]},
    "agent_dies": {"Ada": ["answered"]},
    "agent_dump": {"Ada": ["pick_up_failed"], "Ben": ["answered"]},
    "answered_by_the_next": {"Ada": ["no_answer"], "Ben": ["answered"]},
    "answered_caller_hangs": {"Ada": ["answered"]},
    "answered_ringall": {"Ada": ["cancelled"], "Ben": ["answered"], "Cai": ["cancelled"]},
    "attended_transfer": {"Ada": ["answered", "held", "transferred_out"]},
    "attended_transfer_waiting": {"Ada": ["answered", "transferred_out"], "Ben": ["answered", "transferred_in"]},
    "blind_transfer": {"Ada": ["answered", "transferred_out"]},
    "blind_transfer_queue": {"Ada": ["answered", "transferred_out"], "Ben": ["answered", "transferred_in"]},
    "busy_and_declined": {"Ada": ["refused"], "Ben": ["refused"], "Cai": ["answered"]},
    "redirect_talking": {"Ada": ["answered"]},
    "withdrawn_ringing": {"Ada": ["no_answer"]},
}
FOLDERS = sorted(folder for folder in TRUTH.iterdir() if folder.is_dir() and folder.name.split(".")[0] in SCENES)


def ami(folder: Path) -> list[Entry]:
    translator, raw = Translator(), next(folder.glob("*.ami")).read_bytes()
    facts = [fact for message in AmiFraming().feed(raw) for fact in translator.translate(parse(message), NOW).facts]
    return [Entry("main", Source.AMI, fact) for fact in facts]


def queue_log(folder: Path) -> list[Entry]:
    file = folder / "queue_log"
    reader = QueueLogReader(file.name)
    return [Entry("main", Source.QUEUE_LOG, fact) for line in file.read_bytes().splitlines(keepends=True) for fact in reader.line(line)]


def fed(entries: list[Entry]) -> tuple[AgentBook, datetime]:
    book = AgentBook()
    for entry in entries:
        book.apply(entry)
    return book, max(entry.fact.at for entry in entries) + timedelta(seconds=5)


def events(entries: list[Entry]) -> dict[str, list[str]]:
    """By the agents' first names, those whom nothing happened to left out."""
    book, until = fed(entries)
    found = {key.agent.split()[0]: sorted(event.what.value for event in book.read(key, until).events.values()) for key in book.agents}
    return {agent: whats for agent, whats in found.items() if whats}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recording_tells_what_each_agent_was_offered_and_did(folder: Path) -> None:
    by_ami, by_log = ami(folder), queue_log(folder)
    assert events(by_ami) == SCENES[folder.name.split(".")[0]]
    assert events(by_ami + by_log) == events(by_ami), "the log adds nothing to what AMI told"
    alone, told = events(by_log), events(by_ami)
    answered = Counter({agent: whats.count("answered") for agent, whats in told.items()})
    assert Counter({agent: whats.count("answered") for agent, whats in alone.items()}) == answered, "and alone it knows who answered"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_time_of_each_agent_is_tiled_and_ends_free(folder: Path) -> None:
    book, until = fed(ami(folder))
    for key in book.agents:
        intervals = book.read(key, until).intervals
        assert all(one.ended_at == following.began_at for one, following in pairwise(intervals))
        assert intervals[-1].state == "available"


def test_a_talk_is_as_long_as_the_two_were_joined() -> None:
    book, until = fed(ami(TRUTH / "answered_caller_hangs.ours"))
    [key] = [key for key in book.agents if key.agent.startswith("Ada")]
    [talk] = [interval for interval in book.read(key, until).intervals if interval.state == "talking"]
    assert talk.ended_at is not None
    assert (talk.ended_at - talk.began_at).total_seconds() == pytest.approx(2.2, abs=0.2)

"""What replay tells of a scene beside what was done in it: for the golden captures and for the scenes made anew.

``expected`` is one source's list in ``expected.json``, or ``Told.as_json`` of a scene.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ami_bridge.facts import AgentAdded, AgentPaused, AgentRemoved, AgentUnpaused, AnyFact
from ami_bridge.queue_log import QueueLogReader
from ami_bridge.translate import Translator
from ivr.domain.contacts import Contact, Visit
from ivr.recorded_clock import RecordedClock
from ivr.recordings import lines, messages
from ivr.testbed.truth.script import BY_CHANCE

SOURCES = {"ami": ("stream.ami",), "log": ("queue_log",), "both": ("stream.ami", "queue_log")}
_WORDS = ("queue", "outcome", "agent", "ended_by", "transferred")
_TIMES = ("wait", "talk", "held")
_VERBS = {AgentAdded: "added", AgentRemoved: "removed", AgentPaused: "paused", AgentUnpaused: "unpaused"}


def differences(contacts: Iterable[Contact], expected: list[dict[str, Any]], tolerance_s: float) -> list[str]:
    """Sentences on whatever isn't as it was; none when all is right."""
    told = [{"outcome": str(contact.outcome), "visits": [_visit(visit) for visit in contact.visits]} for contact in contacts]
    if (words := _words(told, expected)) != (truth := _words(expected, expected)):
        return [f"told {words}, and it was {truth}"]
    pairs = [
        (visit, true)
        for contact, right in zip(told, expected, strict=True)
        for visit, true in zip(contact["visits"], right["visits"], strict=True)
    ]
    return [
        f"{visit['queue']}: {key} {visit[key]} s, and it was {true[key]}"
        for visit, true in pairs
        for key in _TIMES
        if not _near(visit[key], true[key], tolerance_s)
    ]


def _visit(visit: Visit) -> dict[str, Any]:
    words = {"queue": visit.queue, "outcome": str(visit.outcome), "agent": visit.agent, "ended_by": visit.ended_by}
    times = {"wait": visit.wait_s, "talk": visit.talk_s, "held": visit.held_s}
    return {**words, **times, "transferred": visit.transferred}


def _words(contacts: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[Any]:
    """What must be equal to the letter; but what a source says by chance is "?" on both sides, if it is said at all."""
    visits = [visit for contact in expected for visit in contact["visits"]]
    by_chance = {(visit["queue"], visit["agent"], key) for visit in visits for key in _WORDS if visit[key] == BY_CHANCE}

    def words(visit: dict[str, Any]) -> tuple[Any, ...]:
        where = visit["queue"], visit["agent"]
        return tuple(BY_CHANCE if (*where, key) in by_chance and visit[key] is not None else visit[key] for key in _WORDS)

    return [(contact["outcome"], [words(visit) for visit in contact["visits"]]) for contact in contacts]


def _near(time: float | None, true: float | list[float] | None, tolerance_s: float) -> bool:
    """``true`` is a pair where it was at some time between the two."""
    if time is None or true is None:
        return time is true
    low, high = true if isinstance(true, list | tuple) else (true, true)
    return low - tolerance_s <= time <= high + tolerance_s


def memberships(facts: Iterable[AnyFact]) -> list[tuple[str, str, str, str]]:
    """Who came, went and paused: (verb, queue, agent, reason)."""
    found = [fact for fact in facts if isinstance(fact, AgentAdded | AgentRemoved | AgentPaused | AgentUnpaused)]
    return [(_verb(fact), fact.queue, fact.agent, getattr(fact, "reason", "")) for fact in found]


def _verb(fact: AnyFact) -> str:
    return "added paused" if isinstance(fact, AgentAdded) and fact.paused else _VERBS[type(fact)]


def facts_of_stream(file: Path) -> list[AnyFact]:
    translator, clock, found = Translator(), RecordedClock(), []
    for _, message in messages(file):
        clock.show(message)
        found += translator.translate(message, clock.now).facts
    return found


def facts_of_log(file: Path) -> list[AnyFact]:
    reader = QueueLogReader(str(file))
    return [fact for line in lines(file) for fact in reader.line(line)]

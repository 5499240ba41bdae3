"""Why a figure is what it is: its formula and version, its numbers, and every call in its numerator and its denominator.

For ``ivrd explain``. Counted call by call from the store, by the measures that the figure itself is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.domain.agent_states import AgentState
from ivr.domain.contacts import ContactOutcome
from ivr.domain.definitions import Definition, Parts, Value
from ivr.domain.measures import AnyMeasure, ContactMeasure, Limits, RatingMeasure, Subject, Thresholds, WrapUpMeasure
from ivr.domain.tally import IN_GREETING, WAITING, Tally
from ivr.domain.visit_record import VisitRecord, milliseconds
from ivr.report_rows import told
from ivr.reporting import RECALLED_WITHIN
from ivr.store import beside_visits
from ivr.store.figure_cells import entered_between
from ivr.store.schema import AgentIntervalRow, ContactRow, RatingRow


class NotExplainableError(Exception):
    """What was asked has no answer; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Of one queue, line ("none": of callers who chose none) or agent alone; None: of all."""

    queue: str | None = None
    line: str | None = None
    agent: str | None = None

    def holds(self, queue: str | None, line: str | None, agent: str | None) -> bool:
        return all(
            wanted is None or (is_it or "none") == wanted for wanted, is_it in ((self.queue, queue), (self.line, line), (self.agent, agent))
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing that a figure counts: a visit, a call, a survey or a wrap-up. ``outcome``: what became of it, or its rating."""

    contact: str
    at: datetime
    queue: str | None
    line: str | None
    agent: str | None
    wait_s: float | None
    outcome: str

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        return {
            "contact": self.contact,
            "at": self.at.astimezone(zone).isoformat(timespec="milliseconds"),
            "queue": self.queue,
            "line": self.line,
            "agent": self.agent,
            "wait": self.wait_s,
            "outcome": self.outcome,
        }


@dataclass(slots=True)
class Explanation:
    """``numerator`` and ``only_denominator`` hold the first ``most`` of them; the counts are of all."""

    definition: Definition
    value: Value
    limits: dict[str, Thresholds]  # by line, "" for the hotline's
    numerator_count: int = 0
    denominator_count: int | None = None
    numerator: list[Counted] = field(default_factory=list)
    only_denominator: list[Counted] = field(default_factory=list)

    def as_json(self, zone: ZoneInfo) -> dict[str, Any]:
        d = self.definition
        denominator = None
        if self.denominator_count is not None:
            denominator = {
                "count": self.denominator_count,
                "only": [each.as_json(zone) for each in self.only_denominator],
            }
        return {
            "definition": d.name,
            "version": d.version,
            "formula": {"zh": d.formula_zh, "en": d.formula_en},
            "source": d.source,
            "unit": d.unit.value,
            "limits": {line or "*": {"T": limits.service_s, "S": limits.short_s} for line, limits in self.limits.items()},
            "value": told(d.name, self.value),
            "numerator": {"count": self.numerator_count, "calls": [each.as_json(zone) for each in self.numerator]},
            "denominator": denominator,
        }


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that may count, and in which part of the figure it does."""

    counted: Counted
    in_numerator: bool
    in_denominator: bool


def explain(
    session: Session, definition: Definition, start: datetime, end: datetime, narrowed: Narrowed, limits: Limits, now: datetime, most: int
) -> Explanation:
    """Of what began in [start, end), aware. Raises NotExplainableError for what a figure can't be narrowed to."""
    tallies: dict[Thresholds, Tally] = {limits.default: Tally()}
    match definition.subject:
        case Subject.VISITS:
            found = _visits(session, definition, start, end, narrowed, limits, tallies)
        case Subject.CALLS:
            found = _calls(session, definition, start, end, narrowed, tallies[limits.default])
        case Subject.RATINGS:
            found = _ratings(session, definition, start, end, narrowed, tallies[limits.default])
        case Subject.WRAP_UPS:
            found = _wrap_ups(session, start, end, narrowed, tallies[limits.default])
    whole = None if definition.denominator is None else 0
    explanation = Explanation(definition, None, _limits(limits, narrowed), denominator_count=whole)
    for each in found:
        explanation.numerator_count += each.in_numerator
        if explanation.denominator_count is not None:
            explanation.denominator_count += each.in_denominator
        into = explanation.numerator if each.in_numerator else explanation.only_denominator if each.in_denominator else None
        if into is not None and len(into) < most:
            into.append(each.counted)
    if definition.name == "aht":  # wrap-ups count in it beside the talks
        for _ in _wrap_ups(session, start, end, narrowed, tallies[limits.default]):
            pass
    explanation.value = definition.value(Parts(tallies, now))
    return explanation


def _visits(
    session: Session,
    definition: Definition,
    start: datetime,
    end: datetime,
    narrowed: Narrowed,
    limits: Limits,
    tallies: dict[Thresholds, Tally],
) -> Iterator[_Found]:
    for record in entered_between(session, start, end):
        if not narrowed.holds(record.queue, record.line, record.agent):
            continue
        thresholds = limits.of(record.line)
        tallies.setdefault(thresholds, Tally()).add(record)
        yield _Found(
            _visit(record),
            _visit_counts(definition.numerator, record, thresholds),
            definition.denominator is not None and _visit_counts(definition.denominator, record, thresholds),
        )


def _visit(record: VisitRecord) -> Counted:
    wait_s = None if record.wait_ms is None else record.wait_ms / 1000
    return Counted(
        record.contact, record.joined_at, record.queue, record.line or None, record.agent, wait_s, record.outcome or WAITING
    )  # fmt: skip


def _visit_counts(measure: AnyMeasure, record: VisitRecord, thresholds: Thresholds) -> bool:
    match measure:
        case ContactMeasure() | RatingMeasure() | WrapUpMeasure():
            raise TypeError("numerator and denominator count the same things")
        case _:
            return measure.counts(record, thresholds)


def _calls(session: Session, definition: Definition, start: datetime, end: datetime, narrowed: Narrowed, tally: Tally) -> Iterator[_Found]:
    if narrowed.queue or narrowed.agent:
        raise NotExplainableError(f"{definition.name} counts calls, whether they came to a queue or not: narrow it by --line alone")
    lost = {each.contact for each in beside_visits.unrecovered(session, start, end, RECALLED_WITHIN)}
    row = ContactRow
    query = select(row.id, row.started_at, row.line, row.outcome, row.nodes).where(
        row.started_at >= start, row.started_at < end, row.outcome.is_not(None)
    )
    for contact, at, line, outcome, nodes in session.execute(query.order_by(row.started_at)):
        if outcome is None or not narrowed.holds(None, line, None):
            continue
        alone = Tally()
        alone.add_contact(ContactOutcome(outcome), nodes)
        alone.unrecovered += contact in lost
        tally += alone
        kind = IN_GREETING if alone.contacts[IN_GREETING] else outcome
        parts = [
            isinstance(measure, ContactMeasure) and measure.counts(kind, unrecovered=contact in lost)
            for measure in (definition.numerator, definition.denominator)
        ]
        yield _Found(Counted(contact, at, None, line, None, None, kind), *parts)


def _ratings(
    session: Session, definition: Definition, start: datetime, end: datetime, narrowed: Narrowed, tally: Tally
) -> Iterator[_Found]:
    row = RatingRow
    query = select(row.contact, row.offered_at, row.queue, row.line, row.agent, row.rating)
    for contact, at, queue, line, agent, rating in session.execute(
        query.where(row.offered_at >= start, row.offered_at < end).order_by(row.offered_at)
    ):
        if not narrowed.holds(queue, line, agent):
            continue
        tally.add_rating(rating)
        parts = [
            isinstance(measure, RatingMeasure) and measure.counts(rating) for measure in (definition.numerator, definition.denominator)
        ]
        outcome = "not rated" if rating is None else f"rated {rating}"
        yield _Found(Counted(contact, at, queue, line, agent, None, outcome), *parts)


def _wrap_ups(session: Session, start: datetime, end: datetime, narrowed: Narrowed, tally: Tally) -> Iterator[_Found]:
    if narrowed.line:
        return  # a wrap-up is of no line
    row = AgentIntervalRow
    query = select(row.call, row.began_at, row.ended_at, row.queue, row.agent).where(
        row.began_at >= start, row.began_at < end, row.state == AgentState.WRAPPING_UP.value
    )
    for call, began_at, ended_at, queue, agent in session.execute(query.order_by(row.began_at)):
        if ended_at is not None and narrowed.holds(queue, None, agent):
            length = milliseconds(ended_at - began_at)
            tally.wraps += 1
            tally.wrap_ms += length
            yield _Found(Counted(call, began_at, queue, None, agent, length / 1000, AgentState.WRAPPING_UP.value), True, True)


def _limits(limits: Limits, narrowed: Narrowed) -> dict[str, Thresholds]:
    if narrowed.line:
        return {narrowed.line: limits.of(narrowed.line)}
    return {"": limits.default, **limits.lines}

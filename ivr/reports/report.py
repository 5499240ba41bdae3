"""A report's contents in words: ``report_of`` puts the sections together. Pure; used by ``making``."""

from __future__ import annotations

from dataclasses import replace

from ivr.reports import call_sections, case_sections, volume_section
from ivr.reports.contents import ComplaintCounts, Contents
from ivr.reports.document import Document, Hotline, Teller, Tile, shown
from ivr.reports.figure_tables import all_of
from ivr.reports.tables import Kind
from ivr.reports.words import Language

SECTIONS = (
    volume_section.volume,
    call_sections.lines,
    call_sections.queues,
    call_sections.key_figures,
    call_sections.outcomes,
    call_sections.questions,
    call_sections.agents,
    case_sections.complaints,
    case_sections.callbacks,
    case_sections.satisfaction,
    case_sections.quality,
)


def report_of(contents: Contents, hotline: Hotline, language: Language) -> Document:
    """The whole report in one language."""
    t = Teller(contents, hotline, language)
    made = t.word("made", at=t.local(contents.made_at), zone=hotline.zone.key)
    return Document(
        language,
        t.word(f"title.{contents.period.kind}"),
        t.period_name(contents.period),
        t.word("compared", name=t.period_name(contents.period.compared)),
        made,
        _tiles(t),
        tuple(section(t) for section in SECTIONS),
        _short(t),
    )


def _tiles(t: Teller) -> tuple[Tile, ...]:
    c = t.contents
    now, before = all_of(t, c.now), all_of(t, c.before)
    service = f"{c.limits.default.service_s:g}"

    def tile(key: str, value: float | int | None, earlier: float | int | None, kind: Kind, **values: str) -> Tile:
        return Tile(t.word(f"tile.{key}", **values), value, earlier, kind)

    def against(found: Tile, target: float, *, at_most: bool) -> Tile:
        told = t.word("tile.at_most" if at_most else "tile.at_least", value=f"{target:.0%}")
        if found.value is None:
            return replace(found, target=told)
        good = found.value <= target if at_most else found.value >= target
        return replace(found, target=told, standing="good" if good else "bad")

    loss = tile("loss", now.loss_rate, before.loss_rate, Kind.SHARE)
    level = tile("service", now.service_level_strict, before.service_level_strict, Kind.SHARE, seconds=service)
    satisfied, was_satisfied = case_sections.satisfied(c.now.ratings), case_sections.satisfied(c.before.ratings)
    filed = ComplaintCounts.of(c.now.complaints, c.start, c.end).filed
    zone = t.hotline.zone
    was_filed = ComplaintCounts.of(c.before.complaints, c.period.compared.start(zone), c.period.compared.end(zone)).filed
    return (
        tile("calls", c.now.calls.arrived, c.before.calls.arrived, Kind.COUNT),
        against(loss, t.hotline.loss_rate, at_most=True),
        against(level, t.hotline.service_level, at_most=False),
        tile("ten", now.value("within.10s"), before.value("within.10s"), Kind.SHARE),
        tile("asa", now.average_speed_of_answer, before.average_speed_of_answer, Kind.SECONDS),
        tile("out", c.now.outgoing.dialled, c.before.outgoing.dialled, Kind.COUNT),
        tile("complaints", filed, was_filed, Kind.COUNT),
        tile("satisfaction", satisfied, was_satisfied, Kind.SHARE),
    )


def _short(t: Teller) -> str:
    c = t.contents
    now, before = all_of(t, c.now), all_of(t, c.before)
    counts = ComplaintCounts.of(c.now.complaints, c.start, c.end)
    return t.word(
        "short.text",
        title=t.word(f"title.{c.period.kind}"),
        name=t.period_name(c.period),
        calls=c.now.calls.arrived,
        calls_before=c.before.calls.arrived,
        loss=shown(now.loss_rate, Kind.SHARE),
        loss_before=shown(before.loss_rate, Kind.SHARE),
        service=f"{c.limits.default.service_s:g}",
        sl=shown(now.service_level_strict, Kind.SHARE),
        ten=shown(now.value("within.10s"), Kind.SHARE),
        asa=shown(now.average_speed_of_answer, Kind.SECONDS),
        complaints=counts.filed,
        overdue=counts.overdue,
        url="{url}",
    )


def headline(contents: Contents) -> dict[str, float | int | None]:
    """The figures on top, for other programs: shares of 1, seconds; None where there is nothing to reckon with."""
    found = contents.now.figures(contents.limits, contents.made_at)
    counts = ComplaintCounts.of(contents.now.complaints, contents.start, contents.end)
    named = {
        name: found.value(name) for name in ("offered", "answered", "lost", "loss", "sl.strict", "within.3s", "within.10s", "asa.mean")
    }
    return {"calls": contents.now.calls.arrived, **named, "complaints_filed": counts.filed, "complaints_overdue": counts.overdue}
